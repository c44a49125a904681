//! What the tests of several files begin with.

use crate::id::SessionId;
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

/// A minute in milliseconds.
pub(crate) const MINUTE: u64 = 60_000;

/// So many minutes after some instant.
pub(crate) fn minute(minutes: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000_000 + minutes * MINUTE)
}

/// A session that was set in one minute and ends in another.
pub(crate) fn session(id: u128, state: SessionState, set: u64, ends: u64) -> Session {
    Session {
        id: SessionId::from_u128(id),
        state,
        set_at: minute(set),
        expires_at: minute(ends),
    }
}

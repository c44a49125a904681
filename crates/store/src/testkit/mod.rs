//! What every backend is tested with: [`conformance()`], one suite of checks that each states a
//! promise of [`Store`]; [`model::check`], random operations against a model that is too simple to
//! be wrong; and [`Faults`], which make the embedded store's files fail.
//!
//! Everything here panics where a promise is broken: it is called from tests.

mod conformance;
pub mod model;
mod random;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use presenced_core::decide::Command;
use presenced_core::id::{SessionId, TenantId, UserId, UserKey};
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::time::Timestamp;

pub use crate::faults::{FailingWrite, Faults};
use crate::{Changes, Cursor, FeedChange, Pending, Store};
pub use conformance::conformance;
pub use random::Random;

/// A place where a store keeps its data, empty when it is made.
pub trait Backend: Send + Sync {
    /// Opens the store on this data. The one opened before has been dropped by then.
    fn open(&self) -> Pending<'_, Arc<dyn Store>>;

    /// Whether the data is still there when it is opened again.
    fn survives(&self) -> bool;
}

/// The time at which tests begin: 2025-10-09T08:53:20Z.
pub const START: Timestamp = Timestamp::from_millis(1_760_000_000_000);

/// `START` and so many milliseconds.
pub fn at(millis: u64) -> Timestamp {
    START.plus(Duration::from_millis(millis))
}

/// A minute in milliseconds.
pub const MINUTE: u64 = 60_000;

/// A user by two small numbers.
pub fn user(tenant: u128, user: u128) -> UserKey {
    UserKey {
        tenant: TenantId::from_u128(tenant),
        user: UserId::from_u128(user),
    }
}

/// The command that sets session number `session` for so many minutes, 5 to 240.
pub fn set(session: u128, state: SessionState, minutes: u64) -> Command {
    let lifetime = SessionLifetime::new(Duration::from_mins(minutes));
    Command::SetSession {
        session: SessionId::from_u128(session),
        state,
        lifetime: lifetime.expect("a test asks for 5 to 240 minutes"),
        sessions_max: SessionsMax::default(),
    }
}

/// The command that ends session number `session`.
pub fn clear(session: u128) -> Command {
    Command::ClearSession {
        session: SessionId::from_u128(session),
    }
}

/// Lets a future run as far as it can without waiting.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// All changes after `after`, page by page; a gap is a failure.
pub async fn all_changes(store: &dyn Store, after: Cursor) -> Vec<FeedChange> {
    let mut all: Vec<FeedChange> = Vec::new();
    loop {
        let after = all.last().map_or(after, |last| last.cursor);
        match store.changes(after, 100).await.expect("the feed is read") {
            Changes::Batch(batch) if batch.is_empty() => return all,
            Changes::Batch(batch) => all.extend(batch),
            Changes::Gap { resume } => panic!("a gap after {after:?}, resume at {resume:?}"),
        }
    }
}

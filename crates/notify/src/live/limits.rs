//! Every limit of live streams, in one place. What happens at each is said beside it.

use crate::pieces::CHANGES_MAX;

/// Users that one stream may name: 400 above.
pub const USERS_PER_STREAM_MAX: usize = 10_000;

/// Streams open at the same time, if the configuration says nothing else: 429 to the next one.
pub const STREAMS_MAX: usize = 20_000;

/// Streams of one application in one tenant, if the configuration says nothing else: 429 to the next
/// one. A web board is one application for everybody who has it open.
pub const STREAMS_PER_APPLICATION_MAX: usize = 10_000;

/// Users named by all open streams together, if the configuration says nothing else: 429 to a stream
/// that would exceed it. Each takes 100 to 200 bytes, and less where many streams name the same.
pub const WATCHES_MAX: usize = 2_000_000;

/// Changes of a tenant that are kept, once for all streams of the whole tenant, until the slowest of
/// them has read them. A stream that is further behind tells the state of all.
pub const TENANT_CHANGES_MAX: usize = 65_536;

/// The same of all tenants together, 24 bytes each. When there are as many, a tenant's oldest makes
/// room for its newest, as if it had [`TENANT_CHANGES_MAX`].
pub const ALL_TENANTS_CHANGES_MAX: usize = 1_048_576;

/// Changes that a tenant may have kept in any case, so that streams of readers that are in step stay
/// so however slow those of other tenants are: they read between one batch of the feed and the next
/// but one. A tenant is watched by a stream at least, so that there are no more of these than streams.
pub const TENANT_CHANGES_MIN: usize = 2_048;

const _: () = assert!(
    TENANT_CHANGES_MIN >= 2 * CHANGES_MAX,
    "a reader in step would miss what is told before it can read"
);

/// Changes of a tenant that are looked through for one piece, in which each user is told once.
pub(crate) const ENTRIES_PER_READ: usize = 4 * USERS_PER_PIECE;

/// Presences in one piece of a stream, which is read and written at a time.
pub const USERS_PER_PIECE: usize = 64;

/// Pieces that a stream which has much to tell hands over before everybody else has a turn: some
/// hundred microseconds. A reader that has room for all of it would otherwise keep a thread of the
/// server to itself until the last.
pub(crate) const PIECES_PER_TURN: u32 = 2;

/// Changes that a stream which is resumed takes from the feed at a time.
pub(crate) const CHANGES_PER_ROUND: usize = 1_024;

/// Changes that a stream which is resumed looks through, at least; one that names many users looks
/// through [`CATCH_UP_CHANGES_PER_USER`] for each. Where there were more, reading the state of its
/// users is cheaper, and is what happens.
pub(crate) const CATCH_UP_CHANGES_MIN: usize = 4_096;

/// See [`CATCH_UP_CHANGES_MIN`].
pub(crate) const CATCH_UP_CHANGES_PER_USER: usize = 4;

/// The same for a stream of a whole tenant.
pub(crate) const CATCH_UP_CHANGES_TENANT: usize = TENANT_CHANGES_MAX;

/// Starts of the server that are remembered: a client that was cut off before the oldest of them is told
/// the whole state.
pub(crate) const LIVES_KEPT_MAX: usize = 64;

/// Seconds from one sign of life to the next on a stream that has nothing to tell; the token is
/// looked at as often.
pub const HEARTBEAT_SECONDS: u32 = 15;

/// Seconds that a reader may take nothing while there is something for it: then the stream ends.
pub const STALL_SECONDS: u64 = 60;

/// Stale entries of the index beyond as many as there are living ones, before they are swept out.
pub(crate) const STALE_WATCHES_SPARE: usize = 4_096;

/// A queue that had grown to more entries than this gives its memory back when it is empty; a list of
/// changes, when little of it is used.
pub(crate) const SPARE_QUEUE_ENTRIES: usize = 64;

//! Every limit of live streams, in one place. What happens at each is said beside it.

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

/// Users of whom a stream of a whole tenant keeps that they changed. When more have changed since
/// its reader took something, it keeps nothing and tells the state of all anew.
pub const TENANT_PENDING_MAX: usize = 16_384;

/// Presences in one piece of a stream, which is read and written at a time.
pub const USERS_PER_PIECE: usize = 64;

/// Changes that a stream which is resumed takes from the feed at a time.
pub(crate) const CHANGES_PER_ROUND: usize = 1_024;

/// Changes that a stream which is resumed looks through, at least; one that names many users looks
/// through [`CATCH_UP_CHANGES_PER_USER`] for each. Where there were more, reading the state of its
/// users is cheaper, and is what happens.
pub(crate) const CATCH_UP_CHANGES_MIN: usize = 4_096;

/// See [`CATCH_UP_CHANGES_MIN`].
pub(crate) const CATCH_UP_CHANGES_PER_USER: usize = 4;

/// The same for a stream of a whole tenant.
pub(crate) const CATCH_UP_CHANGES_TENANT: usize = 4 * TENANT_PENDING_MAX;

/// Seconds from one sign of life to the next on a stream that has nothing to tell; the token is
/// looked at as often.
pub const HEARTBEAT_SECONDS: u32 = 15;

/// Seconds that a reader may take nothing while there is something for it: then the stream ends.
pub const STALL_SECONDS: u64 = 60;

/// Stale entries of the index beyond as many as there are living ones, before they are swept out.
pub(crate) const STALE_WATCHES_SPARE: usize = 4_096;

/// A queue that had grown to more entries than this gives its memory back when it is empty.
pub(crate) const SPARE_QUEUE_ENTRIES: usize = 64;

//! Every limit of the store, in one place.

use std::time::Duration;

/// Changes that the feed keeps in memory, if the configuration says nothing else. A change takes 64
/// bytes, so that a full feed is 16 MiB; a consumer that is further behind than this reads the
/// present state faster than it would read the changes.
pub const FEED_CHANGES_DEFAULT: usize = 1 << 18;

/// The newest changes that a snapshot takes along, so that a cursor from before a compaction and a
/// restart is still good after them.
pub const FEED_CHANGES_IN_SNAPSHOT_MAX: usize = 1 << 16;

/// Changes in one answer of the feed, whatever was asked for.
pub const CHANGES_PER_BATCH_MAX: usize = 1 << 14;

/// Journal bytes after which a snapshot is written, if the configuration says nothing else and the
/// last snapshot was not larger than this.
pub const COMPACT_AFTER_BYTES_DEFAULT: u64 = 64 << 20;

/// Journal files that a start leaves in place before it asks for a snapshot. Every start begins a
/// file, so a server that is restarted often would collect small ones.
pub const JOURNAL_FILES_MAX: usize = 16;

/// Bytes that may wait for one journal write. Beyond it a write is answered "unavailable", so that
/// a disk that hangs does not fill the memory.
pub const PENDING_BYTES_MAX: usize = 8 << 20;

/// Payload of one frame. Above [`PENDING_BYTES_MAX`] and one entry more; a frame that claims more
/// is damaged.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Payload at which a snapshot ends one frame and begins the next.
pub(crate) const SNAPSHOT_FRAME_BYTES: usize = 256 << 10;

/// Snapshot bytes between two syncs. Without them the kernel would collect the whole snapshot in
/// memory and then hold up the journal's writes while it catches up.
pub(crate) const SNAPSHOT_BYTES_PER_SYNC: u64 = 32 << 20;

/// Records that a snapshot copies under one lock.
pub(crate) const SNAPSHOT_RECORDS_PER_LOCK: usize = 256;

/// Bytes of a snapshot for each user who has one session: what room is made for when one is read.
pub(crate) const SNAPSHOT_BYTES_PER_USER: u64 = 77;

/// Threads that put records back at a start, one for each processor up to here.
pub(crate) const REPLAY_THREADS_MAX: usize = 8;

/// Buffers larger than this are given back after a write, smaller ones are used again.
pub(crate) const SPARE_BYTES_MAX: usize = 1 << 20;

/// Users that one call of `expire_due` looks at at most, whatever was asked for, so that
/// a storm does not keep other requests from their turn.
pub const TICKS_PER_CALL_MAX: usize = 1024;

/// Deadlines that one such call sorts out at most, which takes a millisecond: as many may share 64 ms
/// as there are users.
pub(crate) const SLOTS_OPENED_PER_CALL_MAX: usize = 1 << 14;

/// Users of one shard that are ticked under one lock, which is some thirty microseconds. So many of
/// the largest records ([`RECORD_BYTES_MAX`]) fit into a frame ([`FRAME_BYTES_MAX`]) behind what may
/// wait already ([`PENDING_BYTES_MAX`]).
pub(crate) const TICKS_PER_LOCK: usize = 64;

/// Bytes of an encoded record: what its length field holds. The limits of the rules (64 sessions
/// with names of 128 characters, and the longest texts beside them) come to less than 35,000.
pub const RECORD_BYTES_MAX: usize = 0xFFFF;

/// Bytes of a document's body.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// Documents of one kind in a store: those of all tenants together.
pub const DOCUMENTS_MAX: usize = 1_000_000;

/// Entries of the deadline index for each user, stale ones included, before it is built anew.
pub(crate) const DEADLINE_ENTRIES_PER_USER_MAX: usize = 4;

/// Users in one of the 64 shards: what is left of 32 bits after the shard's number.
pub(crate) const USERS_PER_SHARD_MAX: usize = 1 << 26;

/// The first wait after an error of the store, of whoever goes on trying; doubled with each further
/// one.
pub const FAILURE_WAIT_MIN: Duration = Duration::from_millis(100);

/// The longest wait after an error of the store.
pub const FAILURE_WAIT_MAX: Duration = Duration::from_secs(5);

/// An error of the store that goes on is logged once in this time.
pub const FAILURE_LOG_EVERY: Duration = Duration::from_secs(30);

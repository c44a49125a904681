//! Every limit of the load program, in one place.

use std::time::Duration;

/// Connections that a run may open.
pub(crate) const CONNECTIONS_MAX: u64 = 1_024;

/// Seconds that one measurement may take.
pub(crate) const SECONDS_MAX: u64 = 60;

/// Times that a row may be measured.
pub(crate) const ROUNDS_MAX: u64 = 21;

/// Users of a run.
pub(crate) const USERS_MAX: u64 = 1_000_000;

/// Ids in one getPresencesByUserId (contract section 10).
pub(crate) const IDS_PER_READ: usize = 650;

/// Requests in one batch (contract section 5.1).
pub(crate) const REQUESTS_PER_BATCH: usize = 20;

/// Requests of many ids that are made beforehand and sent over and over; there are enough of them
/// that no server profits from having just answered the same.
pub(crate) const LISTS: usize = 64;

/// How long a server is driven before it is measured.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// What stands for seconds of measuring, and for the warm-up, where only the program is tried.
pub(crate) const QUICK: Duration = Duration::from_millis(200);

/// A process has so long to say that it listens: with ten million sessions that takes a while.
pub(crate) const START_TIMEOUT: Duration = Duration::from_mins(2);

/// A process has so long to end that was asked to.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Beyond its seconds a measurement may take so long for its last answers.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of one answer; 650 presences take about a third of it.
pub(crate) const REPLY_BYTES_MAX: usize = 1 << 20;

/// Lines kept of what a process says, for the error message when it does not start.
pub(crate) const LINES_KEPT: usize = 20;

/// Share of the machine's CPU time, in percent, that other processes may take before the program
/// says that its figures are not to be relied on.
pub(crate) const OTHERS_PERCENT_MAX: u64 = 5;

/// Share of the slowest server's requests a second, in percent, at which all are measured in the open
/// loop. In the closed loop server and generator fill the machine; a request by itself costs each of them
/// twice what one among many does, and the generator must find a free core to be in time.
pub(crate) const PACE_PERCENT: u64 = 25;

/// How late the generator may be for 9 of 10 requests of the open loop, before a round is none. The tenth
/// is left to virtual machines: theirs stand still for milliseconds while others of the host work.
pub(crate) const LATE_MAX: Duration = Duration::from_millis(1);

/// How often a round of the open loop is tried in which the generator is too late.
pub(crate) const PACE_ATTEMPTS: u64 = 3;

/// Answers that the open loop takes in one look.
pub(crate) const EVENTS_AT_ONCE: usize = 256;

/// Bytes that it reads at once.
pub(crate) const READ_BYTES: usize = 1 << 14;

// --- The growth and the storm runs ---------------------------------------------------------------

/// Sessions that a store is filled with.
pub(crate) const SESSIONS_MAX: u64 = 20_000_000;

/// Tasks that fill a store: so many writes share a group.
pub(crate) const FILLERS: u64 = 256;

/// A snapshot has to come within this time.
pub(crate) const COMPACT_TIMEOUT: Duration = Duration::from_mins(4);

/// The time from one look at a data directory to the next.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a server rests after its start before its memory is looked at.
pub(crate) const EMPTY_REST: Duration = Duration::from_millis(500);

/// Latencies beside a snapshot are measured in pieces of this length, each after so long a warm-up, at
/// least so many of them without a snapshot and so many with one.
pub(crate) const SLICE: Duration = Duration::from_secs(1);
pub(crate) const SLICE_WARM_UP: Duration = Duration::from_millis(100);
pub(crate) const SLICES_WITHOUT: usize = 10;
pub(crate) const SLICES_BESIDE: usize = 3;

/// Reads a second while a million sessions end.
pub(crate) const STORM_READS: u32 = 500;

// --- The watch run -------------------------------------------------------------------------------

/// Watchers at the same time: as many subscriptions as one application may make in a run, and as
/// many streams as it may have open.
pub(crate) const WATCHERS_MAX: u64 = 10_000;

/// Watchers over HTTP/1.1: each takes a connection, of which presenced lets in 10,000, and others
/// are needed beside them.
pub(crate) const WATCHERS_MAX_HTTP1: u64 = 9_900;

/// Connections from one address: presenced lets 1,024 in.
pub(crate) const CONNECTIONS_PER_ADDRESS: usize = 1_000;

/// Streams that share an HTTP/2 connection: presenced lets 128 in.
pub(crate) const STREAMS_PER_CONNECTION: usize = 100;

/// File descriptors that a run needs besides those of its watchers.
pub(crate) const SPARE_DESCRIPTORS: u64 = 200;

/// Users of a storm.
pub(crate) const STORM_MAX: u64 = 1_500_000;

/// Users that one stream names in a storm: as many as a stream may.
pub(crate) const USERS_PER_STREAM: usize = 10_000;

/// Receipts that are wanted for each line: with few watchers there are more changes.
pub(crate) const RECEIPTS_WANTED: u64 = 20_000;

/// Changes of each line, at least and at most.
pub(crate) const CHANGES: std::ops::RangeInclusive<u64> = 5..=1_000;

/// The pause before each change, so that the server is at rest when it comes.
pub(crate) const REST: Duration = Duration::from_millis(3);

/// Subscriptions that are made at the same time.
pub(crate) const SUBSCRIBING: usize = 32;

/// Everybody has to be told within this time.
pub(crate) const TOLD_TIMEOUT: Duration = Duration::from_secs(90);

/// Nothing more is expected when nothing came for so long.
pub(crate) const SETTLE_LOOK: Duration = Duration::from_millis(300);

/// The last user of a storm must be set this long after the first, or the first would fade by
/// itself before the storm (contract section 6: five minutes).
pub(crate) const FILL_TIMEOUT: Duration = Duration::from_mins(4);

/// The time from one read to the next in a storm.
pub(crate) const PROBE_EVERY: Duration = Duration::from_millis(5);

/// Bytes of one event: a presence takes less than a kilobyte.
pub(crate) const EVENT_BYTES_MAX: usize = 1 << 20;

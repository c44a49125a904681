//! Every limit of the load program, in one place.

use std::time::Duration;

/// Connections that a run may open.
pub(crate) const CONNECTIONS_MAX: u64 = 1_024;

/// Seconds that one measurement may take.
pub(crate) const SECONDS_MAX: u64 = 60;

/// Times that a row may be measured.
pub(crate) const ROUNDS_MAX: u64 = 21;

/// Users of a run: the rows differ in what they do to a user, not in how many there are.
pub(crate) const USERS: u64 = 100_000;

/// Ids in one getPresencesByUserId (contract section 10).
pub(crate) const IDS_PER_READ: usize = 650;

/// Requests of many ids that are made beforehand and sent over and over; there are enough of them
/// that no server profits from having just answered the same.
pub(crate) const LISTS: usize = 64;

/// How long a server is driven before it is measured.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// A process has so long to say that it listens.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Beyond its seconds a measurement may take so long for its last answers.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of one answer; 650 presences take about a third of it.
pub(crate) const REPLY_BYTES_MAX: usize = 1 << 20;

/// Lines kept of what a process says, for the error message when it does not start.
pub(crate) const LINES_KEPT: usize = 20;

/// Share of the machine's CPU time, in percent, that other processes may take before the program
/// says that its figures are not to be relied on.
pub(crate) const OTHERS_PERCENT_MAX: u64 = 5;

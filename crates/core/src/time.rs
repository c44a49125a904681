//! Points in time, to the millisecond.

use std::time::Duration;

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Deadlines are absolute and on the wall clock, so that they survive restarts and mean the same
/// on every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z, which no live record carries: the `as_of` of a record never written.
    pub const EPOCH: Self = Self(0);

    /// The point that lies `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This point moved on by `duration`, cut to whole milliseconds; the last representable point
    /// where that would overflow.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Where the shells learn what time it is. The rules themselves never ask: they take `now`.
pub trait Clock: Send + Sync {
    /// The present. Never earlier than an answer already given by the same clock.
    fn now(&self) -> Timestamp;
}

//! How many requests in how much time (contract section 8).
//!
//! Requests are counted in windows that begin with a first request: after the end of one, the whole
//! count is free again. So a client that waits as long as it is told finds room for all that it held
//! back, which a count that frees one request at a time would not give it. The price is that twice
//! the count can pass within a window's length, around the end of one window.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::time::Timestamp;

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    window: Duration,
}

impl Rate {
    /// At most `count` requests in each window of this length. `None` where either is zero: that
    /// would refuse everything, or nothing. A window counts in whole milliseconds, at least one.
    pub const fn new(count: u32, window: Duration) -> Option<Self> {
        match NonZeroU32::new(count) {
            Some(count) if window.as_millis() > 0 => Some(Self { count, window }),
            Some(_) | None => None,
        }
    }

    /// Requests in one window.
    pub const fn count(self) -> u32 {
        self.count.get()
    }

    /// How long a window is.
    pub const fn window(self) -> Duration {
        self.window
    }
}

/// The requests of somebody who is counted. As good as gone when it [is idle](Self::is_idle).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// The first instant that is no longer of the window.
    ends: Timestamp,
    /// Requests that passed within it.
    passed: u32,
}

impl Counter {
    /// Counts a request at `now`, if there is room for it; one that is refused takes none.
    pub fn count(&mut self, rate: Rate, now: Timestamp) -> Counted {
        if self.is_idle(now) {
            self.ends = now.plus(rate.window);
            self.passed = 0;
        }
        let passed = self.passed.saturating_add(1);
        let remaining = (self.passed < rate.count()).then(|| rate.count() - passed);
        if remaining.is_some() {
            self.passed = passed;
        }
        Counted {
            verdict: match remaining {
                Some(_) => Verdict::Passes,
                None => Verdict::Refused,
            },
            rate,
            remaining: remaining.unwrap_or(0),
            reset: self.ends.since(now),
        }
    }

    /// Whether the window is over, so that nothing is lost with this counter.
    pub fn is_idle(self, now: Timestamp) -> bool {
        now >= self.ends
    }

    /// How long until the window is over.
    pub fn rest(self, now: Timestamp) -> Duration {
        self.ends.since(now)
    }
}

/// What became of a request that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Whether it passes.
    pub verdict: Verdict,
    /// What it was held against.
    pub rate: Rate,
    /// Requests that would pass after it until the window is over.
    pub remaining: u32,
    /// How long until the window is over and the whole count is free. Never zero.
    pub reset: Duration,
}

/// Whether a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Passes,
    /// There were as many as may be: it is worth trying again when the window is over.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = match Rate::new(3, Duration::from_secs(10)) {
        Some(rate) => rate,
        None => panic!("neither is zero"),
    };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_788_220_800_000 + millis)
    }

    /// A row for each request: when it comes, whether it passes, how many remain, and how many
    /// milliseconds are left of the window.
    #[test]
    fn requests_are_counted_in_windows() {
        let (passes, refused) = (Verdict::Passes, Verdict::Refused);
        let mut counter = Counter::default();
        for (millis, verdict, remaining, left_ms) in [
            (0, passes, 2, 10_000),
            (0, passes, 1, 10_000),
            (4_000, passes, 0, 6_000),
            (4_000, refused, 0, 6_000),
            (9_999, refused, 0, 1),
            // The end belongs to the next window, which has its whole count again and begins here.
            (10_000, passes, 2, 10_000),
            (15_000, passes, 1, 5_000),
            // A window begins with a request, not where the last one ended.
            (60_500, passes, 2, 10_000),
        ] {
            let told = counter.count(RATE, at(millis));
            let expect = Counted {
                verdict,
                rate: RATE,
                remaining,
                reset: Duration::from_millis(left_ms),
            };
            assert_eq!(told, expect, "at {millis}");
        }
    }

    /// Who waits as long as they are told is let through, and an instant earlier they are not.
    #[test]
    fn the_wait_is_exact() {
        let mut counter = Counter::default();
        for _ in 0..RATE.count() {
            assert_eq!(counter.count(RATE, at(0)).verdict, Verdict::Passes);
        }
        let told = counter.count(RATE, at(1_234)).reset;
        let early = at(1_233).plus(told);
        assert_eq!(counter.count(RATE, early).verdict, Verdict::Refused);
        let then = at(1_234).plus(told);
        assert!(counter.is_idle(then));
        assert_eq!(counter.rest(then), Duration::ZERO);
        for _ in 0..RATE.count() {
            assert_eq!(counter.count(RATE, then).verdict, Verdict::Passes);
        }
        assert_eq!(counter.count(RATE, then).verdict, Verdict::Refused);
    }

    /// A time before the window's beginning counts as within it: nobody gains by it.
    #[test]
    fn time_that_goes_back_frees_nothing() {
        let mut counter = Counter::default();
        for _ in 0..=RATE.count() {
            counter.count(RATE, at(5_000));
        }
        assert_eq!(counter.count(RATE, at(0)).verdict, Verdict::Refused);
        assert!(!counter.is_idle(at(0)));
    }

    /// The greatest count is counted to, not past it.
    #[test]
    fn counters_do_not_overflow() {
        let most = Rate::new(u32::MAX, Duration::from_secs(1)).unwrap();
        let mut counter = Counter {
            ends: at(1),
            passed: u32::MAX - 1,
        };
        assert_eq!(counter.count(most, at(0)).verdict, Verdict::Passes);
        assert_eq!(counter.count(most, at(0)).verdict, Verdict::Refused);
        assert_eq!(counter.count(RATE, at(0)).verdict, Verdict::Refused);
    }

    /// Nothing at all, and no time at all, is no rate.
    #[test]
    fn rates() {
        assert_eq!(Rate::new(0, Duration::from_secs(1)), None);
        assert_eq!(Rate::new(1, Duration::ZERO), None);
        assert_eq!(Rate::new(1, Duration::from_micros(999)), None);
        assert_eq!(RATE.window(), Duration::from_secs(10));
    }
}

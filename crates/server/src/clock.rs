//! The two clocks of the binary: the system's, made steady, and the one that `presenced dev` moves.
//!
//! What happens when the machine's clock jumps is written for operators in `docs/time.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use presenced_core::time::{Clock, Timestamp};
use tokio::time::Instant;

/// A difference between the wall clock's and the monotonic clock's progress from which on it is
/// called a jump, and logged. Corrections of a time service in good order stay far below.
const JUMP_MIN: Duration = Duration::from_secs(1);

/// How fast time goes on while the wall clock is behind what was already answered: nine tenths.
/// Slow enough to be caught up with, and fast enough that a deadline is never late by more than a
/// tenth of its length.
const CATCH_UP_PACE: (u32, u32) = (9, 10);

/// What both clocks of the machine show at one instant.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Since 1970-01-01T00:00:00Z, by the wall clock.
    wall: Duration,
    /// Since the start of this process, by the monotonic clock.
    mono: Duration,
}

/// A jump of the wall clock that operators should know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jump {
    /// Time leapt: sessions that ended in between ended without having been renewable.
    Forward(Duration),
    /// The wall clock was put back by this much; time goes on slowly until it has caught up.
    Backward(Duration),
    /// The wall clock has caught up.
    CaughtUp,
}

/// What time it is, and from what it was reckoned.
#[derive(Clone, Copy, Debug)]
struct Reckoning {
    last: Reading,
    now: Duration,
    behind: bool,
}

impl Reckoning {
    /// Starts at the wall clock's time, but not before `earliest`.
    fn start(reading: Reading, earliest: Duration) -> Self {
        Self {
            last: reading,
            now: reading.wall.max(earliest),
            behind: reading.wall < earliest,
        }
    }

    /// The next time: the wall clock's, or where that is behind, the last one moved on at nine
    /// tenths of the monotonic clock's pace.
    fn step(self, reading: Reading) -> (Self, Option<Jump>) {
        let elapsed = reading.mono.saturating_sub(self.last.mono);
        let (numerator, denominator) = CATCH_UP_PACE;
        let paced = self.now + elapsed * numerator / denominator;
        let now = reading.wall.max(paced);
        let expected_wall = self.last.wall + elapsed;

        let leapt = now.saturating_sub(self.now + elapsed);
        let put_back = expected_wall.saturating_sub(reading.wall);
        let caught_up = reading.wall >= paced;
        let (behind, jump) = if leapt > JUMP_MIN {
            (false, Some(Jump::Forward(leapt)))
        } else if put_back > JUMP_MIN && !caught_up {
            (true, Some(Jump::Backward(put_back)))
        } else if self.behind && caught_up {
            (false, Some(Jump::CaughtUp))
        } else {
            (self.behind, None)
        };
        let next = Self {
            last: reading,
            now,
            behind,
        };
        (next, jump)
    }
}

/// The machine's time, which never goes back.
pub(crate) struct SystemClock {
    started: Instant,
    state: Mutex<Reckoning>,
    /// The time that was last reckoned, in milliseconds, to be told again without the lock.
    told_ms: AtomicU64,
}

impl SystemClock {
    /// A clock that shows the wall clock's time, or `earliest` where that is later: what is stored
    /// as committed then must not lie in the future.
    pub(crate) fn start(earliest: Timestamp) -> Self {
        let reading = Reading {
            wall: wall_time(),
            mono: Duration::ZERO,
        };
        let earliest = Duration::from_millis(earliest.as_millis());
        let behind = earliest.saturating_sub(reading.wall);
        if behind > JUMP_MIN {
            tracing::warn!(
                behind_s = behind.as_secs(),
                "the machine's clock is behind the newest stored write; time starts at that write \
                 and goes on at nine tenths of its speed until the clock has caught up"
            );
        }
        Self {
            started: Instant::now(),
            state: Mutex::new(Reckoning::start(reading, earliest)),
            // No time that a machine shows: the first asker finds out.
            told_ms: AtomicU64::new(u64::MAX),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Each request asks twice, and there are far more requests than milliseconds: only the first
        // asker in each takes the lock. A wall clock that is behind shows another time than was told.
        let told = Timestamp::from_millis(self.told_ms.load(Ordering::Acquire));
        if told == Timestamp::EPOCH.plus(wall_time()) {
            return told;
        }
        let (now, jump) = {
            let mut state = self.state.lock();
            // Both are read under the lock, or a slower thread would hand in an older reading.
            let reading = Reading {
                wall: wall_time(),
                mono: self.started.elapsed(),
            };
            let (next, jump) = state.step(reading);
            *state = next;
            let now = Timestamp::EPOCH.plus(next.now);
            self.told_ms.store(now.as_millis(), Ordering::Release);
            (now, jump)
        };
        if let Some(jump) = jump {
            log(jump);
        }
        now
    }
}

fn log(jump: Jump) {
    match jump {
        Jump::Forward(by) => tracing::warn!(
            by_s = by.as_secs_f64(),
            "the machine's clock jumped forward; what was to end within that time has ended"
        ),
        Jump::Backward(by) => tracing::warn!(
            by_s = by.as_secs_f64(),
            "the machine's clock was put back; time goes on at nine tenths of its speed until the \
             clock has caught up"
        ),
        Jump::CaughtUp => tracing::info!("the machine's clock has caught up"),
    }
}

/// The wall clock's time; a clock set before 1970 counts as 1970.
fn wall_time() -> Duration {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the wall clock is read"
    )]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// The farthest that the test clock can be moved to: 2100-01-01T00:00:00Z.
pub(crate) const TEST_CLOCK_END: Timestamp = Timestamp::from_millis(4_102_444_800_000);

/// The clock of `presenced dev`: the system's and an offset, which grows on request.
pub(crate) struct TestClock {
    system: Arc<SystemClock>,
    offset_ms: AtomicU64,
}

impl TestClock {
    /// A clock on top of `system` that shows no time before `earliest`. Where a data directory was
    /// written under a clock that had been moved, time goes on from there at its full speed.
    pub(crate) fn start(system: Arc<SystemClock>, earliest: Timestamp) -> Self {
        let offset = earliest.since(system.now());
        let offset_ms = AtomicU64::new(u64::try_from(offset.as_millis()).unwrap_or(u64::MAX));
        Self { system, offset_ms }
    }

    /// Moves the clock forward, unless that would take it past [`TEST_CLOCK_END`]. Whether it was
    /// moved. Callers take turns (`dev::clock`), or two could pass the end together.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        if self.now().plus(by) > TEST_CLOCK_END {
            return false;
        }
        self.offset_ms.fetch_add(by_ms, Ordering::SeqCst);
        true
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        // Both parts only ever grow, so their sum does too, in whatever order they are read.
        let offset = Duration::from_millis(self.offset_ms.load(Ordering::SeqCst));
        self.system.now().plus(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    /// Steps through `(wall, mono)` readings and compares time and jump at each, in seconds.
    fn check(start: (f64, f64), steps: &[((f64, f64), f64, Option<Jump>)]) {
        let (wall, earliest) = start;
        let first = Reading {
            wall: secs(wall),
            mono: Duration::ZERO,
        };
        let mut reckoning = Reckoning::start(first, secs(earliest));
        for (index, ((wall, mono), now, jump)) in steps.iter().enumerate() {
            let reading = Reading {
                wall: secs(*wall),
                mono: secs(*mono),
            };
            let (next, seen) = reckoning.step(reading);
            let off = next.now.abs_diff(secs(*now));
            assert!(off < secs(0.001), "step {index}: {:?}", next.now);
            assert_eq!(seen, *jump, "step {index}");
            reckoning = next;
        }
    }

    /// With a wall clock in good order, time is the wall clock's, small corrections included.
    #[test]
    fn time_follows_the_wall_clock() {
        check(
            (1000.0, 0.0),
            &[
                ((1000.0, 0.0), 1000.0, None),
                ((1010.0, 10.0), 1010.0, None),
                ((1020.5, 20.0), 1020.5, None),
                ((1029.5, 30.0), 1029.5, None),
                ((1029.5, 30.0), 1029.5, None),
            ],
        );
    }

    /// A wall clock that is put back never takes time back with it: time goes on at nine tenths
    /// of its speed until both agree, and each is told once.
    #[test]
    fn a_clock_put_back_is_waited_for() {
        check(
            (1000.0, 0.0),
            &[
                (
                    (900.0, 10.0),
                    1009.0,
                    Some(Jump::Backward(secs(1010.0 - 900.0))),
                ),
                ((910.0, 20.0), 1018.0, None),
                ((1000.0, 110.0), 1099.0, None),
                ((1980.0, 1090.0), 1981.0, None),
                ((1990.0, 1100.0), 1990.0, Some(Jump::CaughtUp)),
                ((2000.0, 1110.0), 2000.0, None),
            ],
        );
    }

    /// Less than a second back is evened out without a word.
    #[test]
    fn a_small_step_back_is_not_told() {
        check(
            (1000.0, 0.0),
            &[
                ((1009.5, 10.0), 1009.5, None),
                ((1009.6, 10.1), 1009.6, None),
                ((1008.9, 10.2), 1009.69, None),
                ((1018.9, 20.2), 1018.9, None),
            ],
        );
    }

    /// A forward jump is followed, and told with its size; also one that ends a time of waiting.
    #[test]
    fn a_forward_jump_is_told() {
        check(
            (1000.0, 0.0),
            &[
                ((4610.0, 10.0), 4610.0, Some(Jump::Forward(secs(3600.0)))),
                ((1020.0, 20.0), 4619.0, Some(Jump::Backward(secs(3600.0)))),
                // Back to where it was: nothing was lost, so nothing is warned of.
                ((4630.0, 30.0), 4630.0, Some(Jump::CaughtUp)),
                ((1040.0, 40.0), 4639.0, Some(Jump::Backward(secs(3600.0)))),
                ((4749.0, 50.0), 4749.0, Some(Jump::Forward(secs(100.0)))),
            ],
        );
    }

    /// Time starts at the newest stored write where the wall clock is behind it.
    #[test]
    fn time_starts_no_earlier_than_the_data() {
        check(
            (1000.0, 1001.0),
            &[
                ((1001.0, 1.0), 1001.9, None),
                ((1011.0, 11.0), 1011.0, Some(Jump::CaughtUp)),
            ],
        );
        let clock = SystemClock::start(TEST_CLOCK_END);
        assert!(clock.now() >= TEST_CLOCK_END);
    }

    /// Whichever thread asks, time is never before what was told to any other, whether the wall clock
    /// is in good order or behind.
    #[test]
    fn time_goes_back_for_no_thread() {
        for earliest in [Timestamp::EPOCH, TEST_CLOCK_END] {
            let clock = SystemClock::start(earliest);
            let newest = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..20_000 {
                            let before = newest.load(Ordering::SeqCst);
                            let now = clock.now().as_millis();
                            assert!(now >= before, "{now} after {before}");
                            newest.fetch_max(now, Ordering::SeqCst);
                        }
                    });
                }
            });
        }
    }

    /// The test clock moves by what it is told, starts no earlier than the data, and ends in 2100.
    #[test]
    fn the_test_clock_moves() {
        let system = Arc::new(SystemClock::start(Timestamp::EPOCH));
        let before = system.now();
        let clock = TestClock::start(Arc::clone(&system), Timestamp::EPOCH);
        assert!(clock.advance(Duration::from_hours(1)));
        let moved = clock.now().since(before);
        assert!(moved >= Duration::from_hours(1), "{moved:?}");
        assert!(moved < Duration::from_mins(61), "{moved:?}");

        let near_end = Timestamp::from_millis(TEST_CLOCK_END.as_millis() - 3_600_000);
        let clock = TestClock::start(system, near_end);
        assert!(clock.now() >= near_end);
        assert!(!clock.advance(Duration::from_hours(2)));
        assert!(clock.advance(Duration::from_mins(30)));
    }
}

//! How fast an endpoint is served: the wait between retries, and what is made of slow answers
//! (contract section 4.9).

use std::time::Duration;

use presenced_core::time::Timestamp;

use super::limits::{
    ANSWERS_TO_JUDGE, HELD_PERCENT, QUICK_ANSWER, RETRY_FIRST, RETRY_LONGEST, SLOW_FOR,
    SLOW_PERCENT, STORE_RETRY_FIRST, STORE_RETRY_LONGEST,
};
use crate::courier::Class;

/// Tries that failed, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    /// How many.
    pub(crate) in_a_row: u32,
    /// When the first of them was begun; `None` where there was none.
    pub(crate) since: Option<Timestamp>,
    /// Before this nothing is tried again.
    pub(crate) retry_at: Timestamp,
}

impl Failures {
    /// One more, begun at `begun` and known at `now`.
    pub(crate) fn another(&mut self, begun: Timestamp, now: Timestamp, chance: u64) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.since.get_or_insert(begun);
        self.retry_at = now.plus(retry_wait(self.in_a_row, chance));
    }

    /// How long it has been going wrong.
    pub(crate) fn lasting(&self, now: Timestamp) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// The wait after so many failures in a row: doubled each time up to the longest, and of that the
/// upper half or less, as `chance` says, so that those who failed together do not come back together.
fn retry_wait(failures: u32, chance: u64) -> Duration {
    spread(RETRY_FIRST, RETRY_LONGEST, failures, chance)
}

/// The wait after so many errors of the store in a row, in the same way.
pub(crate) fn store_wait(failures: u32, chance: u64) -> Duration {
    spread(STORE_RETRY_FIRST, STORE_RETRY_LONGEST, failures, chance)
}

fn spread(first: Duration, longest: Duration, failures: u32, chance: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let doubled = first * 2_u32.pow(doublings);
    let half = doubled.min(longest) / 2;
    let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
    half + Duration::from_millis(chance % millis.saturating_add(1))
}

/// What is known of an endpoint's answers, which says in whose room it is served next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Nothing: it was not sent anything yet.
    #[default]
    New,
    /// It was quick to take what it was sent.
    Quick,
    /// It was slow, and is taken for it until then at least.
    Slow(Timestamp),
}

impl Habit {
    /// An answer came at `now`, or was waited for in vain. One that is quick to refuse says nothing.
    pub(crate) fn learn(&mut self, took: Duration, is_taken: bool, now: Timestamp) {
        if took > QUICK_ANSWER {
            *self = Self::Slow(now.plus(SLOW_FOR));
            return;
        }
        let was_slow = matches!(*self, Self::Slow(until) if now < until);
        if is_taken && !was_slow {
            *self = Self::Quick;
        }
    }

    /// The class of an endpoint that took the last message, if there was one.
    pub(crate) const fn class(self) -> Class {
        match self {
            Self::New => Class::New,
            Self::Quick => Class::Quick,
            Self::Slow(_) => Class::Slow,
        }
    }
}

/// What the answers of the last ten minutes make of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is served at once.
    Prompt,
    /// It is served with a delay.
    Slow,
    /// It is not served for a while.
    Held,
}

/// The minutes that an endpoint is judged by.
const MINUTES: u64 = 10;

const MINUTE: Duration = Duration::from_mins(1);

/// The answers of the last ten minutes, minute by minute. Empty, and without memory, for an endpoint
/// that was not sent anything in a while.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    minutes: Vec<Minute>,
}

#[derive(Clone, Copy, Debug)]
struct Minute {
    number: u64,
    all: u32,
    slow: u32,
}

/// Whether an answer took its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    /// It came in time.
    Quick,
    /// It took as long as a slow answer takes, or never came.
    Slow,
}

impl Answers {
    /// Counts an answer.
    pub(crate) fn count(&mut self, now: Timestamp, speed: Speed) {
        let number = number(now);
        self.minutes
            .retain(|minute| minute.number + MINUTES > number);
        if self.minutes.last().is_none_or(|last| last.number != number) {
            self.minutes.push(Minute {
                number,
                all: 0,
                slow: 0,
            });
        }
        if let Some(minute) = self.minutes.last_mut() {
            minute.all += 1;
            minute.slow += u32::from(speed == Speed::Slow);
        }
    }

    /// What comes of them.
    pub(crate) fn judge(&self, now: Timestamp) -> Verdict {
        let number = number(now);
        let counted = self
            .minutes
            .iter()
            .filter(|minute| minute.number + MINUTES > number);
        let (all, slow) = counted.fold((0_u32, 0_u32), |(all, slow), minute| {
            (
                all.saturating_add(minute.all),
                slow.saturating_add(minute.slow),
            )
        });
        let above = |percent: u32| u64::from(slow) * 100 > u64::from(all) * u64::from(percent);
        if all < ANSWERS_TO_JUDGE {
            Verdict::Prompt
        } else if above(HELD_PERCENT) {
            Verdict::Held
        } else if above(SLOW_PERCENT) {
            Verdict::Slow
        } else {
            Verdict::Prompt
        }
    }

    /// When the verdict may be another one though nothing was sent: the next minute.
    pub(crate) fn next_look(now: Timestamp) -> Timestamp {
        let millis = u64::try_from(MINUTE.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis((number(now) + 1).saturating_mul(millis))
    }
}

fn number(now: Timestamp) -> u64 {
    now.as_millis() / 60_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(number: u64) -> Timestamp {
        Timestamp::from_millis(1_760_000_040_000 + number * 60_000)
    }

    /// Waits double from one second to two minutes, and chance only ever shortens them, by half at
    /// most.
    #[test]
    fn waits_double_up_to_a_limit() {
        for (failures, longest) in [(1, 1), (2, 2), (3, 4), (7, 64), (8, 120), (99, 120)] {
            let longest = Duration::from_secs(longest);
            for chance in [0, 1, 499, 500, 501, u64::MAX] {
                let wait = retry_wait(failures, chance);
                assert!(
                    wait >= longest / 2 && wait <= longest,
                    "{failures} {chance} {wait:?}"
                );
            }
            assert_eq!(retry_wait(failures, 0), longest / 2);
        }
    }

    /// Quick is whoever takes a message quickly and was not slow lately; whoever is quick to refuse is
    /// what it was.
    #[test]
    fn habits_are_learned() {
        let quick = (QUICK_ANSWER, true);
        let refused = (QUICK_ANSWER, false);
        let slow = (QUICK_ANSWER + Duration::from_millis(1), true);
        let hung = (Duration::from_secs(10), false);
        let mut habit = Habit::default();
        for (seconds, (took, is_taken), expected) in [
            (0, refused, Class::New),
            (1, quick, Class::Quick),
            (2, refused, Class::Quick),
            (3, slow, Class::Slow),
            (4, quick, Class::Slow),
            (62, quick, Class::Slow),
            (63, refused, Class::Slow),
            (64, quick, Class::Quick),
            (65, hung, Class::Slow),
        ] {
            let now = minute(0).plus(Duration::from_secs(seconds));
            habit.learn(took, is_taken, now);
            assert_eq!(habit.class(), expected, "after {seconds} s");
        }
    }

    /// A hundred answers are needed; more than 10 % slow ones delay, more than 15 % hold, and ten
    /// minutes later nothing of it is left.
    #[test]
    fn an_endpoint_is_judged_by_ten_minutes() {
        for (all, slow, expected) in [
            (99, 99, Verdict::Prompt),
            (100, 10, Verdict::Prompt),
            (100, 11, Verdict::Slow),
            (100, 15, Verdict::Slow),
            (100, 16, Verdict::Held),
        ] {
            let mut answers = Answers::default();
            for one in 0..all {
                let speed = if one < slow {
                    Speed::Slow
                } else {
                    Speed::Quick
                };
                answers.count(minute(one % 5), speed);
            }
            assert_eq!(answers.judge(minute(9)), expected, "{slow} of {all}");
            assert_eq!(answers.judge(minute(14)), Verdict::Prompt);
            answers.count(minute(30), Speed::Quick);
            assert_eq!(answers.minutes.len(), 1);
        }
        assert_eq!(Answers::next_look(minute(3)), minute(4));
        assert_eq!(
            Answers::next_look(minute(3).plus(Duration::from_secs(59))),
            minute(4)
        );
    }
}

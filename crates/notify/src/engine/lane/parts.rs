//! What a lane is made of, and what it says and is told.

use std::time::Duration;

use presenced_core::time::Timestamp;
use presenced_store::{Cursor, Revision};

use super::super::gate::{Door, Errand};
use super::super::limits::{FAULT_CHARS_MAX, SLOW_ANSWER};
use super::super::pace::Speed;
use super::super::request::{AttemptResult, Message};
use crate::compose::{ComposeError, LifecycleEvent};
use crate::courier::{Attempt, EndpointFault};

/// Where a lane stands at the gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nowhere.
    #[default]
    None,
    /// In line at this door.
    Waits(Door),
    /// The gate has let it through.
    Through(Door),
}

impl Turn {
    /// The door that it may go through, which is used up by this.
    pub(crate) fn take(&mut self) -> Option<Door> {
        match std::mem::take(self) {
            Self::Through(door) => Some(door),
            other @ (Self::None | Self::Waits(_)) => {
                *self = other;
                None
            }
        }
    }

    pub(crate) const fn waits(&self) -> bool {
        matches!(self, Self::Waits(_))
    }
}

/// A lifecycle notification that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noticing {
    pub(crate) event: LifecycleEvent,
    /// When it was begun.
    pub(crate) begun: Timestamp,
}

/// Where a subscription is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is being stored. Changes wait already.
    Preparing,
    /// It exists.
    Live,
    /// Its time is over, but what changed before is still to be told, once.
    Ending,
    /// An administrator removed it at this time; only the subscriber has to be told.
    Removed(Timestamp),
}

/// What is known of the delivery's document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Durable {
    /// The document, if there is one.
    pub(crate) revision: Option<Revision>,
    /// Where it says to go on.
    pub(crate) resume: Resume,
}

/// From where a delivery goes on after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Resume {
    /// From the common place: nothing waited.
    #[default]
    Common,
    /// From here: a change after it waits.
    At(Cursor),
    /// Everybody's present state has to be read.
    Reread,
}

/// What a lane does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sends a test.
    Test,
    /// Sends a lifecycle notification.
    Lifecycle(LifecycleEvent),
    /// Sends what waits.
    Notify,
    /// Reads the present state of some users.
    Reread,
    /// Writes down where it stands.
    Record,
}

impl Kind {
    /// For what it passes the gate and writes down how the lane stands.
    pub(crate) const fn errand(self) -> Errand {
        match self {
            Self::Lifecycle(_) => Errand::Notice,
            Self::Test | Self::Notify | Self::Reread | Self::Record => Errand::Notification,
        }
    }

    /// What it sends, if anything.
    pub(crate) const fn message(self) -> Option<Message> {
        match self {
            Self::Test => Some(Message::Test),
            Self::Lifecycle(_) => Some(Message::Lifecycle),
            Self::Notify => Some(Message::Notification),
            Self::Reread | Self::Record => None,
        }
    }
}

/// What to do with a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This, now.
    Go(Kind),
    /// Nothing before this time.
    At(Timestamp),
    /// Nothing until something happens.
    Nothing,
    /// It is over: it can be forgotten.
    Over,
}

/// What came of sending something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) result: AttemptResult,
    pub(crate) speed: Speed,
}

impl From<&Result<Attempt, ComposeError>> for Outcome {
    fn from(tried: &Result<Attempt, ComposeError>) -> Self {
        let attempt = match tried {
            Ok(attempt) => attempt,
            Err(error) => {
                return Self {
                    speed: Speed::Quick,
                    result: AttemptResult {
                        answer: Err(cut(&error.to_string())),
                        took: Duration::ZERO,
                    },
                };
            }
        };
        let timed_out = attempt.answer == Err(EndpointFault::TimedOut);
        Self {
            speed: if timed_out || attempt.took >= SLOW_ANSWER {
                Speed::Slow
            } else {
                Speed::Quick
            },
            result: AttemptResult {
                answer: attempt
                    .answer
                    .clone()
                    .map_err(|fault| cut(&fault.to_string())),
                took: attempt.took,
            },
        }
    }
}

/// As much of a fault as is kept.
fn cut(fault: &str) -> String {
    fault.chars().take(FAULT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever went wrong, a short text of it is kept.
    #[test]
    fn faults_are_cut() {
        let attempt = Attempt {
            answer: Err(EndpointFault::Unreachable("é".repeat(1_000))),
            took: Duration::ZERO,
        };
        let outcome = Outcome::from(&Ok(attempt));
        let kept = outcome.result.answer.unwrap_err();
        assert!(kept.starts_with("the endpoint cannot be reached: é"));
        assert_eq!(kept.chars().count(), FAULT_CHARS_MAX);
    }
}

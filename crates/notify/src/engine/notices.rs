//! Lifecycle notifications that are to be sent for one subscription, and when the warning of its end
//! is due (contract section 4.8).

use std::time::Duration;

use presenced_core::time::Timestamp;

use super::limits::GIVE_UP_AFTER;
use super::pace::Failures;
use crate::compose::LifecycleEvent;
use crate::subscription::Subscription;

/// What is to be sent to the lifecycle URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notices {
    /// `reauthorizationRequired` waits.
    pub(crate) reauthorize: bool,
    /// `missed` waits.
    pub(crate) missed: bool,
    /// `subscriptionRemoved` waits.
    pub(crate) removed: bool,
    /// Tries that failed.
    pub(crate) failures: Failures,
    /// The end that was warned of.
    pub(crate) warned_of: Timestamp,
}

impl Notices {
    /// What to send next, whenever that is.
    pub(crate) fn first(&self) -> Option<LifecycleEvent> {
        if self.removed {
            Some(LifecycleEvent::SubscriptionRemoved)
        } else if self.reauthorize {
            Some(LifecycleEvent::ReauthorizationRequired)
        } else if self.missed {
            Some(LifecycleEvent::Missed)
        } else {
            None
        }
    }

    /// Adds one that is to be sent.
    pub(crate) fn add(&mut self, event: LifecycleEvent) {
        *self.flag(event) = true;
    }

    /// An attempt, begun at `begun`, has ended. After four hours of failures what waits is given up.
    pub(crate) fn tried(&mut self, attempt: &Tried, chance: u64) {
        if attempt.delivered {
            *self.flag(attempt.event) = false;
            self.failures = Failures::default();
            return;
        }
        self.failures.another(attempt.begun, attempt.now, chance);
        if self.failures.lasting(attempt.now) >= GIVE_UP_AFTER {
            *self = Self {
                warned_of: self.warned_of,
                ..Self::default()
            };
        }
    }

    fn flag(&mut self, event: LifecycleEvent) -> &mut bool {
        match event {
            LifecycleEvent::ReauthorizationRequired => &mut self.reauthorize,
            LifecycleEvent::SubscriptionRemoved => &mut self.removed,
            LifecycleEvent::Missed => &mut self.missed,
        }
    }
}

/// An attempt to send a lifecycle notification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    pub(crate) event: LifecycleEvent,
    pub(crate) begun: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) delivered: bool,
}

/// When deliveries end unless the subscriber does something.
pub(crate) fn end(subscription: &Subscription) -> Timestamp {
    subscription.expires_at.min(subscription.authorized_until)
}

/// When to warn of an end, for a subscription that was granted at `granted`: a quarter of its life
/// before the end; half of it where that is three hours or less; fifteen minutes, or half of what
/// there is, where it is an hour or less.
pub(crate) fn warn_at(granted: Timestamp, end: Timestamp) -> Timestamp {
    let life = end.since(granted);
    let before = if life > Duration::from_hours(3) {
        life / 4
    } else if life > Duration::from_hours(1) {
        life / 2
    } else {
        (life / 2).min(Duration::from_mins(15))
    };
    granted.plus(life.saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The warning comes at the documented pace.
    #[test]
    fn warnings_come_in_time() {
        let granted = Timestamp::from_millis(1_760_000_000_000);
        let minutes = Duration::from_mins;
        for (life, at) in [
            (480, 360),
            (181, 135),
            (180, 90),
            (120, 60),
            (60, 45),
            (45, 30),
        ] {
            let warned = warn_at(granted, granted.plus(minutes(life)));
            assert_eq!(warned.since(granted).as_secs() / 60, at, "{life}");
        }
        assert_eq!(
            warn_at(granted, granted.plus(minutes(10))),
            granted.plus(minutes(5))
        );
        assert_eq!(warn_at(granted, Timestamp::EPOCH), granted);
    }

    /// Each notice is sent until it is taken, the gravest first, and given up after four hours.
    #[test]
    fn notices_are_given_up_after_four_hours() {
        let start = Timestamp::from_millis(1_760_000_000_000);
        let mut notices = Notices::default();
        notices.add(LifecycleEvent::Missed);
        notices.add(LifecycleEvent::ReauthorizationRequired);
        let mut tried = Tried {
            event: notices.first().unwrap(),
            begun: start,
            now: start,
            delivered: false,
        };
        assert_eq!(tried.event, LifecycleEvent::ReauthorizationRequired);
        notices.tried(&tried, 0);
        assert_eq!(notices.first(), Some(tried.event));
        assert!(notices.failures.retry_at > start);
        tried.delivered = true;
        notices.tried(&tried, 0);
        assert_eq!(notices.first(), Some(LifecycleEvent::Missed));
        assert_eq!(notices.failures, Failures::default());

        tried.event = LifecycleEvent::Missed;
        tried.delivered = false;
        notices.tried(&tried, 0);
        tried.now = start.plus(GIVE_UP_AFTER);
        notices.tried(&tried, 0);
        assert_eq!(notices, Notices::default());
    }
}

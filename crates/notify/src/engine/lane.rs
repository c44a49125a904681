//! The delivery to one subscription, as a state machine: no I/O, no clock, no chance. It is told
//! what changed, what time it is and what came of each attempt, and says what to do next.

mod ends;
mod parts;
mod reread;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use presenced_core::time::Timestamp;
use presenced_store::{Cursor, Revision};
use tokio_util::sync::CancellationToken;

use super::document::StoredDelivery;
use super::gate::Errand;
use super::limits::{
    AUDIENCE_RETRY, GIVE_UP_AFTER, ITEMS_PER_POST_MAX, SLOW_DELAY, WAITING_PER_SUBSCRIPTION_MAX,
};
use super::notices::{self, Notices};
use super::pace::{Answers, Failures, Habit, Verdict};
use super::request::{DeliveryState, DeliveryStatus, LastAttempt, Message};
use super::waiting::{EVERYTHING, Entry, Waiting};
use crate::audience::Audience;
use crate::compose::{Item, LifecycleEvent};
use crate::subscription::Subscription;

pub(crate) use parts::{Durable, Kind, Next, Noticing, Outcome, Resume, Stage, Turn};
pub(crate) use reread::{Reread, ToRead};

/// The delivery to one subscription.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) subscription: Arc<Subscription>,
    /// The subscription's document.
    pub(crate) revision: Option<Revision>,
    /// Since when the present expiry and authorization hold; the warning's pace hangs on it.
    pub(crate) granted_at: Timestamp,
    pub(crate) stage: Stage,
    /// Changes up to here are not its affair.
    pub(crate) after: Cursor,
    pub(crate) waiting: Waiting,
    /// What is on its way.
    pub(crate) flying: Vec<Entry>,
    /// What is being done. One thing at a time: never are two notifications under way.
    pub(crate) flight: Option<Kind>,
    /// When that was begun.
    begun: Timestamp,
    /// The lifecycle notification that is under way beside it: an endpoint that hangs must not keep
    /// the other one waiting.
    pub(crate) noticing: Option<Noticing>,
    /// For what its document is being written. One write at a time.
    writing: Option<Errand>,
    /// Breaks off what is on its way to the notification URL.
    pub(crate) cut: Option<CancellationToken>,
    /// Where everybody's present state has to be read: what is left of that.
    pub(crate) reread: Option<Reread>,
    pub(crate) failures: Failures,
    /// It failed for four hours, and `missed` was sent for that.
    pub(crate) given_up: bool,
    answers: Answers,
    /// What is known of the endpoint.
    pub(crate) habit: Habit,
    pub(crate) notices: Notices,
    /// Somebody waits for a test.
    pub(crate) test_wanted: bool,
    /// How often in a row the store has failed for it.
    store_failures: u32,
    /// The store failed: nothing is begun before this.
    pub(crate) store_retry_at: Timestamp,
    /// The subscriber may not be told anything: nothing is sent before this.
    withheld_until: Timestamp,
    pub(crate) last: Option<LastAttempt>,
    pub(crate) durable: Durable,
    /// When it is to be written down how it stands, though nothing can be sent.
    pub(crate) record_at: Option<Timestamp>,
    /// Where it stands at the gate for its notifications.
    pub(crate) turn: Turn,
    /// The same, for its lifecycle notifications.
    pub(crate) notice_turn: Turn,
    /// When it is looked at next.
    pub(crate) timer: Option<Timestamp>,
}

impl Lane {
    /// The lane of a subscription of which nothing was ever sent.
    pub(crate) fn new(
        subscription: Arc<Subscription>,
        granted_at: Timestamp,
        after: Cursor,
    ) -> Self {
        Self {
            subscription,
            revision: None,
            granted_at,
            stage: Stage::Preparing,
            after,
            waiting: Waiting::default(),
            flying: Vec::new(),
            flight: None,
            begun: granted_at,
            noticing: None,
            writing: None,
            cut: None,
            reread: None,
            failures: Failures::default(),
            given_up: false,
            answers: Answers::default(),
            habit: Habit::default(),
            notices: Notices::default(),
            test_wanted: false,
            store_failures: 0,
            store_retry_at: Timestamp::EPOCH,
            withheld_until: Timestamp::EPOCH,
            last: None,
            durable: Durable::default(),
            record_at: None,
            turn: Turn::default(),
            notice_turn: Turn::default(),
            timer: None,
        }
    }

    /// A state that is to be told.
    pub(crate) fn push(&mut self, entry: Entry) {
        if entry.place <= self.after && entry.place != EVERYTHING {
            return;
        }
        self.waiting.put(entry);
        if self.waiting.len() > WAITING_PER_SUBSCRIPTION_MAX {
            self.waiting.clear();
            self.lost_sight();
        }
    }

    /// A document says how the delivery stood. An attempt of which no end is known was cut off with
    /// the process; while tries fail the next one keeps its distance from it, too.
    pub(crate) fn stands(&mut self, delivery: StoredDelivery) {
        self.failures = delivery.failures;
        self.given_up = delivery.given_up;
        self.notices = delivery.notices;
        self.last = delivery.last;
        self.habit = delivery.habit.unwrap_or_default();
        let Some(last) = &self.last else { return };
        if let Some(result) = &last.result {
            // An older presenced wrote no habit, and this is the best that is known of it.
            if last.message == Message::Notification && delivery.habit.is_none() {
                self.habit.learn(result.took, result.is_taken(), last.at);
            }
        } else {
            let failures = match last.message {
                Message::Notification => &mut self.failures,
                Message::Lifecycle => &mut self.notices.failures,
                Message::Test => return,
            };
            if failures.in_a_row > 0 {
                failures.another(last.at, last.at, 0);
            }
        }
    }

    fn notice(&mut self, event: LifecycleEvent) {
        if self.subscription.lifecycle_notification_url.is_some() {
            self.notices.add(event);
        }
    }

    /// What to do at `now`.
    pub(crate) fn next(&mut self, now: Timestamp) -> Next {
        if self.is_over(now) {
            return Next::Over;
        }
        if self.stage == Stage::Preparing {
            return Next::Nothing;
        }
        self.pass_time(now);
        let mut soonest = self.deadline(now);
        for (due, kind) in self.candidates(now).into_iter().flatten() {
            let due = due.max(self.store_retry_at);
            if due <= now {
                return Next::Go(kind);
            }
            soonest = Some(soonest.map_or(due, |soonest| soonest.min(due)));
        }
        soonest.map_or(Next::Nothing, Next::At)
    }

    /// What there is to do and could be begun, and when, the first that is due first. What stands in
    /// line at the gate is left out.
    fn candidates(&self, now: Timestamp) -> [Option<(Timestamp, Kind)>; 4] {
        if self.writing.is_some() {
            return [None; 4];
        }
        let allowed = |(due, kind): (Timestamp, Kind)| (due.max(self.withheld_until), kind);
        let can_notice = self.noticing.is_none() && !self.notice_turn.waits();
        let notice = self.next_notice().filter(|_| can_notice).map(allowed);
        if self.flight.is_some() {
            return [None, notice, None, None];
        }
        let can_test = self.test_wanted && !self.turn.waits();
        let test = can_test.then_some((Timestamp::EPOCH, Kind::Test));
        [
            test.map(allowed),
            notice,
            self.next_notification(now).map(allowed),
            self.record_at.map(|at| (at, Kind::Record)),
        ]
    }

    fn is_over(&self, now: Timestamp) -> bool {
        match self.stage {
            Stage::Preparing => false,
            Stage::Live => now >= self.subscription.expires_at,
            // There is no second try.
            Stage::Ending => {
                self.flight.is_none() && (self.waiting.is_empty() || self.failures.in_a_row > 0)
            }
            Stage::Removed(_) => self.notices.first().is_none(),
        }
    }

    /// Whether it counts as a subscription: it exists, or is about to.
    pub(crate) fn counts(&self) -> bool {
        match self.stage {
            Stage::Preparing | Stage::Live => true,
            Stage::Ending | Stage::Removed(_) => false,
        }
    }

    /// Its time is over. What changed before that, and would be on its way if time had passed more
    /// slowly (a test clock jumps), is still told, to an endpoint that is well.
    pub(crate) fn ends(&mut self, now: Timestamp) {
        let was_live = self.stage == Stage::Live;
        self.stage = Stage::Ending;
        self.reread = None;
        self.test_wanted = false;
        self.notices = Notices::default();
        let is_well = self.failures.in_a_row == 0 && self.answers.judge(now) != Verdict::Held;
        if was_live && is_well {
            let end = notices::end(&self.subscription);
            self.waiting.keep_before(end);
        } else {
            self.waiting.clear();
        }
    }

    /// What comes about by time alone.
    fn pass_time(&mut self, now: Timestamp) {
        if self.stage != Stage::Live {
            return;
        }
        let end = notices::end(&self.subscription);
        if self.notices.warned_of != end && notices::warn_at(self.granted_at, end) <= now {
            self.notices.warned_of = end;
            self.notice(LifecycleEvent::ReauthorizationRequired);
        }
        if !self.given_up && self.failures.lasting(now) >= GIVE_UP_AFTER {
            self.given_up = true;
            self.notice(LifecycleEvent::Missed);
        }
    }

    /// When something comes about by time alone next.
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        if self.stage != Stage::Live {
            return None;
        }
        let end = notices::end(&self.subscription);
        let warn_at = notices::warn_at(self.granted_at, end);
        let warn_at = Some(warn_at).filter(|at| *at > now && self.notices.warned_of != end);
        Some(warn_at.map_or(self.subscription.expires_at, |at| {
            at.min(self.subscription.expires_at)
        }))
    }

    fn next_notice(&self) -> Option<(Timestamp, Kind)> {
        let event = self.notices.first()?;
        Some((self.notices.failures.retry_at, Kind::Lifecycle(event)))
    }

    fn next_notification(&self, now: Timestamp) -> Option<(Timestamp, Kind)> {
        match self.stage {
            Stage::Live if now < self.subscription.authorized_until => {}
            Stage::Ending => {}
            Stage::Preparing | Stage::Live | Stage::Removed(_) => return None,
        }
        let reread = self.reread.as_ref();
        let kind = if reread.is_some_and(|reread| reread.is_next || self.waiting.is_empty()) {
            Kind::Reread
        } else if self.waiting.is_empty() || self.turn.waits() {
            return None;
        } else {
            Kind::Notify
        };
        let due = match self.answers.judge(now) {
            Verdict::Prompt => Timestamp::EPOCH,
            Verdict::Slow => {
                let since = self.waiting.first().map(|entry| entry.since);
                since.map_or(Timestamp::EPOCH, |since| since.plus(SLOW_DELAY))
            }
            Verdict::Held => Answers::next_look(now),
        };
        Some((due.max(self.failures.retry_at), kind))
    }

    /// Where it stands at the gate for this.
    pub(crate) fn turn(&mut self, errand: Errand) -> &mut Turn {
        match errand {
            Errand::Notice => &mut self.notice_turn,
            Errand::Notification | Errand::Check => &mut self.turn,
        }
    }

    /// Asks whether what [`Lane::next`] said may be sent. `true` where that has changed what is next:
    /// nothing is sent for a while, or somebody is not told of any more.
    pub(crate) fn heed(&mut self, audience: &dyn Audience, kind: Kind, now: Timestamp) -> bool {
        let tenant = self.subscription.tenant;
        if !audience.may_be_told(tenant, self.subscription.creator.application) {
            self.withheld_until = now.plus(AUDIENCE_RETRY);
            if self.stage != Stage::Live {
                // It is over, and does not wait.
                self.waiting.clear();
                self.notices = Notices::default();
            }
            return true;
        }
        if kind != Kind::Notify {
            return false;
        }
        let is_hidden = |user| !audience.may_be_shown(tenant, user);
        let has_forgotten = self.waiting.forget_oldest(ITEMS_PER_POST_MAX, is_hidden);
        if has_forgotten {
            self.record_by(now);
        }
        has_forgotten
    }

    /// Begins what [`Lane::next`] said.
    pub(crate) fn begin(&mut self, kind: Kind, now: Timestamp) {
        match kind {
            Kind::Lifecycle(event) => self.noticing = Some(Noticing { event, begun: now }),
            Kind::Test | Kind::Notify | Kind::Reread | Kind::Record => {
                self.flight = Some(kind);
                self.begun = now;
                let is_cuttable = matches!(kind, Kind::Notify | Kind::Test);
                self.cut = is_cuttable.then(CancellationToken::new);
            }
        }
        if kind == Kind::Notify {
            self.flying = self.waiting.take(ITEMS_PER_POST_MAX);
        }
        if kind != Kind::Reread {
            self.writing = Some(kind.errand());
            self.record_at = None;
        }
        if let Some(message) = kind.message() {
            self.last = Some(LastAttempt {
                message,
                at: now,
                result: None,
            });
        }
    }

    /// A state is being told beside what waits: nothing older may be told after it.
    pub(crate) fn tells(&mut self, item: Item) {
        self.waiting.renew(item);
    }

    /// Has it written down by then how it stands.
    pub(crate) fn record_by(&mut self, at: Timestamp) {
        self.record_at = Some(self.record_at.map_or(at, |sooner| sooner.min(at)));
    }

    /// Whether its document is being written, so that nothing can be begun.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether something could be begun beside what is under way, once nothing is being written.
    pub(crate) fn can_do_more(&self) -> bool {
        let can_notice = self.noticing.is_none() && self.notices.first().is_some();
        let has_turn = matches!(self.notice_turn, Turn::Through(_));
        self.flight.is_none() || can_notice || has_turn
    }

    /// How it stands is written down, as this says.
    pub(crate) fn recorded(&mut self, durable: Durable) {
        self.durable = durable;
        self.writing = None;
        self.store_failures = 0;
    }

    /// From where to go on if the process ends now.
    pub(crate) fn resume(&self) -> Resume {
        if self.reread.is_some() {
            return Resume::Reread;
        }
        let flying = self.flying.iter().map(|entry| entry.place);
        let places = self.waiting.first().map(|entry| entry.place);
        match flying.chain(places).min() {
            None => Resume::Common,
            Some(EVERYTHING) => Resume::Reread,
            Some(place) => Resume::At(Cursor(place.0 - 1)),
        }
    }

    /// The subscription is another one from now on.
    pub(crate) fn changed(&mut self, subscription: Arc<Subscription>, now: Timestamp) {
        if subscription.notification_url != self.subscription.notification_url {
            self.failures = Failures::default();
            self.given_up = false;
            self.answers = Answers::default();
            self.habit = Habit::default();
            // What its document says of the old one must not hold the new one up after a restart.
            self.record_by(now);
            // What the old endpoint answers is no affair of the new one, which does not wait for it.
            if let Some(cut) = self.cut.take() {
                cut.cancel();
            }
        }
        if notices::end(&subscription) != notices::end(&self.subscription) {
            self.granted_at = now;
            self.notices.reauthorize = false;
        }
        self.subscription = subscription;
    }

    /// An administrator removed it: nothing is left but to say so.
    pub(crate) fn removed(&mut self, now: Timestamp) {
        self.stage = Stage::Removed(now);
        self.waiting.clear();
        self.reread = None;
        self.test_wanted = false;
        self.notices = Notices::default();
        self.notice(LifecycleEvent::SubscriptionRemoved);
    }

    /// How the delivery goes.
    pub(crate) fn status(&self, now: Timestamp) -> DeliveryStatus {
        let flying = self.flying.iter().map(|entry| entry.since);
        let waiting = self.waiting.first().map(|entry| entry.since);
        let failing = self.failures.in_a_row > 0;
        DeliveryStatus {
            state: self.state(now),
            last_attempt: self.last.clone(),
            failures_in_a_row: self.failures.in_a_row,
            failing_since: self.failures.since,
            next_attempt_at: failing.then_some(self.failures.retry_at),
            waiting: self.waiting.len() + self.flying.len(),
            waiting_since: flying.chain(waiting).min(),
            is_rereading: self.reread.is_some(),
        }
    }

    fn state(&self, now: Timestamp) -> DeliveryState {
        if now >= self.subscription.authorized_until {
            return DeliveryState::Unauthorized;
        }
        if self.given_up {
            return DeliveryState::GivenUp;
        }
        if self.failures.in_a_row > 0 {
            return DeliveryState::Failing;
        }
        match self.answers.judge(now) {
            Verdict::Prompt => DeliveryState::Active,
            Verdict::Slow => DeliveryState::Slow,
            Verdict::Held => DeliveryState::Held,
        }
    }
}

//! How what a lane has begun comes to an end.

use presenced_core::time::Timestamp;

use super::super::gate::Errand;
use super::super::notices::Tried;
use super::super::pace::{Failures, store_wait};
use super::super::request::AttemptResult;
use super::{Kind, Lane, Noticing, Outcome};

impl Lane {
    /// What was sent has come to an end.
    pub(crate) fn finish(&mut self, kind: Kind, outcome: Outcome, now: Timestamp, chance: u64) {
        if kind.errand() == Errand::Notice {
            return self.finish_notice(outcome, now, chance);
        }
        self.flight = None;
        self.cut = None;
        let begun = self.begun;
        let (took, delivered) = (outcome.result.took, outcome.result.is_taken());
        self.remember(kind, begun, outcome.result);
        match kind {
            Kind::Notify => {
                self.answers.count(now, outcome.speed);
                self.habit.learn(took, delivered, now);
                if delivered {
                    // Not only emptied: most subscriptions have nothing on its way most of the time.
                    self.flying = Vec::new();
                    self.failures = Failures::default();
                    self.given_up = false;
                    if let Some(reread) = &mut self.reread {
                        reread.is_next = true;
                    }
                } else {
                    self.land();
                    self.failures.another(begun, now, chance);
                }
            }
            // An endpoint that takes a test will take what waits.
            Kind::Test if delivered => self.failures.retry_at = now,
            Kind::Test | Kind::Lifecycle(_) | Kind::Reread | Kind::Record => {}
        }
    }

    fn finish_notice(&mut self, outcome: Outcome, now: Timestamp, chance: u64) {
        let Some(Noticing { event, begun }) = self.noticing.take() else {
            return;
        };
        let delivered = outcome.result.is_taken();
        self.remember(Kind::Lifecycle(event), begun, outcome.result);
        let tried = Tried {
            event,
            begun,
            now,
            delivered,
        };
        self.notices.tried(&tried, chance);
    }

    /// The end of an attempt, unless another was begun since then.
    fn remember(&mut self, kind: Kind, begun: Timestamp, result: AttemptResult) {
        if let Some(last) = &mut self.last
            && (Some(last.message), last.at) == (kind.message(), begun)
        {
            last.result = Some(result);
        }
    }

    /// The store failed before anything was sent, or while it was read.
    pub(crate) fn put_off(&mut self, kind: Kind, now: Timestamp, chance: u64) {
        if kind != Kind::Reread {
            // What was to be written down may not have been. Reading writes nothing, and has not
            // begun to count as written either.
            self.record_by(now);
        }
        self.store_failures = self.store_failures.saturating_add(1);
        self.store_retry_at = now.plus(store_wait(self.store_failures, chance));
        if kind != Kind::Reread && self.writing == Some(kind.errand()) {
            self.writing = None;
        }
        if kind.errand() == Errand::Notice {
            self.noticing = None;
        } else {
            self.flight = None;
            self.land();
        }
    }

    /// What sends nothing has come to an end: here and nowhere else, since whatever is begun after a
    /// flight's end would end with a second one.
    pub(crate) fn landed(&mut self, kind: Kind) {
        debug_assert_eq!(self.flight, Some(kind), "another flight is under way");
        self.flight = None;
    }

    /// What was on its way was broken off, and nobody knows whether it was taken.
    pub(crate) fn cut_off(&mut self) {
        self.flight = None;
        self.land();
    }

    /// What was on its way waits again, unless something newer waits already.
    fn land(&mut self) {
        for entry in std::mem::take(&mut self.flying) {
            self.waiting.put(entry);
        }
    }
}

//! Checks of endpoints: who may begin, and who stands in line.

use std::sync::Arc;

use presenced_core::id::SubscriptionId;
use tokio::sync::Notify;

use super::super::gate::{Door, Errand, Visitor};
use super::super::limits::CHECKS_WAITING_MAX;
use super::State;
use crate::courier::Class;
use crate::subscription::NotificationUrl;

impl State {
    /// The door for a check, and what tells of its turn where it has to wait for one; nothing where
    /// too many wait. Whatever comes of it, it ends with [`State::end_check`].
    pub(crate) fn begin_check(
        &mut self,
        name: SubscriptionId,
        url: &NotificationUrl,
    ) -> Option<(Door, Option<Arc<Notify>>)> {
        if self.checks.len() >= CHECKS_WAITING_MAX {
            return None;
        }
        let door = Door::new(url, Class::Unknown);
        let visitor = Visitor {
            id: name,
            errand: Errand::Check,
        };
        if self.gate.enter(&door, visitor) {
            return Some((door, None));
        }
        let turn = Arc::new(Notify::new());
        self.checks.insert(name, Some(Arc::clone(&turn)));
        Some((door, Some(turn)))
    }

    /// A check has ended, or is not wanted any more.
    pub(crate) fn end_check(&mut self, name: SubscriptionId, door: &Door) {
        match self.checks.get_mut(&name) {
            // The gate knows it until its turn, which it then gives on.
            Some(turn) => *turn = None,
            None => self.leave(Some(door.clone())),
        }
    }

    /// It is the turn of a check, if it is one. Whether it takes it.
    pub(super) fn has_turn(&mut self, name: SubscriptionId) -> bool {
        let Some(turn) = self.checks.remove(&name).flatten() else {
            return false;
        };
        turn.notify_one();
        true
    }
}

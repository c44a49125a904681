//! Subscriptions that stand in line, each of them once.

use std::collections::{HashSet, VecDeque};

use presenced_core::id::SubscriptionId;

/// A line of subscriptions. Whoever stands in it already keeps the place that it has.
#[derive(Debug, Default)]
pub(crate) struct Line {
    order: VecDeque<SubscriptionId>,
    ids: HashSet<SubscriptionId>,
}

impl Line {
    /// Has it stand at the end, unless it stands in line.
    pub(crate) fn add(&mut self, id: SubscriptionId) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
    }

    /// Who stands first, and leaves the line by this.
    pub(crate) fn next(&mut self) -> Option<SubscriptionId> {
        let id = self.order.pop_front()?;
        self.ids.remove(&id);
        Some(id)
    }
}

//! Reading everybody's present state, where it is not known what changed: piece by piece, in turn
//! with what waits.

use presenced_core::id::UserId;
use presenced_core::time::Timestamp;
use presenced_store::UserPlace;

use super::super::limits::REREAD_PER_POST_MAX;
use super::super::waiting::{EVERYTHING, Entry};
use super::Lane;
use crate::compose::{Item, LifecycleEvent};
use crate::subscription::{Resource, Subscription};

/// How far reading everybody's present state has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reread {
    /// Users still to be read.
    pub(crate) users: Vec<UserId>,
    /// Where the tenant's next ones are.
    pub(crate) next: Option<UserPlace>,
    /// Changes were lost from sight again: begin anew after this.
    pub(crate) again: bool,
    /// After a POST, the next piece is read before the next POST.
    pub(crate) is_next: bool,
}

impl Reread {
    /// From the beginning.
    fn begin(subscription: &Subscription) -> Self {
        let (users, next) = match &subscription.resource {
            Resource::Users(users) => (users.to_vec(), None),
            Resource::Tenant => (Vec::new(), Some(UserPlace::default())),
        };
        Self {
            users,
            next,
            again: false,
            is_next: true,
        }
    }
}

/// What a lane wants to know of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToRead {
    /// Who the tenant's users from this place on are.
    From(UserPlace),
    /// The present state of these users.
    Users(Vec<UserId>),
}

impl Lane {
    /// Changes went by unseen: everybody's present state has to be told.
    pub(crate) fn lost_sight(&mut self) {
        if let Some(reread) = &mut self.reread {
            reread.again = true;
            return;
        }
        self.reread = Some(Reread::begin(&self.subscription));
        self.notice(LifecycleEvent::Missed);
    }

    /// A document says that everybody's present state is to be told.
    pub(crate) fn reread_from_start(&mut self) {
        self.reread = Some(Reread::begin(&self.subscription));
    }

    /// What to read next, where everybody's state is to be read: a piece, or who the next users are.
    pub(crate) fn to_read(&self) -> Option<ToRead> {
        let reread = self.reread.as_ref()?;
        if reread.users.is_empty() {
            return reread.next.map(ToRead::From);
        }
        let start = reread.users.len().saturating_sub(REREAD_PER_POST_MAX);
        Some(ToRead::Users(reread.users.get(start..)?.to_vec()))
    }

    /// Some of the tenant's users are known, and where the next ones are.
    pub(crate) fn read_some(&mut self, users: Vec<UserId>, next: Option<UserPlace>) {
        self.store_failures = 0;
        if let Some(reread) = &mut self.reread {
            reread.users = users;
            reread.next = next;
        }
        self.end_reread();
    }

    /// The present state of the last `asked` users is known; `items` are those who have one.
    pub(crate) fn read_users(&mut self, asked: usize, items: &[Item], now: Timestamp) {
        self.store_failures = 0;
        if let Some(reread) = &mut self.reread {
            let left = reread.users.len().saturating_sub(asked);
            reread.users.truncate(left);
        }
        for item in items {
            self.push(Entry {
                place: EVERYTHING,
                since: now,
                item: *item,
            });
        }
        // What is read at once may be few users: several such go into one POST.
        let enough = self.waiting.len() >= REREAD_PER_POST_MAX;
        if let Some(reread) = &mut self.reread {
            reread.is_next = !enough;
        }
        self.end_reread();
    }

    fn end_reread(&mut self) {
        let Some(reread) = &mut self.reread else {
            return;
        };
        if !reread.users.is_empty() || reread.next.is_some() {
            return;
        }
        self.reread = reread.again.then(|| Reread::begin(&self.subscription));
    }
}

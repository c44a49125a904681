//! One stream, from its reader's side: whom to tell of, in which order, and when there is nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use presenced_core::id::{UserId, UserKey};
use presenced_store::{Changes, Cursor, StoreError, UserPlace};

use super::event_id::{EventId, Seal};
use super::hub::Inner;
use super::limits::{
    CATCH_UP_CHANGES_MIN, CATCH_UP_CHANGES_PER_USER, CATCH_UP_CHANGES_TENANT, CHANGES_PER_ROUND,
    TENANT_PENDING_MAX, USERS_PER_PIECE,
};
use super::seat::{Seat, Signal};
use super::{EndReason, Watched};

/// An open stream. It ends when it is dropped.
pub struct Stream {
    hub: Arc<Inner>,
    seat: Arc<Seat>,
    slot: u32,
    seal: Seal,
    phase: Phase,
}

/// What comes next on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Tell the present state of these users.
    Presences {
        /// Each of them once, at least one.
        users: Vec<UserId>,
        /// The stream's place when they have been told; none while the state is told, which a
        /// client that is cut off has to hear from its beginning.
        then: Option<EventId>,
    },
    /// All that is watched has been told.
    Synced {
        /// The stream's place.
        at: EventId,
        /// Whether only what had changed since the place that the client named was told, instead of
        /// the whole state.
        resumed: bool,
    },
    /// More has changed than was kept: the state is told once more, and another
    /// [`Synced`](Next::Synced) follows.
    Behind,
    /// Nothing has to be told; it is time for a sign of life, and to look whether the reader may
    /// still read.
    Heartbeat,
    /// The stream is over, and says nothing else from here on.
    End(EndReason),
}

/// How far a stream is.
#[derive(Debug)]
enum Phase {
    /// The client named a place; what has changed since is to be found.
    CatchUp(Cursor),
    /// These are told, the last one first.
    Some { users: Vec<UserId> },
    /// All are told.
    All(Walk),
    /// What changes is told.
    Live,
}

/// How far the telling of all is.
#[derive(Debug)]
enum Walk {
    /// The chosen users from this one on.
    Chosen(usize),
    /// The tenant's users from this place on.
    Tenant(Option<UserPlace>),
}

impl Stream {
    pub(super) fn new(
        hub: Arc<Inner>,
        seat: Arc<Seat>,
        slot: u32,
        resume: Option<EventId>,
    ) -> Self {
        // A reader may never come: a client can ask for a stream and leave no room for its first
        // piece. It has as long for that as for any other.
        seat.away(hub.second());
        let own_seal = Seal::of(hub.settings.era, seat.tenant, &seat.watched);
        let phase = match resume {
            Some(id) if id.seal == own_seal => Phase::CatchUp(id.cursor),
            Some(_) | None => Phase::All(Walk::of(&seat.watched)),
        };
        Self {
            hub,
            seat,
            slot,
            seal: own_seal,
            phase,
        }
    }

    /// A number that is different for most streams that are open at the same time.
    pub fn number(&self) -> u32 {
        self.slot
    }

    /// Whether it is of all users of the tenant, none of whom was named.
    pub fn is_of_tenant(&self) -> bool {
        matches!(self.seat.watched, Watched::Tenant)
    }

    /// What comes next; waits until there is something. An error is the store's, and calling again
    /// goes on where it was.
    pub async fn next(&mut self) -> Result<Next, StoreError> {
        self.seat.here();
        let next = self.find().await;
        self.seat.away(self.hub.second());
        next
    }

    async fn find(&mut self) -> Result<Next, StoreError> {
        loop {
            match self.seat.signal() {
                Some(Signal::Ended(reason)) => return Ok(Next::End(reason)),
                Some(Signal::Heartbeat) => return Ok(Next::Heartbeat),
                None => {}
            }
            match &mut self.phase {
                Phase::CatchUp(after) => {
                    let after = *after;
                    self.phase = match self.changed_since(after).await? {
                        Some(users) => Phase::Some { users },
                        None => Phase::All(Walk::of(&self.seat.watched)),
                    };
                }
                Phase::Some { users } => {
                    let rest = users.len().saturating_sub(USERS_PER_PIECE);
                    let piece = users.split_off(rest);
                    if let Some(next) = self.told(piece, true) {
                        return Ok(next);
                    }
                }
                Phase::All(walk) => {
                    let piece = walk.piece(&self.hub, &self.seat).await?;
                    if let Some(next) = self.told(piece, false) {
                        return Ok(next);
                    }
                }
                Phase::Live => {
                    if self.seat.has_missed_some() {
                        self.phase = Phase::All(Walk::of(&self.seat.watched));
                        return Ok(Next::Behind);
                    }
                    let position = self.hub.position();
                    if let Some((users, up_to)) = self.seat.take(position) {
                        let then = Some(self.id(up_to));
                        return Ok(Next::Presences { users, then });
                    }
                    self.seat.woken().await;
                }
            }
        }
    }

    /// A piece of the state, or that it was told in full. What was missed meanwhile is attended to
    /// by [`Phase::Live`]: a state that takes long to tell is finished first, so that every user is
    /// told once in each round, however much changes.
    fn told(&mut self, users: Vec<UserId>, resumed: bool) -> Option<Next> {
        if !users.is_empty() {
            return Some(Next::Presences { users, then: None });
        }
        if let Phase::All(Walk::Tenant(Some(_))) = &self.phase {
            // Nobody here, and more to look at.
            return None;
        }
        self.phase = Phase::Live;
        if self.seat.has_missed_some() {
            self.phase = Phase::All(Walk::of(&self.seat.watched));
            return Some(Next::Behind);
        }
        let position = self.hub.position();
        let at = self.id(self.seat.told_up_to(position));
        Some(Next::Synced { at, resumed })
    }

    fn id(&self, cursor: Cursor) -> EventId {
        EventId {
            cursor,
            seal: self.seal,
        }
    }

    /// The watched users who have changed since a place in the feed; `None` where that cannot be
    /// known, or telling all is cheaper.
    ///
    /// The seat is filled since before this is called, so that reading up to the newest change is
    /// reading enough.
    async fn changed_since(&self, mut after: Cursor) -> Result<Option<Vec<UserId>>, StoreError> {
        let store = &self.hub.store;
        let newest = store.newest().await?;
        if after > newest {
            return Ok(None);
        }
        let mut left = match &self.seat.watched {
            Watched::Tenant => CATCH_UP_CHANGES_TENANT,
            Watched::Users(users) => {
                CATCH_UP_CHANGES_MIN.max(users.len() * CATCH_UP_CHANGES_PER_USER)
            }
        };
        let mut found = BTreeSet::new();
        while after < newest {
            let changes = match store.changes(after, CHANGES_PER_ROUND).await? {
                Changes::Gap { .. } => return Ok(None),
                Changes::Batch(changes) => changes,
            };
            let Some(last) = changes.last() else { break };
            after = last.cursor;
            let watched = changes.iter().map(|change| change.user);
            found.extend(watched.filter_map(|user| self.watches(user)));
            left = left.saturating_sub(changes.len());
            if left == 0 || found.len() > TENANT_PENDING_MAX {
                return Ok(None);
            }
            tokio::task::yield_now().await;
        }
        Ok(Some(found.into_iter().collect()))
    }

    fn watches(&self, key: UserKey) -> Option<UserId> {
        let watched = key.tenant == self.seat.tenant
            && match &self.seat.watched {
                Watched::Tenant => true,
                Watched::Users(users) => users.binary_search(&key.user).is_ok(),
            };
        watched.then_some(key.user)
    }
}

impl Walk {
    /// From the beginning.
    fn of(watched: &Watched) -> Self {
        match watched {
            Watched::Users(_) => Self::Chosen(0),
            Watched::Tenant => Self::Tenant(Some(UserPlace::default())),
        }
    }

    /// The next users; of a tenant, others may follow where there are none here.
    async fn piece(&mut self, hub: &Inner, seat: &Seat) -> Result<Vec<UserId>, StoreError> {
        match self {
            Self::Chosen(from) => {
                let rest = seat.chosen().get(*from..).unwrap_or_default();
                let piece: Vec<UserId> = rest.iter().take(USERS_PER_PIECE).copied().collect();
                *from += piece.len();
                Ok(piece)
            }
            Self::Tenant(None) => Ok(Vec::new()),
            Self::Tenant(Some(place)) => {
                let found = hub.store.users(seat.tenant, *place, USERS_PER_PIECE);
                let found = found.await?;
                *self = Self::Tenant(found.next);
                Ok(found.users)
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.hub.leave(self.slot, &self.seat);
    }
}

//! One stream, from its reader's side: whom to tell of, in which order, and when there is nothing.

use std::sync::Arc;

use presenced_core::id::UserId;
use presenced_store::{Changes, Cursor, StoreError};

use super::event_id::{EventId, Scope, Seal};
use super::hub::Inner;
use super::limits::{
    CATCH_UP_CHANGES_MIN, CATCH_UP_CHANGES_PER_USER, CATCH_UP_CHANGES_TENANT, CHANGES_PER_ROUND,
    PIECES_PER_TURN, USERS_PER_PIECE,
};
use super::log::Missed;
use super::seat::{Seat, Signal};
use super::walk::Walk;
use super::{EndReason, Watched};

/// An open stream. It ends when it is dropped.
pub struct Stream {
    hub: Arc<Inner>,
    seat: Arc<Seat>,
    slot: u32,
    seal: Seal,
    phase: Phase,
    /// Pieces since it waited, or gave others a turn.
    in_a_row: u32,
}

/// What comes next on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Tell the present state of these users: a piece of the state of all.
    State {
        /// Each of them once, at least one.
        users: Vec<UserId>,
    },
    /// Tell the present state of these users, who have changed.
    Changed {
        /// Each of them once, at least one.
        users: Vec<UserId>,
        /// The stream's place when they have been told; none until it is in step, since a client
        /// that is cut off before has to hear the rest as well.
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
    /// The client named a place; what has changed since is told.
    CatchUp(CatchUp),
    /// All are told.
    All(Walk),
    /// What changes is told.
    Live,
}

/// How far the telling of what has changed since a place is.
#[derive(Debug)]
struct CatchUp {
    /// What lies before this place in the feed was looked through.
    after: Cursor,
    /// What was the newest change when it began: the seat is filled since before then, so that
    /// looking so far is looking enough. None until it is asked for.
    newest: Option<Cursor>,
    /// Who has changed and is still to be told, the last one first.
    users: Vec<UserId>,
    /// Changes that are looked through at most: where there are more, telling all is cheaper.
    left: usize,
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
        let scope = Scope::of(seat.tenant, &seat.watched);
        let present = scope.in_life(hub.lives.present());
        let phase = match resume {
            Some(id) if hub.lives.know(id, scope) => {
                Phase::CatchUp(CatchUp::from(id.cursor, &seat.watched))
            }
            Some(_) | None => Phase::All(Walk::of(&seat.watched)),
        };
        Self {
            hub,
            seat,
            slot,
            seal: present,
            phase,
            in_a_row: 0,
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
        if self.in_a_row == PIECES_PER_TURN {
            self.in_a_row = 0;
            tokio::task::yield_now().await;
        }
        self.in_a_row += 1;
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
            let next = match &mut self.phase {
                Phase::CatchUp(_) => self.catch_up().await?,
                Phase::All(_) => self.walk().await?,
                Phase::Live => self.follow(),
            };
            match next {
                Some(next) => return Ok(next),
                None if matches!(self.phase, Phase::Live) => {
                    self.seat.woken().await;
                    self.in_a_row = 1;
                }
                // Nobody was found here: others have a turn before it is looked further.
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// What has changed since the place that the client named.
    async fn catch_up(&mut self) -> Result<Option<Next>, StoreError> {
        let Phase::CatchUp(catch_up) = &mut self.phase else {
            return Ok(None);
        };
        Ok(match catch_up.go_on(&self.hub, &self.seat).await? {
            Found::Users(users) if users.is_empty() => None,
            Found::Users(users) => Some(Next::Changed { users, then: None }),
            Found::AllTold => self.in_step(true),
            Found::Lost => {
                self.phase = Phase::All(Walk::of(&self.seat.watched));
                None
            }
        })
    }

    /// A piece of the state of all, in turn with what changes meanwhile, where that is not told with
    /// the state.
    async fn walk(&mut self) -> Result<Option<Next>, StoreError> {
        let Phase::All(walk) = &mut self.phase else {
            return Ok(None);
        };
        if walk.is_turn_of_changes() {
            match self.seat.take(self.hub.position()) {
                Ok((users, _)) if users.is_empty() => {}
                Ok((users, _)) => return Ok(Some(Next::Changed { users, then: None })),
                Err(Missed) => walk.again(),
            }
        }
        Ok(match walk.piece(&self.hub, &self.seat).await? {
            Some(users) if users.is_empty() => None,
            Some(users) => Some(Next::State { users }),
            None => self.in_step(false),
        })
    }

    /// That everything is told but what waits. Where changes were missed, the state has to be told
    /// first, or more of it.
    fn in_step(&mut self, resumed: bool) -> Option<Next> {
        match (self.seat.told_up_to(self.hub.position()), &mut self.phase) {
            (Ok(up_to), _) => {
                self.phase = Phase::Live;
                let at = self.id(up_to);
                Some(Next::Synced { at, resumed })
            }
            (Err(Missed), Phase::All(walk)) => {
                walk.again();
                None
            }
            (Err(Missed), Phase::CatchUp(_) | Phase::Live) => {
                self.phase = Phase::All(Walk::of(&self.seat.watched));
                None
            }
        }
    }

    /// What has changed since everything was told.
    fn follow(&mut self) -> Option<Next> {
        match self.seat.take(self.hub.position()) {
            Ok((users, _)) if users.is_empty() => None,
            Ok((users, up_to)) => {
                let then = Some(self.id(up_to));
                Some(Next::Changed { users, then })
            }
            Err(Missed) => {
                self.phase = Phase::All(Walk::of(&self.seat.watched));
                Some(Next::Behind)
            }
        }
    }

    fn id(&self, cursor: Cursor) -> EventId {
        EventId {
            cursor,
            seal: self.seal,
        }
    }
}

impl CatchUp {
    fn from(after: Cursor, watched: &Watched) -> Self {
        let left = match watched {
            Watched::Tenant => CATCH_UP_CHANGES_TENANT,
            Watched::Users(users) => {
                CATCH_UP_CHANGES_MIN.max(users.len() * CATCH_UP_CHANGES_PER_USER)
            }
        };
        Self {
            after,
            newest: None,
            users: Vec::new(),
            left,
        }
    }

    /// The next users who have changed.
    async fn go_on(&mut self, hub: &Inner, seat: &Seat) -> Result<Found, StoreError> {
        if !self.users.is_empty() {
            let rest = self.users.len().saturating_sub(USERS_PER_PIECE);
            return Ok(Found::Users(self.users.split_off(rest)));
        }
        let newest = if let Some(newest) = self.newest {
            newest
        } else {
            let newest = hub.store.newest().await?;
            if self.after > newest {
                return Ok(Found::Lost);
            }
            *self.newest.insert(newest)
        };
        if self.after >= newest {
            return Ok(Found::AllTold);
        }
        let changes = match hub.store.changes(self.after, CHANGES_PER_ROUND).await? {
            Changes::Gap { .. } => return Ok(Found::Lost),
            Changes::Batch(_) if self.left == 0 => return Ok(Found::Lost),
            Changes::Batch(changes) => changes,
        };
        let Some(last) = changes.last() else {
            return Ok(Found::AllTold);
        };
        self.after = last.cursor;
        self.left = self.left.saturating_sub(changes.len());
        let keys = changes.iter().map(|change| change.user);
        self.users = keys.filter_map(|user| seat.watches(user)).collect();
        self.users.sort_unstable();
        self.users.dedup();
        Ok(Found::Users(Vec::new()))
    }
}

/// What the feed says of whom to tell.
enum Found {
    /// These, as far as it was looked through.
    Users(Vec<UserId>),
    /// Nobody else.
    AllTold,
    /// It does not say it any more, or there is too much of it.
    Lost,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.hub.leave(self.slot, &self.seat);
    }
}

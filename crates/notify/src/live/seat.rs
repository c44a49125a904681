//! What hub and stream share: the one fills it, the other empties it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use presenced_core::id::{ApplicationId, TenantId, UserId};
use presenced_store::Cursor;
use tokio::sync::Notify;

use super::limits::{STALL_SECONDS, USERS_PER_PIECE};
use super::mailbox::{Mailbox, Told};
use super::{EndReason, Watched};

/// One stream as the hub knows it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) tenant: TenantId,
    pub(super) application: ApplicationId,
    pub(super) watched: Watched,
    inbox: Mutex<Inbox>,
    wake: Notify,
    /// The second in which a piece was handed to the reader who has not come back since; 0 while
    /// the stream waits for something to tell. A
    /// reader who has not come yet counts as away from the beginning.
    away_since: AtomicU64,
}

/// All that a stream can be woken for.
#[derive(Debug)]
struct Inbox {
    mailbox: Mailbox,
    /// Changes were missed.
    gap: bool,
    /// It is time for a sign of life.
    heartbeat: bool,
    ended: Option<EndReason>,
}

/// What a stream attends to before what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// It is over.
    Ended(EndReason),
    /// A sign of life.
    Heartbeat,
}

impl Seat {
    pub(super) fn new(tenant: TenantId, application: ApplicationId, watched: Watched) -> Self {
        let mailbox = match &watched {
            Watched::Users(users) => Mailbox::chosen(users.len()),
            Watched::Tenant => Mailbox::tenant(),
        };
        Self {
            tenant,
            application,
            watched,
            inbox: Mutex::new(Inbox {
                mailbox,
                gap: false,
                heartbeat: false,
                ended: None,
            }),
            wake: Notify::new(),
            away_since: AtomicU64::new(0),
        }
    }

    /// The users that were chosen; none where all are watched.
    pub(super) fn chosen(&self) -> &[UserId] {
        match &self.watched {
            Watched::Users(users) => users,
            Watched::Tenant => &[],
        }
    }

    // --- The hub's side ---

    /// A user has changed.
    pub(super) fn tell(&self, told: Told, since: Cursor) {
        if self.inbox.lock().mailbox.push(told, since) {
            self.wake.notify_one();
        }
    }

    /// Changes were missed.
    pub(super) fn gap(&self) {
        self.inbox.lock().gap = true;
        self.wake.notify_one();
    }

    /// It is time for a sign of life.
    pub(super) fn heartbeat(&self) {
        self.inbox.lock().heartbeat = true;
        self.wake.notify_one();
    }

    /// The stream is over, for the first reason that is given.
    pub(super) fn end(&self, reason: EndReason) {
        let mut inbox = self.inbox.lock();
        inbox.ended.get_or_insert(reason);
        inbox.mailbox.clear();
        drop(inbox);
        self.wake.notify_one();
    }

    /// Whether the reader has taken nothing for too long.
    pub(super) fn is_stalled(&self, second: u64) -> bool {
        let since = self.away_since.load(Relaxed);
        since > 0 && second.saturating_sub(since) >= STALL_SECONDS
    }

    // --- The stream's side ---

    /// The reader has come back for more.
    pub(super) fn here(&self) {
        self.away_since.store(0, Relaxed);
    }

    /// The reader was handed something in this second, which is not 0.
    pub(super) fn away(&self, second: u64) {
        self.away_since.store(second, Relaxed);
    }

    /// What goes before all changes.
    pub(super) fn signal(&self) -> Option<Signal> {
        let mut inbox = self.inbox.lock();
        if let Some(reason) = inbox.ended {
            return Some(Signal::Ended(reason));
        }
        std::mem::take(&mut inbox.heartbeat).then_some(Signal::Heartbeat)
    }

    /// Whether changes were missed or not kept, so that the state has to be told anew; it must be
    /// read after this.
    pub(super) fn has_missed_some(&self) -> bool {
        let mut inbox = self.inbox.lock();
        let gap = std::mem::take(&mut inbox.gap);
        inbox.mailbox.take_overflow() || gap
    }

    /// Some users who have changed, if there are any, and up to where everything is told with
    /// them.
    pub(super) fn take(&self, position: Cursor) -> Option<(Vec<UserId>, Cursor)> {
        let mut inbox = self.inbox.lock();
        let users = inbox.mailbox.take(self.chosen(), USERS_PER_PIECE);
        if users.is_empty() {
            return None;
        }
        Some((users, inbox.mailbox.told_up_to(position)))
    }

    /// Up to where everything is told but what waits.
    pub(super) fn told_up_to(&self, position: Cursor) -> Cursor {
        self.inbox.lock().mailbox.told_up_to(position)
    }

    /// Resolves when there may be something to attend to.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}

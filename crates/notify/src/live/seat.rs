//! What hub and stream share: the one fills it, the other empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use presenced_core::id::{ApplicationId, TenantId, UserId, UserKey};
use presenced_store::Cursor;
use tokio::sync::Notify;

use super::limits::{STALL_SECONDS, USERS_PER_PIECE};
use super::log::{Log, Missed};
use super::mailbox::Mailbox;
use super::{EndReason, Watched};

/// One stream as the hub knows it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) tenant: TenantId,
    pub(super) application: ApplicationId,
    pub(super) watched: Watched,
    inbox: Mutex<Inbox>,
    /// Where a stream of a whole tenant hears of changes, in place of the mailbox.
    reading: Option<Reading>,
    wake: Notify,
    /// The second in which a piece was handed to the reader who has not come back since; 0 while
    /// the stream waits for something to tell. A reader who has not come yet counts as away from the
    /// beginning.
    away_since: AtomicU64,
}

/// The changes of a tenant, as one stream reads them.
#[derive(Debug)]
struct Reading {
    log: Arc<Log>,
    /// The number of the entry that is read next. Written by the stream alone.
    from: AtomicU64,
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
            Watched::Users(users) => Mailbox::new(users.len()),
            Watched::Tenant => Mailbox::new(0),
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
            reading: None,
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

    /// Hears of changes from here on.
    pub(super) fn follow(&mut self, log: Arc<Log>) {
        let from = AtomicU64::new(log.end());
        self.reading = Some(Reading { log, from });
    }

    /// The user of this key, if it is one of those that are watched.
    pub(super) fn watches(&self, key: UserKey) -> Option<UserId> {
        let is_watched = key.tenant == self.tenant
            && match &self.watched {
                Watched::Tenant => true,
                Watched::Users(users) => users.binary_search(&key.user).is_ok(),
            };
        is_watched.then_some(key.user)
    }

    // --- The hub's side ---

    /// The user at this place of its list has changed.
    pub(super) fn tell(&self, at: u32, since: Cursor) {
        if self.inbox.lock().mailbox.push(at, since) {
            self.wake.notify_one();
        }
    }

    /// There is more in the log of its tenant.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Up to which entry it has read the log of its tenant.
    pub(super) fn read_up_to(&self) -> u64 {
        let reading = self.reading.as_ref();
        reading.map_or(u64::MAX, |reading| reading.from.load(Relaxed))
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
        inbox.mailbox = Mailbox::new(0);
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

    /// Some users who have changed, none where nobody has, and up to where everything is told with
    /// them. Where changes were missed, the state has to be told; it must be read after this.
    pub(super) fn take(&self, position: Cursor) -> Result<(Vec<UserId>, Cursor), Missed> {
        self.read(USERS_PER_PIECE, position)
    }

    /// Up to where everything is told but what waits, unless changes were missed.
    pub(super) fn told_up_to(&self, position: Cursor) -> Result<Cursor, Missed> {
        self.read(0, position).map(|(_nobody, up_to)| up_to)
    }

    fn read(&self, at_most: usize, position: Cursor) -> Result<(Vec<UserId>, Cursor), Missed> {
        let mut inbox = self.inbox.lock();
        if std::mem::take(&mut inbox.gap) {
            return Err(Missed);
        }
        if let Some(Reading { log, from }) = &self.reading {
            drop(inbox);
            let mut number = from.load(Relaxed);
            let read = log.read(&mut number, at_most, position);
            from.store(number, Relaxed);
            return read;
        }
        let users = inbox.mailbox.take(self.chosen(), at_most);
        Ok((users, inbox.mailbox.told_up_to(position)))
    }

    /// Resolves when there may be something to attend to.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }
}

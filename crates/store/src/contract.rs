//! What every backend promises: the [`Store`] trait and the types that cross it.

use std::future::Future;
use std::pin::Pin;

use presenced_core::decide::{Change, Command, Refusal};
use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_core::time::Timestamp;

/// An answer that is still on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where records, changes and documents live.
///
/// The rules are not here: a backend loads a record, asks [`presenced_core::decide::decide`], and
/// commits record and change together. The promises, which `testkit::conformance` holds every
/// backend to:
///
/// - **Atomic and durable.** When [`apply`](Store::apply) has answered `Ok`, record and change are
///   committed and survive the end of the process at any moment. When it has answered `Err`,
///   nothing of it is ever seen again, after a restart neither.
/// - **Whole or not at all.** Whoever drops the future of a write before its answer does not know
///   what became of it, but it is committed or without effect, never half: not the record without
///   its change, nor either before a restart and not after it.
/// - **One at a time per user.** Two commands for one user are decided one after the other, each on
///   the record that the other left.
/// - **Apart.** Nothing of one tenant is reachable with the key of another.
/// - **A feed in commit order.** Each committed change stands in the feed once, for one user in the
///   order of its sequence numbers. Retention is bounded; a cursor that is older than what is kept
///   is told so, never skipped silently.
/// - **Deadlines.** A record whose presence changes by itself is ticked by
///   [`expire_due`](Store::expire_due) at or after that instant, once, also after a restart.
pub trait Store: Send + Sync + 'static {
    /// Decides `command` on the user's record at `now` and commits what comes of it. A user never
    /// seen before has the empty record.
    fn apply(
        &self,
        user: UserKey,
        command: Command,
        now: Timestamp,
    ) -> Pending<'_, Result<Applied, ApplyError>>;

    /// The user's record, or `None` for a user of whom nothing was ever set. Creates nothing.
    fn get(&self, user: UserKey) -> Pending<'_, Result<Option<Record>, StoreError>>;

    /// The records of several users of one tenant, in the order asked for; a user asked for twice
    /// is answered twice. Not one snapshot: each record is right by itself.
    fn list<'a>(
        &'a self,
        tenant: TenantId,
        users: &'a [UserId],
    ) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>>;

    /// The users of a tenant of whom anything was ever set, at most `at_most` of them: from the
    /// default place on, then from each answer's `next` until there is none. An answer takes bounded
    /// work, and so may be empty though others follow. A user who comes into being meanwhile may be
    /// told or not, and is in the feed.
    fn users(
        &self,
        tenant: TenantId,
        from: UserPlace,
        at_most: usize,
    ) -> Pending<'_, Result<Users, StoreError>>;

    /// Ticks the users whose presence changes by itself at or before `now`, each at its own
    /// instant and in the order of these instants; at most `at_most` ticks, so that a storm can be
    /// interleaved with other work. A call that ticks nobody may still ask to be called again at
    /// once: deadlines that were moved, or very many at once, take a look each.
    fn expire_due(
        &self,
        now: Timestamp,
        at_most: usize,
    ) -> Pending<'_, Result<Expired, StoreError>>;

    /// The committed changes after `after`, oldest first, at most `at_most`.
    fn changes(&self, after: Cursor, at_most: usize) -> Pending<'_, Result<Changes, StoreError>>;

    /// The cursor of the newest committed change: reading from here tells only what is still to
    /// come.
    fn newest(&self) -> Pending<'_, Result<Cursor, StoreError>>;

    /// Resolves as soon as a change after `after` may be there to be read; at once if one is.
    fn wait_for_change(&self, after: Cursor) -> Pending<'_, ()>;

    /// Writes a document if its revision is still `expected` (`None`: if there is no such
    /// document), and answers the new revision. [`StoreError::Conflict`] otherwise.
    fn put_document<'a>(
        &'a self,
        key: &'a DocumentKey,
        expected: Option<Revision>,
        body: &'a [u8],
    ) -> Pending<'a, Result<Revision, StoreError>>;

    /// A document, if it exists.
    fn get_document<'a>(
        &'a self,
        key: &'a DocumentKey,
    ) -> Pending<'a, Result<Option<Document>, StoreError>>;

    /// All documents of a kind in one tenant, or in all of them, ordered by key.
    fn list_documents(
        &self,
        kind: DocumentKind,
        tenant: Option<TenantId>,
    ) -> Pending<'_, Result<Vec<(DocumentKey, Document)>, StoreError>>;

    /// Removes a document. `false` where there was none.
    fn delete_document<'a>(&'a self, key: &'a DocumentKey)
    -> Pending<'a, Result<bool, StoreError>>;

    /// Records, as durably as a command, that it was `now`, whether or not anything else happened;
    /// a time that is not after [`latest_time`](Store::latest_time) is known already and costs
    /// nothing. It is no change: the feed does not tell it.
    fn mark_time(&self, now: Timestamp) -> Pending<'_, Result<(), StoreError>>;

    /// The latest time that was committed, with a record or by [`mark_time`](Store::mark_time);
    /// [`Timestamp::EPOCH`] where nothing was. A clock that starts must not start before it, or
    /// what has ended would live again.
    fn latest_time(&self) -> Timestamp;

    /// Whether the store can take a write now; the error says why not.
    fn ready(&self) -> Pending<'_, Result<(), StoreError>>;

    /// Writes and syncs what is left to write, and lets go of the data: when this has answered,
    /// another process can open it. Nothing that was answered is lost without it; with it, answers
    /// that survive the end of the process survive a loss of power as well from here on. No write
    /// is taken afterwards. An error tells what is not as it should be; the data is let go of all
    /// the same.
    fn close(&self) -> Pending<'_, Result<(), StoreError>>;
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The record after the command.
    pub record: Record,
    /// What watchers are told, if anything visible changed.
    pub change: Option<Change>,
}

/// Some of a tenant's users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Each of them once.
    pub users: Vec<UserId>,
    /// Where the next ones are, which is a greater place; `None` after the last one.
    pub next: Option<UserPlace>,
}

/// A place among a tenant's users: whoever stands before it stays before it while the process lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserPlace(pub u64);

/// Why a command was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The rules refused it.
    #[error("the command was refused")]
    Refused(#[source] Refusal),
    /// The store could not carry it out.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// What went wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The backend cannot do this now; it may later, with no change by the caller.
    #[error("cannot {operation}")]
    Unavailable {
        /// What was being done, to fit after "cannot": "write the journal".
        operation: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// Somebody else was first: the document's revision is not the expected one.
    #[error("the document was changed by somebody else")]
    Conflict,
    /// What is stored cannot be understood. Says where, and what to do.
    #[error("{place}: {problem}; {remedy}")]
    Corrupt {
        /// The file and offset, or the key.
        place: String,
        /// What is wrong there.
        problem: String,
        /// What the operator can do.
        remedy: &'static str,
    },
    /// A limit of the store is reached. Says which.
    #[error("{0}")]
    LimitReached(&'static str),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Conflict => true,
            Self::Corrupt { .. } | Self::LimitReached(_) => false,
        }
    }
}

/// What a round of [`Store::expire_due`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// How many users were ticked.
    pub ticked: usize,
    /// When to call again: at once where this is not in the future; `None` where no presence will
    /// change by itself. It may be earlier than the next change, never later.
    pub next: Option<Timestamp>,
}

/// A place in the change feed, between two changes. Ordered as the feed is; a cursor from before a
/// restart is still good after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub u64);

/// What the feed answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// The changes after the cursor that was given; empty where there are none yet.
    Batch(Vec<FeedChange>),
    /// Changes after that cursor are no longer kept. Read the present state of what you watch, and
    /// go on from `resume`.
    Gap {
        /// Where the feed goes on.
        resume: Cursor,
    },
}

/// A change in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedChange {
    /// The place right after it.
    pub cursor: Cursor,
    /// Whose presence changed.
    pub user: UserKey,
    /// What it is now.
    pub change: Change,
}

/// What a document is about. Documents are small, and written rarely in comparison to presences:
/// once for each change of a directory or a subscription, and for each delivery before and after it.
/// Each kind has its own limit, so that one which is full leaves the others alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// A subscription to change notifications.
    Subscription,
    /// How far a subscription's notifications have been delivered; of the same id.
    Delivery,
    /// A user of the directory.
    User,
    /// An application of the directory.
    Application,
    /// What the change feed has lived through: one document, of no tenant.
    Feed,
}

/// The name of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey {
    /// What it is about.
    pub kind: DocumentKind,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id within kind and tenant.
    pub id: u128,
}

/// Grows with each write of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A document as it is stored. Its body is the writer's own affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which write made it.
    pub revision: Revision,
    /// What was written.
    pub body: Vec<u8>,
}

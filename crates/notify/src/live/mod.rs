//! Live streams: the present state of chosen users or of a whole tenant, then every change.
//!
//! ```text
//! store.changes ->  Hub, one follower  ->  a Seat for each stream  ->  Stream::next  ->  the reader
//!                   (registry: who          (mailbox or log: who      (whom to tell
//!                    watches whom)           is to be told of)         of, and when)
//! ```
//!
//! Nothing but the names of users is kept for a reader: what is told of them is read from the store
//! when it is told. So the newest is told, and a slow reader is spared what lies between. A mailbox is
//! bounded by whom its stream watches; of a whole tenant's changes there is one log for all its
//! streams, and whoever is too far behind to go on with it walks over all users, once around.
//!
//! | file | holds |
//! |---|---|
//! | `hub.rs` | following the feed, signs of life, the end of readers that take nothing |
//! | `registry.rs` | who watches whom, and how many may |
//! | `seat.rs` | what hub and stream share |
//! | `mailbox.rs` | for chosen users: those who changed, each once, and up to where everything is told |
//! | `log.rs` | for whole tenants: the users who changed, once for all streams |
//! | `stream.rs` | the order of things on a stream: catching up or the state, then changes |
//! | `walk.rs` | telling the state: how far it is, and when all were told |
//! | `event_id.rs` | the names of places, by which a client goes on |
//! | `limits.rs` | every limit |

mod event_id;
mod hub;
pub mod limits;
mod lives;
mod log;
mod mailbox;
mod registry;
mod seat;
mod stream;
#[cfg(test)]
mod tests;
mod walk;

use presenced_core::id::{ApplicationId, TenantId, UserId};
use presenced_store::StoreError;

pub use event_id::EventId;
pub use hub::Hub;
pub use lives::Lives;
pub use stream::{Next, Stream};

/// What an operator decides about live streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSettings {
    /// [`limits::STREAMS_MAX`]
    pub streams_max: usize,
    /// [`limits::STREAMS_PER_APPLICATION_MAX`]
    pub streams_per_application_max: usize,
    /// [`limits::WATCHES_MAX`]
    pub watches_max: usize,
}

/// The values of [`limits`].
impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            streams_max: limits::STREAMS_MAX,
            streams_per_application_max: limits::STREAMS_PER_APPLICATION_MAX,
            watches_max: limits::WATCHES_MAX,
        }
    }
}

/// A stream that is to be opened. Whether it may be is decided by whoever asks.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The reader's tenant.
    pub tenant: TenantId,
    /// The reader's application: there is a limit for each.
    pub application: ApplicationId,
    /// Whom it watches.
    pub watched: Watched,
    /// Where the client was when it was cut off, if it says so.
    pub resume: Option<EventId>,
}

/// Whom a stream watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// These users, in order and each of them once: [`Watched::users`] makes them so.
    Users(Box<[UserId]>),
    /// Every user of the tenant.
    Tenant,
}

impl Watched {
    /// These users. How many there may be is for whoever asks: [`limits::USERS_PER_STREAM_MAX`].
    pub fn users(mut users: Vec<UserId>) -> Self {
        users.sort_unstable();
        users.dedup();
        Self::Users(users.into())
    }
}

/// Why a stream ends that its reader would have gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The server stops.
    Shutdown,
    /// The reader has taken nothing for [`limits::STALL_SECONDS`].
    Slow,
}

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There are as many as there may be.
    #[error("the limit of live streams, {0}, is reached")]
    TooManyStreams(usize),
    /// The application has as many in this tenant as one may have.
    #[error("the application's limit of live streams in this tenant, {0}, is reached")]
    TooManyOfApplication(usize),
    /// All streams together name as many users as they may.
    #[error("the limit of users that all live streams together name, {0}, would be exceeded")]
    TooManyWatches(usize),
    /// The server stops.
    #[error("the server is stopping")]
    Ended,
    /// The store cannot say where its feed is.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

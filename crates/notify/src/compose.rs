//! What is sent, as the engine sees it. The engine decides which items go out in one message; the
//! composer writes them down, encrypts them and signs for them.

use bytes::Bytes;
use presenced_core::id::UserId;
use presenced_core::presence::Presence;
use presenced_core::time::Timestamp;

use crate::subscription::Subscription;

/// Writes the bodies of notifications (contract sections 4.5 to 4.8). A rich notification costs a
/// public-key operation for each item, so that a call may take milliseconds; it does no I/O.
pub trait Compose: Send + Sync + 'static {
    /// The body of one POST to the subscription's notification URL that tells these items, in this
    /// order. There is at least one, and each is about another user.
    fn notification(
        &self,
        subscription: &Subscription,
        items: &[Item],
    ) -> Result<Bytes, ComposeError>;

    /// The body of one POST to the subscription's lifecycle URL.
    fn lifecycle(
        &self,
        subscription: &Subscription,
        event: LifecycleEvent,
    ) -> Result<Bytes, ComposeError>;
}

/// What one user's presence is, as a subscriber is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The user, of the subscription's tenant.
    pub user: UserId,
    /// What is shown.
    pub presence: Presence,
    /// Its sequence number: what is told later of the same user has a greater one, or is the same
    /// state told once more.
    pub sequence: u64,
    /// When it came to be shown.
    pub at: Timestamp,
}

/// What a lifecycle notification says (contract section 4.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LifecycleEvent {
    /// The token behind the subscription, or the subscription itself, is about to end.
    ReauthorizationRequired,
    /// The subscription was removed by an administrator.
    SubscriptionRemoved,
    /// Notifications were left out. The newest state of every user follows all the same.
    Missed,
}

impl LifecycleEvent {
    /// The value of `lifecycleEvent` on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReauthorizationRequired => "reauthorizationRequired",
            Self::SubscriptionRemoved => "subscriptionRemoved",
            Self::Missed => "missed",
        }
    }
}

/// Why a message cannot be written. What waits is kept, and tried again as if the endpoint had
/// failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the notification cannot be written: {0}")]
pub struct ComposeError(pub String);

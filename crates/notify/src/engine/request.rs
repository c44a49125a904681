//! What is asked of the engine, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId};
use presenced_core::time::Timestamp;
use presenced_store::StoreError;

use crate::courier::EndpointFault;
use crate::subscription::{
    ClientState, Creator, Encryption, NotificationUrl, Resource, Subscription,
};

/// A subscription that is to be made. All of it has been checked but the endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Whose changes it tells.
    pub tenant: TenantId,
    /// Who makes it.
    pub creator: Creator,
    /// What it watches.
    pub resource: Resource,
    /// The resource as the subscriber wrote it.
    pub resource_text: String,
    /// Where notifications go.
    pub notification_url: NotificationUrl,
    /// Where lifecycle notifications go, if anywhere.
    pub lifecycle_notification_url: Option<NotificationUrl>,
    /// The subscriber's secret.
    pub client_state: Option<ClientState>,
    /// The subscriber's certificate, where notifications are to carry the presence.
    pub encryption: Option<Encryption>,
    /// `latestSupportedTlsVersion` as it was given.
    pub latest_supported_tls_version: Option<String>,
    /// `notificationUrlAppId` as it was given.
    pub notification_url_app_id: Option<ApplicationId>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Until when the subscriber's token allows deliveries.
    pub authorized_until: Timestamp,
}

impl Draft {
    /// The subscription of this name, made at `now`.
    pub(crate) fn into_subscription(self, id: SubscriptionId, now: Timestamp) -> Subscription {
        Subscription {
            id,
            tenant: self.tenant,
            creator: self.creator,
            resource: self.resource,
            resource_text: self.resource_text,
            notification_url: self.notification_url,
            lifecycle_notification_url: self.lifecycle_notification_url,
            client_state: self.client_state,
            encryption: self.encryption,
            latest_supported_tls_version: self.latest_supported_tls_version,
            notification_url_app_id: self.notification_url_app_id,
            expires_at: self.expires_at,
            authorized_until: self.authorized_until,
            created_at: now,
        }
    }
}

/// What is to become different of a subscription; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Where notifications go. The new endpoint is checked first.
    pub notification_url: Option<NotificationUrl>,
    /// The subscriber's certificate and its name.
    pub encryption: Option<Encryption>,
    /// Until when the subscriber's token allows deliveries; the later one holds.
    pub authorized_until: Option<Timestamp>,
}

impl Changes {
    /// The subscription with these changes.
    pub(crate) fn applied_to(&self, subscription: &Subscription) -> Subscription {
        let mut changed = subscription.clone();
        if let Some(expires_at) = self.expires_at {
            changed.expires_at = expires_at;
        }
        if let Some(url) = &self.notification_url {
            changed.notification_url.clone_from(url);
        }
        if let Some(encryption) = &self.encryption {
            changed.encryption = Some(encryption.clone());
        }
        if let Some(until) = self.authorized_until {
            // A token that ends sooner takes back nothing: workers may keep tokens of their own.
            changed.authorized_until = changed.authorized_until.max(until);
        }
        changed
    }
}

/// One of a subscription's two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `notificationUrl`.
    Notification,
    /// `lifecycleNotificationUrl`.
    Lifecycle,
}

/// Why a subscription was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// An endpoint did not pass the check (contract section 4.4).
    #[error("the endpoint did not pass the check")]
    Endpoint {
        /// Which of the two.
        which: Endpoint,
        /// What was wrong with it.
        #[source]
        fault: EndpointFault,
    },
    /// Too many endpoints are being checked, so that this one was not.
    #[error("too many endpoints are being checked at the moment; try again in a while")]
    Busy,
    /// This application already has a subscription for this user (contract section 4.1).
    #[error("this application has a subscription for this user already")]
    Exists,
    /// There are as many as there may be. Says of what, and what to do.
    #[error("{0}")]
    LimitReached(&'static str),
    /// It could not be stored.
    #[error("the subscription cannot be stored")]
    Store(#[from] StoreError),
}

/// Why a subscription was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such subscription in this tenant, or it has ended.
    #[error("there is no such subscription")]
    NotFound,
    /// The new notification URL did not pass the check.
    #[error("the endpoint did not pass the check")]
    Endpoint(#[source] EndpointFault),
    /// Too many endpoints are being checked, so that this one was not.
    #[error("too many endpoints are being checked at the moment; try again in a while")]
    Busy,
    /// The change could not be stored.
    #[error("the change cannot be stored")]
    Store(#[from] StoreError),
}

/// Why no test notification was sent.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// There is no such subscription in this tenant, or it has ended.
    #[error("there is no such subscription")]
    NotFound,
    /// Another test of it is under way.
    #[error("another test of this subscription is under way; wait for its answer")]
    Busy,
    /// The token behind the subscription has ended, so that nothing may be sent.
    #[error(
        "the token behind the subscription has ended; nothing is sent until it is reauthorized"
    )]
    Unauthorized,
    /// Its application may not be told anything.
    #[error("the application of this subscription is disabled; enable it first")]
    Disabled,
    /// The subscription ended before the test was made.
    #[error("the subscription ended before the test was made")]
    Ended,
    /// The server stops, and sends nothing any more.
    #[error("the server stops; try again when it runs again")]
    Stopped,
}

/// Who removes a subscription, which decides whether the subscriber is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovedBy {
    /// The subscriber itself.
    Subscriber,
    /// An administrator: the subscriber gets `subscriptionRemoved` where it wants lifecycle
    /// notifications (contract section 4.8).
    Administrator,
}

/// Some subscriptions, ordered by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// They.
    pub subscriptions: Vec<Arc<Subscription>>,
    /// Whether there are more after the last of these.
    pub more: bool,
}

/// How a subscription's notifications get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryStatus {
    /// In short.
    pub state: DeliveryState,
    /// The last time that anything was sent to an endpoint of this subscription.
    pub last_attempt: Option<LastAttempt>,
    /// Tries of a notification since the last one that was taken.
    pub failures_in_a_row: u32,
    /// When the first of these failed.
    pub failing_since: Option<Timestamp>,
    /// When the next try is due, while tries fail.
    pub next_attempt_at: Option<Timestamp>,
    /// Users of whom a change waits or is on its way.
    pub waiting: usize,
    /// Since when the oldest of these changes is known to wait.
    pub waiting_since: Option<Timestamp>,
    /// Whether the present state of everybody it watches is being read and sent, after changes were
    /// lost from sight.
    pub is_rereading: bool,
}

/// What a delivery is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Notifications are sent as changes come.
    Active,
    /// Many answers were slow: notifications are sent ten seconds later (contract section 4.9).
    Slow,
    /// Too many answers were slow: nothing is sent for up to ten minutes. The newest state of each
    /// user is kept and sent afterwards.
    Held,
    /// The endpoint did not take the last notification; it is tried again.
    Failing,
    /// The same, for four hours and more. It is still tried again, with the newest state of each
    /// user.
    GivenUp,
    /// The token behind the subscription has ended: nothing is sent until it is reauthorized.
    Unauthorized,
}

impl DeliveryState {
    /// A name for it in answers: `camelCase`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Slow => "slow",
            Self::Held => "held",
            Self::Failing => "failing",
            Self::GivenUp => "givenUp",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// A message that was sent, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAttempt {
    /// What was sent.
    pub message: Message,
    /// When it was sent.
    pub at: Timestamp,
    /// What came of it; `None` while it is not known, and for ever if the server ended meanwhile.
    pub result: Option<AttemptResult>,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// The endpoint's status code, or in words why there is none.
    pub answer: Result<u16, String>,
    /// How long it took.
    pub took: Duration,
}

impl AttemptResult {
    /// Whether the endpoint took it: any 2xx.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.answer, Ok(200..300))
    }
}

/// What is sent to endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A change notification.
    Notification,
    /// A lifecycle notification.
    Lifecycle,
    /// A test that an administrator asked for.
    Test,
}

impl Message {
    /// A name for it in answers: `camelCase`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Lifecycle => "lifecycle",
            Self::Test => "test",
        }
    }
}

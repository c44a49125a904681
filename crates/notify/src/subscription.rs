//! What a subscription to change notifications is (contract section 4.2).

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId};
use presenced_core::time::Timestamp;

use crate::engine::limits::WAITING_PER_SUBSCRIPTION_MAX;

/// A subscription as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub id: SubscriptionId,
    /// Whose changes it tells. It never tells those of another tenant.
    pub tenant: TenantId,
    /// Who made it.
    pub creator: Creator,
    /// What it watches.
    pub resource: Resource,
    /// The resource as the subscriber wrote it, which answers repeat.
    pub resource_text: String,
    /// Where notifications go: an absolute `https` URL, or `http` where the settings allow it.
    pub notification_url: String,
    /// Where lifecycle notifications go, if the subscriber wants them.
    pub lifecycle_notification_url: Option<String>,
    /// The subscriber's secret, repeated in every notification.
    pub client_state: Option<String>,
    /// The subscriber's certificate, where notifications carry the presence itself.
    pub encryption: Option<Encryption>,
    /// `latestSupportedTlsVersion` as it was given; repeated in answers.
    pub latest_supported_tls_version: Option<String>,
    /// `notificationUrlAppId` as it was given; repeated in answers.
    pub notification_url_app_id: Option<ApplicationId>,
    /// When it ends, unless it is renewed.
    pub expires_at: Timestamp,
    /// Until when the subscriber's authorization allows deliveries; later ones wait for another.
    /// Of a signed-in user it ends with the token; of an application on its own with the
    /// subscription.
    pub authorized_until: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Who made a subscription, which decides who may see and change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Creator {
    /// The application.
    pub application: ApplicationId,
    /// The signed-in user, where the application acted for one.
    pub user: Option<UserId>,
}

/// What a subscription watches (contract section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// These users: `/communications/presences/{id}` or `…/presences?$filter=id in (…)`. Each of
    /// them once, at least one.
    Users(Box<[UserId]>),
    /// Every user of the tenant: `/communications/presences` without a filter, which goes beyond
    /// Graph.
    Tenant,
}

impl Resource {
    /// Of how many users something may wait for whoever watches this: those it names, or as many as
    /// are kept for a whole tenant.
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Users(users) => users.len(),
            Self::Tenant => WAITING_PER_SUBSCRIPTION_MAX,
        }
    }
}

/// For whom rich notifications are encrypted (contract section 4.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// The X.509 certificate in DER, checked when it was given.
    pub certificate: Vec<u8>,
    /// The subscriber's own name for it.
    pub certificate_id: String,
}

//! What a subscription to change notifications is (contract section 4.2).

use std::fmt;
use std::sync::Arc;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId};
use presenced_core::time::Timestamp;
use reqwest::Url;

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
    pub notification_url: NotificationUrl,
    /// Where lifecycle notifications go, if the subscriber wants them.
    pub lifecycle_notification_url: Option<NotificationUrl>,
    /// The subscriber's secret, repeated in every notification.
    pub client_state: Option<ClientState>,
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

/// Where notifications go, as the subscriber wrote it. Its path and query may hold a secret, so that
/// only its host is ever shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct NotificationUrl {
    text: Box<str>,
    host: Arc<str>,
}

impl NotificationUrl {
    /// The text of it, with whatever secret it holds.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host and port that messages go to, the same for every spelling of them; empty where the
    /// text is no URL.
    pub(crate) fn host(&self) -> &Arc<str> {
        &self.host
    }
}

impl From<String> for NotificationUrl {
    fn from(text: String) -> Self {
        Self {
            host: host_of(&text).unwrap_or_default().into(),
            text: text.into(),
        }
    }
}

impl From<&str> for NotificationUrl {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for NotificationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotificationUrl({})", self.host)
    }
}

/// Host and port. What else may be different of two spellings of one address (case, escapes, octal
/// numbers, a port that goes without saying) is gone when a URL has been read.
fn host_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host);
    Some(format!("{host}:{}", url.port_or_known_default()?))
}

/// A subscriber's secret, by which it knows that a notification is one of its own. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientState(Box<str>);

impl ClientState {
    /// The secret itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClientState {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for ClientState {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientState(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever shows a URL or a secret without meaning to shows no more than the host.
    #[test]
    fn secrets_are_not_shown() {
        let url = NotificationUrl::from("https://Example.org/hook/s3cret?code=s3cret#s3cret");
        assert_eq!(format!("{url:?}"), "NotificationUrl(example.org:443)");
        assert_eq!(
            format!("{:?}", NotificationUrl::from("s3cret")),
            "NotificationUrl()"
        );
        assert_eq!(
            format!("{:?}", ClientState::from("s3cret")),
            "ClientState(***)"
        );
    }

    /// One host and port is one, however it is written; another port is another.
    #[test]
    fn a_host_has_many_spellings() {
        for (url, host) in [
            ("https://Example.org/hook?a=b", "example.org:443"),
            ("https://example.org.:443", "example.org:443"),
            ("https://ex%61mple.org#/other", "example.org:443"),
            ("https://user@example.org?x=@y", "example.org:443"),
            ("https://example.org:8443", "example.org:8443"),
            ("http://example.org", "example.org:80"),
            ("http://127.1:3000/x", "127.0.0.1:3000"),
            ("http://0x7f000001:3000/y", "127.0.0.1:3000"),
            ("http://[0:0::1]/x", "[::1]:80"),
            ("nonsense", ""),
        ] {
            assert_eq!(&**NotificationUrl::from(url).host(), host, "{url}");
        }
    }
}

//! The subscription resource (contract section 4.2), and pages of it.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use presenced_core::id::SubscriptionId;
use presenced_notify::subscription::{ClientState, NotificationUrl, Subscription};
use serde::Serialize;

use super::context::Root;
use super::level::Level;
use super::presence::date_time;
use crate::target::Version;

/// What is answered for `latestSupportedTlsVersion` where the subscriber said nothing (contract
/// section 4.2).
pub(crate) const TLS_VERSION_DEFAULT: &str = "v1_2";

/// How much of a subscription its reader is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Also the subscriber's secret, which only the subscriber knows.
    Told,
    /// Everything else: to others, and in listings (contract section 4.3).
    Kept,
}

/// Where and how an answer is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style<'a> {
    /// Where the client sees this server.
    pub(crate) root: &'a Root<'a>,
    /// Below which root it asked.
    pub(crate) version: Version,
    /// How much the answer tells of itself.
    pub(crate) level: Level,
}

/// One subscription with its context.
pub(crate) fn one(style: Style<'_>, subscription: &Subscription, secret: Secret) -> BytesMut {
    let context = format!(
        "{}/$metadata#subscriptions/$entity",
        style.root.of_version(style.version)
    );
    json(&Single {
        context: (style.level != Level::None).then_some(context),
        subscription: Body::of(style, subscription, secret),
    })
}

/// A page of subscriptions, without their secrets. Where there are more, `next` is the last one of
/// this page.
pub(crate) fn page(
    style: Style<'_>,
    subscriptions: &[Arc<Subscription>],
    next: Option<SubscriptionId>,
) -> BytesMut {
    let root = style.root.of_version(style.version);
    let written = subscriptions
        .iter()
        .map(|subscription| Body::of(style, subscription, Secret::Kept));
    json(&Page {
        context: (style.level != Level::None).then(|| format!("{root}/$metadata#subscriptions")),
        next: next.map(|last| format!("{root}/subscriptions?$skiptoken={last}")),
        value: written.collect(),
    })
}

fn json(object: &impl Serialize) -> BytesMut {
    let mut out = BytesMut::new().writer();
    serde_json::to_writer(&mut out, object).expect("texts in structs are always JSON");
    out.into_inner()
}

#[derive(Serialize)]
struct Single<'a> {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(flatten)]
    subscription: Body<'a>,
}

#[derive(Serialize)]
struct Page<'a> {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    value: Vec<Body<'a>>,
}

/// The members of a subscription, in the order in which Graph shows them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(rename = "@odata.type", skip_serializing_if = "Option::is_none")]
    odata_type: Option<&'static str>,
    #[serde(rename = "@odata.id", skip_serializing_if = "Option::is_none")]
    odata_id: Option<String>,
    id: String,
    resource: &'a str,
    application_id: String,
    change_type: &'static str,
    client_state: Option<&'a str>,
    notification_url: &'a str,
    notification_query_options: Option<&'a str>,
    lifecycle_notification_url: Option<&'a str>,
    #[serde(
        rename = "expirationDateTime@odata.type",
        skip_serializing_if = "Option::is_none"
    )]
    expiration_type: Option<&'static str>,
    expiration_date_time: String,
    creator_id: String,
    include_resource_data: bool,
    latest_supported_tls_version: &'a str,
    /// Never repeated (contract section 4.3).
    encryption_certificate: Option<&'a str>,
    encryption_certificate_id: Option<&'a str>,
    notification_url_app_id: Option<String>,
}

impl<'a> Body<'a> {
    fn of(style: Style<'_>, subscription: &'a Subscription, secret: Secret) -> Self {
        let full = style.level == Level::Full;
        let creator = subscription.creator;
        let address = || {
            let root = style.root.of_version(style.version);
            format!("{root}/subscriptions('{}')", subscription.id)
        };
        let lifecycle = subscription.lifecycle_notification_url.as_ref();
        Self {
            odata_type: full.then_some("#microsoft.graph.subscription"),
            odata_id: full.then(address),
            id: subscription.id.to_string(),
            resource: &subscription.resource_text,
            application_id: creator.application.to_string(),
            change_type: "updated",
            client_state: match secret {
                Secret::Told => subscription.client_state.as_ref().map(ClientState::as_str),
                Secret::Kept => None,
            },
            notification_url: subscription.notification_url.as_str(),
            notification_query_options: None,
            lifecycle_notification_url: lifecycle.map(NotificationUrl::as_str),
            expiration_type: full.then_some("#DateTimeOffset"),
            expiration_date_time: date_time(subscription.expires_at),
            creator_id: match creator.user {
                Some(user) => user.to_string(),
                // There are no service principals here: an application is known by its client id.
                None => creator.application.to_string(),
            },
            include_resource_data: subscription.encryption.is_some(),
            latest_supported_tls_version: subscription
                .latest_supported_tls_version
                .as_deref()
                .unwrap_or(TLS_VERSION_DEFAULT),
            encryption_certificate: None,
            encryption_certificate_id: subscription
                .encryption
                .as_ref()
                .map(|encryption| encryption.certificate_id.as_str()),
            notification_url_app_id: subscription
                .notification_url_app_id
                .map(|id| id.to_string()),
        }
    }
}

//! What a body says of a subscription: every field rule of contract sections 4.1 and 4.2.

mod encryption;
mod fields;
mod fixed;
mod resource;

use std::time::Duration;

use presenced_core::auth::Caller;
use presenced_core::id::ApplicationId;
use presenced_core::time::Timestamp;
use presenced_notify::subscription::{
    ClientState, Encryption, NotificationUrl, Resource, Subscription,
};

use self::fixed::{FIXED, Fixed};
use crate::api::Extensions;
use crate::error::{ApiError, Code};
use crate::limits::SUBSCRIPTION_BYTES_MAX;
use crate::members::{members, required};
use crate::target::Version;

/// What is known of a request when its fields are read.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Below which root it came.
    pub(crate) version: Version,
    /// Who sent it.
    pub(crate) caller: &'a Caller,
    /// When it came.
    pub(crate) now: Timestamp,
    /// The longest life of a subscription in the caller's tenant.
    pub(crate) life_max: Duration,
    /// Whether what goes beyond Graph is served.
    pub(crate) extensions: Extensions,
}

/// A subscription as somebody wants it.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// What it watches.
    pub(crate) resource: Resource,
    /// The same as it was written.
    pub(crate) resource_text: String,
    /// Where notifications go.
    pub(crate) notification_url: NotificationUrl,
    /// Where lifecycle notifications go.
    pub(crate) lifecycle_notification_url: Option<NotificationUrl>,
    /// The subscriber's secret.
    pub(crate) client_state: Option<ClientState>,
    /// For whom notifications that carry the presence are encrypted.
    pub(crate) encryption: Option<Encryption>,
    /// The subscriber's TLS, repeated in answers.
    pub(crate) latest_supported_tls_version: Option<String>,
    /// For whom validation tokens are made, repeated in answers.
    pub(crate) notification_url_app_id: Option<ApplicationId>,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

/// What somebody wants to be different. `None`: as it is.
pub(crate) struct Wish<'a> {
    /// What cannot be, and is named all the same.
    fixed: Fixed<'a>,
    /// When it ends.
    pub(crate) expires_at: Option<Timestamp>,
    /// Where notifications go.
    pub(crate) notification_url: Option<NotificationUrl>,
    /// For whom they are encrypted: the certificate in DER.
    pub(crate) certificate: Option<Vec<u8>>,
    /// The subscriber's own name for the certificate.
    pub(crate) certificate_id: Option<String>,
}

/// Members of a new subscription that presenced makes itself are passed over: an SDK may send a
/// whole object. Those that would change what is delivered, and that it does not know, are refused.
const NEW: [&str; 16] = [
    "changeType",
    "notificationUrl",
    "resource",
    "expirationDateTime",
    "clientState",
    "lifecycleNotificationUrl",
    "includeResourceData",
    "encryptionCertificate",
    "encryptionCertificateId",
    "latestSupportedTlsVersion",
    "notificationUrlAppId",
    "notificationContentType",
    "notificationQueryOptions",
    "vapidPublicKey",
    "webPushEncryptionP256dhPublicKey",
    "webPushEncryptionSecret",
];

impl Wanted {
    /// Reads the body of a `POST /subscriptions`; 400 names the first field that is wrong.
    pub(crate) fn read(asked: Asked<'_>, json: &[u8]) -> Result<Self, ApiError> {
        let [
            change_type,
            notification_url,
            resource,
            expiration,
            client_state,
            lifecycle_url,
            include,
            certificate,
            certificate_id,
            tls,
            app_id,
            content_type,
            query_options,
            vapid,
            web_push,
            web_push_secret,
        ] = members(json, &NEW, 0)?;
        let [change_type, notification_url, resource, expiration] = required([
            ("ChangeType", change_type),
            ("NotificationUrl", notification_url),
            ("Resource", resource),
            ("ExpirationDateTime", expiration),
        ])?;
        fields::change_type(&change_type)?;
        let notification_url = fields::url("NotificationUrl", &notification_url)?;
        let lifecycle_notification_url = lifecycle_url
            .text("LifecycleNotificationUrl")?
            .filter(|url| !url.is_empty())
            .map(|url| fields::url("LifecycleNotificationUrl", &url))
            .transpose()?;
        let watched = resource::read(asked.version, asked.extensions, asked.caller, &resource)?;
        let expires_at = fields::expiration("Create", asked, &expiration)?;
        let client_state = fields::client_state(asked.version, client_state)?;
        let latest_supported_tls_version = fields::tls_version(tls)?;
        let notification_url_app_id = fields::app_id(asked.caller, app_id)?;
        fields::content_type(content_type)?;
        fields::not_served("NotificationQueryOptions", &query_options)?;
        fields::not_served("VapidPublicKey", &vapid)?;
        fields::not_served("WebPushEncryptionP256dhPublicKey", &web_push)?;
        fields::not_served("WebPushEncryptionSecret", &web_push_secret)?;
        let encryption = encryption::read(asked.now, include, certificate, certificate_id)?;
        within_limit(&resource, encryption.as_ref())?;
        Ok(Self {
            resource: watched,
            resource_text: resource.into_owned(),
            notification_url,
            lifecycle_notification_url,
            client_state,
            encryption,
            latest_supported_tls_version,
            notification_url_app_id,
            expires_at,
        })
    }
}

/// What a PATCH may change, and then what can be set once only.
const CHANGED: [&str; 4 + FIXED] = [
    "expirationDateTime",
    "notificationUrl",
    "encryptionCertificate",
    "encryptionCertificateId",
    "resource",
    "changeType",
    "clientState",
    "lifecycleNotificationUrl",
    "includeResourceData",
    "latestSupportedTlsVersion",
    "notificationUrlAppId",
    "notificationContentType",
    "notificationQueryOptions",
    "vapidPublicKey",
    "webPushEncryptionP256dhPublicKey",
    "webPushEncryptionSecret",
];

impl<'a> Wish<'a> {
    /// Reads the body of a `PATCH /subscriptions/{id}`; 400 names the first field that is wrong
    /// (contract section 4.3).
    pub(crate) fn read(asked: Asked<'_>, json: &'a [u8]) -> Result<Self, ApiError> {
        let [
            expiration,
            notification_url,
            certificate,
            certificate_id,
            fixed @ ..,
        ] = members(json, &CHANGED, 0)?;
        Ok(Self {
            fixed: Fixed(fixed),
            expires_at: expiration
                .text("ExpirationDateTime")?
                .map(|text| fields::expiration("Update", asked, &text))
                .transpose()?,
            notification_url: notification_url
                .text("NotificationUrl")?
                .map(|url| fields::url("NotificationUrl", &url))
                .transpose()?,
            certificate: encryption::certificate(asked.now, certificate)?,
            certificate_id: encryption::certificate_id(certificate_id)?,
        })
    }

    /// 400 where it would change of the subscription at hand what cannot be changed, or nothing.
    pub(crate) fn check(mut self, present: &Subscription) -> Result<Self, ApiError> {
        if self.is_empty() && self.fixed.is_empty() {
            return Err(ApiError::invalid_argument(
                "ExpirationDateTime",
                "The ExpirationDateTime field is required, unless another that can be changed is \
                 there: notificationUrl, encryptionCertificate, encryptionCertificateId.",
            ));
        }
        self.fixed.check(present)?;
        Ok(self)
    }

    fn is_empty(&self) -> bool {
        self.expires_at.is_none()
            && self.notification_url.is_none()
            && self.certificate.is_none()
            && self.certificate_id.is_none()
    }
}

/// 400 for a resource and a certificate that are longer than a subscription may be.
pub(crate) fn within_limit(
    resource: &str,
    encryption: Option<&Encryption>,
) -> Result<(), ApiError> {
    let certificate = encryption.map_or(0, |encryption| encryption.certificate.len());
    if resource.len() + 2 * certificate <= SUBSCRIPTION_BYTES_MAX {
        return Ok(());
    }
    Err(ApiError::invalid_argument(
        "Resource",
        format_args!(
            "The Resource and twice the certificate come to more than {SUBSCRIPTION_BYTES_MAX} \
             bytes. Name fewer users, leave out what can be left out, or pass a certificate with \
             less in it."
        ),
    ))
}

/// 400 in the form in which Graph's subscriptions refuse what its presence service will not do
/// (contract section 4.1).
fn refused(reason: &str) -> ApiError {
    refused_to("Create", reason)
}

fn refused_to(operation: &str, reason: &str) -> ApiError {
    ApiError::new(
        Code::ExtensionError,
        format!("Operation: {operation}; Exception: [Status Code: BadRequest; Reason: {reason}]"),
    )
}

//! The members of a subscription that are set once, when it is made. A client may send back the
//! whole object that it was shown, so that a member which says what is so already is no fault.

use std::borrow::Cow;

use presenced_core::id::ApplicationId;
use presenced_notify::subscription::{ClientState, NotificationUrl, Subscription};

use crate::error::ApiError;
use crate::members::Member;
use crate::wire::subscription::TLS_VERSION_DEFAULT;

/// How many there are.
pub(super) const FIXED: usize = 12;

/// Their values in the body of a PATCH, in the order in which [`super::CHANGED`] names them.
pub(super) struct Fixed<'a>(pub(super) [Member<'a>; FIXED]);

impl Fixed<'_> {
    /// Whether none of them is named.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Member::is_missing)
    }

    /// 400 names the first that would become different.
    pub(super) fn check(&mut self, present: &Subscription) -> Result<(), ApiError> {
        let [
            resource,
            change_type,
            client_state,
            lifecycle_url,
            include,
            tls_version,
            app_id,
            content_type,
            query_options,
            vapid,
            web_push,
            web_push_secret,
        ] = std::mem::take(&mut self.0);
        let include = include.flag("IncludeResourceData")?;
        let is_rich = present.encryption.is_some();
        same(
            "IncludeResourceData",
            include.is_none_or(|flag| flag == is_rich),
        )?;
        let is = |value: &str| value.to_owned();
        let tls = present.latest_supported_tls_version.as_deref();
        let secret = present.client_state.as_ref();
        let lifecycle_url_now = present.lifecycle_notification_url.as_ref();
        let app_id_now = present.notification_url_app_id;
        let texts = [
            ("Resource", resource, is(&present.resource_text)),
            ("ChangeType", change_type, is("updated")),
            (
                "ClientState",
                client_state,
                is(secret.map_or("", ClientState::as_str)),
            ),
            (
                "LifecycleNotificationUrl",
                lifecycle_url,
                is(lifecycle_url_now.map_or("", NotificationUrl::as_str)),
            ),
            (
                "LatestSupportedTlsVersion",
                tls_version,
                is(tls.unwrap_or(TLS_VERSION_DEFAULT)),
            ),
            (
                "NotificationUrlAppId",
                app_id,
                app_id_now
                    .as_ref()
                    .map_or_else(String::new, ApplicationId::to_string),
            ),
            (
                "NotificationContentType",
                content_type,
                is("application/json"),
            ),
            ("NotificationQueryOptions", query_options, String::new()),
            ("VapidPublicKey", vapid, String::new()),
            ("WebPushEncryptionP256dhPublicKey", web_push, String::new()),
            ("WebPushEncryptionSecret", web_push_secret, String::new()),
        ];
        for (field, member, now) in texts {
            let text: Option<Cow<'_, str>> = member.text(field)?;
            same(field, text.is_none_or(|text| text == now))?;
        }
        Ok(())
    }
}

fn same(field: &str, is_same: bool) -> Result<(), ApiError> {
    if is_same {
        return Ok(());
    }
    Err(ApiError::invalid_argument(
        field,
        format_args!(
            "The {field} of a subscription cannot be changed. Delete the subscription and make \
             another."
        ),
    ))
}

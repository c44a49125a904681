//! The rules of single fields of a subscription (contract section 4.2).

use axum::http::Uri;
use axum::http::uri::Authority;
use presenced_core::auth::Caller;
use presenced_core::id::ApplicationId;
use presenced_core::time::Timestamp;
use presenced_notify::subscription::{ClientState, NotificationUrl};
use presenced_notify::webhook::limits::URL_CHARS_MAX;

use super::{Asked, refused_to};
use crate::date_time_offset;
use crate::error::{ApiError, quoted};
use crate::limits::{CLIENT_STATE_CHARS_MAX, CLIENT_STATE_CHARS_MAX_BETA, SUBSCRIPTION_LIFE_MIN};
use crate::members::Member;
use crate::target::Version;

/// The values of `latestSupportedTlsVersion`.
const TLS_VERSIONS: [&str; 4] = ["v1_0", "v1_1", "v1_2", "v1_3"];

/// A presence is updated, and never created or deleted (contract section 4.1).
pub(super) fn change_type(text: &str) -> Result<(), ApiError> {
    if text.trim().eq_ignore_ascii_case("updated") {
        return Ok(());
    }
    Err(ApiError::invalid_argument(
        "ChangeType",
        format_args!(
            "The ChangeType '{}' is not supported for presence. Allowed is: updated.",
            quoted(text)
        ),
    ))
}

/// An absolute URL that notifications can go to. Whether they may go there is judged later, when
/// it is known whose address it is.
pub(super) fn url(field: &str, text: &str) -> Result<NotificationUrl, ApiError> {
    let refused = |message: &str| Err(ApiError::invalid_argument(field, message));
    if text.len() > URL_CHARS_MAX {
        return refused(&format!(
            "A URL for notifications has at most {URL_CHARS_MAX} characters."
        ));
    }
    if !text.is_ascii() {
        return refused(
            "A URL for notifications is written in ASCII: an international host name in its xn-- \
             form, other characters percent-encoded.",
        );
    }
    let uri: Option<Uri> = text.parse().ok();
    let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("https" | "http"));
    let has_host = |uri: &Uri| uri.authority().is_some_and(|host| !has_user(host));
    if uri.is_some_and(|uri| is_http(&uri) && has_host(&uri)) && !text.contains('#') {
        return Ok(text.into());
    }
    refused(&format!(
        "'{}' is not a URL that notifications can be sent to. Pass an absolute https URL without \
         user name and fragment.",
        quoted(text)
    ))
}

fn has_user(authority: &Authority) -> bool {
    authority.as_str().contains('@') || authority.host().is_empty()
}

/// When a subscription shall end. One that asks for less than the shortest life gets that (contract
/// section 4.2); more than the longest is refused, and so is the past.
pub(super) fn expiration(
    operation: &str,
    asked: Asked<'_>,
    text: &str,
) -> Result<Timestamp, ApiError> {
    let at = date_time_offset::read(text).ok_or_else(|| {
        ApiError::invalid_argument(
            "ExpirationDateTime",
            format_args!(
                "'{}' is not a date and time with an offset, for instance 2026-09-01T12:00:00Z.",
                quoted(text)
            ),
        )
    })?;
    if at <= asked.now {
        let reason = "The expirationDateTime is in the past. Name a time to come.";
        return Err(refused_to(operation, reason));
    }
    if at > asked.now.plus(asked.life_max) {
        let minutes = asked.life_max.as_secs() / 60;
        let reason = format!(
            "The expirationDateTime is too far ahead. A subscription to presence lives {minutes} \
             minutes at most."
        );
        return Err(refused_to(operation, &reason));
    }
    Ok(at.max(asked.now.plus(SUBSCRIPTION_LIFE_MIN)))
}

/// The subscriber's secret. Empty is none.
pub(super) fn client_state(
    version: Version,
    member: Member<'_>,
) -> Result<Option<ClientState>, ApiError> {
    let most = match version {
        Version::V1 => CLIENT_STATE_CHARS_MAX,
        Version::Beta => CLIENT_STATE_CHARS_MAX_BETA,
    };
    let text = member.text("ClientState")?.filter(|text| !text.is_empty());
    if text
        .as_ref()
        .is_some_and(|text| text.chars().count() > most)
    {
        return Err(ApiError::invalid_argument(
            "ClientState",
            format_args!("The ClientState has at most {most} characters."),
        ));
    }
    Ok(text.map(|text| text.into_owned().into()))
}

/// The subscriber's TLS: one of the known values. presenced speaks 1.2 and 1.3, whatever it says.
pub(super) fn tls_version(member: Member<'_>) -> Result<Option<String>, ApiError> {
    let text = member.text("LatestSupportedTlsVersion")?;
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let known = TLS_VERSIONS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(&text));
    match known {
        Some(known) => Ok(Some((*known).to_owned())),
        None => Err(ApiError::invalid_argument(
            "LatestSupportedTlsVersion",
            format_args!(
                "The LatestSupportedTlsVersion '{}' is not allowed. Allowed are: {}.",
                quoted(&text),
                TLS_VERSIONS.join(", ")
            ),
        )),
    }
}

/// For whom validation tokens are made: the calling application and no other.
pub(super) fn app_id(
    caller: &Caller,
    member: Member<'_>,
) -> Result<Option<ApplicationId>, ApiError> {
    let text = member.text("NotificationUrlAppId")?;
    match text.filter(|text| !text.is_empty()) {
        Some(text) if ApplicationId::parse(&text) != Some(caller.application) => {
            Err(ApiError::invalid_argument(
                "NotificationUrlAppId",
                format_args!(
                    "Validation tokens are made for the calling application, {}, and no other; \
                     leave the NotificationUrlAppId out.",
                    caller.application
                ),
            ))
        }
        Some(_) => Ok(Some(caller.application)),
        None => Ok(None),
    }
}

/// What notifications are: JSON.
pub(super) fn content_type(member: Member<'_>) -> Result<(), ApiError> {
    let text = member.text("NotificationContentType")?.unwrap_or_default();
    if text.is_empty() || text.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::invalid_argument(
        "NotificationContentType",
        format_args!(
            "The NotificationContentType '{}' is not supported. Allowed is: application/json.",
            quoted(&text)
        ),
    ))
}

/// 400 for a field that asks for what there is not for presence, or not by webhook.
pub(super) fn not_served(field: &str, member: &Member<'_>) -> Result<(), ApiError> {
    let empty = matches!(member, Member::Text(text) if text.is_empty());
    if empty || member.is_missing() {
        return Ok(());
    }
    Err(ApiError::invalid_argument(
        field,
        format_args!("The {field} is not supported for subscriptions to presence; leave it out."),
    ))
}

//! `POST …/presence/setStatusMessage`

use axum::response::Response;
use presenced_core::decide::Command;
use presenced_core::limits::STATUS_MESSAGE_CHARS_MAX;
use presenced_core::status::{BadText, StatusText};
use presenced_core::time::Timestamp;

use crate::body;
use crate::date_time::instant_ahead;
use crate::error::{ApiError, quoted};
use crate::members::{Inner, Member, nested_members};
use crate::routes::admitted::{Admitted, Request};
use crate::wire::done;

/// Both spellings of the one member: the reference page's, and that of action parameters elsewhere
/// in Graph, which some clients are generated with.
const NAMES: [&str; 2] = ["statusMessage", "StatusMessage"];

/// What is looked at within it.
const INNER: [&str; 6] = [
    "message",
    "content",
    "contentType",
    "expiryDateTime",
    "dateTime",
    "timeZone",
];

/// Sets or removes the note beside the presence (contract section 1.9).
pub(crate) async fn set_status_message(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = api.user(&caller, &place, &parts.uri)?;
    let json = body::json(api.body_limits(), &parts.headers, body).await?;
    let [one, other] = nested_members(&json, &NAMES, &INNER)?;
    let message = either(one, other)?.object("StatusMessage")?;
    let now = api.now();
    let command = command(message, now)?;
    caller.may_write(user)?;
    api.apply_at(&caller, user, command, now).await?;
    Ok(done())
}

/// The member in whichever spelling it came; 400 for both, since one of them would be lost.
fn either<'a>(one: Member<'a>, other: Member<'a>) -> Result<Member<'a>, ApiError> {
    match (one, other) {
        (one, Member::Missing) => Ok(one),
        (Member::Missing, other) => Ok(other),
        (_, _) => Err(ApiError::bad_request(
            "The JSON request payload names the member 'statusMessage' more than once, in two \
             spellings.",
        )),
    }
}

/// What a status message says to do. None, `null` and one without content remove what there is: no
/// other action does, and the SDKs leave out what is `null`.
fn command(message: Option<Inner<'_>>, now: Timestamp) -> Result<Command, ApiError> {
    let Some(mut status) = message else {
        return Ok(Command::ClearStatusMessage);
    };
    let message = status.take("message").object("Message")?;
    let Some(mut message) = message else {
        let message = "The Message field is required.";
        return Err(ApiError::invalid_argument("Message", message));
    };
    text_only(message.take("contentType"))?;
    let content = message.take("content").text("Content")?.unwrap_or_default();
    let expiry = status.take("expiryDateTime").object("ExpiryDateTime")?;
    if content.trim().is_empty() {
        // Nothing will show, so nobody needs to know until when.
        return Ok(Command::ClearStatusMessage);
    }
    let text = StatusText::new(&content).map_err(|BadText| {
        let count = content.chars().count();
        let message = format!(
            "The Content has {count} characters; a status message has at most \
             {STATUS_MESSAGE_CHARS_MAX}."
        );
        ApiError::invalid_argument("Content", message)
    })?;
    let expires_at = match expiry {
        Some(expiry) => Some(instant_ahead("ExpiryDateTime", expiry, now)?),
        None => None,
    };
    Ok(Command::SetStatusMessage { text, expires_at })
}

/// 400 for any other content type than text, the one that is supported.
fn text_only(content_type: Member<'_>) -> Result<(), ApiError> {
    match content_type.text("ContentType")? {
        Some(other) if !other.eq_ignore_ascii_case("text") => Err(ApiError::invalid_argument(
            "ContentType",
            format_args!(
                "The ContentType '{}' is not supported. Pass text.",
                quoted(&other)
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

//! `/admin/v1/users/{id}/outOfOffice`: when a user is out of office, until calendars say so.

use axum::response::Response;
use presenced_core::decide::Command;
use presenced_core::limits::OUT_OF_OFFICE_CHARS_MAX;
use presenced_core::out_of_office::{OutOfOffice, ReplyText};
use presenced_core::status::BadText;
use presenced_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{InstantText, id_of, read_body};
use super::{forget, key_of};
use crate::error::{ApiError, Code};
use crate::routes::admitted::{Admitted, Request};
use crate::target::Subject;
use crate::wire::own_json;
use crate::wire::presence::date_time;

/// What is put.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutOfOfficeBody {
    /// The automatic reply.
    message: Option<String>,
    /// When it begins; now if it is left out.
    start_date_time: Option<InstantText>,
    /// When it ends; not before somebody says so if it is left out.
    end_date_time: Option<InstantText>,
}

/// A span out of office as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutOfOfficeAnswer<'a> {
    /// The automatic reply.
    message: Option<&'a str>,
    /// When it begins.
    start_date_time: String,
    /// When it ends.
    end_date_time: Option<String>,
}

impl<'a> OutOfOfficeAnswer<'a> {
    fn of(away: &'a OutOfOffice) -> Self {
        Self {
            message: away.message.as_ref().map(ReplyText::as_str),
            start_date_time: date_time(away.starts_at),
            end_date_time: away.ends_at.map(date_time),
        }
    }
}

/// The span that is or will be; 404 where there is none.
pub(in super::super) async fn get_out_of_office(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let user = key_of(&api, &caller, &id_of(&place, &parts)?)?.user;
    api.must_have(&caller, user)?;
    let now = api.now();
    let record = api.record(&caller, Subject::User(user)).await?;
    let away = record.and_then(|record| record.out_of_office);
    let away = away.filter(|away| away.is_live(now)).ok_or_else(|| {
        let message = "The user is not out of office, and nothing of the kind is planned.";
        ApiError::new(Code::NotFound, message)
    })?;
    Ok(own_json(&OutOfOfficeAnswer::of(&away)))
}

/// Says when the user is out of office, in place of what was said before.
pub(in super::super) async fn put_out_of_office(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = key_of(&api, &caller, &id_of(&place, &parts)?)?.user;
    let body: OutOfOfficeBody = read_body(&api, &parts.headers, body).await?;
    let now = api.now();
    let away = out_of_office(body, now)?;
    let command = Command::SetOutOfOffice(Some(away.clone()));
    api.apply_at(&caller, user, command, now).await?;
    Ok(own_json(&OutOfOfficeAnswer::of(&away)))
}

/// Says that the user is not out of office. Nothing to forget is no error.
pub(in super::super) async fn delete_out_of_office(
    admitted: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    forget(admitted, request, Command::SetOutOfOffice(None)).await
}

/// The span that a body describes; 400 for one that ends before it begins, or has ended.
fn out_of_office(body: OutOfOfficeBody, now: Timestamp) -> Result<OutOfOffice, ApiError> {
    let text = body.message.filter(|message| !message.is_empty());
    let message = text.as_deref().map(ReplyText::new).transpose();
    let message = message.map_err(|BadText| {
        let count = text.as_deref().map_or(0, |text| text.chars().count());
        ApiError::invalid_argument(
            "Message",
            format_args!(
                "The Message has {count} characters; an automatic reply has at most \
                 {OUT_OF_OFFICE_CHARS_MAX}."
            ),
        )
    })?;
    let start = body
        .start_date_time
        .map(|start| start.read("StartDateTime"));
    let starts_at = start.transpose()?.unwrap_or(now);
    let end = body.end_date_time.map(|end| end.read("EndDateTime"));
    let ends_at = end.transpose()?;
    if ends_at.is_some_and(|end| end <= starts_at || end <= now) {
        let message = "The EndDateTime must lie ahead, and after the StartDateTime.";
        return Err(ApiError::invalid_argument("EndDateTime", message));
    }
    Ok(OutOfOffice {
        message,
        starts_at,
        ends_at,
    })
}

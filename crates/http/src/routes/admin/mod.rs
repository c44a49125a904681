//! `/admin/v1`: the administrative API, which is presenced's own.
//!
//! Unlike the methods of Graph, these ask for the permission before anything else about a request that
//! was let in: no order of answers has to be kept here, and nothing is told to who may not administer.
//! [`to`] sees to it for all of them. Bodies are read strictly: a member that is not known is 400, since it would be lost.

mod applications;
pub(super) mod subscriptions;
mod users;

use axum::body::Body;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use presenced_core::auth::Caller;
use presenced_core::time::Timestamp;
use presenced_store::Revision;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::body;
use crate::date_time_offset;
use crate::directory::{ChangeError, Condition, Put, Source};
use crate::error::{ApiError, Code, quoted, quoted_up_to};
use crate::limits::{ENTRIES_PER_PAGE_DEFAULT, ENTRIES_PER_PAGE_MAX};
use crate::limits::{PROBLEM_CHARS_MAX, USER_ID_CHARS_MAX};
use crate::path::{Place, Resource};
use crate::routes::admitted::{Admitted, Request};
use crate::routes::endpoints::{Endpoints, Operation, requests};
use crate::target::percent_decoded;
use crate::throttle::Category;
use crate::wire::context::Root;
use crate::wire::own_json;

/// What there is in the administrative API.
pub(super) fn put(endpoints: &mut Endpoints) {
    use applications as app;
    use users::{self as user, out_of_office as away, schedule};
    endpoints.put(Resource::AdminUsers, [to(Method::GET, user::list_users)]);
    endpoints.put(
        Resource::AdminUser,
        [
            to(Method::GET, user::get_user),
            to(Method::PUT, user::put_user),
            to(Method::DELETE, user::delete_user),
        ],
    );
    endpoints.put(
        Resource::AdminOutOfOffice,
        [
            to(Method::GET, away::get_out_of_office),
            to(Method::PUT, away::put_out_of_office),
            to(Method::DELETE, away::delete_out_of_office),
        ],
    );
    endpoints.put(
        Resource::AdminSchedule,
        [
            to(Method::GET, schedule::get_schedule),
            to(Method::PUT, schedule::put_schedule),
            to(Method::DELETE, schedule::delete_schedule),
        ],
    );
    endpoints.put(
        Resource::AdminApplications,
        [to(Method::GET, app::list_applications)],
    );
    endpoints.put(
        Resource::AdminApplication,
        [
            to(Method::GET, app::get_application),
            to(Method::PUT, app::put_application),
            to(Method::DELETE, app::delete_application),
        ],
    );
}

/// An operation of this API: its requests count as no more than requests, and its handler is reached
/// by administrators only.
fn to<F, Fut>(method: Method, handler: F) -> Operation
where
    F: FnOnce(Admitted, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    requests(
        method,
        Category::Any,
        move |call: Admitted, request| async move {
            may_administer(&call.caller)?;
            handler(call, request).await
        },
    )
}

/// 403 for whoever is no administrator.
fn may_administer(caller: &Caller) -> Result<(), ApiError> {
    caller.may_administer().map_err(|_denied| {
        ApiError::new(
            Code::Forbidden,
            "The administrative API takes an application's own token with the role \
             Presenced.Admin, and no user's.",
        )
    })
}

/// The id that a path of this API names.
fn id_of(place: &Place, parts: &Parts) -> Result<String, ApiError> {
    let id = place.id(parts.uri.path());
    if id.chars().count() > USER_ID_CHARS_MAX {
        let message = format!("An id has at most {USER_ID_CHARS_MAX} characters.");
        return Err(ApiError::invalid_argument("Id", message));
    }
    Ok(id.into_owned())
}

/// The body, read as this and nothing else.
async fn read_body<T: DeserializeOwned>(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let json = body::json(api.body_limits(), headers, body).await?;
    serde_json::from_slice(&json).map_err(|problem| {
        let problem = problem.to_string();
        let problem = quoted_up_to(PROBLEM_CHARS_MAX, &problem);
        ApiError::bad_request(format!(
            "The JSON request payload cannot be used: {problem}"
        ))
    })
}

/// 400 for a body that names another id than the path. It may name none.
fn same_id(of_path: &str, of_body: Option<&str>) -> Result<(), ApiError> {
    match of_body {
        Some(id) if !id.eq_ignore_ascii_case(of_path) => Err(ApiError::invalid_argument(
            "Id",
            format_args!(
                "The body names the id '{}', the path {of_path}.",
                quoted(id)
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Which part of a list is asked for.
struct Page {
    /// The id after which it begins.
    after: Option<String>,
    /// How many entries it has at most.
    top: usize,
}

impl Page {
    /// Reads `after` and `top`; other parameters are passed over.
    fn of(parts: &Parts) -> Result<Self, ApiError> {
        let mut page = Self {
            after: None,
            top: ENTRIES_PER_PAGE_DEFAULT,
        };
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decoded(value);
            match name {
                "after" => page.after = Some(value.into_owned()),
                "top" => {
                    let top = value.parse().ok();
                    let top = top.filter(|top| (1..=ENTRIES_PER_PAGE_MAX).contains(top));
                    page.top = top.ok_or_else(|| {
                        ApiError::bad_request(format!(
                            "The parameter 'top' is '{}'; it is a number from 1 to \
                             {ENTRIES_PER_PAGE_MAX}.",
                            quoted(&value)
                        ))
                    })?;
                }
                _ => {}
            }
        }
        Ok(page)
    }

    /// The id after which it begins, if it is one.
    fn after<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
        let Some(text) = &self.after else {
            return Ok(None);
        };
        let id = parse(text).ok_or_else(|| {
            let text = quoted(text);
            ApiError::bad_request(format!("The parameter 'after' is '{text}'; it is a GUID."))
        })?;
        Ok(Some(id))
    }
}

/// A part of a list, as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<T> {
    /// The entries.
    value: Vec<T>,
    /// Where the next part is, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// Answers these entries, of which there is one more than asked for if the list goes on.
fn answer_part<T: Serialize>(
    api: &Api,
    parts: &Parts,
    page: &Page,
    mut entries: Vec<(String, T)>,
) -> Result<Response, ApiError> {
    let root = Root::of(parts, api.public_url())?;
    let more = entries.len() > page.top;
    entries.truncate(page.top);
    let last = entries.last().filter(|_| more);
    let next_link = last.map(|(id, _)| {
        let (path, top) = (parts.uri.path(), page.top);
        format!("{root}{path}?after={id}&top={top}")
    });
    let value = entries.into_iter().map(|(_, entry)| entry).collect();
    Ok(own_json(&Part { value, next_link }))
}

/// The answer to putting an entry, with the entry: 201 for a new one.
fn answer_put(put: Put, source: Source, entry: &impl Serialize) -> Response {
    let mut response = answer_entry(source, entry);
    if put == Put::Created {
        *response.status_mut() = StatusCode::CREATED;
    }
    response
}

/// What the request wants of the entry that it changes (RFC 9110 §13.1). An entity tag that is none of
/// this API's fits no entry.
fn condition(headers: &HeaderMap) -> Result<Condition, ApiError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.as_bytes().trim_ascii());
    match (text(IF_MATCH), text(IF_NONE_MATCH)) {
        (None, None) => Ok(Condition::None),
        (None, Some(b"*")) => Ok(Condition::Absent),
        (Some(b"*"), None) => Ok(Condition::Present),
        (Some(tag), None) => {
            let tag = std::str::from_utf8(tag).ok();
            let number = tag.and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
            Ok(Condition::Revision(number.map(Revision)))
        }
        (_, Some(_)) => Err(ApiError::bad_request(
            "Of the headers If-Match and If-None-Match one can be used at a time, and \
             If-None-Match with * only.",
        )),
    }
}

/// An entry, with the entity tag by which a change can ask for it to be as it was read.
fn answer_entry(source: Source, entry: &impl Serialize) -> Response {
    let mut response = own_json(entry);
    if let Source::Api(Revision(number)) = source {
        let tag = HeaderValue::from_str(&format!("\"{number}\"")).expect("digits in quotes");
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// What the answers call the place that an entry is from.
fn source(source: Source) -> &'static str {
    match source {
        Source::Configuration => "configuration",
        Source::Api(_) => "api",
    }
}

/// An instant as clients write it: ISO 8601 with `Z` or an offset, as everywhere in this API.
#[derive(Deserialize)]
#[serde(transparent)]
struct InstantText(String);

impl InstantText {
    /// The instant, cut to milliseconds; 400 names the field.
    fn read(&self, field: &str) -> Result<Timestamp, ApiError> {
        let text = &self.0;
        date_time_offset::read(text).ok_or_else(|| {
            ApiError::invalid_argument(
                field,
                format_args!(
                    "'{}' is no instant from 1970 to 9999, for instance 2026-09-01T12:00:00Z.",
                    quoted(text)
                ),
            )
        })
    }
}

/// What is told of a change that was not made. `what` is the kind of entry.
fn unchanged(what: &str, error: ChangeError) -> ApiError {
    let conflict = |message: String| ApiError::new(Code::Conflict, message);
    match error {
        ChangeError::NotFound => not_there(what),
        ChangeError::Condition => ApiError::new(
            Code::PreconditionFailed,
            format!(
                "The {what} is not as If-Match or If-None-Match wants it: somebody else was first. \
                 Read it again."
            ),
        ),
        ChangeError::Fixed => conflict(format!(
            "The {what} stands in the server's configuration, and can be changed there only."
        )),
        ChangeError::NameTaken(owner) => {
            conflict(format!("The user {owner} has this principalName already."))
        }
        ChangeError::Full(limit) => conflict(format!(
            "The directory of this tenant has {limit} entries of the kind {what}, the limit. \
             Remove one first."
        )),
        ChangeError::AllFull => conflict(format!(
            "This server has as many entries of the kind {what} as it takes, those of all its \
             tenants together. One has to be removed first, in this tenant or another."
        )),
        ChangeError::Store(error) => error.into(),
    }
}

/// 404 for an entry that the directory does not have.
fn not_there(what: &str) -> ApiError {
    let message = format!("The directory of this tenant has no such {what}.");
    ApiError::new(Code::NotFound, message)
}

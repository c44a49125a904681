//! What stands before the routes, and is done for each request alike.

use std::any::Any;
use std::future::{poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, WWW_AUTHENTICATE};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Body as _;
use jiff::Timestamp;
use serde::Serialize;
use tower::Service;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::api::Api;
use crate::cors::FromPage;
use crate::error::{ApiError, Carried};
use crate::limits::CLIENT_REQUEST_ID_CHARS_MAX;
use crate::path;
use crate::routes;
use crate::routes::endpoints::{Answered, Endpoints, Pending};
use crate::routes::unknown::no_path;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// What an answer tells of caches unless its handler does.
pub(crate) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// The API, and what is served beside it, with all that is done for each request alike: the answer gets
/// its ids and headers, an [`ApiError`] gets its body, and a panic becomes a 500. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    api: Api,
    endpoints: Endpoints,
    /// What answers where a path names nothing of the API.
    beside: Router,
}

impl Front {
    /// The API with these routes beside it.
    pub fn new(api: Api, beside: Router) -> Self {
        let endpoints = routes::endpoints(&api);
        Self::of(api, endpoints, beside)
    }

    /// What can be reached from within a batch.
    pub(crate) fn within_batches(api: Api, endpoints: Endpoints) -> Self {
        Self::of(api, endpoints, Router::new())
    }

    fn of(api: Api, endpoints: Endpoints, beside: Router) -> Self {
        let unknown = api.clone();
        let beside = beside.fallback(move |request| no_path(unknown, None, Box::new(request)));
        Self {
            api,
            endpoints,
            beside,
        }
    }

    /// Answers a request. A browser that asks what a page may do is answered before all else: it
    /// asks without a token.
    pub async fn answer(&self, request: Request) -> Response {
        let mut asked = self.ask(request);
        let answered = poll_fn(|ctx| self.poll(&mut asked, ctx)).await;
        let mut response = answered.into_response();
        asked.ids.write(response.headers_mut());
        response
    }

    /// Takes a request in. Its answer is begun when it is first polled.
    pub(crate) fn ask(&self, request: Request) -> Asked {
        let from_page = FromPage::of(&request, self.api.allowed_origins());
        Asked {
            ids: Ids::of(request.headers()),
            content: Content::of_answer_to(request.method()),
            answer: match from_page.as_ref().and_then(FromPage::allowance) {
                Some(allowance) => Box::pin(ready(allowance.into())),
                None => self.pending(request),
            },
            from_page,
        }
    }

    /// The answer to a request that was taken in, without those headers that every answer gets: its ids,
    /// and how the caller stands. A panic in a handler is a fault of this one request: the connection and
    /// the other requests on it go on.
    pub(crate) fn poll(&self, asked: &mut Asked, ctx: &mut Context<'_>) -> Poll<Answered> {
        let poll = AssertUnwindSafe(|| asked.answer.as_mut().poll(ctx));
        let mut answered = match catch_unwind(poll) {
            Ok(poll) => ready!(poll),
            Err(panic) => panicked(panic.as_ref()).into_response().into(),
        };
        let response = &mut answered.response;
        self.finish(response, &asked.ids, asked.content);
        if let Some(from_page) = asked.from_page.take() {
            from_page.write(response.headers_mut());
        }
        Poll::Ready(answered)
    }

    /// The answer of whoever has one.
    fn pending(&self, request: Request) -> Pending {
        // Which of the two was meant? What stands in front may have gone by the other one.
        if request.headers().get_all(HOST).iter().nth(1).is_some() {
            let message = "The request has more than one Host header (RFC 9112 §3.2). Send one.";
            let refused = ApiError::bad_request(message).into_response();
            return Box::pin(ready(refused.into()));
        }
        if let Ok(place) = path::walk(request.uri().path()) {
            let request = Box::new(request);
            return self.endpoints.answer(self.api.clone(), place, request);
        }
        let answer = self.beside.clone().call(request);
        Box::pin(async { answer.await.into_response().into() })
    }

    /// The answer with these ids to a request that is refused, whatever came of it.
    pub(crate) fn refused(&self, ids: Ids, error: ApiError) -> (Answered, Ids) {
        let mut response = error.into_response();
        self.finish(&mut response, &ids, Content::Sent);
        (response.into(), ids)
    }

    /// Gives an answer its error object, and leaves its content out where none is asked for.
    fn finish(&self, response: &mut Response, ids: &Ids, content: Content) {
        if let Some(Carried(error)) = response.extensions_mut().remove::<Carried>() {
            self.api
                .faults()
                .log(&error, ids.request.to_str().unwrap_or_default());
            self.write_error(response, &error, ids);
        }
        if content == Content::Left {
            leave_content(response);
        }
    }

    /// The answer to a connection that is not served, complete.
    pub(crate) fn refusal(&self, error: &ApiError) -> Response<String> {
        let ids = Ids::of(&HeaderMap::new());
        let mut response = Response::new(self.error_object(error, &ids));
        *response.status_mut() = error.code().row().status;
        write_headers(response.headers_mut(), error);
        ids.write(response.headers_mut());
        response
    }

    /// Puts the error object into an answer, and the headers that belong to it.
    fn write_error(&self, response: &mut Response, error: &ApiError, ids: &Ids) {
        let text = self.error_object(error, ids);
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
        write_headers(headers, error);
        *response.body_mut() = Body::from(text);
    }

    /// The error object (contract section 6.4).
    fn error_object(&self, error: &ApiError, ids: &Ids) -> String {
        let object = ErrorObject {
            error: ErrorMembers {
                code: error.code().row().wire,
                message: error.message(),
                inner_error: InnerError {
                    date: self.date(),
                    request_id: ids.request.to_str().unwrap_or_default(),
                    client_request_id: ids.client.to_str().unwrap_or_default(),
                },
            },
        };
        serde_json::to_string(&object).expect("texts in structs are always JSON")
    }

    /// The time as errors tell it: UTC, whole seconds, no suffix (contract section 3.6).
    fn date(&self) -> String {
        let millis = i64::try_from(self.api.now().as_millis()).unwrap_or(i64::MAX);
        let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
        time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

/// A request that was taken in.
pub(crate) struct Asked {
    pub(crate) ids: Ids,
    content: Content,
    from_page: Option<FromPage>,
    answer: Pending,
}

/// What a panic in a handler comes to.
fn panicked(panic: &(dyn Any + Send)) -> ApiError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no text");
    ApiError::internal(format!("a handler panicked: {text}"))
}

/// What becomes of an answer's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// It is sent.
    Sent,
    /// It is left out, and its length told all the same.
    Left,
}

impl Content {
    fn of_answer_to(method: &Method) -> Self {
        if *method == Method::HEAD {
            Self::Left
        } else {
            Self::Sent
        }
    }
}

/// The error object (contract section 6.4).
#[derive(Serialize)]
struct ErrorObject<'a> {
    error: ErrorMembers<'a>,
}

#[derive(Serialize)]
struct ErrorMembers<'a> {
    /// For programs.
    code: &'static str,
    /// For people.
    message: &'a str,
    #[serde(rename = "innerError")]
    inner_error: InnerError<'a>,
}

/// What finds the request in a log.
#[derive(Serialize)]
struct InnerError<'a> {
    /// When, in UTC without suffix.
    date: String,
    #[serde(rename = "request-id")]
    request_id: &'a str,
    #[serde(rename = "client-request-id")]
    client_request_id: &'a str,
}

/// The headers that belong to an error object.
fn write_headers(headers: &mut HeaderMap, error: &ApiError) {
    // The generated SDKs read the object only under this media type (contract section 6.4).
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let status = error.code().row().status;
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // RFC 9110 §12.5.3: in an answer it says what a request may have.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if status != StatusCode::METHOD_NOT_ALLOWED {
        // `endpoints` and, beside the API, the router put it on whatever their refusal of a method became:
        // a 401 or a 429 perhaps, which tells of no methods.
        headers.remove(ALLOW);
    }
}

/// What an answer is known by (contract section 6.3).
pub(crate) struct Ids {
    /// The server's own.
    pub(crate) request: HeaderValue,
    /// The client's, or else the same.
    pub(crate) client: HeaderValue,
}

impl Ids {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        Uuid::new_v4().as_hyphenated().encode_lower(&mut text);
        // Owned, it can be in two headers without a copy.
        let request = HeaderValue::from_maybe_shared(Bytes::from_owner(text));
        let request = request.expect("hexadecimal digits and hyphens");
        let client = headers.get(CLIENT_REQUEST_ID).filter(|id| is_plausible(id));
        let client = client.unwrap_or(&request).clone();
        Self { request, client }
    }

    fn write(self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request);
        headers.insert(CLIENT_REQUEST_ID, self.client);
        headers.entry(CACHE_CONTROL).or_insert(NO_CACHE);
    }
}

/// Graph wants a GUID. Other short names of plain characters do no harm; anything else could, in a
/// log for instance.
fn is_plausible(id: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.{}:".contains(byte);
    (1..=CLIENT_REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.as_bytes().iter().all(plain)
}

/// Leaves the content out, and tells its length all the same: it is that of the answer to a GET (RFC
/// 9110 §9.3.2).
fn leave_content(response: &mut Response) {
    let body = std::mem::take(response.body_mut());
    if let Some(length) = body.size_hint().exact() {
        let length = HeaderValue::from(length);
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's id is repeated where it is short and plain.
    #[test]
    fn client_ids() {
        let check = |id: &str, expect| {
            let value = HeaderValue::from_bytes(id.as_bytes()).unwrap();
            assert_eq!(is_plausible(&value), expect, "{id}");
        };
        check("fa8bf3dc-eca7-46b7-bad1-db199b62afc3", true);
        check("{fa8bf3dc}", true);
        check(&"x".repeat(CLIENT_REQUEST_ID_CHARS_MAX), true);
        check(&"x".repeat(CLIENT_REQUEST_ID_CHARS_MAX + 1), false);
        check("", false);
        check("a b", false);
        check("<script>", false);
        check("a\"b", false);
        check("é", false);
    }
}

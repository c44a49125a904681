//! The answers to the requests of a batch, and the one answer they are put into.

use std::fmt::Write as _;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::envelope::Item;
use crate::body::is_json;
use crate::front::{CLIENT_REQUEST_ID, Ids, NO_CACHE, REQUEST_ID};
use crate::routes::endpoints::Answered;
use crate::throttle::Standing;
use crate::wire::presence::close;
use crate::wire::push_escaped;

/// Bytes that hold an answer without its body, with some room.
const ANSWER_BYTES: usize = 512;

/// The answer to one request.
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    headers: HeaderMap,
    /// How the caller stands, where the request was counted.
    pub(super) standing: Option<Standing>,
    pub(super) ids: Ids,
    body: Bytes,
}

impl Answer {
    /// The answer, with its body read. The bodies of the API's own answers are whole and in memory.
    pub(super) async fn of((answered, ids): (Answered, Ids)) -> Self {
        let (parts, body) = answered.response.into_parts();
        let (status, body) = if body.is_end_stream() {
            (parts.status, Bytes::new())
        } else {
            match body.collect().await {
                Ok(body) => (parts.status, body.to_bytes()),
                Err(_broken) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
            }
        };
        Self {
            status,
            headers: parts.headers,
            standing: answered.standing,
            ids,
            body,
        }
    }

    /// Bytes of its body.
    pub(super) const fn body_bytes(&self) -> usize {
        self.body.len()
    }

    fn push(&self, out: &mut BytesMut, id: &str) {
        out.extend_from_slice(b"{\"id\":\"");
        push_escaped(out, id);
        out.extend_from_slice(b"\",\"status\":");
        out.extend_from_slice(self.status.as_str().as_bytes());
        out.extend_from_slice(b",\"headers\":{");
        self.push_headers(out);
        close(out, b'}');
        self.push_body(out);
        out.extend_from_slice(b"}");
    }

    /// The headers of the answer, and after them those that every answer gets.
    fn push_headers(&self, out: &mut BytesMut) {
        for (name, value) in &self.headers {
            if *name != CONTENT_LENGTH {
                push_header(out, name, value);
            }
        }
        if let Some([limit, remaining, reset]) = self.standing.map(Standing::numbers) {
            write!(
                out,
                r#""RateLimit-Limit":"{limit}","RateLimit-Remaining":"{remaining}","RateLimit-Reset":"{reset}","#
            )
            .expect("a BytesMut takes everything");
        }
        push_header(out, &REQUEST_ID, &self.ids.request);
        push_header(out, &CLIENT_REQUEST_ID, &self.ids.client);
        if !self.headers.contains_key(CACHE_CONTROL) {
            push_header(out, &CACHE_CONTROL, &NO_CACHE);
        }
    }

    /// JSON as it is, anything else as base64url text. The member stands there for an empty body
    /// too, as `null`: Office365-REST-Python-Client reads it unasked, and the others do not mind.
    fn push_body(&self, out: &mut BytesMut) {
        out.extend_from_slice(b",\"body\":");
        if self.body.is_empty() {
            out.extend_from_slice(b"null");
        } else if is_json(&self.headers) {
            out.extend_from_slice(&self.body);
        } else {
            out.extend_from_slice(b"\"");
            out.extend_from_slice(URL_SAFE_NO_PAD.encode(&self.body).as_bytes());
            out.extend_from_slice(b"\"");
        }
    }
}

/// The answer to the whole batch: all answers in the order of the requests (contract section 5.2).
/// Each is dropped as soon as it is copied.
pub(super) fn all(items: &[Item<'_>], answers: Vec<Option<Answer>>) -> Response {
    let bodies = answers.iter().flatten().map(Answer::body_bytes);
    let mut out = BytesMut::with_capacity(bodies.sum::<usize>() + items.len() * ANSWER_BYTES);
    out.extend_from_slice(b"{\"responses\":[");
    for (item, answer) in items.iter().zip(answers) {
        if let Some(answer) = answer {
            answer.push(&mut out, &item.id);
            out.extend_from_slice(b",");
        }
    }
    close(&mut out, b']');
    out.extend_from_slice(b"}");
    let mut response = Response::new(Body::from(out.freeze()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A header, its name spelled as usual: the JavaScript client looks for exactly `Content-Type`
/// (contract section 5.4).
fn push_header(out: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(b"\"");
    push_spelled(out, name.as_str());
    out.extend_from_slice(b"\":\"");
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => push_escaped(out, text),
        Err(_opaque) => push_escaped(out, &String::from_utf8_lossy(value.as_bytes())),
    }
    out.extend_from_slice(b"\",");
}

/// Writes a header's name in its usual spelling: a capital at the beginning of each word, but for those
/// names that Graph writes otherwise.
fn push_spelled(out: &mut BytesMut, name: &str) {
    let own = match name {
        "odata-version" => Some("OData-Version"),
        "www-authenticate" => Some("WWW-Authenticate"),
        // An answer from beside the table of endpoints brings them as headers.
        "ratelimit-limit" => Some("RateLimit-Limit"),
        "ratelimit-remaining" => Some("RateLimit-Remaining"),
        "ratelimit-reset" => Some("RateLimit-Reset"),
        "request-id" | "client-request-id" => Some(name),
        other => other.starts_with("x-ms-").then_some(name),
    };
    let start = out.len();
    out.extend_from_slice(own.unwrap_or(name).as_bytes());
    if own.is_none() {
        let mut begins = true;
        for byte in out.iter_mut().skip(start) {
            if begins {
                byte.make_ascii_uppercase();
            }
            begins = *byte == b'-';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are spelled as clients look for them.
    #[test]
    fn names_are_spelled_as_usual() {
        for name in [
            "Content-Type",
            "Cache-Control",
            "Allow",
            "Retry-After",
            "OData-Version",
            "WWW-Authenticate",
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "request-id",
            "client-request-id",
            "x-ms-resource-unit",
        ] {
            let mut out = BytesMut::new();
            push_spelled(&mut out, &name.to_ascii_lowercase());
            assert_eq!(out, name);
        }
    }

    /// A body that is not JSON comes as text, and an empty one as `null`.
    #[tokio::test]
    async fn bodies() {
        let pushed = async |media_type: &'static str, body: &'static str| {
            let mut response = Response::new(Body::from(body));
            let media_type = HeaderValue::from_static(media_type);
            response.headers_mut().insert(CONTENT_TYPE, media_type);
            let mut out = BytesMut::new();
            let ids = Ids::of(response.headers());
            Answer::of((response.into(), ids)).await.push_body(&mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(pushed("application/json;x=y", "{}").await, ",\"body\":{}");
        assert_eq!(pushed("application/xml", "<?>").await, ",\"body\":\"PD8-\"");
        assert_eq!(pushed("application/json", "").await, ",\"body\":null");
    }
}

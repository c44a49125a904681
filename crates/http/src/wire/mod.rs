//! What goes over the wire, written by hand: templates into a buffer, without a serialiser.

pub(crate) mod context;
pub(crate) mod delivery;
pub(crate) mod events;
pub(crate) mod explanation;
pub(crate) mod level;
pub(crate) mod presence;
pub(crate) mod subscription;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::BytesMut;
use presenced_core::effect::Shadow;
use serde::Serialize;

use level::Level;

const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// Headers of the answer to a read, and some more.
const ANSWER_HEADERS: usize = 10;

/// Says that a write which succeeded is not to be seen, and why.
const EFFECT: HeaderName = HeaderName::from_static("presenced-effect");

/// 200 with this JSON, which tells so much of itself.
pub(crate) fn odata(json: BytesMut, level: Level) -> Response {
    let mut response = Response::new(Body::from(json.freeze()));
    let headers = response.headers_mut();
    // Room for those that are written to every answer, too.
    headers.reserve(ANSWER_HEADERS);
    headers.insert(CONTENT_TYPE, level.media_type());
    headers.insert(ODATA_VERSION, HeaderValue::from_static("4.0"));
    response
}

/// 200 with nothing, and no Content-Type either: the answer to every set and clear (contract
/// section 0, fact 2). HTTP/1.1 tells the length, 0; HTTP/2 needs none, and is not told one.
pub(crate) fn done() -> Response {
    Response::new(Body::empty())
}

/// 204: done, and nothing to show. The answer to a removal.
pub(crate) fn no_content() -> Response {
    let mut response = done();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// As [`done`], with a word on what hides the thing that was set, if anything does: the answer to the
/// most common complaint about presence, 200 and nothing changed.
pub(crate) fn done_under(shadow: Option<Shadow>) -> Response {
    let mut response = done();
    let by = match shadow {
        None => return response,
        Some(Shadow::Preferred) => "shadowed; by=preferred",
        Some(Shadow::Session) => "shadowed; by=session",
        Some(Shadow::NoSession) => "shadowed; by=no-session",
        Some(Shadow::ManualLocation) => "shadowed; by=manual-location",
    };
    let headers = response.headers_mut();
    headers.insert(EFFECT, HeaderValue::from_static(by));
    response
}

/// 200 with an object of presenced's own, which is no OData: no context and no metadata level.
pub(crate) fn own_json(object: &impl Serialize) -> Response {
    let json = serde_json::to_vec(object).expect("texts in structs are always JSON");
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Writes `text` as it stands within a JSON string, without the quotes around it.
pub(crate) fn push_escaped(out: &mut BytesMut, text: &str) {
    let mut rest = text;
    let is_escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    while let Some(at) = rest.bytes().position(is_escaped) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = from.chars();
        match characters.next() {
            Some('"') => out.extend_from_slice(b"\\\""),
            Some('\\') => out.extend_from_slice(b"\\\\"),
            Some(control) => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is escaped reads back as it was.
    #[test]
    fn escaped_text_reads_back() {
        for text in [
            "",
            "plain",
            "\"",
            "\\",
            "a\"b\\c\nd",
            "\u{0}\u{1f}\u{7f}",
            "é\u{2028}😀",
        ] {
            let mut out = BytesMut::from("\"");
            push_escaped(&mut out, text);
            out.extend_from_slice(b"\"");
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}

//! From what stands in a batch to a request as if it had come alone.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::value::RawValue;

use super::envelope::{Item, text};
use super::url::resolve;
use crate::error::{ApiError, quoted};
use crate::front::{CLIENT_REQUEST_ID, Ids};
use crate::limits::BATCH_ITEM_HEADERS_MAX;
use crate::target::Version;
use crate::wire::context::{OverTls, PublicUrl};

/// Headers of the batch that each of its requests has too: who asks, and what for an answer calls
/// this server.
const SHARED: [HeaderName; 3] = [AUTHORIZATION, HOST, CLIENT_REQUEST_ID];

/// Headers that belong to a message on a connection, and say nothing in a batch.
const PASSED_OVER: [HeaderName; 6] = [
    AUTHORIZATION,
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// base64url, with or without padding.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the requests of a batch have from the request that brought it.
pub(super) struct Outer<'a> {
    /// The headers that each of them begins with.
    shared: HeaderMap,
    /// The text of the batch, which their bodies are parts of.
    json: &'a Bytes,
    /// What the last of them wrote of headers, and what came of it: they mostly write the same.
    last: (Option<&'a str>, HeaderMap),
    over_tls: Option<OverTls>,
    version: Version,
    public_url: Option<&'a PublicUrl>,
}

impl<'a> Outer<'a> {
    pub(super) fn of(
        parts: &Parts,
        json: &'a Bytes,
        version: Version,
        public_url: Option<&'a PublicUrl>,
    ) -> Self {
        let mut shared = HeaderMap::new();
        for name in SHARED {
            if let Some(value) = parts.headers.get(&name) {
                shared.insert(name, value.clone());
            }
        }
        // HTTP/2 names the host in the target and nowhere else (RFC 9113 §8.3.1).
        let authority = parts.uri.authority().map(Authority::as_str);
        if let Some(host) = authority.and_then(|host| HeaderValue::from_str(host).ok()) {
            shared.insert(HOST, host);
        }
        Self {
            last: (None, shared.clone()),
            shared,
            json,
            over_tls: parts.extensions.get().copied(),
            version,
            public_url,
        }
    }

    /// The request that an item stands for; 400 where it stands for none.
    pub(super) fn request(&mut self, item: &Item<'a>) -> Result<Request, ApiError> {
        let method = item.method.and_then(text).unwrap_or_default();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_no_method| {
            ApiError::invalid_argument("method", "The method must be one of HTTP, such as GET.")
        })?;
        let url = item.url.and_then(text).ok_or_else(|| {
            ApiError::invalid_argument("url", "The url field is required, and must be a string.")
        })?;
        let mut request = Request::new(Body::from(body(item.body, self.json)?));
        *request.uri_mut() = resolve(&url, self.version, self.public_url)?;
        *request.method_mut() = method;
        *request.headers_mut() = self.headers(item)?.clone();
        if let Some(encrypted) = self.over_tls {
            request.extensions_mut().insert(encrypted);
        }
        Ok(request)
    }

    /// The ids of the answer to an item that is not asked: as if it had been, where that can be read.
    pub(super) fn ids(&mut self, item: &Item<'a>) -> Ids {
        match self.headers(item) {
            Ok(headers) => Ids::of(headers),
            Err(_unreadable) => Ids::of(&self.shared),
        }
    }

    /// The headers of the request that an item stands for.
    fn headers(&mut self, item: &Item<'a>) -> Result<&HeaderMap, ApiError> {
        let written = item.headers.map(RawValue::get);
        if self.last.0 != written {
            let mut headers = self.shared.clone();
            add(&mut headers, item.headers)?;
            self.last = (written, headers);
        }
        Ok(&self.last.1)
    }
}

/// The body: the part of the batch where JSON is written, or what base64url text stands for (contract
/// section 5.1).
fn body(written: Option<&RawValue>, json: &Bytes) -> Result<Bytes, ApiError> {
    let Some(written) = written else {
        return Ok(Bytes::new());
    };
    if !written.get().starts_with('"') {
        return Ok(json.slice_ref(written.get().as_bytes()));
    }
    // The Python SDK writes it in the other alphabet of base64 (RFC 4648 §4).
    let encoded = text(written).map(|text| text.replace('+', "-").replace('/', "_"));
    let decoded = encoded.and_then(|encoded| BASE64_URL.decode(encoded).ok());
    let decoded = decoded.ok_or_else(|| {
        ApiError::invalid_argument(
            "body",
            "The body of a request in a batch is a JSON object, or anything else as base64url \
             text.",
        )
    })?;
    Ok(decoded.into())
}

/// Adds an item's own headers.
fn add(headers: &mut HeaderMap, written: Option<&RawValue>) -> Result<(), ApiError> {
    let refused = |message: &str| ApiError::invalid_argument("headers", message);
    let Some(written) = written else {
        return Ok(());
    };
    let own: BTreeMap<String, Option<String>> = serde_json::from_str(written.get())
        .map_err(|_no_texts| refused("The headers must be an object of strings."))?;
    if own.len() > BATCH_ITEM_HEADERS_MAX {
        return Err(refused(&format!(
            "A request in a batch has at most {BATCH_ITEM_HEADERS_MAX} headers."
        )));
    }
    for (name, value) in own {
        let Some(value) = value else { continue };
        let unusable = |_| refused(&format!("'{}' is not a header.", quoted(&name)));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(unusable)?;
        let unusable = |_| refused(&format!("The value of '{}' is not one.", quoted(&name)));
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(unusable)?;
        if !PASSED_OVER.contains(&header) {
            headers.insert(header, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    /// JSON stays as it was written, and texts are base64url with or without padding.
    #[test]
    fn bodies() {
        let check = |json: &'static str, expect: &str| {
            let batch = Bytes::from_static(json.as_bytes());
            let written = serde_json::from_slice(&batch).unwrap();
            assert_eq!(body(Some(written), &batch).unwrap(), expect, "{json}");
        };
        check(r#"{ "a" : 1.50 }"#, r#"{ "a" : 1.50 }"#);
        check("[]", "[]");
        check(r#""eyJhIjoi8J-YgCJ9""#, "{\"a\":\"😀\"}");
        check(r#""e30""#, "{}");
        check(r#""e30=""#, "{}");
        check(r#""eyJhIjoi8J+YgCJ9""#, "{\"a\":\"😀\"}");
        check(r#""""#, "");
        let none = Bytes::new();
        assert_eq!(body(None, &none).unwrap(), "");
        for wrong in [
            r#""{}""#,
            r#""e3""#,
            r#""e30!""#,
            r#""e30=e30=""#,
            "\"\\ud800\"",
        ] {
            assert!(body(Some(raw(wrong)), &none).is_err(), "{wrong}");
        }
    }

    /// An item's headers are its own, but for those that a batch shares or a connection has.
    #[test]
    fn headers() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        let own = r#"{"Accept":"a/b","authorization":"Bearer y","HOST":"z","Content-Length":"9",
            "x-none":null,"x-note":"\u00e9"}"#;
        add(&mut headers, Some(raw(own))).unwrap();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["x-note"], "\u{e9}".as_bytes());
        assert_eq!(headers[AUTHORIZATION], "Bearer x");
        assert_eq!(headers["accept"], "a/b");
        assert!(add(&mut headers, None).is_ok());
        for wrong in [
            r#"{"a b":"x"}"#,
            r#"{"a":"x\ny"}"#,
            r#"{"a":1}"#,
            "[]",
            "\"x\"",
            r#"{"":""}"#,
        ] {
            assert!(add(&mut headers, Some(raw(wrong))).is_err(), "{wrong}");
        }
        let many = |count: usize| {
            let many: Vec<String> = (0..count).map(|at| format!(r#""x-{at}":"""#)).collect();
            let many = format!("{{{}}}", many.join(","));
            add(&mut HeaderMap::new(), Some(raw(&many)))
        };
        assert!(many(BATCH_ITEM_HEADERS_MAX).is_ok());
        let error = many(BATCH_ITEM_HEADERS_MAX + 5).unwrap_err();
        assert!(error.message().contains("at most 64 headers"), "{error}");
    }

    /// Each request has its own headers and those that all have, whatever the one before it had.
    #[test]
    fn headers_are_of_one_request() {
        let (parts, ()) = axum::http::Request::get("http://host/v1.0/$batch")
            .header(AUTHORIZATION, "Bearer x")
            .body(())
            .unwrap()
            .into_parts();
        let json = Bytes::new();
        let mut outer = Outer::of(&parts, &json, Version::V1, None);
        let url = raw("\"/me/presence\"");
        let mut accepted = |written: Option<&'static str>| {
            let item = Item {
                id: "1".into(),
                method: Some(raw("\"GET\"")),
                url: Some(url),
                headers: written.map(raw),
                body: None,
                after: Vec::new(),
            };
            let request = outer.request(&item).ok()?;
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer x");
            let accept = request.headers().get("accept");
            Some(accept.map(|value| value.to_str().unwrap().to_owned()))
        };
        for (written, expect) in [
            (None, None),
            (Some(r#"{"Accept":"a/b"}"#), Some("a/b")),
            (Some(r#"{"Accept":"a/b"}"#), Some("a/b")),
            (Some(r#"{"Accept":"c/d"}"#), Some("c/d")),
            (Some("{}"), None),
            (Some(r#"{"Accept":"c/d"}"#), Some("c/d")),
            (None, None),
        ] {
            let expect = expect.map(str::to_owned);
            assert_eq!(accepted(written), Some(expect), "{written:?}");
        }
        assert_eq!(accepted(Some("[]")), None);
        assert_eq!(accepted(Some("[]")), None, "once more");
    }
}

//! Which web pages may call this server and read its answers: the CORS protocol of the Fetch
//! standard.
//!
//! A browser asks first, without a token, whether a page may send one: so the question is answered
//! before any route is looked for. Pages that are not allowed get the answers that they would get
//! anyway, without the headers that let the browser show them. A request that names no origin costs
//! one look for the header.
//!
//! Written here rather than taken from a library: it is less than the conversion between the two
//! would be, since the answer must come before routes and token check, in [`Front`](crate::Front),
//! which is no layer.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use reqwest::Url;

/// The pages that may call this server from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// None.
    #[default]
    None,
    /// Those of these origins.
    Listed(Vec<Origin>),
    /// Those that this machine serves to itself, on whatever port: for development.
    Loopback,
}

/// The origin of a page, as browsers send it: scheme and host in lower case, and the port where it
/// is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Box<str>);

/// A text that no browser sends as an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is http:// or https:// with a host in lower case and a port where it is not the \
     usual one, and nothing behind it, such as https://board.example.com"
)]
pub struct BadOrigin;

impl Origin {
    /// Reads an origin that is written exactly as a browser does: another spelling would never
    /// match.
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        let url = Url::parse(text).map_err(|_no_url| BadOrigin)?;
        // A star would be taken for part of the name, and match no page at all.
        let web = matches!(url.scheme(), "http" | "https") && !text.contains('*');
        if web && url.origin().ascii_serialization() == text {
            Ok(Self(text.into()))
        } else {
            Err(BadOrigin)
        }
    }
}

impl AllowedOrigins {
    fn include(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::None => false,
            Self::Listed(origins) => origins.iter().any(|one| origin == &*one.0),
            Self::Loopback => is_loopback_origin(origin),
        }
    }
}

/// Whether a page of this origin comes from this machine.
pub fn is_loopback_origin(origin: &HeaderValue) -> bool {
    let url = origin.to_str().ok().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| is_loopback(&url))
}

/// Whether an address is on this machine, over HTTP or HTTPS.
pub fn is_loopback(url: &Url) -> bool {
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    local && matches!(url.scheme(), "http" | "https")
}

/// A request that a page sent, or perhaps a browser that asks for it.
pub(crate) struct FromPage {
    /// The page's origin, where it is allowed.
    allowed: Option<HeaderValue>,
    asks_first: bool,
}

impl FromPage {
    /// Looks whether a request is from a page. `None` too where no page is allowed anything.
    pub(crate) fn of(request: &Request, allowed: &AllowedOrigins) -> Option<Self> {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN)?;
        if *allowed == AllowedOrigins::None {
            return None;
        }
        let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Some(Self {
            allowed: allowed.include(origin).then(|| origin.clone()),
            asks_first: asks && request.method() == Method::OPTIONS,
        })
    }

    /// The answer to a browser that asks first for a page that is allowed: whatever the API has.
    pub(crate) fn allowance(&self) -> Option<Response> {
        if !self.asks_first || self.allowed.is_none() {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        write(
            response.headers_mut(),
            [
                (
                    header::ACCESS_CONTROL_ALLOW_METHODS,
                    "GET, POST, PUT, PATCH, DELETE",
                ),
                // The star covers what client libraries add, but never Authorization (Fetch
                // standard, CORS-preflight fetch).
                (header::ACCESS_CONTROL_ALLOW_HEADERS, "*, Authorization"),
                (header::ACCESS_CONTROL_MAX_AGE, "600"),
            ],
        );
        Some(response)
    }

    /// Lets the browser show the answer to the page, where it may. What it says of one origin is
    /// not for another, and caches are told so.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let exposed = "request-id, client-request-id, Retry-After, RateLimit-Limit, \
                           RateLimit-Remaining, RateLimit-Reset, WWW-Authenticate, \
                           OData-Version, presenced-effect";
            write(headers, [(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed)]);
        }
    }
}

fn write<const N: usize>(headers: &mut HeaderMap, all: [(HeaderName, &'static str); N]) {
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An origin is taken in the one spelling that browsers use.
    #[test]
    fn origins() {
        for right in [
            "https://board.example.com",
            "http://localhost:3000",
            "http://[::1]:5173",
            "https://10.0.0.1:8443",
        ] {
            assert_eq!(Origin::parse(right).unwrap().0.as_ref(), right);
        }
        for wrong in [
            "",
            "*",
            "null",
            "board.example.com",
            "https://board.example.com/",
            "https://board.example.com/app",
            "https://board.example.com:443",
            "http://board.example.com:80",
            "https://Board.example.com",
            "https://*.example.com",
            "https://user@board.example.com",
            "ftp://board.example.com",
            "file:///board",
        ] {
            assert_eq!(Origin::parse(wrong), Err(BadOrigin), "{wrong}");
        }
    }

    /// Which pages are of this machine, and which only look so.
    #[test]
    fn loopback_origins() {
        for (origin, expected) in [
            ("http://localhost:3000", true),
            ("https://127.0.0.1", true),
            ("http://[::1]:5173", true),
            ("https://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://localhost@evil.example", false),
            ("null", false),
        ] {
            let value = HeaderValue::from_static(origin);
            assert_eq!(is_loopback_origin(&value), expected, "{origin}");
        }
    }
}

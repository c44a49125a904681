//! Who may call what `presenced dev` has beside the API. None of it asks for a token, so any page
//! that a developer happens to open could move the clock, were it not for this.
//!
//! A browser names the page in `Origin`, which is looked at for `/dev`. A page can also give itself
//! a name that leads to this machine, after it was loaded from elsewhere (DNS rebinding): then the
//! browser takes it for one of ours, and only the name in `Host` tells. So names are answered to
//! only where they are known. Addresses are, whatever they are: nobody can make one lead elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use presenced_http::error::Code;
use presenced_http::{ApiError, PublicUrl, cors};

/// What is known of where this server is reached.
#[derive(Clone)]
pub(super) struct Guard {
    public: Option<Arc<PublicUrl>>,
}

impl Guard {
    pub(super) fn new(public: Option<PublicUrl>) -> Self {
        Self {
            public: public.map(Arc::new),
        }
    }

    /// Routes that answer to known hosts only.
    pub(super) fn known_hosts(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), known_host))
    }

    /// Routes that are closed to web pages of other machines.
    pub(super) fn known_pages(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), known_page))
    }

    fn knows_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host().to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let public = self.public.as_deref().map(PublicUrl::host);
        let public = public.and_then(|host| host.parse::<Authority>().ok());
        bare.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || public.is_some_and(|public| public.host().eq_ignore_ascii_case(&name))
    }

    /// Whether a page is of this machine, or of this server under the host that was asked for.
    fn knows_page(&self, request: &Request) -> bool {
        let Some(origin) = request.headers().get(ORIGIN) else {
            return true;
        };
        let page = origin.to_str().ok().and_then(|text| text.split_once("://"));
        let is_page = |host: &str| page.is_some_and(|(_, page)| page.eq_ignore_ascii_case(host));
        cors::is_loopback_origin(origin)
            || host(request).is_some_and(is_page)
            || self
                .public
                .as_deref()
                .map(PublicUrl::host)
                .is_some_and(is_page)
    }
}

/// Whom a request is for: HTTP/2 says it in the target (RFC 9113 §8.3.1).
fn host(request: &Request) -> Option<&str> {
    let authority = request.uri().authority().map(Authority::as_str);
    authority.or_else(|| request.headers().get(HOST)?.to_str().ok())
}

async fn known_host(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    // What is no text is no host; and without one, no browser has sent the request.
    let none = request.uri().authority().is_none() && !request.headers().contains_key(HOST);
    if none || host(&request).is_some_and(|host| guard.knows_host(host)) {
        return next.run(request).await;
    }
    ApiError::bad_request(
        "This Host is not known here: use localhost or an IP address, or start `presenced dev` with \
         --public-url and the address that clients use.",
    )
    .into_response()
}

async fn known_page(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.knows_page(&request) {
        return next.run(request).await;
    }
    let message = "This path is closed to web pages of other machines; the Origin of this one is not \
                   a loopback address.";
    ApiError::new(Code::Forbidden, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which names in `Host` are ours.
    #[test]
    fn hosts() {
        let public = PublicUrl::parse("https://Presence.example:8443/base").unwrap();
        let guard = Guard::new(Some(public));
        for (host, expected) in [
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("app.localhost:1", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("192.168.1.5:8080", true),
            ("presence.example", true),
            ("presence.example:8080", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(guard.knows_host(host), expected, "{host}");
        }
        assert!(!Guard::new(None).knows_host("presence.example"));
    }

    /// Which pages may move the clock: those of this machine, and the server's own.
    #[test]
    fn pages() {
        let public = PublicUrl::parse("https://presence.example").unwrap();
        let guard = Guard::new(Some(public));
        for (origin, expected) in [
            ("http://localhost:3000", true),
            ("http://192.168.1.5:8080", true),
            ("https://presence.example", true),
            ("http://192.168.1.5:9", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let request = Request::builder()
                .header(HOST, "192.168.1.5:8080")
                .header(ORIGIN, origin)
                .body(axum::body::Body::empty())
                .unwrap();
            assert_eq!(guard.knows_page(&request), expected, "{origin}");
        }
    }
}

//! Under which address a client has reached the provider, which it writes into its own documents.

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use presenced_http::PublicUrl;
use std::sync::Arc;

use super::error::OAuthError;
use super::limits::HOST_CHARS_MAX;
use super::{Scheme, State};

/// Where the provider is: the scheme and host of a request, or the configured address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// Without a slash at its end.
    root: String,
    /// With its port, if it has one.
    pub(super) host: String,
}

impl From<&PublicUrl> for Base {
    fn from(url: &PublicUrl) -> Self {
        Self {
            root: url.as_str().to_owned(),
            host: url.host().to_ascii_lowercase(),
        }
    }
}

impl Base {
    /// Reads where a request went. `own` is the scheme where no proxy says otherwise.
    fn read(uri: &Uri, headers: &HeaderMap, own: Scheme) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let forwarded = text("x-forwarded-proto").and_then(|list| list.split(',').next());
        let scheme = match forwarded.map(str::trim).or(uri.scheme_str()) {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            Some(_) | None => own,
        };
        // HTTP/2 writes the host into the request's target (RFC 9113 §8.3.1).
        let authority = uri.authority().map(axum::http::uri::Authority::as_str);
        let host = authority.or_else(|| text(HOST.as_str()))?;
        let written = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let sound = !host.is_empty() && host.len() <= HOST_CHARS_MAX && host.bytes().all(written);
        let host = host.to_ascii_lowercase();
        let scheme = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let base = Self {
            root: format!("{scheme}://{host}"),
            host,
        };
        (sound && reqwest::Url::parse(&base.url("")).is_ok()).then_some(base)
    }

    /// The address of a path, which begins with a slash.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }
}

impl FromRequestParts<Arc<State>> for Base {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        if let Some(url) = &state.settings.public_url {
            return Ok(url.into());
        }
        let base = Self::read(&parts.uri, &parts.headers, state.settings.scheme);
        base.ok_or_else(|| {
            let error = OAuthError::malformed("The Host header is missing or not a host.");
            error.answer(state.settings.clock.now(), &parts.headers)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address a client used comes out again, and nothing that is not an address.
    #[test]
    fn the_address_of_a_request() {
        for (uri, host, forwarded, expected) in [
            ("/a", "LOCALHOST:8080", "", Some("http://localhost:8080/x")),
            ("/a", "[::1]:8080", "", Some("http://[::1]:8080/x")),
            (
                "/a",
                "presence.example",
                "https",
                Some("https://presence.example/x"),
            ),
            (
                "/a",
                "presence.example",
                "https, http",
                Some("https://presence.example/x"),
            ),
            (
                "/a",
                "presence.example",
                "gopher",
                Some("http://presence.example/x"),
            ),
            (
                "https://h2.example:1/a",
                "",
                "",
                Some("https://h2.example:1/x"),
            ),
            ("/a", "", "", None),
            ("/a", "a/b", "", None),
            ("/a", "a\"b", "", None),
            ("/a", "user@host", "", None),
            ("/a", "host:port", "", None),
            ("/a", "a b", "", None),
            ("/a", &"a".repeat(262), "", None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("host", host), ("x-forwarded-proto", forwarded)] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let base = Base::read(&uri.parse().unwrap(), &headers, Scheme::Http);
            let found = base.map(|base| base.url("/x"));
            assert_eq!(found.as_deref(), expected, "{uri} {host} {forwarded}");
        }
    }
}

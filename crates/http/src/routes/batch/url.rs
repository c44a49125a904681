//! Where the URL of a request in a batch leads: always below a version of this API.

use std::io::Write as _;

use axum::http::Uri;

use crate::error::{ApiError, quoted};
use crate::limits::BATCH_URL_BYTES_MAX;
use crate::target::Version;
use crate::wire::context::PublicUrl;

/// The path and query that a URL stands for. It may be relative to the batch's version, with or
/// without a slash in front, begin with a version of its own, or be absolute; of the last, the host
/// does not matter (contract section 5.4). 400 for a URL that is none.
pub(super) fn resolve(
    url: &str,
    version: Version,
    public_url: Option<&PublicUrl>,
) -> Result<Uri, ApiError> {
    let refused = |message: &str| ApiError::invalid_argument("url", message);
    if url.len() > BATCH_URL_BYTES_MAX {
        return Err(refused(&format!(
            "The URL of a request in a batch has at most {BATCH_URL_BYTES_MAX} bytes."
        )));
    }
    let path = below_root(url, public_url)
        .split('#')
        .next()
        .unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut text = Vec::with_capacity(path.len() + "/v1.0/".len());
    let first = path.split(['/', '?']).next().unwrap_or_default();
    if Version::named(first).is_none() {
        text.push(b'/');
        text.extend_from_slice(version.as_str().as_bytes());
    }
    text.push(b'/');
    push_encoded(&mut text, path);
    text.try_into()
        .map_err(|_no_url| refused(&format!("'{}' is not a URL.", quoted(url))))
}

/// The URL from the root of this server on: without scheme and host, of which clients cut off both
/// or nothing, and without the path under which a proxy shows this server.
fn below_root<'a>(url: &'a str, public_url: Option<&PublicUrl>) -> &'a str {
    let path = without_host(url);
    let prefix = public_url.map_or("", PublicUrl::path);
    let below = path.strip_prefix(prefix);
    below.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

fn without_host(url: &str) -> &str {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| {
        let head = url.get(..scheme.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    });
    let Some(rest) = scheme.and_then(|scheme| url.get(scheme.len()..)) else {
        return url;
    };
    rest.find(['/', '?'])
        .and_then(|at| rest.get(at..))
        .unwrap_or_default()
}

/// Percent-encodes what cannot stand in a URL. People write `$filter=id in ('…')` with its spaces,
/// which no client library would send in a request of its own.
fn push_encoded(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| {
        let has_no_place = matches!(
            byte,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        );
        byte.is_ascii_graphic() && !has_no_place
    };
    for piece in text.as_bytes().split_inclusive(|byte| !is_plain(*byte)) {
        match piece.split_last() {
            Some((last, plain)) if !is_plain(*last) => {
                out.extend_from_slice(plain);
                write!(out, "%{last:02X}").expect("a Vec takes everything");
            }
            _ => out.extend_from_slice(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(url: &str) -> Result<String, ApiError> {
        let public = PublicUrl::parse("https://example.com/graph").unwrap();
        resolve(url, Version::Beta, Some(&public)).map(|uri| uri.to_string())
    }

    /// Every way to write a URL that clients are known to take leads to the same place.
    #[test]
    fn urls_are_resolved() {
        let check = |url: &str, expect: &str| assert_eq!(resolved(url).unwrap(), expect, "{url}");
        check("/me/presence", "/beta/me/presence");
        check("me/presence", "/beta/me/presence");
        check("/v1.0/me/presence", "/v1.0/me/presence");
        check("V1.0/me/presence", "/V1.0/me/presence");
        check(
            "/beta/me/presence?$select=id",
            "/beta/me/presence?$select=id",
        );
        check("http://host:8080/v1.0/me/presence", "/v1.0/me/presence");
        check("HTTPS://graph.microsoft.com/v1.0/me", "/v1.0/me");
        check(
            "https://example.com/graph/v1.0/me/presence",
            "/v1.0/me/presence",
        );
        check("https://EXAMPLE.com/graph/beta/me", "/beta/me");
        // The JavaScript client cuts off scheme and host, and nothing else.
        check("/graph/v1.0/me/presence", "/v1.0/me/presence");
        check("https://example.com/graphs/x", "/beta/graphs/x");
        check("/me/presence#fragment", "/beta/me/presence");
        check(
            "/communications/presences?$filter=id in ('a','é')",
            "/beta/communications/presences?$filter=id%20in%20('a','%C3%A9')",
        );
        check("/users/a%40b/presence", "/beta/users/a%40b/presence");
    }

    /// Nothing outside the versions of the API can be reached.
    #[test]
    fn all_urls_lead_below_a_version() {
        for url in [
            "",
            "/",
            "//",
            "?",
            "#",
            "/healthz",
            "healthz?x",
            "http://host/healthz",
            "http://host",
            "//host/x",
            "/dev/clock",
            "/../readyz",
            "\u{0}",
            "/v1.0/../readyz",
            "v1.0",
            "v1.0x/me",
            "http://host?x",
            "ftp://host/v1.0",
            "*",
            "https:///healthz",
            "/%2e%2e/healthz",
        ] {
            let uri: Uri = resolved(url).unwrap().parse().unwrap();
            let below = |version: &&str| uri.path().trim_start_matches('/').starts_with(*version);
            assert!(["v1.0", "beta"].iter().any(below), "{url} leads to {uri}");
        }
    }

    /// A URL that is too long is refused.
    #[test]
    fn refusals() {
        let long = "x".repeat(BATCH_URL_BYTES_MAX + 1);
        assert!(resolved(&long).unwrap_err().message().contains("at most"));
        assert!(resolved(&long[1..]).is_ok());
        // Encoded, it is longer than any URL can be.
        assert!(resolved(&"é".repeat(BATCH_URL_BYTES_MAX / 2)).is_err());
    }
}

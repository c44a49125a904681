//! `@odata.context`: what an answer says it is, as an absolute URL (contract section 2.4).

use std::str::FromStr;

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use bytes::BytesMut;

use super::presence::Select;
use super::push_escaped;
use crate::error::ApiError;
use crate::limits::HOST_CHARS_MAX;
use crate::target::{Form, Subject, Version};

/// Stands in a request's extensions where the connection it came over is encrypted. The listener
/// puts it there.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// The address under which clients reach this server, where the server cannot see it by itself:
/// behind a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Box<str>);

/// A text that is no public URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a public URL is http:// or https:// with a host and, where needed, a port and a path, such as \
     https://presence.example.com"
)]
pub struct BadPublicUrl;

impl PublicUrl {
    /// Reads a URL of scheme, host, and perhaps port and path, without query. A slash at its end
    /// does not matter.
    pub fn parse(text: &str) -> Result<Self, BadPublicUrl> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or(BadPublicUrl)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if is_host(host) && path.bytes().all(plain) && !path.contains("//") {
            Ok(Self(text.into()))
        } else {
            Err(BadPublicUrl)
        }
    }

    /// Its host, with the port where it has one.
    pub fn host(&self) -> &str {
        let (_, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        rest.split_once('/').map_or(rest, |(host, _)| host)
    }

    /// What of its path stands before that of the API: nothing, or `/` and a name, once or more.
    pub(crate) fn path(&self) -> &str {
        let (_, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        rest.find('/')
            .and_then(|at| rest.get(at..))
            .unwrap_or_default()
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = BadPublicUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Where a client sees the root of this server, without a slash at its end: for documents beside the
/// API that name their own addresses. 400 without a host that can be repeated.
pub fn root_url(parts: &Parts, public_url: Option<&PublicUrl>) -> Result<String, ApiError> {
    let root = Root::of(parts, public_url)?;
    Ok(format!("{}{}", root.scheme, root.rest))
}

/// How several presences came into one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Several {
    /// As what `getPresencesByUserId` returns.
    ByUserId,
    /// As a part of `/communications/presences`.
    Filtered,
}

/// Where a client sees the root of this server, without a slash at its end.
#[derive(Debug)]
pub(crate) struct Root<'a> {
    scheme: &'static str,
    rest: &'a str,
}

/// The root, for a path to be put behind it.
impl std::fmt::Display for Root<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.scheme)?;
        f.write_str(self.rest)
    }
}

impl<'a> Root<'a> {
    /// The root that the client used: the configured one, otherwise the scheme and host of the
    /// request. 400 without a host that can be repeated.
    pub(crate) fn of(
        parts: &'a Parts,
        public_url: Option<&'a PublicUrl>,
    ) -> Result<Self, ApiError> {
        if let Some(url) = public_url {
            return Ok(Self {
                scheme: "",
                rest: url.as_str(),
            });
        }
        // The target's authority goes before the Host header (RFC 9112 §3.2.2), and HTTP/2 has no
        // Host at all (RFC 9113 §8.3.1).
        let authority = parts.uri.authority().map(Authority::as_str);
        let host = authority.or_else(|| parts.headers.get(HOST)?.to_str().ok());
        let rest = host.filter(|host| is_host(host)).ok_or_else(|| {
            ApiError::bad_request("The request's Host header is missing or not a host name.")
        })?;
        let encrypted = parts.extensions.get::<OverTls>().is_some();
        let scheme = if encrypted { "https://" } else { "http://" };
        Ok(Self { scheme, rest })
    }

    fn push(&self, out: &mut BytesMut, version: Version) {
        for text in [self.scheme, self.rest, "/", version.as_str(), "/$metadata#"] {
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// The root of a version of the API, without a slash at its end.
    pub(crate) fn of_version(&self, version: Version) -> String {
        format!("{}{}/{}", self.scheme, self.rest, version.as_str())
    }

    /// The context of one presence. Also for `/me` it names the user.
    pub(crate) fn push_one(
        &self,
        out: &mut BytesMut,
        version: Version,
        of: (Form, Subject<'_>),
        select: Select,
    ) {
        self.push(out, version);
        let (form, subject) = of;
        match form {
            Form::Me | Form::Users => {
                out.extend_from_slice(b"users('");
                push_key(out, subject);
                out.extend_from_slice(b"')/presence");
            }
            Form::Communications => out.extend_from_slice(b"communications/presences"),
        }
        select.push_list(out);
        out.extend_from_slice(b"/$entity");
    }

    /// The context of several presences.
    pub(crate) fn push_several(
        &self,
        out: &mut BytesMut,
        version: Version,
        of: Several,
        select: Select,
    ) {
        self.push(out, version);
        let name = match of {
            Several::ByUserId => "Collection(microsoft.graph.presence)",
            Several::Filtered => "communications/presences",
        };
        out.extend_from_slice(name.as_bytes());
        select.push_list(out);
    }

    /// The members of a presence that full metadata adds: its type and its own address.
    pub(crate) fn push_identity(
        &self,
        out: &mut BytesMut,
        version: Version,
        of: (Form, Subject<'_>),
    ) {
        out.extend_from_slice(b"\"@odata.type\":\"#microsoft.graph.presence\",\"@odata.id\":\"");
        for text in [self.scheme, self.rest, "/", version.as_str(), "/"] {
            out.extend_from_slice(text.as_bytes());
        }
        let (form, subject) = of;
        let (before, after) = match form {
            Form::Me | Form::Users => ("users('", "')/presence\","),
            Form::Communications => ("communications/presences('", "')\","),
        };
        out.extend_from_slice(before.as_bytes());
        push_key(out, subject);
        out.extend_from_slice(after.as_bytes());
    }
}

/// A host name or address, perhaps with a port: only characters that cannot leave their place in a
/// JSON string or a URL.
fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    (1..=HOST_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// The id as the key of a context URL: what is not plain in a URL is percent-encoded, and a quote
/// is written twice.
fn push_key(out: &mut BytesMut, subject: Subject<'_>) {
    let id = match subject {
        Subject::User(user) | Subject::Stranger(user) => {
            return super::presence::push_guid(out, user);
        }
        Subject::Nobody(id) => id,
    };
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.extend_from_slice(&[byte]);
        } else if byte == b'\'' {
            out.extend_from_slice(b"''");
        } else {
            push_escaped(out, &format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn root(uri: &str, host: Option<&str>, tls: bool) -> Result<String, String> {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        if tls {
            request = request.extension(OverTls);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        root_url(&parts, None).map_err(|error| error.to_string())
    }

    /// The root is what the client used: scheme of the connection, authority or Host.
    #[test]
    fn roots() {
        let check = |uri, host, tls, expect: &str| {
            assert_eq!(root(uri, host, tls).unwrap(), expect);
        };
        check("/x", Some("localhost:8080"), false, "http://localhost:8080");
        check(
            "/x",
            Some("presence.example.com"),
            true,
            "https://presence.example.com",
        );
        check("/x", Some("[::1]:8080"), false, "http://[::1]:8080");
        check(
            "http://a.example/x",
            Some("b.example"),
            false,
            "http://a.example",
        );
        // What a client claims of the scheme does not count.
        check("https://a.example/x", None, false, "http://a.example");
        for host in ["", "a b", "a\"b", "a/b", "a\\b", "<x>", "user@host", "é"] {
            assert!(root("/x", Some(host), false).is_err(), "{host}");
        }
        assert!(root("/x", Some(&"a".repeat(HOST_CHARS_MAX + 1)), false).is_err());
        assert!(root("/x", None, false).is_err());
    }

    /// A configured URL is checked once and goes before what the request says.
    #[test]
    fn public_urls() {
        for right in [
            "https://presence.example.com",
            "http://10.0.0.1:8080",
            "https://example.com/graph/api",
        ] {
            assert_eq!(right.parse::<PublicUrl>().unwrap().as_str(), right);
            assert_eq!(
                PublicUrl::parse(&format!("{right}/")).unwrap().as_str(),
                right
            );
        }
        for (url, host) in [
            ("http://10.0.0.1:8080", "10.0.0.1:8080"),
            ("https://example.com/graph/api", "example.com"),
        ] {
            assert_eq!(PublicUrl::parse(url).unwrap().host(), host);
        }
        for wrong in [
            "",
            "https://",
            "presence.example.com",
            "ftp://x",
            "https://x?y",
            "https://x/#y",
            "https://a b",
            "https://x//y",
            "https://u@x",
        ] {
            assert_eq!(PublicUrl::parse(wrong), Err(BadPublicUrl), "{wrong}");
        }
    }

    /// An id that is no GUID cannot break out of the context it stands in.
    #[test]
    fn keys_are_encoded() {
        let check = |id: &str, expect: &str| {
            let mut out = BytesMut::new();
            push_key(&mut out, Subject::of(id));
            assert_eq!(out, expect, "{id}");
        };
        check("adele@presenced.dev", "adele@presenced.dev");
        check("O'Hara", "O''Hara");
        check("a\"b/c é", "a%22b%2Fc%20%C3%A9");
        check(
            "FA8BF3DC-eca7-46b7-bad1-db199b62afc3",
            "fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
        );
    }
}

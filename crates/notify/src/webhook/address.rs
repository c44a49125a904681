//! Where notifications may go.
//!
//! A subscriber names the address that this server connects to, so that the server could be made to
//! reach what only it can reach: a database beside it, a machine's metadata service, a printer in
//! the office. An address is therefore judged by what it is, right where the connection is made:
//! a name is judged after its look-up, and an address that was judged is the one connected to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;

use super::limits::URL_CHARS_MAX;
use super::networks::not_public;
use crate::courier::EndpointFault;

/// Which addresses notifications may go to.
///
/// Public ones over HTTPS always; whatever else the settings allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Networks that are allowed although they are not public, for receivers within an
    /// organisation.
    pub networks: Vec<IpNet>,
    /// Whether messages may go in clear.
    pub plain_http: PlainHttp,
    /// The ports that may be named; any where it is empty.
    pub ports: Vec<u16>,
}

/// Whether messages may go over HTTP without TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Never.
    #[default]
    Refused,
    /// To an address of this machine only, where the networks have it, and to no other in any case.
    OnLoopback,
    /// To every address that HTTPS may go to.
    Allowed,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// A URL that may be gone to, as far as it can be told before its name is looked up.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) scheme: Scheme,
}

/// An address that must not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {class}")]
pub(super) struct RefusedAddress {
    address: IpAddr,
    class: Class,
}

impl RefusedAddress {
    /// What is said where the address was not written in the URL but is that of its name. It leaves
    /// the address out: what names mean on the inside is not for everybody.
    pub(super) fn of_name(self) -> String {
        format!("the address of its name is {}", self.class)
    }
}

/// What a refused address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Not of the public internet. Says of what instead.
    NotPublic(&'static str),
    /// Elsewhere than on this machine, where plain HTTP may not go.
    NotLoopback,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPublic(name) => write!(f, "no public address but {name}"),
            Self::NotLoopback => {
                f.write_str("not on this machine, and plain http goes no further; use https")
            }
        }
    }
}

impl AddressPolicy {
    /// What `presenced dev` allows beside public addresses: receivers on the same machine, also over
    /// plain HTTP.
    pub fn dev() -> Self {
        let v4 = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).trunc();
        let v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
        Self {
            networks: vec![v4.into(), v6.into()],
            plain_http: PlainHttp::OnLoopback,
            ports: Vec::new(),
        }
    }

    /// Reads a URL and judges what can be told of it without a look-up. A name in it has to be
    /// judged by its addresses still.
    pub(super) fn judge_url(&self, text: &str) -> Result<Target, EndpointFault> {
        let refused = |reason: &str| EndpointFault::Refused(reason.to_owned());
        if text.len() > URL_CHARS_MAX {
            let reason = format!("it is longer than {URL_CHARS_MAX} characters");
            return Err(EndpointFault::Refused(reason));
        }
        let url = Url::parse(text).map_err(|error| {
            let reason = format!("it is not an absolute URL: {error}");
            EndpointFault::Refused(reason)
        })?;
        let scheme = match (url.scheme(), self.plain_http) {
            ("https", _) => Scheme::Https,
            ("http", PlainHttp::OnLoopback | PlainHttp::Allowed) => Scheme::Http,
            ("http", PlainHttp::Refused) => {
                return Err(refused("plain http is not allowed; use https"));
            }
            _ => return Err(refused("its scheme is not https")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            let reason = "it holds a user name or password; put a secret into the query or the \
                          clientState instead";
            return Err(refused(reason));
        }
        let port = url.port_or_known_default();
        if !self.ports.is_empty() && !port.is_some_and(|port| self.ports.contains(&port)) {
            let allowed: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
            let reason = format!("its port is none of those allowed: {}", allowed.join(", "));
            return Err(EndpointFault::Refused(reason));
        }
        // A literal never reaches the look-up, in which names are judged.
        if let Some(address) = literal(&url) {
            self.judge_address(scheme, address)
                .map_err(|error| EndpointFault::Refused(error.to_string()))?;
        }
        Ok(Target { url, scheme })
    }

    /// Judges an address that is about to be connected to.
    pub(super) fn judge_address(
        &self,
        scheme: Scheme,
        address: IpAddr,
    ) -> Result<(), RefusedAddress> {
        let refused = |class| Err(RefusedAddress { address, class });
        let stays = self.plain_http == PlainHttp::OnLoopback;
        if scheme == Scheme::Http && stays && !address.is_loopback() {
            return refused(Class::NotLoopback);
        }
        match not_public(address) {
            Some(name)
                if !self
                    .networks
                    .iter()
                    .any(|allowed| allowed.contains(&address)) =>
            {
                refused(Class::NotPublic(name))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The address in a URL that names no host. The URL standard has every odd spelling of an IPv4
/// address (decimal, octal, hexadecimal, shortened) rewritten when it is parsed, and takes a host
/// that ends in a number for nothing else, so that these are addresses here and not names.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::networks::tests::CLASSES;
    use super::*;

    /// Without a setting nothing but the public internet is gone to, whether an address is written
    /// down or was looked up.
    #[test]
    fn only_public_addresses_are_allowed_by_default() {
        let policy = AddressPolicy::default();
        for (class, addresses) in CLASSES {
            for address in addresses {
                let address: IpAddr = address.parse().unwrap();
                let looked_up = policy.judge_address(Scheme::Https, address);
                assert_eq!(looked_up.is_ok(), class.is_empty(), "{address}");
                let url = match address {
                    IpAddr::V4(address) => format!("https://{address}/hook"),
                    IpAddr::V6(address) => format!("https://[{address}]/hook"),
                };
                assert_eq!(policy.judge_url(&url).is_ok(), class.is_empty(), "{url}");
            }
        }
    }

    /// What the settings allow is allowed, and nothing beside it; an IPv4 network lets no IPv6
    /// spelling of its addresses in.
    #[test]
    fn networks_can_be_allowed() {
        let networks = ["10.1.0.0/16", "fd00:1::/32", "64:ff9b::/96"];
        let policy = AddressPolicy {
            networks: networks.map(|text| text.parse().unwrap()).to_vec(),
            ..AddressPolicy::default()
        };
        let check = |address: &str, expect: bool| {
            let judged = policy.judge_address(Scheme::Https, address.parse().unwrap());
            assert_eq!(judged.is_ok(), expect, "{address}");
        };
        check("10.1.255.255", true);
        check("10.2.0.0", false);
        check("::ffff:10.1.0.1", false);
        check("::10.1.0.1", false);
        check("2002:a01:1::", false);
        check("fd00:1::1", true);
        check("fd00:2::1", false);
        check("64:ff9b::808:808", true);
        check("8.8.8.8", true);
    }

    fn refusal(policy: &AddressPolicy, url: &str) -> String {
        match policy.judge_url(url) {
            Ok(_) => String::new(),
            Err(EndpointFault::Refused(reason)) => reason,
            Err(other) => panic!("{url}: {other}"),
        }
    }

    /// An address is an address in whatever spelling a URL may have it.
    #[test]
    fn odd_spellings_are_judged() {
        let policy = AddressPolicy::default();
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0X7F.0.0.1",
            "017700000001",
            "0177.0.0.01",
            "0x7f.1",
            "%31%32%37.0.0.1",
            "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[0000:0000:0000:0000:0000:0000:0000:0001]",
        ] {
            let reason = refusal(&policy, &format!("https://{host}:8443/hook"));
            assert!(
                reason.ends_with("is no public address but loopback"),
                "{host}: {reason}"
            );
        }
        for host in [
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:FFFF:7F00:0001]",
        ] {
            let reason = refusal(&policy, &format!("https://{host}/"));
            assert!(reason.ends_with("mapped into IPv6"), "{host}: {reason}");
        }
        // What is no address in the end is no URL either.
        for host in [
            "256.0.0.1",
            "1.2.3.4.5",
            "0x1ffffffff",
            "08.0.0.1",
            "[fe80::1%25eth0]",
            "[::1",
        ] {
            let reason = refusal(&policy, &format!("https://{host}/"));
            assert!(
                reason.starts_with("it is not an absolute URL"),
                "{host}: {reason}"
            );
        }
    }

    /// One part of an IPv4 address in one of the three bases that URLs may have it in.
    fn part(value: u32, base: u8, zeros: usize) -> String {
        let zeros = "0".repeat(zeros);
        match base % 4 {
            0 | 1 => value.to_string(),
            2 => format!("0{zeros}{value:o}"),
            _ => format!("0x{zeros}{value:x}"),
        }
    }

    proptest! {
        /// Whatever the address and however it is spelled, what is judged is the address.
        #[test]
        fn every_spelling_is_judged_alike(
            bits: u32,
            parts in 1_usize..=4,
            bases: [u8; 4],
            zeros in 0_usize..3,
            dot: bool,
        ) {
            let [a, b, c, d] = bits.to_be_bytes().map(u32::from);
            let values = match parts {
                1 => vec![bits],
                2 => vec![a, bits & 0xff_ffff],
                3 => vec![a, b, bits & 0xffff],
                _ => vec![a, b, c, d],
            };
            let spelled: Vec<String> = values
                .iter()
                .zip(bases)
                .map(|(value, base)| part(*value, base, zeros))
                .collect();
            let host = format!("{}{}", spelled.join("."), if dot { "." } else { "" });
            let policy = AddressPolicy::default();
            let address = IpAddr::V4(bits.into());
            let expect = policy.judge_address(Scheme::Https, address).is_ok();
            let url = format!("https://{host}/");
            prop_assert_eq!(policy.judge_url(&url).is_ok(), expect, "{} is {}", url, address);
        }

        /// No text at all gets an address that is not public past the judgement of URLs.
        #[test]
        fn no_text_gets_past(
            before in "(https|HTTPS|http|ftp)?:?/{0,3}",
            host in "[0-9a-fx.:\\[\\]%@/\\\\#?]{1,24}",
        ) {
            let policy = AddressPolicy { plain_http: PlainHttp::Allowed, ..AddressPolicy::default() };
            if let Ok(target) = policy.judge_url(&format!("{before}{host}")) {
                let address = literal(&target.url);
                prop_assert!(address.is_none_or(|address| not_public(address).is_none()));
                prop_assert!(target.url.username().is_empty());
            }
        }
    }

    /// Which URLs are refused before any look-up, and what is said of them.
    #[test]
    fn urls_are_judged() {
        let policy = AddressPolicy {
            ports: vec![443, 8443],
            ..AddressPolicy::default()
        };
        let check = |url: &str, expect: &str| assert_eq!(refusal(&policy, url), expect, "{url}");
        check("https://hooks.example.com/presence?key=value", "");
        check("HTTPS://hooks.example.com:8443", "");
        // Names are judged by their addresses, later.
        check("https://localhost/", "");
        check(
            "https://hooks.example.com:22/",
            "its port is none of those allowed: 443, 8443",
        );
        check(
            "http://hooks.example.com/",
            "plain http is not allowed; use https",
        );
        for url in [
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "EventHub:https://a/",
            "data:,a",
        ] {
            check(url, "its scheme is not https");
        }
        for url in [
            "https://me@hooks.example.com/",
            "https://me:secret@hooks.example.com/",
        ] {
            check(
                url,
                "it holds a user name or password; put a secret into the query or the clientState \
                 instead",
            );
        }
        for url in [
            "",
            "/hook",
            "hooks.example.com",
            "https://",
            "https:///",
            "https://a b/",
        ] {
            let reason = refusal(&policy, url);
            assert!(
                reason.starts_with("it is not an absolute URL"),
                "{url}: {reason}"
            );
        }
        let longest = format!(
            "https://hooks.example.com/{}",
            "x".repeat(URL_CHARS_MAX - 26)
        );
        check(&longest, "");
        check(&format!("{longest}x"), "it is longer than 2048 characters");
    }

    /// Plain HTTP goes nowhere, or to this machine alone, or wherever HTTPS goes.
    #[test]
    fn plain_http_has_its_own_rule() {
        let policy = |plain_http| AddressPolicy {
            plain_http,
            ..AddressPolicy::dev()
        };
        let check = |plain_http, address: &str, expect: bool| {
            let url = format!("http://{address}/");
            let judged = policy(plain_http).judge_url(&url).is_ok();
            assert_eq!(judged, expect, "{plain_http:?} {url}");
        };
        for (address, on_loopback, allowed) in [
            ("127.0.0.1:3000", true, true),
            ("[::1]:3000", true, true),
            ("8.8.8.8", false, true),
            ("10.0.0.1", false, false),
            ("[::ffff:127.0.0.1]", false, false),
        ] {
            check(PlainHttp::Refused, address, false);
            check(PlainHttp::OnLoopback, address, on_loopback);
            check(PlainHttp::Allowed, address, allowed);
        }
        // The weaker way reaches no further: what is not allowed over TLS is not in clear either.
        let bare = AddressPolicy {
            plain_http: PlainHttp::OnLoopback,
            ..AddressPolicy::default()
        };
        for url in [
            "http://127.0.0.1:3000/",
            "http://[::1]/",
            "http://2130706433/",
        ] {
            let reason = refusal(&bare, url);
            assert!(
                reason.ends_with("is no public address but loopback"),
                "{url}: {reason}"
            );
        }
        // Over TLS a development server goes to the public internet, as every server does.
        assert!(AddressPolicy::dev().judge_url("https://8.8.8.8/").is_ok());
        assert!(AddressPolicy::dev().judge_url("https://127.0.0.1/").is_ok());
        assert!(AddressPolicy::dev().judge_url("https://10.0.0.1/").is_err());
    }
}

//! What a client asks for in `scope`, and what it gets.
//!
//! A scope is a permission of a resource, `{resource}/{permission}`; without a resource it is
//! Graph's. All of Graph's names in all clouds mean this server, and so does its own address.

use presenced_core::auth::Permissions;

use super::error::{OAuthError, shortened};
use super::limits::{PERMISSION_CHARS_MAX, SCOPES_MAX};

/// The delegated permissions of presence; `.default` stands for all of them.
const PRESENCE: [&str; 3] = ["Presence.Read", "Presence.Read.All", "Presence.ReadWrite"];

/// The other delegated permission that does something here, for whoever asks for it by name.
const SUBSCRIPTION_READ_ALL: &str = "Subscription.Read.All";

/// The scopes of `OpenID` Connect, which belong to no resource.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Graph's roots in all clouds (contract section 9), and the names under which this server is
/// registered.
const RESOURCES: [&str; 6] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "00000003-0000-0000-c000-000000000000",
    "api://presenced",
];

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What a user lets an application do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consent {
    /// The granted permissions by their bare names, in the order asked for.
    pub(super) permissions: Vec<String>,
    /// Those of `OPENID` that were asked for.
    openid: Vec<&'static str>,
    /// The granted scopes as the client wrote them: clients look their tokens up by these.
    written: Vec<String>,
}

impl Consent {
    /// Reads the scopes of a request for a user. `host` is the host that the request came to.
    pub(super) fn read(scope: &str, host: &str) -> Result<Self, OAuthError> {
        let mut consent = Self {
            permissions: Vec::new(),
            openid: Vec::new(),
            written: Vec::new(),
        };
        for word in words(scope)? {
            if let Some(openid) = OPENID.into_iter().find(|known| *known == word) {
                push(&mut consent.openid, openid);
                continue;
            }
            let (resource, permission) = split(word, host)?;
            if permission == ".default" {
                let written = |name: &&str| match resource {
                    Some(resource) => format!("{resource}/{name}"),
                    None => (*name).to_owned(),
                };
                consent.written.extend(PRESENCE.iter().map(written));
                for name in PRESENCE {
                    push_permission(&mut consent.permissions, name);
                }
            } else {
                push_permission(&mut consent.permissions, delegated(permission)?);
            }
            consent.written.push(word.to_owned());
        }
        Ok(consent)
    }

    /// Whether an id token is asked for.
    pub(super) fn wants_id_token(&self) -> bool {
        self.openid.contains(&"openid")
    }

    /// Whether a refresh token is asked for.
    pub(super) fn wants_refresh_token(&self) -> bool {
        self.openid.contains(&"offline_access")
    }

    /// Whether all that is permitted here is permitted by `other` too.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let mut permissions = self.permissions.iter();
        permissions.all(|name| holds(&other.permissions, name))
    }

    /// The `scp` claim. Not empty, since it is what marks a token as delegated.
    pub(super) fn claim(&self) -> String {
        let openid = self.openid.iter().copied();
        let openid = openid.filter(|name| *name != "offline_access");
        let permissions = self.permissions.iter().map(String::as_str);
        let names: Vec<&str> = permissions.chain(openid).collect();
        if names.is_empty() {
            "openid".to_owned()
        } else {
            names.join(" ")
        }
    }

    /// The `scope` of a token answer. `offline_access` is told by the refresh token itself.
    pub(super) fn answer(&self) -> String {
        let openid = self.openid.iter().filter(|name| **name != "offline_access");
        let written = self.written.iter().map(String::as_str);
        openid.copied().chain(written).collect::<Vec<_>>().join(" ")
    }
}

/// Checks the scope of a request for an application's own token: exactly one resource, all of it
/// (contract section 7.4).
pub(super) fn check_application(scope: &str, host: &str) -> Result<(), OAuthError> {
    let refusal = || {
        let text = format!(
            "The provided request must include a 'scope' input parameter that is one resource \
             followed by '/.default', such as https://graph.microsoft.com/.default. The scope '{}' \
             is not valid.",
            shortened(scope)
        );
        OAuthError::new("invalid_scope", 1_002_012, text)
    };
    match words(scope)?.as_slice() {
        [word] => match split(word, host)? {
            (_, ".default") => Ok(()),
            _ => Err(refusal()),
        },
        _ => Err(refusal()),
    }
}

fn words(scope: &str) -> Result<Vec<&str>, OAuthError> {
    let words: Vec<&str> = scope.split_ascii_whitespace().collect();
    if words.is_empty() {
        return Err(OAuthError::missing_parameter("scope"));
    }
    if words.len() > SCOPES_MAX {
        let text = format!("The scope has more than {SCOPES_MAX} words.");
        return Err(OAuthError::new("invalid_scope", 70011, text));
    }
    Ok(words)
}

/// The resource of a scope, if it names one, and the permission.
fn split<'a>(word: &'a str, host: &str) -> Result<(Option<&'a str>, &'a str), OAuthError> {
    let Some((resource, permission)) = word.rsplit_once('/') else {
        return Ok((None, word));
    };
    // `https://graph.microsoft.com//.default`: the audience is written with a slash at its end.
    let resource = resource.strip_suffix('/').unwrap_or(resource);
    if is_ours(resource, host) {
        return Ok((Some(resource), permission));
    }
    let text = format!(
        "The resource principal named {} was not found in the tenant. Known resources: {}, and \
         this server's own address, {host}.",
        shortened(resource),
        RESOURCES.join(", "),
    );
    Err(OAuthError::new("invalid_resource", 500_011, text))
}

/// Whether a resource means this server. The port does not count: the official client for Python
/// leaves it out (contract section 11).
fn is_ours(resource: &str, host: &str) -> bool {
    if RESOURCES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(resource))
    {
        return true;
    }
    let Ok(url) = reqwest::Url::parse(resource) else {
        return false;
    };
    let named = url.host_str().unwrap_or_default();
    let ours = named.eq_ignore_ascii_case(without_port(host)) || LOOPBACK.contains(&named);
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    matches!(url.scheme(), "http" | "https") && ours && bare
}

/// A host without its port; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// The name of a delegated permission as a token carries it. Programs for Graph ask for others
/// besides those of presence, such as `Calendars.Read`; they are granted, so that such a program
/// runs, and permit nothing here. One that is spelt like one of presence is a slip, or is an
/// application's and not a user's to give.
fn delegated(permission: &str) -> Result<&str, OAuthError> {
    let mut known = PRESENCE.into_iter().chain([SUBSCRIPTION_READ_ALL]);
    let found = known.find(|known| known.eq_ignore_ascii_case(permission));
    let foreign = is_permission(permission)
        && !is_of_presence(permission)
        && Permissions::named(permission) == Permissions::NONE;
    found.or(foreign.then_some(permission)).ok_or_else(|| {
        let text = format!(
            "The provided value for the input parameter 'scope' is not valid. There is no \
             delegated permission '{}' here; there are {} and .default for all of them, and \
             {SUBSCRIPTION_READ_ALL}.",
            shortened(permission),
            PRESENCE.join(", "),
        );
        OAuthError::new("invalid_scope", 70011, text)
    })
}

/// Whether it has the form of Graph's permissions: words with dots between.
fn is_permission(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let word = |word: &str| !word.is_empty() && word.bytes().all(plain);
    name.len() <= PERMISSION_CHARS_MAX && name.contains('.') && name.split('.').all(word)
}

fn is_of_presence(name: &str) -> bool {
    let (resource, _) = name.split_once('.').unwrap_or((name, ""));
    resource.eq_ignore_ascii_case("Presence")
}

/// Whether a permission is among these. Case makes no difference to Entra.
fn holds(permissions: &[String], name: &str) -> bool {
    permissions.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn push_permission(permissions: &mut Vec<String>, name: &str) {
    if !holds(permissions, name) {
        permissions.push(name.to_owned());
    }
}

fn push(names: &mut Vec<&'static str>, name: &'static str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which resources mean this server, on which host.
    #[test]
    fn resources() {
        for (scope, host, expected) in [
            (
                "https://graph.microsoft.com/.default",
                "localhost:8080",
                Ok(()),
            ),
            (
                "https://graph.microsoft.com//.default",
                "localhost:8080",
                Ok(()),
            ),
            (
                "HTTPS://Graph.Microsoft.com/.default",
                "localhost:8080",
                Ok(()),
            ),
            (
                "https://dod-graph.microsoft.us/.default",
                "localhost:8080",
                Ok(()),
            ),
            ("00000003-0000-0000-c000-000000000000/.default", "x", Ok(())),
            ("api://presenced/.default", "x", Ok(())),
            (".default", "x", Ok(())),
            ("http://localhost/.default", "presence.example", Ok(())),
            ("https://[::1]:8443/.default", "presence.example", Ok(())),
            (
                "https://presence.example/.default",
                "presence.example:8443",
                Ok(()),
            ),
            (
                "https://presence.example:1/.default",
                "presence.example",
                Ok(()),
            ),
            ("http://[fe80::1]/.default", "[fe80::1]:8080", Ok(())),
            (
                "https://graph.microsoft.com.evil/.default",
                "x",
                Err("invalid_resource"),
            ),
            ("https://x/path/.default", "x", Err("invalid_resource")),
            ("https://user@x/.default", "x", Err("invalid_resource")),
            ("ftp://x/.default", "x", Err("invalid_resource")),
            (
                "https://vault.azure.net/.default",
                "x",
                Err("invalid_resource"),
            ),
            (
                "https://graph.microsoft.com/Presence.Read",
                "x",
                Err("invalid_scope"),
            ),
            (".default openid", "x", Err("invalid_scope")),
            (".default .default", "x", Err("invalid_scope")),
            (" ", "x", Err("invalid_request")),
        ] {
            let found = check_application(scope, host).map_err(|error| error.error);
            assert_eq!(found, expected, "{scope} at {host}");
        }
    }

    /// What a user's scopes become, in the token and in the answer.
    #[test]
    fn consents() {
        let graph = "https://graph.microsoft.com";
        let all = "Presence.Read Presence.Read.All Presence.ReadWrite";
        let check = |scope: &str, claim: &str, answer: &str| {
            let consent = Consent::read(scope, "localhost:8080").unwrap();
            assert_eq!(
                (consent.claim().as_str(), consent.answer().as_str()),
                (claim, answer)
            );
        };
        check("Presence.Read", "Presence.Read", "Presence.Read");
        check(
            "presence.readwrite",
            "Presence.ReadWrite",
            "presence.readwrite",
        );
        check(".default", all, &format!("{all} .default"));
        check(
            &format!("{graph}/.default offline_access openid"),
            &format!("{all} openid"),
            &format!(
                "openid {graph}/Presence.Read {graph}/Presence.Read.All \
                 {graph}/Presence.ReadWrite {graph}/.default"
            ),
        );
        check(
            "subscription.read.all",
            "Subscription.Read.All",
            "subscription.read.all",
        );
        check("openid profile", "openid profile", "openid profile");
        check("offline_access", "openid", "");
        check(
            "User.Read Presence.Read",
            "User.Read Presence.Read",
            "User.Read Presence.Read",
        );
        check(
            "Calendars.Read Presence.Read calendars.read",
            "Calendars.Read Presence.Read",
            "Calendars.Read Presence.Read calendars.read",
        );
        let written = format!("{graph}/EWS.AccessAsUser.All");
        check(&written, "EWS.AccessAsUser.All", &written);
        for (scope, expected) in [
            ("Presence.ReadWrite.All", "invalid_scope"),
            ("presence.reed", "invalid_scope"),
            ("Presenced.Admin", "invalid_scope"),
            ("Mail", "invalid_scope"),
            ("Mail..Read", "invalid_scope"),
            ("Mail.Read\"", "invalid_scope"),
            (&format!("Mail.{}", "x".repeat(124)), "invalid_scope"),
            (
                "https://elsewhere.example/Presence.Read",
                "invalid_resource",
            ),
            ("", "invalid_request"),
        ] {
            assert_eq!(
                Consent::read(scope, "x").unwrap_err().error,
                expected,
                "{scope}"
            );
        }
        let many = "openid ".repeat(SCOPES_MAX + 1);
        assert_eq!(
            Consent::read(&many, "x").unwrap_err().error,
            "invalid_scope"
        );
    }
}

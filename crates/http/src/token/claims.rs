//! From verified claims to a [`Caller`]: by Entra's rules (contract section 7.2), or by a mapping.

use std::sync::Arc;

use presenced_core::auth::{Caller, Grant, Permissions};
use presenced_core::id::{ApplicationId, TenantId, UserId};
use presenced_core::time::Timestamp;
use serde_json::{Map, Value};

use super::TokenError;
use super::settings::{ApplicationToken, ClaimMapping};

/// The members of a token's payload.
pub(super) type Claims = Map<String, Value>;

/// How an issuer's claims read.
#[derive(Clone, Debug)]
pub(super) enum Rules {
    /// Entra's v1.0 form: the application in `appid`.
    EntraV1,
    /// Entra's v2.0 form: the application in `azp`.
    EntraV2,
    /// Another provider's, by its mapping.
    Mapped(Arc<ClaimMapping>),
}

impl Rules {
    /// Whom a token of `tenant` speaks for.
    pub(super) fn caller(&self, claims: &Claims, tenant: TenantId) -> Result<Caller, TokenError> {
        match self {
            Self::EntraV1 => entra(claims, tenant, "appid"),
            Self::EntraV2 => entra(claims, tenant, "azp"),
            Self::Mapped(mapping) => mapped(claims, tenant, mapping),
        }
    }

    /// Whether the issuer is Entra or speaks like it.
    pub(super) const fn are_entras(&self) -> bool {
        matches!(self, Self::EntraV1 | Self::EntraV2)
    }
}

/// `scp` makes a token delegated, whatever else is in it: the `roles` beside it are the user's own
/// and never the application's.
fn entra(claims: &Claims, tenant: TenantId, application: &str) -> Result<Caller, TokenError> {
    let tid = required_text(claims, "tid")?;
    if TenantId::parse(tid) != Some(tenant) {
        return Err(unreadable("tid"));
    }
    let application = ApplicationId::parse(required_text(claims, application)?)
        .ok_or_else(|| unreadable(application))?;
    let kind = claims.get("idtyp").and_then(Value::as_str);
    let grant = match claims.get("scp") {
        Some(_) if kind == Some("app") => return Err(unreadable("idtyp")),
        Some(Value::String(scopes)) => Grant::Delegated {
            user: UserId::parse(required_text(claims, "oid")?).ok_or_else(|| unreadable("oid"))?,
            scopes: scopes.split(' ').collect(),
        },
        Some(_) => return Err(unreadable("scp")),
        // A user's token without scopes: its roles are not the application's.
        None if kind == Some("user") => return Err(unreadable("scp")),
        None => Grant::Application {
            roles: entra_roles(claims)?,
        },
    };
    Ok(Caller {
        tenant,
        application,
        grant,
    })
}

fn entra_roles(claims: &Claims) -> Result<Permissions, TokenError> {
    match claims.get("roles") {
        None => Ok(Permissions::NONE),
        Some(roles) => Ok(names(roles).ok_or_else(|| unreadable("roles"))?.collect()),
    }
}

/// The claim that shows a token to be an ID token, if one does. It says who signed in at a client,
/// who may have no access here at all, and it is signed by the same key. Keycloak's access tokens
/// had a `nonce` too before version 25, and say of themselves that they are bearer tokens.
fn id_token_mark(claims: &Claims) -> Option<&'static str> {
    let kind = claims.get("typ").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("ID")) {
        return Some("typ");
    }
    let bearer = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer"));
    let mut marks = ["at_hash", "c_hash", "nonce"].into_iter();
    marks.find(|mark| claims.contains_key(*mark) && !(bearer && *mark == "nonce"))
}

fn mapped(claims: &Claims, tenant: TenantId, mapping: &ClaimMapping) -> Result<Caller, TokenError> {
    if let Some(mark) = id_token_mark(claims) {
        return Err(TokenError::IdToken(mark));
    }
    let permissions = |path: &str| -> Result<Permissions, TokenError> {
        let Some(value) = at(claims, path) else {
            return Ok(Permissions::NONE);
        };
        let names = names(value).ok_or_else(|| unreadable(path))?;
        let permission = |name: &str| match mapping.permissions.get(name) {
            Some(permission) => *permission,
            None => Permissions::named(name),
        };
        Ok(names
            .map(permission)
            .fold(Permissions::NONE, Permissions::and))
    };
    let grant = if is_applications_own(claims, mapping) {
        Grant::Application {
            roles: permissions(&mapping.roles)?,
        }
    } else {
        let user = at(claims, &mapping.user).and_then(Value::as_str);
        Grant::Delegated {
            user: user
                .and_then(UserId::parse)
                .ok_or_else(|| unreadable(&mapping.user))?,
            scopes: permissions(&mapping.scopes)?,
        }
    };
    Ok(Caller {
        tenant,
        application: mapped_application(claims, mapping)?,
        grant,
    })
}

fn is_applications_own(claims: &Claims, mapping: &ClaimMapping) -> bool {
    match &mapping.application_token {
        ApplicationToken::WithoutScopes => at(claims, &mapping.scopes).is_none(),
        ApplicationToken::WithoutUser => at(claims, &mapping.user).is_none(),
        ApplicationToken::WithClaim(claim) => at(claims, claim).is_some(),
        ApplicationToken::ClaimEquals { claim, value } => {
            at(claims, claim).and_then(Value::as_str) == Some(value.as_str())
        }
    }
}

fn mapped_application(
    claims: &Claims,
    mapping: &ClaimMapping,
) -> Result<ApplicationId, TokenError> {
    let first = mapping.application.first().map_or("azp", String::as_str);
    let (path, value) = mapping
        .application
        .iter()
        .find_map(|path| Some((path.as_str(), at(claims, path)?)))
        .ok_or_else(|| unreadable(first))?;
    let client = value.as_str().ok_or_else(|| unreadable(path))?;
    match mapping.applications.get(client) {
        Some(application) => Ok(*application),
        None => ApplicationId::parse(client).ok_or_else(|| unreadable(path)),
    }
}

/// Whether `aud`, one text or a list of them (RFC 7519 §4.1.3), names one of `accepted`, which are
/// written without a trailing slash.
pub(super) fn is_for(claims: &Claims, accepted: &[String]) -> bool {
    let ours = |audience: &Value| {
        let audience = audience.as_str().map(without_slash);
        audience.is_some_and(|audience| accepted.iter().any(|ours| ours == audience))
    };
    match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(ours),
        Some(audience) => ours(audience),
        None => false,
    }
}

/// `text` without a slash at its end, of which Entra's audiences have one or none.
pub(super) fn without_slash(text: &str) -> &str {
    text.strip_suffix('/').unwrap_or(text)
}

/// The point in time in a claim of seconds since 1970 (RFC 7519 §2), with or without a fraction.
pub(super) fn time(claims: &Claims, name: &str) -> Result<Option<Timestamp>, TokenError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let whole = value.as_u64().map(|seconds| seconds.saturating_mul(1000));
    let millis = whole.or_else(|| fraction_in_millis(value.as_f64()?));
    let millis = millis.ok_or_else(|| unreadable(name))?;
    Ok(Some(Timestamp::from_millis(millis)))
}

/// The largest count of seconds that a fraction is read for: the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

fn fraction_in_millis(seconds: f64) -> Option<u64> {
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range leaves no sign and no overflow, and less than a millisecond may go"
    )]
    let millis = (seconds * 1000.0) as u64;
    Some(millis)
}

/// A claim that must be there as text.
pub(super) fn required_text<'a>(claims: &'a Claims, name: &str) -> Result<&'a str, TokenError> {
    let value = claims.get(name).and_then(Value::as_str);
    value.ok_or_else(|| unreadable(name))
}

/// The claim at a path: the path as a name first, then dot by dot.
fn at<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    at(claims.get(first)?.as_object()?, rest)
}

/// Names in one text with spaces between, or in a list of texts. `None` for anything else.
fn names(value: &Value) -> Option<Box<dyn Iterator<Item = &str> + '_>> {
    match value {
        Value::String(text) => Some(Box::new(text.split(' '))),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            Some(Box::new(items.iter().filter_map(Value::as_str)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

fn unreadable(claim: &str) -> TokenError {
    TokenError::Claim(claim.to_owned())
}

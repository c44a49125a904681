//! Whose tokens `presenced serve` accepts.

use std::path::PathBuf;

use axum::http::Uri;
use presenced_core::auth::Permissions;
use presenced_core::id::{ApplicationId, TenantId};
use toml::Value;

use super::read_bounded;
use super::reader::Reader;

/// A file of certificate authorities larger than this is none.
const CA_FILE_BYTES_MAX: u64 = 1024 * 1024;

const TENANT_REMEDY: &str = "must be the GUID of a tenant";
const CLAIM_REMEDY: &str = "must name a claim, with dots into nested objects";

/// One issuer of tokens.
#[derive(Clone, Debug)]
pub(crate) enum Issuer {
    /// Microsoft Entra ID, in one of its clouds.
    Entra {
        cloud: Cloud,
        tenants: Vec<TenantId>,
        /// Empty: Microsoft Graph in that cloud.
        audiences: Vec<String>,
    },
    /// Any other OpenID Connect provider.
    Oidc {
        url: String,
        tenant: TenantId,
        audiences: Vec<String>,
        claims: Claims,
        /// A foreign name of a scope or role, and what it means here.
        permissions: Vec<(String, Permissions)>,
        /// A foreign client id, and the GUID that stands for it.
        applications: Vec<(String, ApplicationId)>,
        /// PEM text of further certificate authorities to trust.
        ca_pem: Option<Vec<u8>>,
    },
}

/// A cloud of Microsoft Entra ID (contract section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    Global,
    UsGovernment,
    China,
}

/// Which claims say who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) application: String,
    pub(crate) user: String,
    pub(crate) scopes: String,
    pub(crate) roles: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Entra,
    Oidc,
}

impl Issuer {
    /// Whether tokens of this tenant may come from this issuer.
    pub(crate) fn serves(&self, wanted: TenantId) -> bool {
        match self {
            Self::Entra { tenants, .. } => tenants.contains(&wanted),
            Self::Oidc { tenant, .. } => *tenant == wanted,
        }
    }
}

/// Reads one `[[issuers]]` table.
pub(super) fn read_issuer(issuer: &mut Reader<'_>) -> Option<Issuer> {
    let kinds = [("entra", Kind::Entra), ("oidc", Kind::Oidc)];
    let remedy = "must be \"entra\" or \"oidc\"";
    let kind = issuer.required("kind", remedy, |text| {
        let found = kinds.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind)
    });
    let Some(kind) = kind else {
        // Without its kind, no other key of it can be judged.
        issuer.leave();
        return None;
    };
    match kind {
        Kind::Entra => read_entra(issuer),
        Kind::Oidc => read_oidc(issuer),
    }
}

fn read_entra(issuer: &mut Reader<'_>) -> Option<Issuer> {
    let clouds = [
        ("global", Cloud::Global),
        ("us-government", Cloud::UsGovernment),
        ("china", Cloud::China),
    ];
    let cloud = issuer.choice("cloud", &clouds);
    let audiences = issuer.texts("audiences", "must be a text", not_empty);
    let tenants = issuer.texts_required("tenants", TENANT_REMEDY, TenantId::parse);
    Some(Issuer::Entra {
        cloud: cloud?,
        tenants,
        audiences,
    })
}

fn read_oidc(issuer: &mut Reader<'_>) -> Option<Issuer> {
    let remedy = "must be the issuer's https URL as it stands in its tokens (http only for a \
                  loopback address)";
    let url = issuer.required("url", remedy, issuer_url);
    let tenant = issuer.required("tenant", TENANT_REMEDY, TenantId::parse);
    let audiences = issuer.texts_required("audiences", "must be a text", not_empty);
    let claims = issuer.section("claims", |claims| {
        let mut claim = |key, default: &str| {
            let given = claims.parsed(key, CLAIM_REMEDY, claim_path);
            given.unwrap_or_else(|| default.to_owned())
        };
        Claims {
            application: claim("application", "azp"),
            user: claim("user", "sub"),
            scopes: claim("scopes", "scope"),
            roles: claim("roles", "roles"),
        }
    });
    let names: Vec<&str> = Permissions::NAMES.iter().map(|(name, _)| *name).collect();
    let remedy = format!("must be one of {}", names.join(", "));
    let permissions = issuer.pairs("permissions", &remedy, |name| {
        Some(Permissions::named(name)).filter(|known| *known != Permissions::NONE)
    });
    let remedy = "must be a GUID";
    let applications = issuer.pairs("applications", remedy, ApplicationId::parse);
    let ca_file = issuer.text("ca_file").map(PathBuf::from);
    let ca_pem = ca_file.and_then(|path| {
        let read = read_bounded(&path, CA_FILE_BYTES_MAX);
        read.map_err(|error| {
            let value = Value::String(path.display().to_string());
            issuer.fault("ca_file", Some(&value), &format!("cannot be read: {error}"));
        })
        .ok()
    });
    Some(Issuer::Oidc {
        url: url?,
        tenant: tenant?,
        audiences,
        claims,
        permissions,
        applications,
        ca_pem,
    })
}

fn not_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn claim_path(text: &str) -> Option<String> {
    let whole = text.split('.').all(|part| !part.is_empty());
    whole.then(|| text.to_owned())
}

/// Keys decide who is let in, so they are fetched over TLS, or from this machine.
fn issuer_url(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let host = uri.host()?;
    let fetchable = match uri.scheme_str()? {
        "https" => true,
        "http" => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    };
    (fetchable && uri.query().is_none()).then(|| text.to_owned())
}

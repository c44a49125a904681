//! Whose tokens `presenced serve` accepts.

use std::path::PathBuf;

use axum::http::Uri;
use presenced_core::auth::Permissions;
use presenced_core::id::{ApplicationId, TenantId};
use presenced_http::token::settings::{
    ApplicationToken, ClaimMapping, Cloud, EntraIssuer, Fetch, Issuer, OidcIssuer, PlainHttp,
};
use toml::Value;

use super::read_bounded;
use super::reader::Reader;

/// A file of certificate authorities larger than this is none.
const CA_FILE_BYTES_MAX: u64 = 1024 * 1024;

const TENANT_REMEDY: &str = "must be the GUID of a tenant";
const URL_REMEDY: &str = "must be an https URL, as it stands in the tokens' `iss` (http only on a \
                          loopback address)";
const CLAIM_REMEDY: &str = "must name a claim, with dots into nested objects";

#[derive(Clone, Copy)]
enum Kind {
    Entra,
    Oidc,
}

/// What tells an application's token, before its claim is read.
#[derive(Clone, Copy)]
enum Rule {
    WithoutScopes,
    WithoutUser,
    WithClaim,
}

/// Whether tokens of this tenant may come from this issuer.
pub(super) fn serves(issuer: &Issuer, wanted: TenantId) -> bool {
    match issuer {
        Issuer::Entra(entra) => entra.tenants.contains(&wanted),
        Issuer::Oidc(oidc) => oidc.tenant == wanted,
        Issuer::BuiltIn(built_in) => built_in.tenant == wanted,
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
        ("us-government-dod", Cloud::UsGovernmentDod),
        ("china", Cloud::China),
    ];
    let cloud = issuer.choice("cloud", &clouds);
    let authority = issuer.parsed("authority", URL_REMEDY, issuer_url);
    let audiences = issuer.texts("audiences", "must be a text", not_empty);
    let tenants = issuer.texts_required("tenants", TENANT_REMEDY, TenantId::parse);
    let fetch = read_fetch(issuer, authority.as_deref());
    Some(Issuer::Entra(EntraIssuer {
        cloud: cloud?,
        authority,
        tenants,
        audiences,
        fetch,
    }))
}

fn read_oidc(issuer: &mut Reader<'_>) -> Option<Issuer> {
    let url = issuer.required("url", URL_REMEDY, issuer_url);
    let tenant = issuer.required("tenant", TENANT_REMEDY, TenantId::parse);
    let audiences = issuer.texts_required("audiences", "must be a text", not_empty);
    let claims = read_claims(issuer);
    let fetch = read_fetch(issuer, url.as_deref());
    Some(Issuer::Oidc(Box::new(OidcIssuer {
        issuer: url?,
        audiences,
        tenant: tenant?,
        claims: claims?,
        fetch,
    })))
}

fn read_claims(issuer: &mut Reader<'_>) -> Option<ClaimMapping> {
    let application_token = read_application_token(issuer);
    let (application, user, scopes, roles) = issuer.section("claims", |claims| {
        let application = claims.texts("application", CLAIM_REMEDY, claim_path);
        let mut claim = |key| claims.parsed(key, CLAIM_REMEDY, claim_path);
        (application, claim("user"), claim("scopes"), claim("roles"))
    });
    let names: Vec<&str> = Permissions::NAMES.iter().map(|(name, _)| *name).collect();
    let remedy = format!("must be one of {}", names.join(", "));
    let permissions = issuer.pairs("permissions", &remedy, |name| {
        Some(Permissions::named(name)).filter(|known| *known != Permissions::NONE)
    });
    let remedy = "must be a GUID";
    let applications = issuer.pairs("applications", remedy, ApplicationId::parse);
    let standard = ClaimMapping::standard(application_token?);
    Some(ClaimMapping {
        application: if application.is_empty() {
            standard.application
        } else {
            application
        },
        user: user.unwrap_or(standard.user),
        scopes: scopes.unwrap_or(standard.scopes),
        roles: roles.unwrap_or(standard.roles),
        application_token: standard.application_token,
        permissions: permissions.into_iter().collect(),
        applications: applications.into_iter().collect(),
    })
}

fn read_application_token(issuer: &mut Reader<'_>) -> Option<ApplicationToken> {
    issuer.section("application_tokens", |tokens| {
        let rules = [
            ("without-scopes", Rule::WithoutScopes),
            ("without-user", Rule::WithoutUser),
            ("with-claim", Rule::WithClaim),
        ];
        // No default: a wrong rule reads a user's token as the application's own.
        let remedy = "must be \"without-scopes\", \"without-user\" or \"with-claim\", whichever \
                      tells this provider's tokens of applications from those of users";
        let rule = tokens.required("are", remedy, |text| {
            let found = rules.iter().find(|(name, _)| *name == text);
            found.map(|(_, rule)| *rule)
        });
        let Some(rule) = rule else {
            // Without the rule, no other key can be judged.
            tokens.leave();
            return None;
        };
        match rule {
            Rule::WithoutScopes => Some(ApplicationToken::WithoutScopes),
            Rule::WithoutUser => Some(ApplicationToken::WithoutUser),
            Rule::WithClaim => {
                let value = tokens.text("value");
                let claim = tokens.required("claim", CLAIM_REMEDY, claim_path)?;
                Some(match value {
                    Some(value) => ApplicationToken::ClaimEquals { claim, value },
                    None => ApplicationToken::WithClaim(claim),
                })
            }
        }
    })
}

/// How keys are fetched from `url`: without TLS only if the URL says so, and then from this
/// machine only.
fn read_fetch(issuer: &mut Reader<'_>, url: Option<&str>) -> Fetch {
    let ca_file = issuer.text("ca_file").map(PathBuf::from);
    let extra_roots_pem = ca_file.and_then(|path| {
        let read = read_bounded(&path, CA_FILE_BYTES_MAX);
        read.map_err(|error| {
            let value = Value::String(path.display().to_string());
            issuer.fault("ca_file", Some(&value), &format!("cannot be read: {error}"));
        })
        .ok()
    });
    let plain_http = if url.is_some_and(|url| url.starts_with("http://")) {
        PlainHttp::OnLoopback
    } else {
        PlainHttp::Refused
    };
    Fetch {
        extra_roots_pem,
        plain_http,
    }
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

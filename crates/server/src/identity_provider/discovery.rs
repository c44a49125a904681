//! The documents that clients read before anything else (contract sections 7.3 and 7.5).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State as Shared};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use reqwest::Url;
use serde_json::{Value, json};

use super::State;
use super::base::Base;
use super::directory::{DOMAIN, TENANT, is_any_tenant, is_tenant};
use super::error::{OAuthError, shortened};
use super::fields::Fields;
use super::tokens::issuer;

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`: its issuer is that of id tokens.
pub(super) async fn v2(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Response {
    let name = if is_any_tenant(&tenant) {
        "{tenantid}".to_owned()
    } else {
        TENANT.to_string()
    };
    let issuer = base.url(&format!("/{name}/v2.0"));
    state.described(&tenant, &base, &headers, &issuer)
}

/// `GET /{tenant}/.well-known/openid-configuration`: its issuer is that of access tokens.
pub(super) async fn v1(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Response {
    state.described(&tenant, &base, &headers, &issuer())
}

/// `GET /{tenant}/discovery/v2.0/keys`.
pub(super) async fn keys(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !is_tenant(&tenant) {
        return state.unknown_tenant(&tenant, &headers);
    }
    Json(state.key.key_set()).into_response()
}

/// `GET /common/discovery/instance`: whether an authority is one to trust. This one is, itself.
pub(super) async fn instance(
    Shared(state): Shared<Arc<State>>,
    base: Base,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let fields = Fields::read(request).await;
    match fields.and_then(|fields| instance_of(&fields, &base)) {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error.answer(state.settings.clock.now(), &headers),
    }
}

fn instance_of(fields: &Fields, base: &Base) -> Result<Value, OAuthError> {
    let endpoint = fields.require("authorization_endpoint")?;
    let url = Url::parse(endpoint).ok();
    let own = Url::parse(&base.url("/")).ok();
    let host = |url: &Url| {
        (
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
        )
    };
    let tenant = url
        .as_ref()
        .filter(|url| own.as_ref().map(host) == Some(host(url)))
        .and_then(|url| {
            // The configured address may have a path of its own, which stands before the tenant.
            let below = url.path().strip_prefix(own.as_ref()?.path())?;
            below.split('/').next()
        })
        .filter(|tenant| is_tenant(tenant));
    let Some(tenant) = tenant else {
        let text = format!("Unknown or invalid instance: '{}'.", shortened(endpoint));
        return Err(OAuthError::new("invalid_instance", 50049, text));
    };
    let discovery = format!("/{tenant}/v2.0/.well-known/openid-configuration");
    Ok(json!({
        "tenant_discovery_endpoint": base.url(&discovery),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": base.host,
            "preferred_cache": base.host,
            "aliases": [base.host],
        }],
    }))
}

/// `GET /common/userrealm/{user}`: whether a user's password may be sent here. It may, for users of
/// the tenant's domain.
pub(super) async fn user_realm(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Json<Value> {
    let domain = name.rsplit_once('@').map(|(_, domain)| domain);
    let ours = domain.is_some_and(|domain| domain.eq_ignore_ascii_case(DOMAIN));
    if !ours && state.user(&name).is_none() {
        return Json(json!({"ver": "1.0", "account_type": "Unknown"}));
    }
    Json(json!({
        "ver": "1.0",
        "account_type": "Managed",
        "domain_name": DOMAIN,
        "cloud_instance_name": DOMAIN,
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }))
}

impl State {
    fn described(&self, tenant: &str, base: &Base, headers: &HeaderMap, issuer: &str) -> Response {
        if !is_tenant(tenant) {
            return self.unknown_tenant(tenant, headers);
        }
        let at = |path: &str| base.url(&format!("/{tenant}{path}"));
        Json(json!({
            "issuer": issuer,
            "authorization_endpoint": at("/oauth2/v2.0/authorize"),
            "token_endpoint": at("/oauth2/v2.0/token"),
            "device_authorization_endpoint": at("/oauth2/v2.0/devicecode"),
            "end_session_endpoint": at("/oauth2/v2.0/logout"),
            "jwks_uri": at("/discovery/v2.0/keys"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "grant_types_supported": [
                "authorization_code",
                "client_credentials",
                "password",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "code_challenge_methods_supported": ["S256", "plain"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "claims_supported": [
                "aud", "email", "exp", "iat", "iss", "name", "nonce", "oid",
                "preferred_username", "sub", "tid", "ver",
            ],
            "tenant_region_scope": null,
            "cloud_instance_name": base.host,
            "msgraph_host": base.host,
        }))
        .into_response()
    }

    fn unknown_tenant(&self, tenant: &str, headers: &HeaderMap) -> Response {
        OAuthError::unknown_tenant(tenant).answer(self.settings.clock.now(), headers)
    }
}

//! Where receivers of rich notifications find the key of their validation tokens.
//!
//! The paths are those of Graph's identity provider, so that a receiver's setting changes in its
//! host alone: `/{tenant}/.well-known/openid-configuration`, which names `/{tenant}/discovery/keys`.
//! `common` stands for any tenant; its issuer has the placeholder that Entra writes there.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use presenced_core::id::TenantId;
use presenced_http::{ApiError, PublicUrl, root_url};
use presenced_notify::webhook::signing::SigningKey;
use presenced_notify::webhook::validation_token::{IssuerName, discovery_document};
use serde_json::Value;

use crate::root::method_not_allowed;

/// The name that stands for whichever tenant.
const ANY_TENANT: &str = "common";

/// Who signs validation tokens, unless a setting says otherwise: the server by its public address,
/// below which a receiver finds the key. Without one it has a name that is no address.
pub(crate) fn issuer_name(public_url: Option<&PublicUrl>) -> IssuerName {
    // Receivers' libraries expect a tenant's id and a slash behind a fixed text.
    match public_url {
        Some(url) => IssuerName::new(format!("{}/{{tenantid}}/", url.as_str())),
        None => IssuerName::new("urn:presenced:{tenantid}/"),
    }
}

struct Keys {
    issuer: IssuerName,
    key_set: Value,
    public_url: Option<PublicUrl>,
}

/// The two routes, to be merged beside those of the API. Anybody may read them.
pub(crate) fn router(
    key: &SigningKey,
    issuer: IssuerName,
    public_url: Option<PublicUrl>,
) -> Router {
    let keys = Keys {
        issuer,
        key_set: key.key_set(),
        public_url,
    };
    Router::new()
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(configuration),
        )
        .route("/{tenant}/discovery/keys", get(key_set))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::new(keys))
}

async fn configuration(
    State(keys): State<Arc<Keys>>,
    Path(tenant): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let document = named(&tenant).and_then(|named| {
        let issuer = match named {
            Some(tenant) => keys.issuer.of(tenant),
            None => keys.issuer.text().to_owned(),
        };
        let root = root_url(&parts, keys.public_url.as_ref())?;
        // As it was asked for: it is a GUID or the one word.
        let url = format!("{root}/{tenant}/discovery/keys");
        Ok(Json(discovery_document(&issuer, &url)))
    });
    document.into_response()
}

async fn key_set(State(keys): State<Arc<Keys>>, Path(tenant): Path<String>) -> Response {
    let document = named(&tenant).map(|_| Json(keys.key_set.clone()));
    document.into_response()
}

/// The tenant that a path names; `None` where it names whichever. Which tenants there are is nobody's
/// business, and all have the same key.
fn named(tenant: &str) -> Result<Option<TenantId>, ApiError> {
    if tenant.eq_ignore_ascii_case(ANY_TENANT) {
        return Ok(None);
    }
    TenantId::parse(tenant).map(Some).ok_or_else(|| {
        let message = "The path names no tenant. Pass the tenant's id, or common.";
        ApiError::bad_request(message)
    })
}

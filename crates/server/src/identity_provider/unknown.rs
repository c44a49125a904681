//! Paths and methods that the provider does not have, answered in the shape that OAuth clients read
//! and with the right path in it.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

use super::State;
use super::base::Base;
use super::directory::is_tenant;
use super::error::{OAuthError, shortened};

/// Any path below `/{tenant}/oauth2` that is none of the provider's.
pub(super) async fn path(
    Shared(state): Shared<Arc<State>>,
    base: Base,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = format!(
        "There is nothing at '{}'. {}",
        shortened(uri.path()),
        endpoints(&uri, &base)
    );
    OAuthError::unknown_endpoint(text).answer(state.settings.clock.now(), &headers)
}

/// A method that the path does not have; the router adds the Allow header.
pub(super) async fn method(
    Shared(state): Shared<Arc<State>>,
    base: Base,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = format!(
        "'{}' does not take {method}; the Allow header says what it takes. {}",
        shortened(uri.path()),
        endpoints(&uri, &base)
    );
    OAuthError::wrong_method(text).answer(state.settings.clock.now(), &headers)
}

/// Where the endpoints are, for the tenant that was asked for if there is such.
fn endpoints(uri: &Uri, base: &Base) -> String {
    let asked = uri.path().split('/').nth(1).unwrap_or_default();
    let tenant = if is_tenant(asked) { asked } else { "common" };
    format!(
        "Tokens are at POST {}; all endpoints are listed at GET {}.",
        base.url(&format!("/{tenant}/oauth2/v2.0/token")),
        base.url(&format!("/{tenant}/v2.0/.well-known/openid-configuration"))
    )
}

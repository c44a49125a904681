//! From the Authorization header to the caller.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use presenced_core::auth::Caller;

use crate::error::ApiError;
use crate::token::{Authenticate, TokenError};

/// Who sends a request with these headers; 401 where that cannot be told.
pub(crate) async fn caller(
    tokens: &dyn Authenticate,
    headers: &HeaderMap,
) -> Result<Arc<Caller>, ApiError> {
    let token = bearer_token(headers)?;
    Ok(caller_of(tokens, token).await?)
}

/// The token of a request with these headers; 401 without one.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    bearer(headers).ok_or_else(|| ApiError::invalid_token("Access token is empty."))
}

/// Whom a token speaks for.
pub(crate) async fn caller_of(
    tokens: &dyn Authenticate,
    token: &str,
) -> Result<Arc<Caller>, TokenError> {
    match tokens.cached(token) {
        Some(caller) => Ok(caller),
        None => tokens.authenticate(token).await,
    }
}

/// How long the token of a request that was let in still counts, if that is known.
pub(crate) fn remaining(tokens: &dyn Authenticate, headers: &HeaderMap) -> Option<Duration> {
    tokens.remaining(bearer(headers)?)
}

/// The bearer token (RFC 6750 §2.1). The scheme's case does not matter (RFC 9110 §11.1). Two
/// Authorization headers are none: which was meant?
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    /// What counts as a bearer token, and what does not.
    #[test]
    fn bearer_tokens() {
        let check = |values: &[&'static str], expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(bearer(&headers), expect, "{values:?}");
        };
        check(&["Bearer x.y.z"], Some("x.y.z"));
        check(&["bearer  x.y.z "], Some("x.y.z"));
        check(&[], None);
        check(&[""], None);
        check(&["Bearer"], None);
        check(&["Bearer "], None);
        check(&["Basic eDp5"], None);
        check(&["x.y.z"], None);
        check(&["Bearer x", "Bearer y"], None);
    }
}

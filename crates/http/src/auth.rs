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
    let token = bearer(headers).ok_or_else(no_token)?;
    Ok(caller_of(tokens, token).await?)
}

/// The token of a request with these headers, as text; 401 without one.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let token = bearer(headers).and_then(|token| std::str::from_utf8(token).ok());
    token.ok_or_else(no_token)
}

fn no_token() -> ApiError {
    ApiError::invalid_token("Access token is empty.")
}

/// Whom a token speaks for. A known one is found by its bytes; only another has to be text.
pub(crate) async fn caller_of(
    tokens: &dyn Authenticate,
    token: &[u8],
) -> Result<Arc<Caller>, TokenError> {
    if let Some(caller) = tokens.cached(token) {
        return Ok(caller);
    }
    let token = std::str::from_utf8(token).map_err(|_no_text| TokenError::Malformed)?;
    tokens.authenticate(token).await
}

/// How long the token of a request that was let in still counts, where tokens are known to end. One
/// that was forgotten since is looked at once more: a few minutes must not become an hour.
pub(crate) async fn remaining(
    tokens: &dyn Authenticate,
    headers: &HeaderMap,
) -> Result<Option<Duration>, ApiError> {
    let token = bearer_token(headers)?;
    let mut remaining = tokens.remaining(token);
    if remaining.is_none() {
        tokens.authenticate(token).await?;
        remaining = tokens.remaining(token);
    }
    Ok(remaining)
}

/// The bearer token (RFC 6750 §2.1). The scheme's case does not matter (RFC 9110 §11.1). Two
/// Authorization headers are none: which was meant?
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = only.as_bytes().split_at_checked(SCHEME.len())?;
    let token = token.strip_prefix(b" ")?.trim_ascii();
    (scheme.eq_ignore_ascii_case(SCHEME) && !token.is_empty()).then_some(token)
}

const SCHEME: &[u8] = b"Bearer";

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::http::HeaderValue;
    use presenced_core::auth::{Grant, Permissions};
    use presenced_core::id::{ApplicationId, TenantId};

    use super::*;

    /// Knows of a token how long it counts from its next look at it on.
    struct Forgetful(AtomicBool);

    impl Authenticate for Forgetful {
        fn authenticate<'a>(
            &'a self,
            token: &'a str,
        ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>> {
            self.0.store(true, Ordering::Relaxed);
            let caller = Caller {
                tenant: TenantId::from_u128(1),
                application: ApplicationId::from_u128(2),
                grant: Grant::Application {
                    roles: Permissions::default(),
                },
            };
            let known = (token == "good").then(|| Arc::new(caller));
            Box::pin(std::future::ready(known.ok_or(TokenError::Expired)))
        }

        fn remaining(&self, _: &str) -> Option<Duration> {
            let looked = self.0.load(Ordering::Relaxed);
            looked.then_some(Duration::from_mins(1))
        }
    }

    /// A token that was forgotten after its request was let in is looked at again; it is not taken
    /// to count for long, and one that has ended since counts no more.
    #[tokio::test]
    async fn a_forgotten_token_is_looked_at_again() {
        let remaining = async |token: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(token));
            remaining(&Forgetful(AtomicBool::new(false)), &headers).await
        };
        let minute = Some(Duration::from_mins(1));
        assert_eq!(remaining("Bearer good").await.unwrap(), minute);
        assert!(remaining("Bearer bad").await.is_err());
    }

    /// What counts as a bearer token, and what does not.
    #[test]
    fn bearer_tokens() {
        let check = |values: &[&'static str], expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(bearer(&headers), expect.map(str::as_bytes), "{values:?}");
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

//! Requests without a token that is accepted.

use axum::body::Body;
use axum::http::Request;

use crate::support::TestApp;

/// No token at all: the whole answer.
#[tokio::test]
async fn no_token() {
    let app = TestApp::new();
    insta::assert_snapshot!(app.get("", "/v1.0/me/presence").await.text(), @r#"
    401 Unauthorized
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 237
    content-type: application/json
    request-id: [request-id]
    www-authenticate: Bearer

    {"error":{"code":"InvalidAuthenticationToken","message":"Access token is empty.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
    for authorization in ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer\tx"] {
        let request = Request::builder()
            .uri("/v1.0/me/presence")
            .header("authorization", authorization)
            .body(Body::empty())
            .unwrap();
        let error = app.send(request).await.error();
        assert_eq!(
            error,
            "401 InvalidAuthenticationToken: Access token is empty."
        );
    }
}

/// What is wrong with a token is told in Graph's words, or in their style.
#[tokio::test]
async fn bad_tokens() {
    let app = TestApp::new();
    let mut errors = String::new();
    for token in [
        "malformed",
        "bad-algorithm",
        "bad-issuer",
        "unknown-key",
        "bad-signature",
        "bad-audience",
        "expired",
        "not-yet-valid",
        "bad-claim",
        "personal",
    ] {
        let answer = app.get(token, "/v1.0/me/presence").await;
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{token}");
        errors += &answer.error();
        errors += "\n";
    }
    insta::assert_snapshot!(errors, @r"
    401 InvalidAuthenticationToken: CompactToken parsing failed with error code: 80049217
    401 InvalidAuthenticationToken: Access token validation failure. The algorithm is not accepted; RS256, PS256 and ES256 are.
    401 InvalidAuthenticationToken: Access token validation failure. Invalid issuer.
    401 InvalidAuthenticationToken: Access token validation failure. The issuer has no key with the token's key id.
    401 InvalidAuthenticationToken: Access token validation failure. Invalid signature.
    401 InvalidAuthenticationToken: Access token validation failure. Invalid audience.
    401 InvalidAuthenticationToken: Lifetime validation failed, the token is expired.
    401 InvalidAuthenticationToken: Lifetime validation failed, the token is not yet valid.
    401 InvalidAuthenticationToken: Access token validation failure. The claim 'tid' is missing or unreadable.
    401 AuthenticationError: Error authenticating with resource
    ");
}

/// Where the issuer cannot be asked, the token may be good: 503, and nothing of the issuer.
#[tokio::test]
async fn unavailable_keys() {
    let app = TestApp::new();
    insta::assert_snapshot!(app.get("keys-unavailable", "/v1.0/me/presence").await.text(), @r#"
    503 Service Unavailable
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 308
    content-type: application/json
    request-id: [request-id]
    retry-after: 5

    {"error":{"code":"serviceNotAvailable","message":"The service is temporarily unavailable. Repeat the request after the time in the Retry-After header.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
}

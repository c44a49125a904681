//! `/healthz` and `/readyz`

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use presenced_http::Settings;
use presenced_store::StoreError;

use crate::errors::Failing;
use crate::support::{TestApp, request};

/// Both answer without a token, in JSON.
#[tokio::test]
async fn they_need_no_token() {
    let app = TestApp::new();
    insta::assert_snapshot!(app.get("", "/healthz").await.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 18
    content-type: application/json
    request-id: [request-id]

    {"status":"alive"}
    "#);
    insta::assert_snapshot!(app.get("", "/readyz").await.json(), @r#"{"status":"ready"}"#);
    let answer = app
        .send(
            request(Method::POST, "", "/readyz")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "GET,HEAD")
    );
}

/// A store that cannot take a write makes the server not ready, and does not make it dead.
#[tokio::test]
async fn readiness_is_the_stores() {
    let unavailable = || StoreError::Unavailable {
        operation: "write the journal",
        source: std::io::Error::other("full"),
    };
    let app = TestApp::over(Arc::new(Failing(unavailable)), Settings::default());
    let answer = app.get("", "/readyz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "5")
    );
    assert_eq!(app.get("", "/healthz").await.status, 200);
}

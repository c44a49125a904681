//! `POST …/presence/clearPresence`

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{ADELE, APPLICATION, APPLICATION_2, TestApp};

const PATH: &str = "/v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/clearPresence";

/// Clearing the only session makes the user Offline; the answer is empty.
#[tokio::test]
async fn the_session_ends() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let answer = app
        .post("app", PATH, &json!({ "sessionId": APPLICATION }))
        .await;
    insta::assert_snapshot!(answer.text(), @r"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 0
    request-id: [request-id]
    ");
    assert_eq!(app.pair(ADELE).await, "Offline/Offline");
}

/// A session that does not exist, or does no longer, is 404 and is named.
#[tokio::test]
async fn an_absent_session_is_not_found() {
    let app = TestApp::new();
    let clear = async || {
        app.post("app", PATH, &json!({ "sessionId": APPLICATION }))
            .await
    };
    insta::assert_snapshot!(clear().await.error(), @"404 NotFound: The user has no session '22553876-f5ab-4529-bffb-cfe50aa89f87'. It may have expired.");
    app.set(ADELE, "Away/Away").await;
    assert_eq!(clear().await.status, StatusCode::OK);
    assert_eq!(clear().await.status, StatusCode::NOT_FOUND);
}

/// The session id is required, and must be the application's own.
#[tokio::test]
async fn the_session_id_is_checked() {
    let app = TestApp::new();
    let error = app.post("app", PATH, &json!({})).await.error();
    assert_eq!(
        error,
        "400 InvalidArgument: [SessionId]: The SessionId field is required."
    );
    let error = app
        .post("app", PATH, &json!({ "sessionId": APPLICATION_2 }))
        .await
        .error();
    assert!(
        error.starts_with("400 InvalidArgument: [SessionId]: "),
        "{error}"
    );
}

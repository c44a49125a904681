//! Methods that a path does not have.

use axum::body::Body;
use axum::http::Method;

use crate::support::{Answer, TestApp, request};

async fn send(app: &TestApp, method: Method, token: &str, path: &str) -> Answer {
    app.send(request(method, token, path).body(Body::empty()).unwrap())
        .await
}

/// PATCH and DELETE of a presence are 405, and Allow says what there is.
#[tokio::test]
async fn a_presence_is_not_patched_or_deleted() {
    let app = TestApp::new();
    let answer = send(&app, Method::PATCH, "adele", "/v1.0/me/presence").await;
    insta::assert_snapshot!(answer.text(), @r#"
    405 Method Not Allowed
    allow: GET,HEAD
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 267
    content-type: application/json
    request-id: [request-id]

    {"error":{"code":"Request_BadRequest","message":"Specified HTTP method is not allowed for the request target.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
    for method in [Method::DELETE, Method::PUT, Method::POST, Method::OPTIONS] {
        for path in [
            "/beta/users/x/presence",
            "/v1.0/communications/presences/x/",
        ] {
            let answer = send(&app, method.clone(), "app", path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("allow")),
                (405, "GET,HEAD")
            );
        }
    }
}

/// An action is posted, and nothing else.
#[tokio::test]
async fn actions_are_posted() {
    let app = TestApp::new();
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        for path in [
            "/v1.0/me/presence/setPresence",
            "/v1.0/me/presence/clearPresence",
            "/v1.0/me/presence/setUserPreferredPresence",
            "/v1.0/me/presence/clearUserPreferredPresence",
            "/v1.0/communications/getPresencesByUserId",
        ] {
            let answer = send(&app, method.clone(), "app", path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("allow")),
                (405, "POST"),
                "{path}"
            );
        }
    }
}

/// Without a token nothing is told of methods.
#[tokio::test]
async fn the_token_comes_first() {
    let app = TestApp::new();
    let answer = send(&app, Method::PATCH, "", "/v1.0/me/presence").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (401, ""));
}

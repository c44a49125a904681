//! `DELETE /subscriptions/{id}`

use axum::http::StatusCode;
use serde_json::json;

use super::{app, at, made};

/// It is gone with the answer, and makes room for another.
#[tokio::test]
async fn it_is_gone() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let answer = app.delete("adele", &at(&id)).await;
    insta::assert_snapshot!(answer.text(), @r"
    204 No Content
    cache-control: no-cache
    client-request-id: [request-id]
    request-id: [request-id]
    ");
    let error = app.get("adele", &at(&id)).await.error();
    assert!(error.starts_with("404 NotFound"), "{error}");
    let error = app.delete("adele", &at(&id)).await.error();
    assert!(error.starts_with("404 NotFound"), "{error}");
    made(&app, "adele", json!({})).await;
}

/// Nobody else can.
#[tokio::test]
async fn it_is_for_its_maker() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    for (token, expect) in [
        ("", "401"),
        ("alex", "404 NotFound"),
        ("adele-by-app-2", "404 NotFound"),
        ("app-elsewhere", "404 NotFound"),
        ("adele-reads-own", "403 Authorization_RequestDenied"),
    ] {
        let error = app.delete(token, &at(&id)).await.error();
        assert!(error.starts_with(expect), "{token}: {error}");
    }
    assert_eq!(app.get("adele", &at(&id)).await.status, StatusCode::OK);
}

//! `POST /subscriptions/{id}/reauthorize`

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{app, at, made};
use crate::support::request;

/// It is 204, with and without a body, as the SDKs and the documentation have it.
#[tokio::test]
async fn it_is_reauthorized() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let path = format!("{}/reauthorize", at(&id));
    let bare = request(Method::POST, "adele", &path).body(Body::empty());
    let answer = app.send(bare.unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    assert!(answer.body.is_empty());
    let qualified = format!("{}/microsoft.graph.reauthorize", at(&id));
    let answer = app.post("adele", &qualified, &json!({})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
}

/// It is for whoever made it, and for what is there.
#[tokio::test]
async fn it_is_for_its_maker() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let path = format!("{}/reauthorize", at(&id));
    for (token, body, expect) in [
        ("", json!([]), "401"),
        ("alex", json!([]), "400 BadRequest"),
        ("alex", json!({}), "404 NotFound"),
        ("app-2", json!({}), "404 NotFound"),
        ("adele-without-scopes", json!({}), "403 Forbidden"),
    ] {
        let error = app.post(token, &path, &body).await.error();
        assert!(error.starts_with(expect), "{token}: {error}");
    }
    let gone = "/v1.0/subscriptions/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/reauthorize";
    let error = app.post("adele", gone, &json!({})).await.error();
    assert!(error.starts_with("404 NotFound"), "{error}");
}

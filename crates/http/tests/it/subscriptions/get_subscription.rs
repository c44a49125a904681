//! `GET /subscriptions/{id}`

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{app, at, made};

/// Whoever made it is told everything; who may only look is not told its secret.
#[tokio::test]
async fn the_secret_is_for_its_maker() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let own = app.get("adele", &at(&id)).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text());
    assert_eq!(own.json()["clientState"], "secret");
    let keyed = app
        .get("adele", &format!("/beta/Subscriptions('{id}')/"))
        .await;
    assert_eq!(keyed.json()["id"], own.json()["id"]);
    let seen = app.get("app-sees-all", &at(&id)).await.json();
    assert_eq!(seen["clientState"], Value::Null);
    assert_eq!(seen["notificationUrl"], own.json()["notificationUrl"]);
}

/// What is not there, what is another's, of another tenant, or over, is not told apart.
#[tokio::test]
async fn others_are_not_found() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    for (token, id) in [
        ("adele", "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"),
        ("adele", "x"),
        ("adele-by-app-2", id.as_str()),
        ("alex", &id),
        ("app", &id),
        ("app-elsewhere", &id),
    ] {
        let error = app.get(token, &at(id)).await.error();
        assert!(
            error.starts_with("404 NotFound: There is no such"),
            "{token}: {error}"
        );
    }
    app.advance(Duration::from_hours(1)).await;
    let error = app.get("adele", &at(&id)).await.error();
    assert!(error.starts_with("404 NotFound"), "{error}");
}

/// Options are refused, and so is who may not watch.
#[tokio::test]
async fn refusals() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let error = app.get("adele", &format!("{}?$select=id", at(&id))).await;
    assert!(
        error
            .error()
            .starts_with("400 BadRequest: The query option")
    );
    let error = app.get("adele-reads-own", &at(&id)).await.error();
    assert!(
        error.starts_with("403 Authorization_RequestDenied"),
        "{error}"
    );
    assert!(app.get("", &at(&id)).await.error().starts_with("401"));
    // What Graph has in place of an id is not taken for a subscription that has expired.
    for name in [
        "$count",
        "getVapidPublicKey()",
        "microsoft.graph.getVapidPublicKey()",
    ] {
        let error = app.get("adele", &at(name)).await.error();
        let expect = format!("400 BadRequest: Resource not found for the segment '{name}'.");
        assert_eq!(error, expect);
    }
}

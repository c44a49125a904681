mod create_subscription;
mod delete_subscription;
mod get_subscription;
mod list_subscriptions;
mod reauthorize_subscription;
mod update_subscription;

use std::sync::Arc;

use axum::http::StatusCode;
use presenced_http::Settings;
use serde_json::{Value, json};

use crate::support::{ADELE, Answer, Endpoints, TestApp};

/// An application whose subscribers are at `endpoints`.
pub(crate) async fn app() -> TestApp {
    TestApp::notifying(Settings::default(), Arc::default()).await
}

/// The same, to look at the endpoints.
pub(crate) async fn app_and_endpoints() -> (TestApp, Arc<Endpoints>) {
    let endpoints = Arc::<Endpoints>::default();
    let app = TestApp::notifying(Settings::default(), Arc::clone(&endpoints)).await;
    (app, endpoints)
}

/// A certificate that notifications can be encrypted for.
pub(crate) fn certificate() -> String {
    let text = include_str!("../../../../notify/testdata/rich_notification.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    vectors["rsa_2048"].as_str().unwrap().to_owned()
}

/// A subscription to Adele, for an hour, with these members instead or besides; those that are
/// `null` are left out.
pub(crate) fn wanted(members: Value) -> Value {
    let mut wanted = json!({
        "changeType": "updated",
        "notificationUrl": "https://receiver.test/hook?code=1",
        "resource": format!("/communications/presences/{ADELE}"),
        "expirationDateTime": "2026-09-01T01:00:00Z",
        "clientState": "secret",
    });
    let all = wanted.as_object_mut().unwrap();
    let Value::Object(members) = members else {
        panic!("members are an object");
    };
    for (name, value) in members {
        if value.is_null() {
            all.remove(&name);
        } else {
            all.insert(name, value);
        }
    }
    wanted
}

/// Makes a subscription, which must succeed, and answers its id.
pub(crate) async fn made(app: &TestApp, token: &str, members: Value) -> String {
    let answer = app
        .post(token, "/v1.0/subscriptions", &wanted(members))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// The path of a subscription.
pub(crate) fn at(id: &str) -> String {
    format!("/v1.0/subscriptions/{id}")
}

/// The text of an answer with this id blotted out.
pub(crate) fn text(answer: &Answer, id: &str) -> String {
    answer.text().replace(id, "[id]")
}

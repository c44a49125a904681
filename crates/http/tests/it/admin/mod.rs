//! `/admin/v1`

mod applications;
mod out_of_office;
mod schedule;
mod subscriptions;
mod users;

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use presenced_core::throttle::Rate;
use presenced_http::{Extensions, Settings, Throttling};
use serde_json::json;

use crate::support::{ADELE, TestApp, request};

/// Every path of the administrative API, with the methods it has.
fn paths() -> [(String, &'static [&'static str]); 6] {
    let entry: &[&str] = &["GET", "PUT", "DELETE"];
    [
        ("/admin/v1/users".to_owned(), &["GET"]),
        (format!("/admin/v1/users/{ADELE}"), entry),
        (format!("/admin/v1/users/{ADELE}/outOfOffice"), entry),
        (format!("/admin/v1/users/{ADELE}/schedule"), entry),
        ("/admin/v1/applications".to_owned(), &["GET"]),
        (format!("/admin/v1/applications/{ADELE}"), entry),
    ]
}

async fn error(app: &TestApp, method: &str, token: &str, path: &str) -> String {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = request(method, token, path).header(CONTENT_TYPE, "application/json");
    app.send(request.body(Body::from("{")).unwrap())
        .await
        .error()
}

/// Nobody but an application with the role may administer, whatever else is wrong with the request.
#[tokio::test]
async fn only_administrators_are_let_in() {
    let app = TestApp::new();
    for (path, methods) in paths() {
        for method in methods {
            let denied = error(&app, method, "", &path).await;
            assert!(
                denied.starts_with("401 InvalidAuthenticationToken"),
                "{denied}"
            );
            for token in ["app", "app-without-roles", "adele", "adele-as-admin"] {
                assert_eq!(
                    error(&app, method, token, &path).await,
                    "403 Forbidden: The administrative API takes an application's own token with \
                     the role Presenced.Admin, and no user's.",
                    "{token} {method} {path}"
                );
            }
        }
        let other = error(&app, "PATCH", "admin", &path).await;
        assert!(other.starts_with("405"), "{path}: {other}");
    }
}

/// Its requests count as requests, whoever sends them, and are told how the caller stands.
#[tokio::test]
async fn its_requests_are_counted() {
    let app = TestApp::with(Settings {
        throttling: Throttling {
            requests: Rate::new(2, Duration::from_secs(10)),
            ..Throttling::OFF
        },
        ..Settings::default()
    });
    let listed = app.get("admin", "/admin/v1/users").await;
    assert_eq!(listed.status, 200);
    assert_eq!(listed.header("ratelimit-remaining"), "1");
    let denied = app.get("adele", "/admin/v1/users").await;
    assert_eq!(denied.status, 403);
    assert_eq!(denied.header("ratelimit-remaining"), "1");
    app.delete("admin", &format!("/admin/v1/users/{ADELE}"))
        .await;
    let error = error(&app, "GET", "admin", "/admin/v1/applications").await;
    assert!(error.starts_with("429 TooManyRequests"), "{error}");
}

/// The role permits nothing else.
#[tokio::test]
async fn administrators_have_no_say_elsewhere() {
    let app = TestApp::new();
    let read = app
        .get("admin", &format!("/v1.0/users/{ADELE}/presence"))
        .await;
    assert_eq!(read.status, 403);
}

/// With extensions off, it answers as if it had never been built; and it never stands in a batch.
#[tokio::test]
async fn it_can_be_switched_off() {
    let app = TestApp::with(Settings {
        extensions: Extensions::Off,
        ..Settings::default()
    });
    for (path, methods) in paths() {
        for method in methods {
            let gone = error(&app, method, "admin", &path).await;
            assert!(
                gone.starts_with("400 BadRequest: Resource not found"),
                "{gone}"
            );
        }
    }
    let app = TestApp::new();
    for url in ["/admin/v1/users", "http://presence.test/admin/v1/users"] {
        let requests = json!({ "requests": [{ "id": "1", "method": "GET", "url": url }] });
        let answer = app.post("admin", "/v1.0/$batch", &requests).await.json();
        assert_eq!(answer["responses"][0]["status"], 400, "{answer}");
    }
}

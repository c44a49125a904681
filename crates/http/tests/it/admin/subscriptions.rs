//! `/admin/v1/subscriptions`

use axum::body::Body;
use axum::http::{Method, StatusCode};
use presenced_http::{Extensions, Settings};
use serde_json::{Value, json};

use crate::subscriptions::{app, app_and_endpoints, made};
use crate::support::{ADELE, TestApp, request};

const PATH: &str = "/admin/v1/subscriptions";

/// An administrator sees who watches what and how it goes, and neither secrets nor what URLs hold
/// behind their question marks.
#[tokio::test]
async fn they_are_listed() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let answer = app.get("admin", PATH).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    insta::assert_snapshot!(text.replace(&id, "[id]"), @r#"{"value":[{"id":"[id]","applicationId":"22553876-f5ab-4529-bffb-cfe50aa89f87","userId":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","watchedUsers":1,"notificationUrl":"https://receiver.test/hook","lifecycleNotificationUrl":null,"includeResourceData":false,"createdDateTime":"2026-09-01T00:00:00.0000000Z","expirationDateTime":"2026-09-01T01:00:00.0000000Z","authorizedUntilDateTime":"2026-09-01T01:00:00.0000000Z","delivery":{"state":"active","lastAttempt":null,"failuresInARow":0,"failingSince":null,"nextAttemptAt":null,"waitingUsers":0,"waitingSince":null,"isRereading":false}}]}"#);
    let one = app.get("admin", &format!("{PATH}/{id}")).await.json();
    assert_eq!(one, answer.json()["value"][0]);
}

/// There are pages, as large as asked for.
#[tokio::test]
async fn there_are_pages() {
    let app = app().await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(
            made(
                &app,
                "app",
                json!({ "resource": "/communications/presences" }),
            )
            .await,
        );
    }
    all.sort();
    let first = app.get("admin", &format!("{PATH}?top=2")).await.json();
    let ids = |page: &Value| {
        let value = page["value"].as_array().unwrap().iter();
        value
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<String>>()
    };
    assert_eq!(ids(&first), all[..2]);
    assert_eq!(first["value"][0]["watchedUsers"], Value::Null);
    let next = first["nextLink"].as_str().unwrap();
    let next = next.strip_prefix("http://presence.test").unwrap();
    let second = app.get("admin", next).await.json();
    assert_eq!(ids(&second), all[2..]);
    assert!(second.get("nextLink").is_none());
    for wrong in ["top=0", "top=1001", "top=x", "after=x"] {
        let error = app.get("admin", &format!("{PATH}?{wrong}")).await.error();
        assert!(error.starts_with("400"), "{wrong}: {error}");
    }
}

/// A test goes to the endpoint, and what came of it is the answer, and the last attempt.
#[tokio::test]
async fn a_test_is_sent() {
    let (app, endpoints) = app_and_endpoints().await;
    let id = made(&app, "adele", json!({})).await;
    let test = async |id: &str| {
        let path = format!("{PATH}/{id}/test");
        let request = request(Method::POST, "admin", &path).body(Body::empty());
        app.send(request.unwrap()).await
    };
    let answer = test(&id).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        answer.json(),
        json!({ "isDelivered": true, "status": 202, "problem": null, "tookMs": 7 })
    );
    let (url, _) = endpoints.posted.lock().unwrap()[0].clone();
    assert_eq!(url, "https://receiver.test/hook?code=1");
    let shown = app.get("admin", &format!("{PATH}/{id}")).await.json();
    assert_eq!(shown["delivery"]["lastAttempt"]["message"], "test");
    assert_eq!(shown["delivery"]["lastAttempt"]["result"]["status"], 202);

    let failing = json!({ "notificationUrl": "https://failing.test/" });
    let id = made(&app, "alex", failing).await;
    let answer = test(&id).await.json();
    assert_eq!(
        (&answer["isDelivered"], &answer["status"]),
        (&json!(false), &json!(503))
    );
    let error = test(ADELE).await.error();
    assert!(error.starts_with("404 NotFound"), "{error}");
}

/// Nobody waits without end for what comes of a test.
#[tokio::test(start_paused = true)]
async fn a_test_that_takes_long_is_not_waited_for() {
    let app = app().await;
    let silent = json!({ "notificationUrl": "https://silent.test/" });
    let id = made(&app, "adele", silent).await;
    let path = format!("{PATH}/{id}/test");
    let answer = app.post("admin", &path, &json!({})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "5");
    // It is still under way.
    let error = app.post("admin", &path, &json!({})).await.error();
    assert!(error.contains("under way"), "{error}");
}

/// An administrator ends a subscription, whoever made it.
#[tokio::test]
async fn one_is_removed() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let path = format!("{PATH}/{id}");
    let answer = app.delete("admin", &path).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    let error = app
        .get("adele", &format!("/v1.0/subscriptions/{id}"))
        .await
        .error();
    assert!(error.starts_with("404"), "{error}");
    let error = app.delete("admin", &path).await.error();
    assert!(error.starts_with("404"), "{error}");
}

/// All of it is for administrators of the tenant, and switched off with the extensions.
#[tokio::test]
async fn it_is_for_administrators() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    for (method, path) in [
        (Method::GET, PATH.to_owned()),
        (Method::GET, format!("{PATH}/{id}")),
        (Method::DELETE, format!("{PATH}/{id}")),
        (Method::POST, format!("{PATH}/{id}/test")),
    ] {
        let send = async |token: &str| {
            let request = request(method.clone(), token, &path).body(Body::empty());
            app.send(request.unwrap()).await
        };
        assert!(send("").await.error().starts_with("401"), "{method} {path}");
        for token in ["app", "app-sees-all", "adele-sees-all"] {
            let error = send(token).await.error();
            let expect = "403 Forbidden: The administrative API";
            assert!(error.starts_with(expect), "{method} {path}: {error}");
        }
        let elsewhere = send("admin-elsewhere").await;
        if path == PATH {
            assert_eq!(elsewhere.json(), json!({ "value": [] }));
        } else {
            assert!(elsewhere.error().starts_with("404"), "{method} {path}");
        }
    }
    let settings = Settings {
        extensions: Extensions::Off,
        ..Settings::default()
    };
    let strict = TestApp::notifying(settings, std::sync::Arc::default()).await;
    let error = strict.get("admin", PATH).await.error();
    assert!(
        error.contains("Resource not found for the segment 'subscriptions'"),
        "{error}"
    );
}

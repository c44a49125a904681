//! The `presenced-effect` header: a write that succeeded and is not to be seen says so.

use axum::http::StatusCode;
use presenced_http::{Extensions, Settings};
use serde_json::{Value, json};

use crate::support::{ADELE, APPLICATION, APPLICATION_2, TestApp};

/// Carries out an action on Adele, which must succeed, and returns what the header says.
async fn effect(app: &TestApp, token: &str, action: &str, body: &Value) -> String {
    let path = format!("/v1.0/users/{ADELE}/presence/{action}");
    let answer = app.post(token, &path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.body.is_empty());
    answer.header("presenced-effect").to_owned()
}

fn session(application: &str, pair: &str) -> Value {
    let (availability, activity) = pair.split_once('/').unwrap();
    json!({ "sessionId": application, "availability": availability, "activity": activity })
}

fn preferred(pair: &str) -> Value {
    let (availability, activity) = pair.split_once('/').unwrap();
    json!({ "availability": availability, "activity": activity })
}

/// Each way in which a set or clear comes to nothing that anybody sees is named, and nothing is
/// said of one that shows.
#[tokio::test]
async fn what_hides_a_write_is_named() {
    let app = TestApp::new();
    let (set, clear) = ("setPresence", "clearPresence");
    let (prefer, reset) = ("setUserPreferredPresence", "clearUserPreferredPresence");
    let off = preferred("Offline/OffWork");
    let hidden = |by: &str| format!("shadowed; by={by}");

    // Without a session a preferred presence waits.
    assert_eq!(
        effect(&app, "app", prefer, &off).await,
        hidden("no-session")
    );
    let busy = session(APPLICATION, "Busy/InACall");
    assert_eq!(effect(&app, "app", set, &busy).await, hidden("preferred"));
    assert_eq!(effect(&app, "app", reset, &json!({})).await, "");
    assert_eq!(app.pair(ADELE).await, "Busy/InACall");

    let away = session(APPLICATION_2, "Away/Away");
    assert_eq!(effect(&app, "app-2", set, &away).await, hidden("session"));
    let own = json!({ "sessionId": APPLICATION_2 });
    assert_eq!(effect(&app, "app-2", clear, &own).await, hidden("session"));
    // A keep-alive shows what is asked for, though nothing changes.
    assert_eq!(effect(&app, "app", set, &busy).await, "");

    assert_eq!(effect(&app, "app", prefer, &off).await, "");
    let last = json!({ "sessionId": APPLICATION });
    assert_eq!(effect(&app, "app", clear, &last).await, "");
    assert_eq!(app.pair(ADELE).await, "Offline/Offline");
}

/// The whole answer of a hidden write is Graph's with one header more.
#[tokio::test]
async fn the_whole_answer() {
    let app = TestApp::new();
    app.set(ADELE, "DoNotDisturb/Presenting").await;
    let path = format!("/v1.0/users/{ADELE}/presence/setPresence");
    let answer = app
        .post("app-2", &path, &session(APPLICATION_2, "Away/Away"))
        .await;
    insta::assert_snapshot!(answer.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 0
    presenced-effect: shadowed; by=session
    request-id: [request-id]
    "#);
}

/// With extensions off nothing is said.
#[tokio::test]
async fn extensions_can_be_switched_off() {
    let app = TestApp::with(Settings {
        extensions: Extensions::Off,
        ..Settings::default()
    });
    let off = preferred("Offline/OffWork");
    let said = effect(&app, "app", "setUserPreferredPresence", &off).await;
    assert_eq!(said, "");
    let busy = session(APPLICATION, "Busy/InACall");
    assert_eq!(effect(&app, "app", "setPresence", &busy).await, "");
    assert_eq!(app.pair(ADELE).await, "Offline/OffWork");
}

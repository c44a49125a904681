//! The examples of the file are what the server answers.

use std::time::Duration;

use presenced_http::{PublicUrl, Settings};
use serde_json::{Value, json};

use super::{at, document};
use crate::support::{ADELE, ALEX, TestApp};

/// Where the examples were taken: at the beginning of the tests' time.
fn app() -> TestApp {
    let public_url = PublicUrl::parse("https://presence.example.com").unwrap();
    TestApp::with(Settings {
        public_url: Some(public_url),
        ..Settings::default()
    })
}

/// The body that an example shows.
fn body<'a>(document: &'a Value, request: &str, name: &str) -> &'a Value {
    let pointer = "content/application~1json/examples";
    at(
        document,
        &format!("/components/requestBodies/{request}/{pointer}/{name}/value"),
    )
}

fn example<'a>(document: &'a Value, name: &str) -> &'a Value {
    at(document, &format!("/components/examples/{name}/value"))
}

async fn done(app: &TestApp, token: &str, action: &str, body: &Value) {
    let path = format!("/v1.0/users/{ADELE}/presence/{action}");
    let answer = app.post(token, &path, body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body.len()),
        (200, 0),
        "{}",
        answer.text()
    );
}

/// Presences, after what the examples of the bodies say has been done.
#[tokio::test]
async fn presences() {
    let (app, document) = (app(), document().await);
    let of = |request, name| body(&document, request, name);
    done(&app, "app", "setPresence", of("SetPresence", "inACall")).await;
    done(
        &app,
        "adele",
        "setStatusMessage",
        of("SetStatusMessage", "expiring"),
    )
    .await;
    done(
        &app,
        "adele",
        "setManualLocation",
        of("SetLocation", "office"),
    )
    .await;
    let own = app.get("adele", "/v1.0/me/presence").await.json();
    assert_eq!(&own, example(&document, "OwnPresence"), "{own}");
    let never = app
        .get("app", &format!("/v1.0/users/{ALEX}/presence"))
        .await
        .json();
    assert_eq!(&never, example(&document, "PresenceNeverSet"), "{never}");
    let ids = of("GetPresencesByUserId", "two");
    let several = "/v1.0/communications/getPresencesByUserId";
    let two = app.post("app", several, ids).await.json();
    assert_eq!(&two, example(&document, "TwoPresences"), "{two}");
}

/// A batch, but for the ids of its answers.
#[tokio::test]
async fn batch() {
    let (app, document) = (app(), document().await);
    let request = body(&document, "Batch", "chain");
    let mut answer = app.post("app", "/v1.0/$batch", request).await.json();
    for answer in answer["responses"].as_array_mut().unwrap() {
        for name in ["request-id", "client-request-id"] {
            assert!(answer["headers"][name].is_string());
            answer["headers"][name] = json!("0f8fad5b-d9cb-469f-a165-70867728950e");
        }
    }
    assert_eq!(&answer, example(&document, "BatchAnswer"), "{answer}");
}

/// The explanation of a presence that its user hides.
#[tokio::test]
async fn explanation() {
    let (app, document) = (app(), document().await);
    app.set(ADELE, "Available/Available").await;
    app.clock.advance(Duration::from_mins(4));
    let mut choice = body(&document, "SetUserPreferredPresence", "offline").clone();
    choice["expirationDuration"] = json!("PT8H");
    done(&app, "adele", "setUserPreferredPresence", &choice).await;
    app.clock.advance(Duration::from_millis(30_500));
    let path = format!("/v1.0/users/{ADELE}/presence/explain");
    let answer = app.get("app", &path).await.json();
    assert_eq!(&answer, example(&document, "Explanation"), "{answer}");
}

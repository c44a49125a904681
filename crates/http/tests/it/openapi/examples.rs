//! The examples of the file are what the server answers, and what it sends to receivers.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use presenced_core::id::UserId;
use presenced_core::presence::Presence;
use presenced_core::time::Timestamp;
use presenced_http::{PublicUrl, Settings};
use presenced_notify::compose::{Compose, Item, LifecycleEvent};
use presenced_notify::subscription::Subscription;
use presenced_notify::webhook::payload::Composer;
use presenced_notify::webhook::signing::SigningKey;
use presenced_notify::webhook::validation_token::{GRAPH_PUBLISHER, IssuerName, TokenSettings};
use serde_json::{Value, json};

use super::{at, document, resolved};
use crate::subscriptions::{certificate, made};
use crate::support::{ADELE, ALEX, TestApp};

/// Where the examples were taken.
fn settings() -> Settings {
    let public_url = PublicUrl::parse("https://presence.example.com").unwrap();
    Settings {
        public_url: Some(public_url),
        ..Settings::default()
    }
}

/// The same, at the beginning of the tests' time.
fn app() -> TestApp {
    TestApp::with(settings())
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

/// A subscription is made, renewed and made otherwise, as the examples of the bodies say. Its id is
/// made by chance: that of the example takes its place.
#[tokio::test]
async fn subscriptions() {
    let document = document().await;
    let app = TestApp::notifying(settings(), Arc::default()).await;
    let answered = async |name| {
        let wanted = body(&document, "CreateSubscription", name);
        let answer = app.post("adele", "/v1.0/subscriptions", wanted).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()
    };
    let mut made = answered("one").await;
    let path = format!("/v1.0/subscriptions/{}", made["id"].as_str().unwrap());
    let expect = example(&document, "Subscription");
    made["id"] = expect["id"].clone();
    assert_eq!(&made, expect, "{made}");
    let later = body(&document, "UpdateSubscription", "renew");
    let renewed = app.patch("adele", &path, later).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text());
    app.delete("adele", &path).await;
    answered("several").await;
}

/// What is sent to receivers, as the server writes it.
fn composer(app: &TestApp) -> Composer {
    Composer::new(TokenSettings {
        issuer: IssuerName::new("https://presence.example.com/{tenantid}/"),
        key: Arc::new(SigningKey::generate().unwrap()),
        publisher: GRAPH_PUBLISHER,
        clock: app.clock.clone(),
    })
}

/// The notification of a subscription that Adele has changed.
fn notification(composer: &Composer, subscription: &Subscription) -> Value {
    let item = Item {
        user: UserId::parse(ADELE).unwrap(),
        presence: Presence::OFFLINE,
        sequence: 1,
        at: Timestamp::from_millis(0),
    };
    let body = composer.notification(subscription, &[item]).unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// The value has what the schema requires at every depth, and nothing that the schema has not.
fn check_members(document: &Value, schema: &Value, value: &Value) {
    let schema = resolved(document, schema);
    if let Value::Object(members) = value {
        for name in schema["required"].as_array().unwrap() {
            assert!(members.contains_key(name.as_str().unwrap()), "no {name}");
        }
        for (name, member) in members {
            let described = &schema["properties"][name];
            assert!(described.is_object(), "{name} is not described");
            check_members(document, described, member);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check_members(document, &schema["items"], item);
    }
}

/// Notifications, those without and those with the presence in them.
#[tokio::test]
async fn notifications() {
    let document = document().await;
    let app = TestApp::notifying(settings(), Arc::default()).await;
    let composer = composer(&app);
    let wanted = body(&document, "CreateSubscription", "one").clone();
    let id = made(&app, "adele", wanted).await;
    let basic = app.subscription(&id);
    let shown = |sent: &Value, name: &str| {
        let mut sent = sent.clone();
        let expect = example(&document, name);
        sent["value"][0]["subscriptionId"] = expect["value"][0]["subscriptionId"].clone();
        assert_eq!(&sent, expect, "{sent}");
    };
    shown(&notification(&composer, &basic), "ChangeNotifications");
    let event = LifecycleEvent::ReauthorizationRequired;
    let lifecycle = composer.lifecycle(&basic, event).unwrap();
    let lifecycle: Value = serde_json::from_slice(&lifecycle).unwrap();
    shown(&lifecycle, "LifecycleNotifications");
    let schema = |name: &str| at(&document, &format!("/components/schemas/{name}")).clone();
    check_members(&document, &schema("LifecycleNotifications"), &lifecycle);

    // The certificate is younger than the clock of these tests.
    app.advance(Duration::from_hours(24 * 100)).await;
    let rich = json!({
        "includeResourceData": true, "encryptionCertificate": certificate(),
        "encryptionCertificateId": "mine", "expirationDateTime": "2026-12-10T01:00:00Z",
    });
    let rich = app.subscription(&made(&app, "adele", rich).await);
    let rich = notification(&composer, &rich);
    check_members(&document, &schema("ChangeNotifications"), &rich);
    let content = &rich["value"][0]["encryptedContent"];
    assert!(content["data"].is_string() && rich["validationTokens"][0].is_string());
}

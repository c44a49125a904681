//! `PATCH /subscriptions/{id}`

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use super::{app, app_and_endpoints, at, certificate, made};

/// Renewing answers the subscription with its new end.
#[tokio::test]
async fn it_is_renewed() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    app.advance(Duration::from_mins(30)).await;
    let body = json!({ "expirationDateTime": "2026-09-01T01:30:00Z" });
    let answer = app.patch("adele", &at(&id), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let json = answer.json();
    assert_eq!(json["expirationDateTime"], "2026-09-01T01:30:00.0000000Z");
    assert_eq!(json["clientState"], "secret");
    app.advance(Duration::from_mins(59)).await;
    let still = app.get("adele", &at(&id)).await;
    assert_eq!(still.status, StatusCode::OK, "{}", still.text());
    let late = json!({ "expirationDateTime": "2026-09-01T03:00:00Z" });
    let error = app.patch("adele", &at(&id), &late).await.error();
    assert!(
        error.starts_with("400 ExtensionError: Operation: Update;"),
        "{error}"
    );
}

/// A new endpoint is asked before the answer; where it fails, all stays as it was.
#[tokio::test]
async fn a_new_endpoint_is_asked() {
    let (app, endpoints) = app_and_endpoints().await;
    let id = made(&app, "adele", json!({})).await;
    let body = json!({ "notificationUrl": "https://other.test/hook" });
    let changed = app.patch("adele", &at(&id), &body).await.json();
    assert_eq!(changed["notificationUrl"], "https://other.test/hook");
    assert_eq!(
        endpoints.checked.lock().unwrap().last().unwrap(),
        "https://other.test/hook"
    );
    let body = json!({ "notificationUrl": "https://wrong.test/hook" });
    let error = app.patch("adele", &at(&id), &body).await.error();
    assert!(error.starts_with("400 ValidationError"), "{error}");
    let present = app.get("adele", &at(&id)).await.json();
    assert_eq!(present["notificationUrl"], "https://other.test/hook");
}

/// A certificate and its name can be changed together or apart, where there is one.
#[tokio::test]
async fn a_new_certificate() {
    let app = app().await;
    // The certificate is younger than the clock of these tests.
    app.advance(Duration::from_hours(24 * 100)).await;
    let end = "2026-12-10T01:00:00Z";
    let rich = json!({
        "includeResourceData": true, "encryptionCertificate": certificate(),
        "encryptionCertificateId": "first", "expirationDateTime": end,
    });
    let id = made(&app, "adele", rich).await;
    for body in [
        json!({ "encryptionCertificateId": "second" }),
        json!({ "encryptionCertificate": certificate() }),
        json!({ "encryptionCertificate": certificate(), "encryptionCertificateId": "second" }),
    ] {
        let changed = app.patch("adele", &at(&id), &body).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
        assert_eq!(changed.json()["encryptionCertificateId"], "second");
        assert_eq!(changed.json()["encryptionCertificate"], json!(null));
    }
    let body = json!({ "encryptionCertificate": "x" });
    let error = app.patch("adele", &at(&id), &body).await.error();
    assert!(error.contains("[EncryptionCertificate]"), "{error}");
    let bare = made(&app, "alex", json!({ "expirationDateTime": end })).await;
    let body = json!({ "encryptionCertificate": certificate() });
    let error = app.patch("alex", &at(&bare), &body).await.error();
    assert!(error.contains("without includeResourceData"), "{error}");
}

/// What is set once cannot be changed, and there must be something to change.
#[tokio::test]
async fn some_members_are_fixed() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    for (body, field) in [
        (
            json!({ "resource": "/communications/presences/x" }),
            "Resource",
        ),
        (json!({ "changeType": "created" }), "ChangeType"),
        (json!({ "clientState": "x" }), "ClientState"),
        (
            json!({ "lifecycleNotificationUrl": "https://receiver.test/" }),
            "LifecycleNotificationUrl",
        ),
        (
            json!({ "includeResourceData": true }),
            "IncludeResourceData",
        ),
        (
            json!({ "latestSupportedTlsVersion": "v1_3" }),
            "LatestSupportedTlsVersion",
        ),
        (
            json!({ "notificationUrlAppId": "22553876-f5ab-4529-bffb-cfe50aa89f87" }),
            "NotificationUrlAppId",
        ),
        (
            json!({ "notificationContentType": "application/xml" }),
            "NotificationContentType",
        ),
        (
            json!({ "notificationQueryOptions": "x" }),
            "NotificationQueryOptions",
        ),
        (json!({ "vapidPublicKey": "x" }), "VapidPublicKey"),
        (
            json!({ "webPushEncryptionP256dhPublicKey": "x" }),
            "WebPushEncryptionP256dhPublicKey",
        ),
        (
            json!({ "webPushEncryptionSecret": "x" }),
            "WebPushEncryptionSecret",
        ),
        (json!({ "clientState": 1 }), "ClientState"),
        (json!({}), "ExpirationDateTime"),
        (
            json!({ "encryptionCertificateId": "x" }),
            "EncryptionCertificate",
        ),
    ] {
        let error = app.patch("adele", &at(&id), &body).await.error();
        let expect = format!("400 InvalidArgument: [{field}]: ");
        assert!(error.starts_with(&expect), "{body}: {error}");
    }
}

/// The whole object as it was shown can be sent back with another end: what stays as it is is no
/// fault.
#[tokio::test]
async fn the_shown_object_is_taken() {
    let app = app().await;
    for members in [
        json!({}),
        json!({
            "clientState": null,
            "lifecycleNotificationUrl": "https://receiver.test/life",
            "latestSupportedTlsVersion": "v1_3",
            "notificationUrlAppId": "22553876-f5ab-4529-bffb-cfe50aa89f87",
        }),
    ] {
        let id = made(&app, "adele", members).await;
        let mut shown = app.get("adele", &at(&id)).await.json();
        shown["expirationDateTime"] = json!("2026-09-01T00:50:00Z");
        let answer = app.patch("adele", &at(&id), &shown).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let end = answer.json()["expirationDateTime"].clone();
        assert_eq!(end, "2026-09-01T00:50:00.0000000Z");
        app.delete("adele", &at(&id)).await;
    }
}

/// Who may look at a subscription may not change it, and of others' nothing is known.
#[tokio::test]
async fn it_is_for_its_maker() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let body = json!({ "expirationDateTime": "2026-09-01T01:00:00Z" });
    for (token, expect) in [
        ("", "401"),
        ("alex", "404 NotFound"),
        ("app", "404 NotFound"),
        ("app-elsewhere", "404 NotFound"),
        ("app-sees-all", "403 Forbidden"),
        ("adele-reads-own", "403 Authorization_RequestDenied"),
    ] {
        let error = app.patch(token, &at(&id), &body).await.error();
        assert!(error.starts_with(expect), "{token}: {error}");
    }
    app.advance(Duration::from_hours(1)).await;
    let body = json!({ "expirationDateTime": "2026-09-01T02:00:00Z" });
    let error = app.patch("adele", &at(&id), &body).await.error();
    assert!(error.starts_with("404 NotFound"), "over is over: {error}");
}

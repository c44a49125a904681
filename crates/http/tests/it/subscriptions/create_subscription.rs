//! `POST /subscriptions`

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use presenced_http::{Extensions, Settings, TenantSettings};
use serde_json::{Value, json};

use super::{app, app_and_endpoints, at, certificate, made, text, wanted};
use crate::support::{ADELE, ALEX, TENANT, TestApp};

const PATH: &str = "/v1.0/subscriptions";

/// The answer to a subscription that was made is the subscription, its secret included.
#[tokio::test]
async fn it_is_made() {
    let app = app().await;
    let answer = app.post("adele", PATH, &wanted(json!({}))).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(text(&answer, &id), @r#"
    201 Created
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 671
    content-type: application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"@odata.context":"http://presence.test/v1.0/$metadata#subscriptions/$entity","id":"[id]","resource":"/communications/presences/fa8bf3dc-eca7-46b7-bad1-db199b62afc3","applicationId":"22553876-f5ab-4529-bffb-cfe50aa89f87","changeType":"updated","clientState":"secret","notificationUrl":"https://receiver.test/hook?code=1","notificationQueryOptions":null,"lifecycleNotificationUrl":null,"expirationDateTime":"2026-09-01T01:00:00.0000000Z","creatorId":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","includeResourceData":false,"latestSupportedTlsVersion":"v1_2","encryptionCertificate":null,"encryptionCertificateId":null,"notificationUrlAppId":null}
    "#);
}

/// On beta, and with everything that can be said, it is the same object; metadata is as asked for.
#[tokio::test]
async fn all_members_are_repeated() {
    let app = app().await;
    let all = wanted(json!({
        "@odata.type": "#microsoft.graph.subscription",
        "id": "made by the server",
        "changeType": "Updated",
        "resource": format!("communications/presences?$filter=id in ('{ADELE}','{ALEX}')"),
        "lifecycleNotificationUrl": "https://receiver.test/life",
        "expirationDateTime": "2026-09-01T02:30:00.123456+02:00",
        "clientState": "s".repeat(255),
        "latestSupportedTlsVersion": "v1_3",
        "includeResourceData": false,
        "notificationContentType": "application/json",
        "notificationQueryOptions": "",
        "notificationUrlAppId": "22553876-F5AB-4529-BFFB-CFE50AA89F87",
        "creatorId": "nobody",
    }));
    let answer = app.post("adele", "/beta/subscriptions", &all).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let json = answer.json();
    let told = |name: &str| json[name].as_str().unwrap().to_owned();
    assert!(told("@odata.context").contains("/beta/$metadata#subscriptions/$entity"));
    assert_eq!(json["resource"], all["resource"]);
    assert_eq!(json["clientState"], all["clientState"]);
    assert_eq!(
        told("lifecycleNotificationUrl"),
        "https://receiver.test/life"
    );
    assert_eq!(told("latestSupportedTlsVersion"), "v1_3");
    assert_eq!(json["notificationUrlAppId"], json["applicationId"]);
    // Half an hour is raised to three quarters of one.
    assert_eq!(told("expirationDateTime"), "2026-09-01T00:45:00.0000000Z");
}

/// Each endpoint is asked before the answer, also where both are the same.
#[tokio::test]
async fn endpoints_are_asked_first() {
    let (app, endpoints) = app_and_endpoints().await;
    let url = "https://receiver.test/hook?code=1";
    made(&app, "adele", json!({ "lifecycleNotificationUrl": url })).await;
    assert_eq!(*endpoints.checked.lock().unwrap(), [url, url]);
}

/// An endpoint that fails the check makes no subscription, in the contract's words.
#[tokio::test]
async fn endpoints_that_fail_are_told() {
    let app = app().await;
    let refused = async |members: Value| {
        let error = app.post("adele", PATH, &wanted(members)).await.error();
        let list = app.get("adele", PATH).await.json();
        assert_eq!(list["value"], json!([]), "nothing was made");
        error
    };
    let at = |host: &str| json!({ "notificationUrl": format!("https://{host}/hook") });
    insta::assert_snapshot!(refused(at("slow.test")).await, @"400 InvalidRequest: Subscription validation request timed out.");
    insta::assert_snapshot!(refused(at("forbidden.test")).await, @"400 ValidationError: Subscription validation request failed. HTTP status code is 'Forbidden'. Notification endpoint must respond with 200 OK to validation request.");
    insta::assert_snapshot!(refused(at("odd.test")).await, @"400 ValidationError: Subscription validation request failed. HTTP status code is '299'. Notification endpoint must respond with 200 OK to validation request.");
    insta::assert_snapshot!(refused(at("wrong.test")).await, @"400 ValidationError: Subscription validation request failed. The NotificationUrl did not repeat the decoded validation token as text/plain. Notification endpoint must respond with 200 OK to validation request.");
    insta::assert_snapshot!(refused(at("gone.test")).await, @"400 ValidationError: Subscription validation request failed. The NotificationUrl cannot be reached: no such name. Notification endpoint must respond with 200 OK to validation request.");
    insta::assert_snapshot!(refused(at("private.test")).await, @"400 InvalidArgument: [NotificationUrl]: Notifications are not sent there: the address of its name is no public address but private.");
    let lifecycle = json!({ "lifecycleNotificationUrl": "https://private.test/life" });
    insta::assert_snapshot!(refused(lifecycle).await, @"400 InvalidArgument: [LifecycleNotificationUrl]: Notifications are not sent there: the address of its name is no public address but private.");
}

/// A second subscription of the same user and application is refused in the original's words;
/// another application, another user and an application on its own may have one.
#[tokio::test]
async fn there_is_one_per_user_and_application() {
    let app = app().await;
    made(&app, "adele", json!({})).await;
    let again = app.post("adele", PATH, &wanted(json!({}))).await;
    insta::assert_snapshot!(again.error(), @"409 ExtensionError: Operation: Create; Exception:[Status Code: Conflict; Reason: A subscripton already exists. It must be deleted before a another can be made.]");
    made(&app, "adele-by-app-2", json!({})).await;
    made(&app, "alex", json!({})).await;
    made(&app, "app", json!({})).await;
    made(&app, "app", json!({})).await;
    // The end of the first makes room.
    app.advance(Duration::from_hours(1)).await;
    let later = json!({ "expirationDateTime": "2026-09-01T02:00:00Z" });
    made(&app, "adele", later).await;
}

/// Sends a subscription with these members, which must be refused in these words.
async fn refused(app: &TestApp, members: Value, expect: &str) {
    let answer = app.post("adele", PATH, &wanted(members.clone())).await;
    let error = answer.error();
    assert!(error.starts_with(expect), "{members}: {error}");
}

/// What is missing is told at once, all of it.
#[tokio::test]
async fn some_fields_are_required() {
    let members = json!({ "changeType": null, "resource": null, "notificationUrl": "" });
    let expect = "400 InvalidArgument: [ChangeType]: The ChangeType field is required. \
                  [NotificationUrl]: The NotificationUrl field is required. [Resource]: The \
                  Resource field is required.";
    refused(&app().await, members, expect).await;
}

/// Each field's rule.
#[tokio::test]
async fn fields_are_checked() {
    let app = app().await;
    let long = format!("https://receiver.test/{}", "x".repeat(2048));
    for (field, value) in [
        ("changeType", json!("created")),
        ("changeType", json!("updated,deleted")),
        ("changeType", json!("update")),
        ("notificationUrl", json!(long)),
        ("notificationUrl", json!(["https://receiver.test/"])),
        ("expirationDateTime", json!("soon")),
        ("expirationDateTime", json!("2026-09-01")),
        ("expirationDateTime", json!("2026-09-01T00:50:00")),
        ("clientState", json!("s".repeat(129))),
        ("clientState", json!(1)),
        ("latestSupportedTlsVersion", json!("v1_4")),
        ("includeResourceData", json!("yes")),
        ("encryptionCertificate", json!("!")),
        ("encryptionCertificateId", json!("x".repeat(129))),
        ("vapidPublicKey", json!("x")),
        ("webPushEncryptionP256dhPublicKey", json!("x")),
        ("webPushEncryptionSecret", json!("x")),
        ("notificationQueryOptions", json!("x")),
        ("notificationUrlAppId", json!(ADELE)),
        ("notificationContentType", json!("application/xml")),
    ] {
        let (first, rest) = field.split_at(1);
        let expect = format!("400 InvalidArgument: [{}{rest}]: ", first.to_uppercase());
        refused(&app, json!({ field: value }), &expect).await;
    }
    let bare = json!({ "includeResourceData": true });
    refused(&app, bare, "400 InvalidArgument: [EncryptionCertificate]: ").await;
}

/// A rich subscription keeps the certificate to itself, and its name is repeated. The certificate must
/// be one that can be used, now, whether or not it is needed.
#[tokio::test]
async fn certificates_are_checked() {
    let app = app().await;
    // The certificate is younger than the clock of these tests.
    app.advance(Duration::from_hours(24 * 100)).await;
    let rich = |certificate: &str| {
        json!({
            "includeResourceData": true,
            "encryptionCertificate": certificate,
            "encryptionCertificateId": "mine",
            "expirationDateTime": "2026-12-10T01:00:00Z",
        })
    };
    let answer = app
        .post("adele", PATH, &wanted(rich(&certificate())))
        .await
        .json();
    assert_eq!(answer["includeResourceData"], true, "{answer}");
    assert_eq!(answer["encryptionCertificate"], Value::Null);
    assert_eq!(answer["encryptionCertificateId"], "mine");

    let damaged = certificate().replace('A', "B");
    let expect = "400 InvalidArgument: [EncryptionCertificate]: The EncryptionCertificate cannot";
    refused(&app, rich(&damaged), expect).await;
    let mut unneeded = rich(&damaged);
    unneeded["includeResourceData"] = json!(false);
    refused(&app, unneeded, expect).await;
    let mut nameless = rich(&certificate());
    nameless["encryptionCertificateId"] = Value::Null;
    refused(
        &app,
        nameless,
        "400 InvalidArgument: [EncryptionCertificateId]: ",
    )
    .await;
    app.advance(Duration::from_hours(24 * 366 * 11)).await;
    let mut late = rich(&certificate());
    late["expirationDateTime"] = json!("2037-12-18T01:00:00Z");
    refused(&app, late, &format!("{expect} be used: it was valid until")).await;
}

/// 650 users can be watched, also percent-encoded; what comes to more than a subscription may be is
/// refused and not left to the store.
#[tokio::test]
async fn the_size_is_bounded() {
    let app = app().await;
    let ids: Vec<String> = (0..650)
        .map(|number| format!("'0d9f7a0c-0000-4000-8000-{number:012}'"))
        .collect();
    let filter = ids.join(",").replace('\'', "%27").replace(',', "%2C");
    let resource = format!("communications/presences?$filter=id%20in%20({filter})");
    made(&app, "app", json!({ "resource": resource })).await;
    let padded = format!("{resource}{}", " ".repeat(8 * 1024));
    refused(
        &app,
        json!({ "resource": padded }),
        "400 InvalidArgument: [Resource]: The Resource and",
    )
    .await;
}

/// What cannot be the URL of an endpoint is refused before anybody is asked.
#[tokio::test]
async fn urls_are_checked() {
    let (app, endpoints) = app_and_endpoints().await;
    for url in [
        "receiver.test/hook",
        "ftp://receiver.test/",
        "https://",
        "https:///hook",
        "https://user:password@receiver.test/",
        "https://receiver.test/#top",
        "EventHub:https://vault.test/secrets/x",
        "https://receiver.test/a b",
    ] {
        for field in ["NotificationUrl", "LifecycleNotificationUrl"] {
            let (first, rest) = field.split_at(1);
            let member = format!("{}{rest}", first.to_lowercase());
            let expect = format!("400 InvalidArgument: [{field}]: '");
            refused(&app, json!({ member: url }), &expect).await;
        }
    }
    assert!(endpoints.checked.lock().unwrap().is_empty());
}

/// A URL in other letters is told how to be written, and an empty one for lifecycle notifications is
/// none, as every other text that may be left out.
#[tokio::test]
async fn odd_urls() {
    let app = app().await;
    let abroad = json!({ "notificationUrl": "https://m\u{fc}nchen.test/hook" });
    let expect =
        "400 InvalidArgument: [NotificationUrl]: A URL for notifications is written in ASCII";
    refused(&app, abroad, expect).await;
    let id = made(&app, "adele", json!({ "lifecycleNotificationUrl": "" })).await;
    let shown = app.get("adele", &at(&id)).await.json();
    assert_eq!(shown["lifecycleNotificationUrl"], Value::Null);
}

/// What cannot be watched and lives that cannot be had are refused as Graph's presence service does.
#[tokio::test]
async fn extension_errors() {
    let app = app().await;
    let refused = async |members: Value| {
        let answer = app.post("adele", PATH, &wanted(members)).await;
        answer.error()
    };
    insta::assert_snapshot!(refused(json!({ "resource": "/me/presence" })).await, @"400 ExtensionError: Operation: Create; Exception: [Status Code: BadRequest; Reason: Unsupported workload.]");
    insta::assert_snapshot!(refused(json!({ "resource": "/users" })).await, @"400 ExtensionError: Operation: Create; Exception: [Status Code: BadRequest; Reason: Unsupported workload. The resource '/users' cannot be watched; presence is as /communications/presences/{id} or /communications/presences?$filter=id in ('{id}','{id}').]");
    let late = json!({ "expirationDateTime": "2026-09-01T01:00:00.001Z" });
    insta::assert_snapshot!(refused(late).await, @"400 ExtensionError: Operation: Create; Exception: [Status Code: BadRequest; Reason: The expirationDateTime is too far ahead. A subscription to presence lives 60 minutes at most.]");
    let past = json!({ "expirationDateTime": "2026-09-01T00:00:00Z" });
    insta::assert_snapshot!(refused(past).await, @"400 ExtensionError: Operation: Create; Exception: [Status Code: BadRequest; Reason: The expirationDateTime is in the past. Name a time to come.]");
}

/// A tenant's own setting lets subscriptions live longer.
#[tokio::test]
async fn a_tenant_may_allow_a_longer_life() {
    let tenant = TenantSettings {
        subscription_life_max: Some(Duration::from_hours(48)),
        ..TenantSettings::default()
    };
    let settings = Settings {
        tenants: [(TENANT, tenant)].into(),
        ..Settings::default()
    };
    let app = TestApp::notifying(settings, Arc::default()).await;
    let members = json!({ "expirationDateTime": "2026-09-03T00:00:00Z" });
    made(&app, "adele", members.clone()).await;
    let elsewhere = app.post("app-elsewhere", PATH, &wanted(members)).await;
    assert!(elsewhere.error().starts_with("400 ExtensionError"));
}

/// Without extensions nothing lives longer than with Graph, whatever the settings say.
#[tokio::test]
async fn a_longer_life_is_an_extension() {
    let longer = Some(Duration::from_hours(48));
    let tenant = TenantSettings {
        subscription_life_max: longer,
        ..TenantSettings::default()
    };
    let settings = Settings {
        extensions: Extensions::Off,
        subscription_life_max: longer,
        tenants: [(TENANT, tenant)].into(),
        ..Settings::default()
    };
    let app = TestApp::notifying(settings, Arc::default()).await;
    let members = json!({ "expirationDateTime": "2026-09-01T01:00:00.001Z" });
    let error = app.post("adele", PATH, &wanted(members)).await.error();
    assert!(error.contains("lives 60 minutes at most"), "{error}");
    made(&app, "adele", json!({})).await;
}

/// The token of a signed-in user ends deliveries; an application's own subscription needs no renewal
/// before its end, also where it lives for days and its end is moved.
#[tokio::test]
async fn an_application_is_authorized_to_the_end() {
    let settings = Settings {
        subscription_life_max: Some(Duration::from_hours(48)),
        ..Settings::default()
    };
    let app = TestApp::notifying(settings, Arc::default()).await;
    let members = json!({ "expirationDateTime": "2026-09-02T00:00:00Z" });
    let of_application = made(&app, "app", members.clone()).await;
    let of_user = made(&app, "adele", members).await;
    app.advance(Duration::from_hours(2)).await;
    let shown = async |id: &str| {
        let path = format!("/admin/v1/subscriptions/{id}");
        let json = app.get("admin", &path).await.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let state = text(&json["delivery"]["state"]);
        (state, text(&json["authorizedUntilDateTime"]))
    };
    let check = async |id: &str, state: &str, until: &str| {
        assert_eq!(shown(id).await, (state.to_owned(), until.to_owned()));
    };
    check(&of_user, "unauthorized", "2026-09-01T01:00:00.0000000Z").await;
    check(&of_application, "active", "2026-09-02T00:00:00.0000000Z").await;
    let later = json!({ "expirationDateTime": "2026-09-03T00:00:00Z" });
    let renewed = app.patch("app", &at(&of_application), &later).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text());
    check(&of_application, "active", "2026-09-03T00:00:00.0000000Z").await;
}

/// Token, then body, then permission, then endpoints and state: each row has one fault less.
#[tokio::test]
async fn the_order_of_checks() {
    let (app, endpoints) = app_and_endpoints().await;
    let bad = json!({ "changeType": "x", "notificationUrl": "https://slow.test/" });
    let slow = json!({ "notificationUrl": "https://slow.test/" });
    for (token, path, members, expect) in [
        ("expired", "/v1.0/subscriptions?$top=1", &bad, "401 Inv"),
        (
            "adele-reads-own",
            "/v1.0/subscriptions?$top=1",
            &bad,
            "400 BadRequest: The query",
        ),
        (
            "adele-reads-own",
            PATH,
            &bad,
            "400 InvalidArgument: [ChangeType]",
        ),
        (
            "adele-reads-own",
            PATH,
            &slow,
            "403 Authorization_RequestDenied",
        ),
        ("adele-without-scopes", PATH, &slow, "403 Forbidden: "),
        ("app-without-roles", PATH, &slow, "403 Forbidden: "),
    ] {
        let error = app
            .post(token, path, &wanted(members.clone()))
            .await
            .error();
        assert!(error.starts_with(expect), "{token} {members}: {error}");
    }
    assert!(
        endpoints.checked.lock().unwrap().is_empty(),
        "nobody was asked"
    );
    let error = app.post("adele", PATH, &wanted(slow)).await.error();
    assert!(error.starts_with("400 InvalidRequest"), "{error}");
}

/// What goes beyond Graph: applications on their own, whole tenants. Switched off, there is neither.
#[tokio::test]
async fn applications_are_an_extension() {
    let all = json!({ "resource": "/communications/presences" });
    let app = app().await;
    let answer = app.post("app-reads", PATH, &wanted(all.clone())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.json()["creatorId"], answer.json()["applicationId"]);
    let error = app.post("adele", PATH, &wanted(all.clone())).await.error();
    assert!(error.starts_with("400 ExtensionError"), "{error}");

    let settings = Settings {
        extensions: Extensions::Off,
        ..Settings::default()
    };
    let strict = TestApp::notifying(settings, Arc::default()).await;
    let error = strict.post("app", PATH, &wanted(all)).await.error();
    assert!(error.starts_with("400 ExtensionError"), "{error}");
    let error = strict.post("app", PATH, &wanted(json!({}))).await.error();
    assert_eq!(error, "403 Forbidden: ");
    made(&strict, "adele", json!({})).await;
}

/// Without anybody to deliver them there are no subscriptions: the path is none.
#[tokio::test]
async fn without_a_notifier_there_are_none() {
    let app = TestApp::new();
    for path in [PATH, "/admin/v1/subscriptions"] {
        let error = app.get("app", path).await.error();
        let expect = "400 BadRequest: Resource not found for the segment '";
        assert!(error.starts_with(expect), "{error}");
    }
}

/// A subscription can be made within a batch.
#[tokio::test]
async fn a_batch_reaches_it() {
    let app = app().await;
    let batch = json!({ "requests": [{
        "id": "1", "method": "POST", "url": "/subscriptions", "body": wanted(json!({})),
        "headers": { "Content-Type": "application/json" },
    }, {
        "id": "2", "method": "GET", "url": "/subscriptions", "dependsOn": ["1"],
    }, {
        "id": "3", "method": "GET", "url": "/admin/v1/subscriptions",
    }]});
    let answer = app.post("adele", "/v1.0/$batch", &batch).await.json();
    let statuses: Vec<&Value> = answer["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|response| &response["status"])
        .collect();
    assert_eq!(statuses, [201, 200, 400], "{answer}");
    assert_eq!(
        answer["responses"][1]["body"]["value"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

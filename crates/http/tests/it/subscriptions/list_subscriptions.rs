//! `GET /subscriptions`

use serde_json::json;

use super::{app, made};
use crate::support::TestApp;

const PATH: &str = "/v1.0/subscriptions";

/// The ids that a caller is shown.
async fn ids(app: &TestApp, token: &str) -> Vec<String> {
    let json = app.get(token, PATH).await.json();
    let value = json["value"].as_array().unwrap().iter();
    value
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

/// A listing shows whole objects, without their secrets.
#[tokio::test]
async fn secrets_are_not_listed() {
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let answer = app.get("adele", PATH).await;
    insta::assert_snapshot!(super::text(&answer, &id), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 671
    content-type: application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"@odata.context":"http://presence.test/v1.0/$metadata#subscriptions","value":[{"id":"[id]","resource":"/communications/presences/fa8bf3dc-eca7-46b7-bad1-db199b62afc3","applicationId":"22553876-f5ab-4529-bffb-cfe50aa89f87","changeType":"updated","clientState":null,"notificationUrl":"https://receiver.test/hook?code=1","notificationQueryOptions":null,"lifecycleNotificationUrl":null,"expirationDateTime":"2026-09-01T01:00:00.0000000Z","creatorId":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","includeResourceData":false,"latestSupportedTlsVersion":"v1_2","encryptionCertificate":null,"encryptionCertificateId":null,"notificationUrlAppId":null}]}
    "#);
}

/// Everybody sees what is theirs: a user what this application made for him or her, an application
/// what it made for itself; with `Subscription.Read.All` a user what other applications made for
/// him or her as well, and an application everything. Nothing of another tenant is ever shown.
#[tokio::test]
async fn everybody_sees_their_own() {
    let app = app().await;
    let adele = made(&app, "adele", json!({})).await;
    let by_app_2 = made(&app, "adele-by-app-2", json!({})).await;
    let alex = made(&app, "alex", json!({})).await;
    let application = made(&app, "app", json!({})).await;
    let elsewhere = made(&app, "app-elsewhere", json!({})).await;
    let sorted = |ids: &[&String]| {
        let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&app, "adele").await, sorted(&[&adele]));
    assert_eq!(ids(&app, "adele-by-app-2").await, sorted(&[&by_app_2]));
    assert_eq!(ids(&app, "alex").await, sorted(&[&alex]));
    assert_eq!(ids(&app, "app").await, sorted(&[&application]));
    assert_eq!(ids(&app, "app-elsewhere").await, sorted(&[&elsewhere]));
    assert_eq!(
        ids(&app, "adele-sees-all").await,
        sorted(&[&adele, &by_app_2])
    );
    assert_eq!(
        ids(&app, "app-sees-all").await,
        sorted(&[&adele, &by_app_2, &alex, &application])
    );
    assert!(ids(&app, "app-2").await.is_empty());
}

/// More than a page holds are told a page at a time, each once.
#[tokio::test]
async fn there_are_pages() {
    let app = app().await;
    let mut all = Vec::new();
    for _ in 0..201 {
        all.push(made(&app, "app", json!({ "clientState": null })).await);
    }
    all.sort();
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    let mut path = PATH.to_owned();
    loop {
        let page = app.get("app", &path).await.json();
        let value = page["value"].as_array().unwrap();
        sizes.push(value.len());
        seen.extend(
            value
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["@odata.nextLink"].as_str() else {
            break;
        };
        path = next
            .strip_prefix("http://presence.test")
            .unwrap()
            .to_owned();
    }
    assert_eq!(sizes, [100, 100, 1]);
    assert_eq!(seen, all);
}

/// There is nothing to choose among, and a place in a listing is one that it named.
#[tokio::test]
async fn other_options_are_refused() {
    let app = app().await;
    for (path, expect) in [
        ("?$top=1", "400 BadRequest: The query option '$top'"),
        (
            "?$skiptoken=x",
            "400 BadRequest: The $skiptoken 'x' is none",
        ),
    ] {
        let error = app.get("adele", &format!("{PATH}{path}")).await.error();
        assert!(error.starts_with(expect), "{error}");
    }
    let error = app.get("adele-without-scopes", PATH).await.error();
    assert_eq!(error, "403 Forbidden: ");
}

/// The metadata levels hold for subscriptions as well.
#[tokio::test]
async fn levels() {
    use axum::body::Body;
    use axum::http::Method;
    let app = app().await;
    let id = made(&app, "adele", json!({})).await;
    let get = async |accept: &str| {
        let request = crate::support::request(Method::GET, "adele", PATH).header("accept", accept);
        app.send(request.body(Body::empty()).unwrap()).await.json()
    };
    let none = get("application/json;odata.metadata=none").await;
    assert!(none.get("@odata.context").is_none());
    assert!(none["value"][0].get("@odata.id").is_none());
    let full = get("application/json;odata.metadata=full").await;
    assert_eq!(
        full["value"][0]["@odata.id"],
        format!("http://presence.test/v1.0/subscriptions('{id}')")
    );
}

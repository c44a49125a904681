//! Metadata levels, asked for in Accept.

use axum::body::Body;
use axum::http::Method;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::json;

use crate::support::{ADELE, Answer, TestApp, request};

async fn get(app: &TestApp, accept: &str, path: &str) -> Answer {
    let request = request(Method::GET, "adele", path).header(ACCEPT, accept);
    app.send(request.body(Body::empty()).unwrap()).await
}

/// Without metadata there are the values alone, and the Content-Type says so.
#[tokio::test]
async fn none() {
    let app = TestApp::new();
    let path = "/v1.0/me/presence?$select=id,availability";
    let answer = get(&app, "application/json;odata.metadata=none", path).await;
    insta::assert_snapshot!(answer.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 70
    content-type: application/json;odata.metadata=none;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","availability":"Offline"}
    "#);
    let answer = get(&app, "application/json;odata.metadata=minimal", path).await;
    assert_eq!(answer.text(), app.get("adele", path).await.text());
}

/// Full metadata adds types and addresses: of the presence, the objects in it, and the members
/// whose type JSON does not tell.
#[tokio::test]
async fn full() {
    let app = TestApp::new();
    let answer = get(
        &app,
        "application/json;odata.metadata=full",
        "/beta/me/presence",
    )
    .await;
    insta::assert_snapshot!(answer.text(), @r##"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 776
    content-type: application/json;odata.metadata=full;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"@odata.context":"http://presence.test/beta/$metadata#users('fa8bf3dc-eca7-46b7-bad1-db199b62afc3')/presence/$entity","@odata.type":"#microsoft.graph.presence","@odata.id":"http://presence.test/beta/users('fa8bf3dc-eca7-46b7-bad1-db199b62afc3')/presence","id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","availability":"Offline","activity":"Offline","outOfOfficeSettings":{"@odata.type":"#microsoft.graph.outOfOfficeSettings","message":null,"isOutOfOffice":false},"sequenceNumber":"00000000000000000000","statusMessage":null,"workLocation":{"@odata.type":"#microsoft.graph.userWorkLocation","placeId":null,"source@odata.type":"#microsoft.graph.workLocationSource","source":"none","workLocationType@odata.type":"#microsoft.graph.workLocationType","workLocationType":"unspecified"}}
    "##);
}

/// Several presences are levelled like one, and each of them has its own address.
#[tokio::test]
async fn several() {
    let app = TestApp::new();
    let path =
        format!("/v1.0/communications/presences?$filter=id%20eq%20'{ADELE}'&$select=activity");
    let full = get(&app, "application/json;odata.metadata=full", &path).await;
    insta::assert_snapshot!(full.json(), @r##"{"@odata.context":"http://presence.test/v1.0/$metadata#communications/presences(activity)","value":[{"@odata.id":"http://presence.test/v1.0/communications/presences('fa8bf3dc-eca7-46b7-bad1-db199b62afc3')","@odata.type":"#microsoft.graph.presence","activity":"Offline"}]}"##);
    let body = json!({ "ids": ["a\"b'c"] }).to_string();
    let post = async |level: &str| {
        let path = "/v1.0/communications/getPresencesByUserId?$select=activity";
        let request = request(Method::POST, "app", path)
            .header(CONTENT_TYPE, "application/json;odata.metadata=minimal")
            .header(ACCEPT, format!("application/json;odata.metadata={level}"));
        app.send(request.body(Body::from(body.clone())).unwrap())
            .await
            .json()
    };
    insta::assert_snapshot!(post("none").await, @r#"{"value":[{"activity":"PresenceUnknown"}]}"#);
    insta::assert_snapshot!(post("full").await, @r##"{"@odata.context":"http://presence.test/v1.0/$metadata#Collection(microsoft.graph.presence)(activity)","value":[{"@odata.id":"http://presence.test/v1.0/communications/presences('a%22b''c')","@odata.type":"#microsoft.graph.presence","activity":"PresenceUnknown"}]}"##);
}

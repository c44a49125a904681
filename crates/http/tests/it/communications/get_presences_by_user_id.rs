//! `POST /communications/getPresencesByUserId`

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, TestApp};

const PATH: &str = "/v1.0/communications/getPresencesByUserId";

/// The whole answer.
#[tokio::test]
async fn the_whole_answer() {
    let app = TestApp::new();
    app.set(ADELE, "Away/Away").await;
    let answer = app.post("app", PATH, &json!({ "ids": [ADELE] })).await;
    insta::assert_snapshot!(answer.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 392
    content-type: application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"@odata.context":"http://presence.test/v1.0/$metadata#Collection(microsoft.graph.presence)","value":[{"id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","availability":"Away","activity":"Away","outOfOfficeSettings":{"message":null,"isOutOfOffice":false},"sequenceNumber":"00000001788220800000","statusMessage":null,"workLocation":{"placeId":null,"source":"none","workLocationType":"unspecified"}}]}
    "#);
}

/// The order is that of the ids, one answer per mention, unknown ids among them.
#[tokio::test]
async fn the_order_is_kept() {
    let app = TestApp::new();
    app.set(ADELE, "Away/Away").await;
    let ids = [
        ALEX,
        "nobody",
        ADELE,
        "",
        ALEX,
        &ADELE.to_uppercase(),
        "x\"\\y",
    ];
    let answer = app.post("app", PATH, &json!({ "ids": ids })).await.json();
    let shown: Vec<(&str, &str)> = answer["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            (
                p["id"].as_str().unwrap(),
                p["availability"].as_str().unwrap(),
            )
        })
        .collect();
    let expect = [
        (ALEX, "Offline"),
        ("nobody", "PresenceUnknown"),
        (ADELE, "Away"),
        ("", "PresenceUnknown"),
        (ALEX, "Offline"),
        (ADELE, "Away"),
        ("x\"\\y", "PresenceUnknown"),
    ];
    assert_eq!(shown, expect);
}

/// An empty list gives an empty value.
#[tokio::test]
async fn an_empty_list_is_fine() {
    let app = TestApp::new();
    let answer = app.post("app", PATH, &json!({ "ids": [] })).await;
    insta::assert_snapshot!(answer.json(), @r#"{"@odata.context":"http://presence.test/v1.0/$metadata#Collection(microsoft.graph.presence)","value":[]}"#);
}

/// Thousands of ids are told to be too many ids, whatever the size of the body, up to a mebibyte.
#[tokio::test]
async fn thousands_of_ids_are_too_many() {
    let app = TestApp::new();
    let error = async |count| {
        let ids = json!({ "ids": vec![ADELE; count] });
        app.post("app", PATH, &ids).await.error()
    };
    assert_eq!(
        error(20_000).await,
        "400 InvalidArgument: [Ids]: At most 650 ids can be asked for at a time."
    );
    insta::assert_snapshot!(error(30_000).await, @"413 RequestEntityTooLarge: The request body is larger than 1048576 bytes, the limit.");
}

/// 650 ids can be asked for, and no more.
#[tokio::test]
async fn ids_are_limited() {
    let app = TestApp::new();
    let ids = |count| json!({ "ids": vec![ADELE; count] });
    let answer = app.post("app", PATH, &ids(650)).await;
    assert_eq!(answer.json()["value"].as_array().unwrap().len(), 650);
    insta::assert_snapshot!(app.post("app", PATH, &ids(651)).await.error(), @"400 InvalidArgument: [Ids]: At most 650 ids can be asked for at a time.");
    insta::assert_snapshot!(app.post("app", PATH, &json!({ "ids": ["x".repeat(257)] })).await.error(), @"400 InvalidArgument: [Ids]: An id has at most 256 characters.");
}

/// The ids are required, and are a list of texts.
#[tokio::test]
async fn the_ids_are_checked() {
    let app = TestApp::new();
    let error = async |body: Value| app.post("app", PATH, &body).await.error();
    insta::assert_snapshot!(error(json!({})).await, @"400 InvalidArgument: [Ids]: The Ids field is required.");
    insta::assert_snapshot!(error(json!({ "ids": ADELE })).await, @"400 InvalidArgument: [Ids]: The Ids must be a list of strings.");
    for ids in [
        json!([1]),
        json!([null]),
        json!([["x"]]),
        json!({}),
        json!(true),
    ] {
        let error = error(json!({ "ids": ids })).await;
        assert_eq!(
            error,
            "400 InvalidArgument: [Ids]: The Ids must be a list of strings."
        );
    }
    assert_eq!(error(json!({ "ids": null })).await, error(json!({})).await);
}

/// `$select` is honoured here too; on beta the dollar sign may be left out.
#[tokio::test]
async fn selections() {
    let app = TestApp::new();
    let ids = json!({ "ids": [ALEX, ADELE] });
    let path = "/beta/communications/getPresencesByUserId?select=availability";
    insta::assert_snapshot!(app.post("app", path, &ids).await.json(), @r#"{"@odata.context":"http://presence.test/beta/$metadata#Collection(microsoft.graph.presence)(availability)","value":[{"availability":"Offline"},{"availability":"Offline"}]}"#);
    let path = format!("{PATH}?$top=1");
    assert_eq!(
        app.post("app", &path, &ids).await.status,
        StatusCode::BAD_REQUEST
    );
}

/// Everybody's presence takes the permission for everybody, for one's own too.
#[tokio::test]
async fn permissions() {
    let app = TestApp::new();
    let read = async |token: &str| app.post(token, PATH, &json!({ "ids": [ADELE] })).await;
    for token in ["app", "app-reads", "adele"] {
        assert_eq!(read(token).await.status, StatusCode::OK, "{token}");
    }
    for token in ["app-without-roles", "adele-without-scopes"] {
        assert_eq!(read(token).await.error(), "403 Forbidden: ", "{token}");
    }
    insta::assert_snapshot!(read("adele-reads-own").await.error(), @"403 Authorization_RequestDenied: Insufficient privileges to complete the operation.");
}

//! `GET …/presence`

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use presenced_http::{OverTls, PublicUrl, Settings};
use serde_json::Value;

use crate::support::{ADELE, ALEX, TestApp, request};

/// The whole answer, members in the order of the contract.
#[tokio::test]
async fn the_whole_answer() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let answer = app
        .get("app", &format!("/v1.0/users/{ADELE}/presence"))
        .await;
    insta::assert_snapshot!(answer.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 409
    content-type: application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"@odata.context":"http://presence.test/v1.0/$metadata#users('fa8bf3dc-eca7-46b7-bad1-db199b62afc3')/presence/$entity","id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","availability":"Busy","activity":"InACall","outOfOfficeSettings":{"message":null,"isOutOfOffice":false},"sequenceNumber":"00000001788220800000","statusMessage":null,"workLocation":{"placeId":null,"source":"none","workLocationType":"unspecified"}}
    "#);
}

/// Each way to name a presence has its context; `/me` has that of `/users`.
#[tokio::test]
async fn contexts() {
    let app = TestApp::new();
    let context = async |path: &str| {
        let json = app.get("adele", path).await.json();
        json["@odata.context"].as_str().unwrap().to_owned()
    };
    let users = format!("http://presence.test/v1.0/$metadata#users('{ADELE}')/presence/$entity");
    assert_eq!(context("/v1.0/me/presence").await, users);
    assert_eq!(
        context(&format!("/v1.0/users/{ADELE}/presence")).await,
        users
    );
    assert_eq!(
        context(&format!("/beta/users/{}/presence", ADELE.to_uppercase())).await,
        users.replace("v1.0", "beta")
    );
    assert_eq!(
        context(&format!("/v1.0/communications/presences/{ADELE}")).await,
        "http://presence.test/v1.0/$metadata#communications/presences/$entity"
    );
}

/// The root of the context is what the client used: TLS makes it https, a setting goes before all.
#[tokio::test]
async fn the_root_is_what_the_client_used() {
    let app = TestApp::new();
    let get = |host: Option<&str>| {
        let mut request = Request::builder()
            .uri("/v1.0/me/presence?$select=id")
            .header("authorization", "Bearer adele");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        request.body(Body::empty()).unwrap()
    };
    let root = |answer: &Value| {
        let context = answer["@odata.context"].as_str().unwrap();
        context.split("/v1.0/").next().unwrap().to_owned()
    };
    let mut tls = get(Some("presence.test:8443"));
    tls.extensions_mut().insert(OverTls);
    assert_eq!(
        root(&app.send(tls).await.json()),
        "https://presence.test:8443"
    );
    for bad in [None, Some("a\"b"), Some("a/b"), Some("")] {
        let error = app.send(get(bad)).await.error();
        assert!(
            error.starts_with("400 BadRequest: The request's Host header"),
            "{error}"
        );
    }
    let public_url = PublicUrl::parse("https://graph.example.com/presence").ok();
    let app = TestApp::with(Settings {
        public_url,
        ..Settings::default()
    });
    let answer = app.send(get(None)).await.json();
    assert_eq!(root(&answer), "https://graph.example.com/presence");
}

/// Every GUID is a user: Offline until something is set, with the sequence number of never. Its id
/// is answered in lower case.
#[tokio::test]
async fn every_guid_is_a_user() {
    let app = TestApp::new();
    let path = format!(
        "/v1.0/users/{}/presence?$select=id,availability,activity,sequenceNumber",
        ALEX.to_uppercase()
    );
    insta::assert_snapshot!(app.get("app", &path).await.json(), @r#"{"@odata.context":"http://presence.test/v1.0/$metadata#users('66825e03-7ef5-42da-9069-724602c31f6b')/presence(id,availability,activity,sequenceNumber)/$entity","activity":"Offline","availability":"Offline","id":"66825e03-7ef5-42da-9069-724602c31f6b","sequenceNumber":"00000000000000000000"}"#);
}

/// Any other id is 200 `PresenceUnknown` with the id as it was sent.
#[tokio::test]
async fn other_ids_are_unknown() {
    let app = TestApp::new();
    let answer = app
        .get("app", "/v1.0/users/adele%40presenced.dev/presence")
        .await;
    insta::assert_snapshot!(answer.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 394
    content-type: application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"@odata.context":"http://presence.test/v1.0/$metadata#users('adele@presenced.dev')/presence/$entity","id":"adele@presenced.dev","availability":"PresenceUnknown","activity":"PresenceUnknown","outOfOfficeSettings":{"message":null,"isOutOfOffice":false},"sequenceNumber":"00000000000000000000","statusMessage":null,"workLocation":{"placeId":null,"source":"none","workLocationType":"unspecified"}}
    "#);
    let answer = app
        .get("app", "/v1.0/users('O''Hara%22%0A')/presence?$select=id")
        .await
        .json();
    assert_eq!(answer["id"], "O'Hara\"\n");
    insta::assert_snapshot!(answer["@odata.context"], @r#""http://presence.test/v1.0/$metadata#users('O''Hara%22%0A')/presence(id)/$entity""#);
    let long = format!("/v1.0/communications/presences/{}", "x".repeat(257));
    insta::assert_snapshot!(app.get("app", &long).await.error(), @"400 InvalidArgument: [UserId]: An id has at most 256 characters.");
}

/// A read leaves nothing behind: the sequence number stays that of never.
#[tokio::test]
async fn a_read_creates_nothing() {
    let app = TestApp::new();
    for _ in 0..3 {
        let answer = app
            .get("app", &format!("/v1.0/users/{ALEX}/presence"))
            .await
            .json();
        assert_eq!(answer["sequenceNumber"], "00000000000000000000");
    }
}

/// Sequence numbers grow, as texts, with each visible change and with no other.
#[tokio::test]
async fn sequence_numbers_grow() {
    let app = TestApp::new();
    let sequence = async || {
        let json = app
            .get("app", &format!("/v1.0/users/{ADELE}/presence"))
            .await
            .json();
        json["sequenceNumber"].as_str().unwrap().to_owned()
    };
    let never = sequence().await;
    app.set(ADELE, "Away/Away").await;
    let first = sequence().await;
    app.set(ADELE, "Away/Away").await;
    let renewed = sequence().await;
    app.set(ADELE, "Busy/InACall").await;
    let second = sequence().await;
    assert!(never < first && first == renewed && renewed < second);
}

/// `$select` is honoured, and the context says so; what is not served is named.
#[tokio::test]
async fn selections() {
    let app = TestApp::new();
    let path = |query: &str| format!("/v1.0/users/{ADELE}/presence?{query}");
    let answer = app.get("app", &path("$select=activity,id")).await;
    insta::assert_snapshot!(answer.json(), @r#"{"@odata.context":"http://presence.test/v1.0/$metadata#users('fa8bf3dc-eca7-46b7-bad1-db199b62afc3')/presence(id,activity)/$entity","activity":"Offline","id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3"}"#);
    insta::assert_snapshot!(app.get("app", &path("$select=mood")).await.error(), @"400 BadRequest: Could not find a property named 'mood' on type 'microsoft.graph.presence'.");
    for option in [
        "$expand=x",
        "$filter=x",
        "$top=1",
        "$count=true",
        "%24orderby=id",
        "$x=1",
    ] {
        let error = app.get("app", &path(option)).await.error();
        assert!(
            error.starts_with("400 BadRequest: The query option '$"),
            "{error}"
        );
    }
    assert_eq!(
        app.get("app", &path("x=1&select=id")).await.status,
        StatusCode::OK
    );
}

/// Who may read whom (contract section 1.2), and how it is refused.
#[tokio::test]
async fn permissions() {
    let app = TestApp::new();
    let status = async |token: &str, path: &str| app.get(token, path).await.status.as_u16();
    let own = format!("/v1.0/users/{ADELE}/presence");
    let other = format!("/v1.0/users/{ALEX}/presence");
    let nobody = "/v1.0/users/adele@presenced.dev/presence";
    for (token, expect) in [
        ("app", [200, 200, 200]),
        ("app-reads", [200, 200, 200]),
        ("app-without-roles", [403, 403, 403]),
        ("adele", [200, 200, 200]),
        ("adele-reads-own", [200, 403, 403]),
        ("adele-writes-own", [200, 403, 403]),
        ("adele-without-scopes", [403, 403, 403]),
    ] {
        let got = [
            status(token, &own).await,
            status(token, &other).await,
            status(token, nobody).await,
        ];
        assert_eq!(got, expect, "{token}");
    }
    insta::assert_snapshot!(app.get("app-without-roles", &own).await.error(), @"403 Forbidden:");
    insta::assert_snapshot!(app.get("adele-reads-own", &other).await.error(), @"403 Authorization_RequestDenied: Insufficient privileges to complete the operation.");
    assert_eq!(status("adele-reads-own", "/beta/me/presence").await, 200);
}

/// HEAD is GET without the body, of which it tells the length.
#[tokio::test]
async fn head_has_no_body() {
    let app = TestApp::new();
    for (token, path, status) in [
        ("adele", "/v1.0/me/presence", StatusCode::OK),
        ("", "/v1.0/me/presence", StatusCode::UNAUTHORIZED),
        ("", "/healthz", StatusCode::OK),
    ] {
        let head = request(Method::HEAD, token, path);
        let head = app.send(head.body(Body::empty()).unwrap()).await;
        assert_eq!((head.status, head.body.len()), (status, 0), "{path}");
        let length = app.get(token, path).await.body.len().to_string();
        assert_eq!(head.header("content-length"), length, "{token} {path}");
    }
}

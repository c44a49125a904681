//! `POST /$batch`

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use presenced_http::{OverTls, PublicUrl, Settings, Throttling};
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, APPLICATION, Answer, TestApp, request};

const PATH: &str = "/v1.0/$batch";

async fn batch(app: &TestApp, token: &str, requests: Value) -> Answer {
    app.post(token, PATH, &json!({ "requests": requests }))
        .await
}

/// The answer to the request of this id.
fn response<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let responses = answer["responses"].as_array().unwrap();
    let mut of_id = responses.iter().filter(|response| response["id"] == id);
    let found = of_id
        .next()
        .unwrap_or_else(|| panic!("no answer to {id}: {answer}"));
    assert!(of_id.next().is_none(), "two answers to {id}: {answer}");
    found
}

fn statuses(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer = answer.json();
    let responses = answer["responses"].as_array().unwrap().iter();
    responses.map(|r| r["status"].as_u64().unwrap()).collect()
}

fn set_presence(user: &str, availability: &str) -> Value {
    json!({
        "id": "set", "method": "POST", "url": format!("/users/{user}/presence/setPresence"),
        "headers": { "Content-Type": "application/json" },
        "body": {
            "sessionId": APPLICATION, "availability": availability, "activity": availability,
            "expirationDuration": "PT1H",
        },
    })
}

/// The whole answer: a read, an action, and a refusal.
#[tokio::test]
async fn the_whole_answer() {
    let app = TestApp::new();
    let fixed = json!({ "client-request-id": "mine" });
    let answer = batch(
        &app,
        "adele",
        json!([
            { "id": "1", "method": "GET", "url": "/me/presence?$select=availability", "headers": fixed },
            { "id": "2", "method": "POST", "url": "me/presence/clearUserPreferredPresence" },
            { "id": "\"3\"", "method": "GET", "url": "/me/nothing" },
        ]),
    )
    .await;
    let mut text = answer.text();
    for id in ["1", "2", "\"3\""] {
        let id = response(&answer.json(), id)["headers"]["request-id"].clone();
        text = text.replace(id.as_str().unwrap(), "[item-request-id]");
    }
    insta::assert_snapshot!(text, @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 1111
    content-type: application/json
    request-id: [request-id]

    {"responses":[{"id":"1","status":200,"headers":{"Content-Type":"application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8","OData-Version":"4.0","request-id":"[item-request-id]","client-request-id":"mine","Cache-Control":"no-cache"},"body":{"@odata.context":"http://presence.test/v1.0/$metadata#users('fa8bf3dc-eca7-46b7-bad1-db199b62afc3')/presence(availability)/$entity","availability":"Offline"}},{"id":"2","status":200,"headers":{"request-id":"[item-request-id]","client-request-id":"[item-request-id]","Cache-Control":"no-cache"},"body":null},{"id":"\"3\"","status":400,"headers":{"Content-Type":"application/json","request-id":"[item-request-id]","client-request-id":"[item-request-id]","Cache-Control":"no-cache"},"body":{"error":{"code":"BadRequest","message":"Resource not found for the segment 'nothing'.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[item-request-id]","client-request-id":"[item-request-id]"}}}}]}
    "#);
}

/// An action shows in a read that comes after it, and the items run in the order of the batch.
#[tokio::test]
async fn items_run_one_after_the_other() {
    let app = TestApp::new();
    let read = |id| json!({ "id": id, "method": "GET", "url": format!("/users/{ADELE}/presence") });
    let answer = batch(
        &app,
        "app",
        json!([read("before"), set_presence(ADELE, "Away"), read("after")]),
    )
    .await;
    let json = answer.json();
    assert_eq!(response(&json, "before")["body"]["availability"], "Offline");
    assert_eq!(response(&json, "set")["status"], 200);
    assert_eq!(response(&json, "set")["body"], Value::Null);
    assert_eq!(response(&json, "after")["body"]["availability"], "Away");
}

/// Twenty requests can be sent, and no more.
#[tokio::test]
async fn requests_are_limited() {
    let app = TestApp::new();
    let requests = |count: usize| {
        let one =
            |id: usize| json!({ "id": id.to_string(), "method": "GET", "url": "/me/presence" });
        Value::Array((0..count).map(one).collect())
    };
    let answer = batch(&app, "adele", requests(20)).await;
    assert_eq!(statuses(&answer), [200; 20]);
    insta::assert_snapshot!(batch(&app, "adele", requests(21)).await.error(), @"400 InvalidArgument: [requests]: A batch has at most 20 requests.");
}

/// A request runs after those it depends on, wherever they stand and however that is spelled; where
/// one of them fails, it is 424, and so is what depends on it in turn. Others are not touched.
#[tokio::test]
async fn dependencies() {
    let app = TestApp::new();
    let read = |id: &str, member: &str, ids: Value| {
        let mut item =
            json!({ "id": id, "method": "GET", "url": format!("/users/{ADELE}/presence") });
        item[member] = ids;
        item
    };
    let missing = json!({ "id": "missing", "method": "GET", "url": "/nothing", "dependsOn": [] });
    let answer = batch(
        &app,
        "app",
        json!([
            read("early", "dependsOn", json!(["SET"])),
            set_presence(ADELE, "Busy"),
            read("late", "depends_on", json!(["early", "set"])),
            missing,
            read("failed", "depends_on", json!(["early", "missing"])),
            read("failed-too", "dependsOn", json!(["failed"])),
            read("untouched", "dependsOn", json!([])),
        ]),
    )
    .await;
    // Busy goes with InACall only, so the action fails with what depends on it.
    assert_eq!(statuses(&answer), [424, 400, 424, 400, 424, 424, 200]);
    let json = answer.json();
    let error = &response(&json, "failed-too")["body"]["error"];
    assert_eq!(error["code"], "FailedDependency");
    insta::assert_snapshot!(error["message"].as_str().unwrap(), @"The request 'failed', on which this one depends, did not succeed.");
    assert_eq!(
        response(&json, "failed-too")["headers"]["Content-Type"],
        "application/json"
    );

    let answer = batch(
        &app,
        "app",
        json!([
            read("early", "dependsOn", json!(["set"])),
            set_presence(ADELE, "Away")
        ]),
    )
    .await;
    assert_eq!(statuses(&answer), [200, 200]);
    let answer = answer.json();
    let shown = &response(&answer, "early")["body"]["availability"];
    assert_eq!(shown, "Away", "it waited for the action behind it");
}

/// Absolute URLs, other versions and spaces lead where they are meant to, as real clients send them.
#[tokio::test]
async fn urls() {
    let settings = Settings {
        public_url: Some(PublicUrl::parse("https://example.com/graph").unwrap()),
        ..Settings::default()
    };
    let app = TestApp::with(settings);
    app.set(ADELE, "Away/Away").await;
    for (url, version) in [
        ("/me/presence", "v1.0"),
        ("me/presence/", "v1.0"),
        ("/v1.0/me/presence", "v1.0"),
        ("/beta/me/presence", "beta"),
        ("http://127.0.0.1:8080/v1.0/me/presence", "v1.0"),
        (
            "https://graph.microsoft.com/beta/users('me-token-to-replace')/presence",
            "beta",
        ),
        ("https://example.com/graph/v1.0/me/presence", "v1.0"),
        ("/me/presence?$select=id, availability,activity", "v1.0"),
        ("/beta/me/presence?select=availability", "beta"),
    ] {
        let item = json!([{ "id": "1", "method": "get", "url": url }]);
        // A method is compared by case (RFC 9110 §9.1).
        assert_eq!(statuses(&batch(&app, "adele", item).await), [405], "{url}");
        let item = json!([{ "id": "1", "method": "GET", "url": url }]);
        let answer = batch(&app, "adele", item).await.json();
        let body = &response(&answer, "1")["body"];
        assert_eq!(body["availability"], "Away", "{url}: {answer}");
        let context = format!("https://example.com/graph/{version}/$metadata#users");
        assert!(
            body["@odata.context"]
                .as_str()
                .unwrap()
                .starts_with(&context),
            "{url}"
        );
    }
}

/// What is not the API's own cannot be reached through a batch, nor can another batch.
#[tokio::test]
async fn only_the_api_is_within_reach() {
    let app = TestApp::new();
    for (url, message) in [
        ("/healthz", "Resource not found for the segment 'healthz'."),
        (
            "http://presence.test/healthz",
            "Resource not found for the segment 'healthz'.",
        ),
        ("/readyz", "Resource not found for the segment 'readyz'."),
        (
            "/beside/fault",
            "Resource not found for the segment 'beside'.",
        ),
        (
            "/../beside/fault",
            "Resource not found for the segment '..'.",
        ),
        (
            "/v1.0/%2e%2e/healthz",
            "Resource not found for the segment '%2e%2e'.",
        ),
        ("", "Resource not found for the segment 'v1.0'."),
        ("$batch", "[url]: A batch cannot stand within a batch."),
        (
            "http://presence.test/beta/%24BATCH",
            "[url]: A batch cannot stand within a batch.",
        ),
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let item = json!([{ "id": "1", "method": method, "url": url }]);
            let answer = batch(&app, "app", item).await.json();
            let response = response(&answer, "1");
            assert_eq!(response["status"], 400, "{url}: {answer}");
            assert_eq!(response["body"]["error"]["message"], message, "{url}");
        }
    }
}

/// An item that is no request is 400, and those beside it are answered.
#[tokio::test]
async fn a_faulty_item_is_its_own_fault() {
    let app = TestApp::new();
    for faulty in [
        json!({ "url": "/me/presence" }),
        json!({ "method": "", "url": "/me/presence" }),
        json!({ "method": 1, "url": "/me/presence" }),
        json!({ "method": "G ET", "url": "/me/presence" }),
        json!({ "method": "GET" }),
        json!({ "method": "GET", "url": ["/me/presence"] }),
        json!({ "method": "GET", "url": "/me/presence", "headers": "x" }),
        json!({ "method": "GET", "url": "/me/presence", "headers": { "a b": "c" } }),
        json!({ "method": "POST", "url": "/me/presence/clearPresence", "body": "???" }),
        json!({ "method": "POST", "url": "/me/presence/clearPresence", "body": {} }),
        json!({
            "method": "POST", "url": "/me/presence/clearPresence", "body": [1],
            "headers": { "content-type": "application/json" },
        }),
    ] {
        let mut faulty = faulty;
        faulty["id"] = json!("faulty");
        let sound = |id| json!({ "id": id, "method": "GET", "url": "/me/presence" });
        let answer = batch(&app, "adele", json!([sound("1"), faulty, sound("2")])).await;
        assert_eq!(statuses(&answer), [200, 400, 200], "{}", answer.text());
        let code = answer.json()["responses"][1]["body"]["error"]["code"].clone();
        assert!(["InvalidArgument", "BadRequest"].contains(&code.as_str().unwrap()));
    }
}

/// An item that is refused before it is asked is answered with its own client-request-id, if that can be
/// read, like any other.
#[tokio::test]
async fn refused_items_keep_their_ids() {
    let app = TestApp::new();
    let headers = |id: &str| json!({ "client-request-id": id });
    let answer = batch(
        &app,
        "app",
        json!([
            { "id": "faulty", "method": "GET", "headers": headers("mine") },
            { "id": "after", "method": "GET", "url": "/me/presence", "headers": headers("too"),
              "dependsOn": ["faulty"] },
            { "id": "unreadable", "method": "GET", "url": "/me/presence", "headers": 1 },
        ]),
    )
    .await;
    assert_eq!(statuses(&answer), [400, 424, 400]);
    let answer = answer.json();
    let id = |of: &str| {
        let response = response(&answer, of);
        let (headers, body) = (&response["headers"], &response["body"]["error"]);
        let id = headers["client-request-id"].as_str().unwrap().to_owned();
        assert_eq!(body["innerError"]["client-request-id"], *id);
        (id, headers["request-id"].as_str().unwrap().to_owned())
    };
    assert_eq!(id("faulty").0, "mine");
    assert_eq!(id("after").0, "too");
    let (client, server) = id("unreadable");
    assert_eq!(client, server);
}

/// An item's body is an object or base64url text, and is read as it was written.
#[tokio::test]
async fn bodies() {
    let app = TestApp::new();
    let session = json!({ "sessionId": APPLICATION }).to_string();
    let encoded = "eyJpZHMiOlsiZmE4YmYzZGMtZWNhNy00NmI3LWJhZDEtZGIxOTliNjJhZmMzIl19";
    let headers = json!({ "CONTENT-TYPE": "application/json" });
    let url = "/communications/getPresencesByUserId";
    let read =
        json!({ "id": "read", "method": "POST", "url": url, "headers": headers, "body": encoded });
    let answer = batch(&app, "app", json!([read])).await.json();
    assert_eq!(response(&answer, "read")["body"]["value"][0]["id"], ADELE);

    // A member that stands there twice is told, so the body was not read and written anew.
    let twice = session.replace('{', &format!("{{\"sessionId\":\"{APPLICATION}\","));
    let text = format!(
        r#"{{"requests":[{{"id":"1","method":"POST","url":"/users/{ADELE}/presence/clearPresence",
            "headers":{{"Content-Type":"application/json"}},"body":{twice}}}]}}"#
    );
    let answer = app.post_text("app", PATH, &text).await.json();
    let error = &response(&answer, "1")["body"]["error"]["message"];
    assert!(
        error.as_str().unwrap().contains("more than once"),
        "{answer}"
    );
}

/// A batch's body may be larger than a single one, an item's may not; both are told.
#[tokio::test]
async fn sizes() {
    let app = TestApp::new();
    let padded = |id: &str, size: usize| {
        json!({
            "id": id, "method": "POST", "url": "/me/presence/clearUserPreferredPresence",
            "body": { "x": "x".repeat(size) },
        })
    };
    let answer = batch(
        &app,
        "adele",
        json!([
            padded("1", 60_000),
            padded("2", 70_000),
            padded("3", 60_000)
        ]),
    )
    .await;
    assert_eq!(statuses(&answer), [200, 413, 200]);
    let large = (0..20).map(|id| padded(&id.to_string(), 66_000));
    let answer = batch(&app, "adele", Value::Array(large.collect())).await;
    insta::assert_snapshot!(answer.error(), @"413 RequestEntityTooLarge: The request body is larger than 1310720 bytes, the limit.");
}

/// The envelope's token is every item's; an item cannot bring another, nor another host.
#[tokio::test]
async fn the_token_is_shared() {
    let app = TestApp::new();
    let headers = json!({ "Authorization": "Bearer app", "Host": "elsewhere.test" });
    let item =
        |url: String| json!([{ "id": "1", "method": "GET", "url": url, "headers": headers }]);
    let other = batch(
        &app,
        "adele-reads-own",
        item(format!("/users/{ALEX}/presence")),
    )
    .await;
    assert_eq!(statuses(&other), [403]);
    let own = batch(&app, "adele-reads-own", item("/me/presence".to_owned())).await;
    let context = own.json()["responses"][0]["body"]["@odata.context"].to_string();
    assert!(
        context.starts_with("\"http://presence.test/v1.0/"),
        "{context}"
    );
    assert_eq!(
        batch(&app, "", json!([])).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        batch(&app, "expired", json!([])).await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// What the connection tells is told to each item: encryption, host, and the client's own id.
#[tokio::test]
async fn the_connection_is_shared() {
    let app = TestApp::new();
    let item = |id| json!({ "id": id, "method": "GET", "url": "/me/presence" });
    let body = json!({ "requests": [item("1"), item("2")] }).to_string();
    let request = request(Method::POST, "adele", "http://two.test/beta/$batch")
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "text/plain")
        .header("client-request-id", "mine")
        .extension(OverTls);
    let answer = app.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(statuses(&answer), [200, 200]);
    for response in answer.json()["responses"].as_array().unwrap() {
        let context = response["body"]["@odata.context"].as_str().unwrap();
        assert!(context.starts_with("https://two.test/beta/"), "{context}");
        assert_eq!(response["headers"]["client-request-id"], "mine");
        assert_ne!(
            response["headers"]["request-id"],
            answer.header("request-id")
        );
    }
}

/// What is wrong with the envelope is 400 to the whole, and nothing is carried out.
#[tokio::test]
async fn faulty_envelopes() {
    let app = TestApp::new();
    let error = async |text: &str| app.post_text("app", PATH, text).await.error();
    insta::assert_snapshot!(error("{}").await, @"400 InvalidArgument: [requests]: The requests field is required.");
    insta::assert_snapshot!(error("[]").await, @"400 BadRequest: Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.");
    let mut circle = set_presence(ADELE, "Away");
    circle["dependsOn"] = json!(["SET"]);
    insta::assert_snapshot!(batch(&app, "app", json!([circle])).await.error(), @"400 BadRequest: The request 'set' of the batch depends on itself by way of dependsOn.");
    let mut twice = set_presence(ALEX, "Away");
    twice["id"] = json!("SET");
    let requests = json!([set_presence(ADELE, "Away"), twice]);
    insta::assert_snapshot!(batch(&app, "app", requests).await.error(), @"400 InvalidArgument: [requests]: The id 'SET' is given to two requests. Ids must differ by more than case.");
    assert_eq!(app.pair(ADELE).await, "Offline/Offline");
    let answer = app.send(
        request(Method::POST, "app", PATH)
            .body(Body::from("{}"))
            .unwrap(),
    );
    assert!(
        answer
            .await
            .error()
            .starts_with("400 BadRequest: Unable to read")
    );
    assert_eq!(app.get("app", PATH).await.header("allow"), "POST");
}

/// The answers to one batch have a limit together. What goes beyond is refused by itself, and a
/// small answer behind it still fits. What is refused was counted, and keeps its ids.
#[tokio::test]
async fn answers_have_a_limit_together() {
    let app = TestApp::with(Settings {
        throttling: Throttling::PUBLISHED,
        ..Settings::default()
    });
    let path = format!("/v1.0/users/{ADELE}/presence/setStatusMessage");
    // Each of these characters takes six bytes in JSON.
    let message = json!({ "content": "\u{1}".repeat(280), "contentType": "text" });
    let body = json!({ "statusMessage": { "message": message } });
    assert_eq!(app.post("app", &path, &body).await.status, StatusCode::OK);
    let read = |id: usize| {
        json!({
            "id": id.to_string(), "method": "POST",
            "url": "/communications/getPresencesByUserId",
            "headers": { "Content-Type": "application/json", "client-request-id": format!("c{id}") },
            "body": { "ids": vec![ADELE; 650] },
        })
    };
    let mut requests: Vec<Value> = (1..20).map(read).collect();
    requests.push(json!({ "id": "20", "method": "GET", "url": format!("/users/{ALEX}/presence") }));
    let answer = batch(&app, "app", json!(requests)).await;
    let statuses = statuses(&answer);
    let read = statuses.iter().take_while(|status| **status == 200).count();
    assert!((5..19).contains(&read), "{statuses:?}");
    assert!(
        statuses[read..19].iter().all(|status| *status == 413),
        "{statuses:?}"
    );
    assert_eq!(statuses[19], 200);
    let refused = &answer.json()["responses"][18]["headers"];
    assert_eq!(refused["client-request-id"], "c19");
    assert!(refused["RateLimit-Remaining"].is_string(), "{refused}");
}

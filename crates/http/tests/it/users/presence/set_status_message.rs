//! `POST …/presence/setStatusMessage`

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, TestApp};

const PATH: &str = "/v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/setStatusMessage";

fn text(content: &str) -> Value {
    json!({ "statusMessage": { "message": { "content": content, "contentType": "text" } } })
}

fn until(date_time: &str, zone: &Value) -> Value {
    let mut body = text("Back at noon");
    body["statusMessage"]["expiryDateTime"] = json!({ "dateTime": date_time, "timeZone": zone });
    body
}

impl TestApp {
    /// What this reader sees of Adele's status message.
    async fn status(&self, reader: &str) -> Value {
        let path = format!("/v1.0/users/{ADELE}/presence?$select=statusMessage");
        self.get(reader, &path).await.json()["statusMessage"].clone()
    }

    async fn set_status(&self, body: &Value) {
        let answer = self.post("app", PATH, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.text());
    }

    async fn status_refused(&self, body: &Value) -> String {
        let answer = self.post("app", PATH, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        answer.error()
    }
}

/// The reference page's example: the answer is empty, its own user reads all of it back with the
/// expiry in UTC, others do not see the two times.
#[tokio::test]
async fn the_example_reads_back() {
    let app = TestApp::new();
    app.clock.advance(Duration::from_millis(1_234));
    let body = until(
        "2026-09-01T12:00:00.0000000",
        &"Pacific Standard Time".into(),
    );
    let answer = app.post("app", PATH, &body).await;
    insta::assert_snapshot!(answer.text(), @r"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 0
    request-id: [request-id]
    ");
    let own = app.status("adele").await;
    assert_eq!(
        own,
        json!({
            "message": { "content": "Back at noon", "contentType": "text" },
            "publishedDateTime": "2026-09-01T00:00:01.2340000Z",
            "expiryDateTime": { "dateTime": "2026-09-01T19:00:00.0000000", "timeZone": "UTC" },
        })
    );
    let message = json!({ "message": own["message"] });
    assert_eq!(app.status("app").await, message);
    let ids = json!({ "ids": [ALEX, ADELE] });
    let several = "/v1.0/communications/getPresencesByUserId";
    let others = app.post("app", several, &ids).await.json();
    assert_eq!(others["value"][0]["statusMessage"], Value::Null);
    assert_eq!(others["value"][1]["statusMessage"], message);
    let mine = app.post("adele", several, &ids).await.json();
    assert_eq!(mine["value"][1]["statusMessage"], own);
}

/// Without an expiry it stays, with one it is gone at that instant; it shows without any session
/// and leaves the presence alone.
#[tokio::test]
async fn it_lasts_as_long_as_is_said() {
    let app = TestApp::new();
    app.set_status(&until("2026-09-01T00:30:00", &"UTC".into()))
        .await;
    app.clock.advance(Duration::from_millis(30 * 60_000 - 1));
    assert_ne!(app.status("app").await, Value::Null);
    assert_eq!(app.pair(ADELE).await, "Offline/Offline");
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(app.status("app").await, Value::Null);
    app.set_status(&text("Reading")).await;
    app.clock.advance(Duration::from_hours(24 * 3_650));
    let own = app.status("adele").await;
    assert_eq!(own["message"]["content"], "Reading");
    assert_eq!(own.get("expiryDateTime"), None);
}

/// What removes it: `null`, nothing, and content that is empty, missing or white space. Nothing to
/// remove is no error.
#[tokio::test]
async fn what_removes_it() {
    let app = TestApp::new();
    let past = json!({ "dateTime": "2020-01-01T00:00:00", "timeZone": "UTC" });
    for removal in [
        json!({ "statusMessage": null }),
        json!({ "StatusMessage": null }),
        json!({}),
        text(""),
        text(" \r\n\t\u{a0}"),
        json!({ "statusMessage": { "message": {} } }),
        json!({ "statusMessage": { "message": { "content": null, "contentType": "text" } } }),
        json!({ "statusMessage": { "message": { "content": "" }, "expiryDateTime": past } }),
    ] {
        app.set_status(&text("x")).await;
        for _ in 0..2 {
            app.set_status(&removal).await;
            assert_eq!(app.status("adele").await, Value::Null, "{removal}");
        }
    }
}

/// Both spellings of the member, `@odata.*` members anywhere, and any characters.
#[tokio::test]
async fn what_is_taken() {
    let app = TestApp::new();
    let check = async |body: Value, content: &str| {
        app.set_status(&body).await;
        assert_eq!(app.status("app").await["message"]["content"], content);
    };
    let content = "é\u{2028}😀 \"x\" \\ <b>\n";
    check(text(content), content).await;
    let inner = text("capital")["statusMessage"].clone();
    check(
        json!({ "StatusMessage": inner, "statusMessage": null }),
        "capital",
    )
    .await;
    let typed = json!({ "@odata.type": "#x", "statusMessage": {
        "@odata.type": "#microsoft.graph.presenceStatusMessage",
        "publishedDateTime": "2020-01-01T00:00:00Z",
        "expiryDateTime": null,
        "message": { "@odata.type": "#microsoft.graph.itemBody", "content": "typed" },
    } });
    check(typed, "typed").await;
    let shouted = json!({ "message": { "content": "shouted", "contentType": "TEXT" } });
    check(json!({ "statusMessage": shouted }), "shouted").await;
    let longest = "é".repeat(280);
    check(text(&longest), &longest).await;
    insta::assert_snapshot!(app.status_refused(&text(&format!("{longest}x"))).await, @"400 InvalidArgument: [Content]: The Content has 281 characters; a status message has at most 280.");
}

/// Times are taken in any zone, by Windows or IANA name, and read back in UTC.
#[tokio::test]
async fn expiries_are_taken_in_any_zone() {
    let app = TestApp::new();
    let check = async |date_time: &str, zone: Value, utc: &str| {
        app.set_status(&until(date_time, &zone)).await;
        let expiry = app.status("adele").await["expiryDateTime"].clone();
        let utc = json!({ "dateTime": utc, "timeZone": "UTC" });
        assert_eq!(expiry, utc, "{date_time} {zone}");
    };
    let noon = "2026-09-01T12:00:00";
    let at = |utc: &str| format!("{utc}.0000000");
    check(
        noon,
        "W. Europe Standard Time".into(),
        &at("2026-09-01T10:00:00"),
    )
    .await;
    check(noon, "europe/berlin".into(), &at("2026-09-01T10:00:00")).await;
    check(
        noon,
        "India Standard Time".into(),
        &at("2026-09-01T06:30:00"),
    )
    .await;
    check(noon, "utc".into(), &at(noon)).await;
    check(noon, Value::Null, &at(noon)).await;
    check(
        "2026-09-01T12:00:00.0019999",
        "UTC".into(),
        "2026-09-01T12:00:00.0010000",
    )
    .await;
    check("2026-09-01T12:00:00.000Z", "UTC".into(), &at(noon)).await;
    check("2026-09-01T12:00:00+00:00", "UTC".into(), &at(noon)).await;
    // Clocks skip 02:30, and show it twice (the first counts).
    check(
        "2027-03-28T02:30:00",
        "Europe/Berlin".into(),
        &at("2027-03-28T01:30:00"),
    )
    .await;
    check(
        "2026-10-25T02:30:00",
        "Europe/Berlin".into(),
        &at("2026-10-25T00:30:00"),
    )
    .await;
}

/// What an expiry cannot be, each told in its own words.
#[tokio::test]
async fn expiries_that_are_refused() {
    let app = TestApp::new();
    let refused =
        async |date_time: &str, zone: Value| app.status_refused(&until(date_time, &zone)).await;
    insta::assert_snapshot!(refused("2026-09-01T12:00:00", "Mars Standard Time".into()).await, @"400 InvalidArgument: [TimeZone]: 'Mars Standard Time' is not a time zone that is known. Pass a Windows name, for instance Pacific Standard Time, or an IANA name, for instance Europe/Berlin.");
    insta::assert_snapshot!(refused("2026-09-01T12:00:00+02:00", "Europe/Berlin".into()).await, @"400 InvalidArgument: [DateTime]: '2026-09-01T12:00:00+02:00' is not a date and time without offset, for instance 2026-09-01T12:00:00.");
    insta::assert_snapshot!(refused("2026-09-01T12:00:00Z", "Europe/Berlin".into()).await, @"400 InvalidArgument: [DateTime]: '2026-09-01T12:00:00Z' is not a date and time without offset, for instance 2026-09-01T12:00:00. Z at its end means UTC, and goes with the TimeZone UTC only.");
    insta::assert_snapshot!(refused("2026-09-01T02:00:00", "Europe/Berlin".into()).await, @"400 InvalidArgument: [ExpiryDateTime]: '2026-09-01T02:00:00' in the time zone 'Europe/Berlin' is in the past. Name a time to come, or leave out the ExpiryDateTime for a message that stays.");
    insta::assert_snapshot!(refused("1900-01-01T00:00:00", "UTC".into()).await, @"400 InvalidArgument: [ExpiryDateTime]: '1900-01-01T00:00:00' in the time zone 'UTC' is no time from 1970 to 9999.");
    insta::assert_snapshot!(refused("", Value::Null).await, @"400 InvalidArgument: [DateTime]: The DateTime field is required.");
    insta::assert_snapshot!(refused("noon", 7.into()).await, @"400 InvalidArgument: [TimeZone]: The TimeZone must be a string.");
    let mut body = text("x");
    body["statusMessage"]["expiryDateTime"] = "2026-09-01T12:00:00".into();
    insta::assert_snapshot!(app.status_refused(&body).await, @"400 InvalidArgument: [ExpiryDateTime]: The ExpiryDateTime must be an object.");
    body["statusMessage"]["expiryDateTime"] = json!({});
    insta::assert_snapshot!(app.status_refused(&body).await, @"400 InvalidArgument: [DateTime]: The DateTime field is required.");
    assert_eq!(app.status("app").await, Value::Null, "nothing was set");
}

/// Other bodies that are refused: other content than text, and values of another kind.
#[tokio::test]
async fn bodies_that_are_refused() {
    let app = TestApp::new();
    let refused = async |status: Value| {
        app.status_refused(&json!({ "statusMessage": status }))
            .await
    };
    let html = json!({ "message": { "content": "<b>x</b>", "contentType": "html" } });
    insta::assert_snapshot!(refused(html).await, @"400 InvalidArgument: [ContentType]: The ContentType 'html' is not supported. Pass text.");
    insta::assert_snapshot!(refused(json!({ "content": "x" })).await, @"400 InvalidArgument: [Message]: The Message field is required.");
    insta::assert_snapshot!(refused("x".into()).await, @"400 InvalidArgument: [StatusMessage]: The StatusMessage must be an object.");
    insta::assert_snapshot!(refused(json!({ "message": "x" })).await, @"400 InvalidArgument: [Message]: The Message must be an object.");
    insta::assert_snapshot!(refused(json!({ "message": { "content": 1 } })).await, @"400 InvalidArgument: [Content]: The Content must be a string.");
    let both = json!({ "statusMessage": {}, "StatusMessage": {} });
    insta::assert_snapshot!(app.status_refused(&both).await, @"400 BadRequest: The JSON request payload names the member 'statusMessage' more than once, in two spellings.");
    let twice = r#"{"statusMessage":{"message":{"content":"x","content":"y"}}}"#;
    insta::assert_snapshot!(app.post_text("app", PATH, twice).await.error(), @"400 BadRequest: The JSON request payload names the member 'content' more than once.");
    for none in ["", "null", "[]", "{"] {
        let error = app.post_text("app", PATH, none).await.error();
        assert!(
            error.starts_with("400 BadRequest: Unable to read"),
            "{none}"
        );
    }
}

/// Who may set it (contract section 1.2), under all three ways to name the presence.
#[tokio::test]
async fn permissions() {
    let app = TestApp::new();
    let status = async |token: &str, path: &str| {
        let answer = app.post(token, path, &text("x")).await;
        answer.status.as_u16()
    };
    let other = format!("/v1.0/users/{ALEX}/presence/setStatusMessage");
    for (token, own, others) in [
        ("app", 200, 200),
        ("app-reads", 403, 403),
        ("adele", 200, 401),
        ("adele-writes-own", 200, 401),
        ("adele-reads-own", 403, 403),
    ] {
        let got = (status(token, PATH).await, status(token, &other).await);
        assert_eq!(got, (own, others), "{token}");
    }
    let communications = format!("/beta/communications/presences/{ADELE}/graph.setStatusMessage");
    assert_eq!(status("adele", &communications).await, 200);
    assert_eq!(
        status("adele", "/v1.0/me/presence/setStatusMessage").await,
        200
    );
}

/// Each message is a change of its own for the sequence number, and so is its end.
#[tokio::test]
async fn it_counts_as_a_change() {
    let app = TestApp::new();
    let sequence = async || {
        let path = format!("/v1.0/users/{ADELE}/presence?$select=sequenceNumber");
        let json = app.get("app", &path).await.json();
        json["sequenceNumber"].as_str().unwrap().to_owned()
    };
    let never = sequence().await;
    app.set_status(&until("2026-09-01T01:00:00", &"UTC".into()))
        .await;
    let set = sequence().await;
    app.clock.advance(Duration::from_hours(1));
    let ended = sequence().await;
    app.set_status(&text("x")).await;
    let again = sequence().await;
    app.set_status(&json!({})).await;
    let removed = sequence().await;
    assert!(never < set && set < ended && ended < again && again < removed);
    app.set_status(&json!({})).await;
    assert_eq!(sequence().await, removed);
}

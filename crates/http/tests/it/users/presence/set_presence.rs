//! `POST …/presence/setPresence`

use std::time::Duration;

use std::io::Write;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use presenced_core::session::SessionsMax;
use presenced_http::{SessionPolicy, Settings, TenantSettings};
use serde_json::{Value, json};

use crate::support::{ADELE, APPLICATION, APPLICATION_2, OTHER_TENANT, TENANT, TestApp, request};

const PATH: &str = "/v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/setPresence";

fn body(changes: &Value) -> Value {
    let mut body = json!({
        "sessionId": APPLICATION,
        "availability": "Available",
        "activity": "Available",
        "expirationDuration": "PT1H",
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The example of Graph's page is answered with 200 and nothing: no body, no Content-Type.
#[tokio::test]
async fn the_answer_is_empty() {
    let app = TestApp::new();
    let answer = app.post("app", PATH, &body(&json!({}))).await;
    insta::assert_snapshot!(answer.text(), @r"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 0
    request-id: [request-id]
    ");
    assert_eq!(app.pair(ADELE).await, "Available/Available");
}

/// The session fades after five and ten minutes and ends after its duration.
#[tokio::test]
async fn the_session_fades_and_ends() {
    let app = TestApp::new();
    app.set(ADELE, "Available/Available").await;
    let mut shown = Vec::new();
    for minutes in [0, 5, 5, 50] {
        app.clock.advance(Duration::from_mins(minutes));
        shown.push(app.pair(ADELE).await);
    }
    let expect = [
        "Available/Available",
        "Available/AvailableInactive",
        "Away/Away",
    ];
    assert_eq!(shown[..3], expect);
    assert_eq!(shown[3], "Offline/Offline");
}

/// The five pairs are accepted, in whatever case, and no other is.
#[tokio::test]
async fn five_pairs_are_accepted() {
    let app = TestApp::new();
    let availabilities = [
        "Available",
        "Busy",
        "Away",
        "DoNotDisturb",
        "BeRightBack",
        "Offline",
    ];
    let activities = [
        "Available",
        "InACall",
        "InAConferenceCall",
        "Away",
        "Presenting",
        "Busy",
        "DoNotDisturb",
        "BeRightBack",
        "OffWork",
        "Offline",
        "AvailableInactive",
        "OutOfOffice",
        "InAMeeting",
    ];
    let mut accepted = Vec::new();
    for availability in availabilities {
        for activity in activities {
            let pair = json!({ "availability": availability, "activity": activity });
            let answer = app.post("app", PATH, &body(&pair)).await;
            if answer.status == StatusCode::OK {
                assert_eq!(app.pair(ADELE).await, format!("{availability}/{activity}"));
                accepted.push(format!("{availability}/{activity}"));
            } else {
                let error = answer.error();
                assert!(error.starts_with("400 InvalidArgument: [A"), "{error}");
            }
        }
    }
    let expect = [
        "Available/Available",
        "Busy/InACall",
        "Busy/InAConferenceCall",
        "Away/Away",
        "DoNotDisturb/Presenting",
    ];
    assert_eq!(accepted, expect);
    let camel = json!({ "availability": "busy", "activity": "inACall" });
    assert_eq!(
        app.post("app", PATH, &body(&camel)).await.status,
        StatusCode::OK
    );
    assert_eq!(app.pair(ADELE).await, "Busy/InACall");
}

/// A pair that is not allowed is answered with the field at fault, its value and what is allowed.
#[tokio::test]
async fn a_wrong_pair_is_explained() {
    let app = TestApp::new();
    let error = async |pair: Value| app.post("app", PATH, &body(&pair)).await.error();
    insta::assert_snapshot!(error(json!({ "activity": "Busy" })).await, @"400 InvalidArgument: [Activity]: The Activity 'Busy' is not allowed with the Availability 'Available'. Allowed pairs: Available/Available, Busy/InACall, Busy/InAConferenceCall, Away/Away, DoNotDisturb/Presenting.");
    insta::assert_snapshot!(error(json!({ "availability": "Offline" })).await, @"400 InvalidArgument: [Availability]: The Availability 'Offline' is not allowed. Allowed pairs: Available/Available, Busy/InACall, Busy/InAConferenceCall, Away/Away, DoNotDisturb/Presenting.");
    let long = "x".repeat(1_000);
    insta::assert_snapshot!(error(json!({ "availability": long })).await, @"400 InvalidArgument: [Availability]: The Availability 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' is not allowed. Allowed pairs: Available/Available, Busy/InACall, Busy/InAConferenceCall, Away/Away, DoNotDisturb/Presenting.");
    insta::assert_snapshot!(error(json!({ "availability": 1 })).await, @"400 InvalidArgument: [Availability]: The Availability must be a string.");
}

/// Missing members are said in Graph's words, also when they are `null` or empty.
#[tokio::test]
async fn missing_members_are_named() {
    let app = TestApp::new();
    let error = async |body: Value| app.post("app", PATH, &body).await.error();
    insta::assert_snapshot!(error(body(&json!({ "sessionId": null }))).await, @"400 InvalidArgument: [SessionId]: The SessionId field is required.");
    insta::assert_snapshot!(error(body(&json!({ "activity": "" }))).await, @"400 InvalidArgument: [Activity]: The Activity field is required.");
    insta::assert_snapshot!(error(json!({})).await, @"400 InvalidArgument: [SessionId]: The SessionId field is required. [Availability]: The Availability field is required. [Activity]: The Activity field is required.");
    insta::assert_snapshot!(error(body(&json!({ "sessionId": 7 }))).await, @"400 InvalidArgument: [SessionId]: The SessionId must be a string.");
}

/// Members that the API does not know are passed over, `@odata.type` among them.
#[tokio::test]
async fn other_members_are_passed_over() {
    let app = TestApp::new();
    let extra = json!({ "@odata.type": "#microsoft.graph.x", "mood": { "deep": [1, {}] } });
    let answer = app.post("app", PATH, &body(&extra)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

/// Without a duration a session lasts five minutes; `null` is without.
#[tokio::test]
async fn the_default_duration_is_five_minutes() {
    for duration in [json!({}), json!({ "expirationDuration": null })] {
        let app = TestApp::new();
        let mut body = body(&duration);
        if duration == json!({}) {
            body.as_object_mut().unwrap().remove("expirationDuration");
        }
        assert_eq!(app.post("app", PATH, &body).await.status, StatusCode::OK);
        app.clock.advance(Duration::from_secs(299));
        assert_eq!(app.pair(ADELE).await, "Available/Available");
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(app.pair(ADELE).await, "Offline/Offline");
    }
}

/// Durations out of range and unreadable ones are told apart.
#[tokio::test]
async fn durations_are_checked() {
    let app = TestApp::new();
    let error = async |duration: Value| {
        let body = body(&json!({ "expirationDuration": duration }));
        app.post("app", PATH, &body).await.error()
    };
    let out_of_range = "400 InvalidArgument: The provided [ExpirationDuration] is out of range.";
    assert_eq!(error(json!("PT4M59S")).await, out_of_range);
    assert_eq!(error(json!("PT4H1S")).await, out_of_range);
    insta::assert_snapshot!(error(json!("1:00:00")).await, @"400 InvalidArgument: [ExpirationDuration]: '1:00:00' is not an ISO 8601 duration of days, hours, minutes and seconds in upper case, for instance PT1H or PT5M. This looks like a time of hours, minutes and seconds: for one hour pass PT1H.");
    insta::assert_snapshot!(error(json!("")).await, @"400 InvalidArgument: [ExpirationDuration]: '' is not an ISO 8601 duration of days, hours, minutes and seconds in upper case, for instance PT1H or PT5M.");
    insta::assert_snapshot!(error(json!(3600)).await, @"400 InvalidArgument: [ExpirationDuration]: The ExpirationDuration must be a string.");
}

/// By default a session is named by the client id of its application, in either case.
#[tokio::test]
async fn a_session_belongs_to_its_application() {
    let app = TestApp::new();
    let set = async |id: &str| {
        app.post("app", PATH, &body(&json!({ "sessionId": id })))
            .await
    };
    assert_eq!(
        set(&APPLICATION.to_uppercase()).await.status,
        StatusCode::OK
    );
    insta::assert_snapshot!(set(APPLICATION_2).await.error(), @"400 InvalidArgument: [SessionId]: The SessionId must be the client id of the calling application, 22553876-f5ab-4529-bffb-cfe50aa89f87; it is '5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21'.");
    insta::assert_snapshot!(set("desk phone").await.error(), @"400 InvalidArgument: [SessionId]: The SessionId must be the client id of the calling application, 22553876-f5ab-4529-bffb-cfe50aa89f87; it is 'desk phone'.");
}

/// Where the tenant allows it, a session may have any name, and whoever knows the name shares it.
#[tokio::test]
async fn a_tenant_may_allow_any_session() {
    let any = TenantSettings {
        sessions: Some(SessionPolicy::Any),
        ..TenantSettings::default()
    };
    let settings = Settings {
        tenants: [(TENANT, any)].into(),
        ..Settings::default()
    };
    let app = TestApp::with(settings);
    let set = async |token: &str, pair: Value| app.post(token, PATH, &body(&pair)).await;
    let phone = json!({ "sessionId": "desk phone" });
    assert_eq!(set("app", phone.clone()).await.status, StatusCode::OK);
    let mut busy = phone;
    busy["availability"] = "Busy".into();
    busy["activity"] = "InACall".into();
    assert_eq!(set("app-2", busy).await.status, StatusCode::OK);
    assert_eq!(
        app.pair(ADELE).await,
        "Busy/InACall",
        "the same session, not a second one"
    );
    // A space is printable, and a name as any other.
    let spaces = set("app", json!({ "sessionId": " " })).await;
    assert_eq!(spaces.status, StatusCode::OK);
    let error = set("app", json!({ "sessionId": "é" })).await.error();
    insta::assert_snapshot!(error, @"400 InvalidArgument: [SessionId]: The SessionId must be 1 to 128 printable ASCII characters.");
    // The other tenants keep to the rule.
    assert_eq!(
        set("app-elsewhere", json!({ "sessionId": "x" }))
            .await
            .status,
        400
    );
}

/// One session too many is 429 with the time until there is room.
#[tokio::test]
async fn sessions_per_user_are_limited() {
    let settings = Settings {
        sessions: SessionPolicy::Any,
        ..Settings::default()
    };
    let app = TestApp::with(settings);
    for id in 0..64 {
        let answer = app
            .post("app", PATH, &body(&json!({ "sessionId": id.to_string() })))
            .await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    app.clock.advance(Duration::from_millis(500));
    let answer = app
        .post("app", PATH, &body(&json!({ "sessionId": "one more" })))
        .await;
    insta::assert_snapshot!(answer.text(), @r#"
    429 Too Many Requests
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 288
    content-type: application/json
    request-id: [request-id]
    retry-after: 3600

    {"error":{"code":"TooManyRequests","message":"The user has as many sessions as may be, 64. Clear one, or wait until there is room.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
}

/// A tenant can allow its users fewer; those of other tenants have as many as before.
#[tokio::test]
async fn a_tenant_may_allow_fewer_sessions() {
    let fewer = TenantSettings {
        sessions_max: SessionsMax::new(1).ok(),
        ..TenantSettings::default()
    };
    let app = TestApp::with(Settings {
        sessions: SessionPolicy::Any,
        tenants: [(OTHER_TENANT, fewer)].into(),
        ..Settings::default()
    });
    for (token, session, status) in [
        ("app-elsewhere", "a", 200),
        ("app-elsewhere", "b", 429),
        ("app-elsewhere", "a", 200),
        ("app", "a", 200),
        ("app", "b", 200),
    ] {
        let body = body(&json!({ "sessionId": session }));
        let answer = app.post(token, PATH, &body).await;
        assert_eq!(answer.status, status, "{token} {session}");
    }
}

/// What is no JSON, or not said to be JSON, is 400 in Graph's words.
#[tokio::test]
async fn the_body_must_be_json() {
    let app = TestApp::new();
    let unreadable = "400 BadRequest: Unable to read JSON request payload. Please ensure \
                      Content-Type header is set and payload is of valid JSON format.";
    for text in ["", "{", "[]", "null", "\"x\"", "sessionId=x", "{} x"] {
        assert_eq!(
            app.post_text("app", PATH, text).await.error(),
            unreadable,
            "{text}"
        );
    }
    let good = body(&json!({})).to_string();
    let as_type = async |content_type: Option<&str>| {
        let mut request = request(Method::POST, "app", PATH);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        app.send(request.body(Body::from(good.clone())).unwrap())
            .await
    };
    for wrong in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        assert_eq!(as_type(wrong).await.error(), unreadable, "{wrong:?}");
    }
    for right in [
        "application/json",
        "Application/Json;charset=UTF-8;odata.metadata=minimal",
    ] {
        assert_eq!(as_type(Some(right)).await.status, StatusCode::OK, "{right}");
    }
}

/// A member that stands there twice is refused.
#[tokio::test]
async fn members_stand_there_once() {
    let app = TestApp::new();
    let text = body(&json!({}))
        .to_string()
        .replacen('{', "{\"activity\":\"Away\",", 1);
    insta::assert_snapshot!(app.post_text("app", PATH, &text).await.error(), @"400 BadRequest: The JSON request payload names the member 'activity' more than once.");
}

/// A body may be packed with gzip, as the Go SDK does; other encodings are 415, and the answer says
/// which there is.
#[tokio::test]
async fn packed_bodies() {
    let app = TestApp::new();
    let plain = body(&json!({})).to_string();
    let send = async |encoding: &str, body: Vec<u8>| {
        let request = request(Method::POST, "app", PATH)
            .header(CONTENT_TYPE, "application/json")
            .header("content-encoding", encoding);
        app.send(request.body(Body::from(body)).unwrap()).await
    };
    assert_eq!(
        send("gzip", gzip(plain.as_bytes())).await.status,
        StatusCode::OK
    );
    assert_eq!(
        send("identity", plain.clone().into()).await.status,
        StatusCode::OK
    );
    let refused = send("br", plain.clone().into()).await;
    insta::assert_snapshot!(refused.error(), @"415 UnsupportedMediaType: The request body has a Content-Encoding that is not supported. Send it plain or with gzip.");
    assert_eq!(refused.header("accept-encoding"), "gzip");
    insta::assert_snapshot!(send("gzip", plain.into()).await.error(), @"400 BadRequest: The request body is not the gzip that its Content-Encoding says.");
    let bomb = gzip(&vec![b' '; 8 * 1024 * 1024]);
    insta::assert_snapshot!(send("gzip", bomb).await.error(), @"413 RequestEntityTooLarge: The request body is larger than 65536 bytes, the limit.");
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain).unwrap();
    packed.finish().unwrap()
}

/// A body above the limit is 413, announced or not.
#[tokio::test]
async fn large_bodies_are_refused() {
    let app = TestApp::new();
    let large = body(&json!({ "note": "x".repeat(64 * 1024) })).to_string();
    insta::assert_snapshot!(app.post_text("app", PATH, &large).await.error(), @"413 RequestEntityTooLarge: The request body is larger than 65536 bytes, the limit.");
    let request = request(Method::POST, "app", PATH).header("content-length", "65537");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

/// An id that no user can have cannot be written to; it is no use to look it up either.
#[tokio::test]
async fn ids_must_be_object_ids() {
    let app = TestApp::new();
    for id in ["adele@presenced.dev", "adele%40presenced.dev", "me", "x"] {
        let path = format!("/v1.0/users/{id}/presence/setPresence");
        let error = app.post("app", &path, &body(&json!({}))).await.error();
        assert!(
            error.starts_with("400 InvalidArgument: [UserId]: '"),
            "{error}"
        );
    }
    let path = PATH.replace(ADELE, "adele%40presenced.dev");
    insta::assert_snapshot!(app.post("app", &path, &body(&json!({}))).await.error(), @"400 InvalidArgument: [UserId]: 'adele@presenced.dev' is neither a user's object id, which is a GUID, nor a user principal name that is known here.");
}

/// A delegated token sets its own user's presence, by any of the three ways to name it.
#[tokio::test]
async fn a_user_sets_its_own_presence() {
    let app = TestApp::new();
    let own = [
        "/v1.0/me/presence/setPresence".to_owned(),
        PATH.to_owned(),
        format!("/beta/communications/presences/{ADELE}/setPresence"),
    ];
    for path in own {
        let answer = app.post("adele-writes-own", &path, &body(&json!({}))).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    }
    assert_eq!(app.pair(ADELE).await, "Available/Available");
}

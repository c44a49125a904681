//! `GET` and `POST /communications/presences/live`

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use presenced_http::{DirectoryPolicy, Extensions, Settings};
use presenced_notify::live::LiveSettings;
use presenced_store::{Limits, StoreConfig};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{ADELE, ALEX, APPLICATION, TestApp, request};

/// No wait lasts longer; one that does is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

const LIVE: &str = "/v1.0/communications/presences/live";

/// An app whose streams are told of changes.
struct Scene {
    app: TestApp,
    _stop: DropGuard,
}

impl Scene {
    fn new() -> Self {
        Self::of(TestApp::new())
    }

    fn of(app: TestApp) -> Self {
        let (stop, hub) = (CancellationToken::new(), app.api.live().clone());
        let stopped = stop.clone();
        tokio::spawn(async move { hub.run(stopped).await });
        Self {
            app,
            _stop: stop.drop_guard(),
        }
    }

    /// Opens a stream, which must be let in, and reads its first line.
    async fn open(&self, token: &str, path: &str) -> Reader {
        let request = request(Method::GET, token, path);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Reader {
        let response = self.app.front.answer(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        let mut reader = Reader {
            body: response.into_body(),
            text: String::new(),
        };
        let first = reader.block().await;
        assert!(first.starts_with("retry: "), "{first}");
        reader
    }
}

/// A client that reads a stream as it comes.
struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    /// The next lines up to an empty one; empty at the end.
    async fn block(&mut self) -> String {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                return std::mem::replace(&mut self.text, rest);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await;
            let Some(frame) = frame.expect("something comes") else {
                assert_eq!(self.text, "", "cut within an event");
                return String::new();
            };
            let data = frame.unwrap().into_data().unwrap();
            self.text += std::str::from_utf8(&data).unwrap();
        }
    }

    /// The next event as its name, id and data, without heartbeats.
    async fn event(&mut self) -> Event {
        loop {
            let block = self.block().await;
            let line = |name: &str| {
                let found = block.lines().find_map(|line| line.strip_prefix(name));
                found.unwrap_or_default().to_owned()
            };
            let (name, id, data) = (line("event: "), line("id: "), line("data: "));
            if block.is_empty() || !name.is_empty() {
                let data = serde_json::from_str(&data).unwrap_or_default();
                return Event { name, id, data };
            }
        }
    }

    /// The next event in short: `synced`, or the user and their presence.
    async fn short(&mut self) -> String {
        let event = self.event().await;
        event.short()
    }
}

struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Event {
    fn short(&self) -> String {
        let text = |member: &str| self.data[member].as_str().unwrap_or_default();
        match self.name.as_str() {
            "presence" => {
                let who = if text("id") == ADELE {
                    "Adele"
                } else {
                    text("id")
                };
                format!("{who} {}/{}", text("availability"), text("activity"))
            }
            "synced" => format!("synced, resumed: {}", self.data["resumed"]),
            "end" => format!("end: {}", text("reason")),
            name => name.to_owned(),
        }
    }
}

/// The state first, then changes, each exactly as a read shows it.
#[tokio::test]
async fn a_stream_of_one_user() {
    let scene = Scene::new();
    scene.app.set(ADELE, "Available/Available").await;
    let mut reader = scene.open("app", &format!("{LIVE}?ids={ADELE}")).await;
    insta::assert_snapshot!(reader.block().await, @r#"
    event: presence
    data: {"id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","availability":"Available","activity":"Available","outOfOfficeSettings":{"message":null,"isOutOfOffice":false},"sequenceNumber":"00000001788220800000","statusMessage":null,"workLocation":{"placeId":null,"source":"none","workLocationType":"unspecified"}}
    "#);
    let synced = reader.event().await;
    assert_eq!(synced.short(), "synced, resumed: false");
    assert!(!synced.id.is_empty());
    scene.app.set(ADELE, "Busy/InACall").await;
    let change = reader.event().await;
    assert_eq!(change.short(), "Adele Busy/InACall");
    assert!(!change.id.is_empty() && change.id != synced.id);
    let path = format!("/v1.0/users/{ADELE}/presence");
    let mut read = scene.app.get("app", &path).await.json();
    read.as_object_mut().unwrap().remove("@odata.context");
    assert_eq!(change.data, read);
}

/// A change that time makes is told like any other.
#[tokio::test]
async fn fading_is_told() {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
    let scene = Scene::of(TestApp::over(Arc::clone(&store), Settings::default()));
    scene.app.set(ADELE, "Available/Available").await;
    let mut reader = scene.open("app", &format!("{LIVE}?ids={ADELE}")).await;
    assert_eq!(reader.short().await, "Adele Available/Available");
    assert_eq!(reader.short().await, "synced, resumed: false");
    for (minutes, expect) in [
        (5, "Adele Available/AvailableInactive"),
        (5, "Adele Away/Away"),
        (50, "Adele Offline/Offline"),
    ] {
        scene.app.clock.advance(Duration::from_mins(minutes));
        let now = presenced_core::time::Clock::now(scene.app.clock.as_ref());
        store.expire_due(now, 9).await.unwrap();
        assert_eq!(reader.short().await, expect);
    }
}

/// Users can be named in every way, each of them is told once, and POST takes as many as a stream
/// may name.
#[tokio::test]
async fn users_are_named() {
    let scene = Scene::new();
    let upper = ADELE.to_uppercase();
    for query in [
        format!("?ids={ADELE},{ALEX}"),
        format!("?ids={ALEX}&ids={upper}"),
        format!("?ids={ALEX}%2C+{ADELE},,&x=1"),
    ] {
        for path in [LIVE, "/beta/Communications/presences/LIVE/"] {
            let mut reader = scene.open("app", &format!("{path}{query}")).await;
            let mut told = [reader.short().await, reader.short().await];
            told.sort();
            assert_eq!(told[0], format!("{ALEX} Offline/Offline"));
            assert_eq!(told[1], "Adele Offline/Offline");
            assert_eq!(reader.short().await, "synced, resumed: false");
        }
    }
    let many: Vec<String> = (0..10_000_u128)
        .map(|number| presenced_core::id::UserId::from_u128(number).to_string())
        .collect();
    let body = json!({ "ids": many }).to_string();
    let post = request(Method::POST, "app", LIVE).header(CONTENT_TYPE, "application/json");
    let mut reader = scene.send(post.body(Body::from(body)).unwrap()).await;
    let mut told = Vec::new();
    loop {
        let event = reader.event().await;
        if event.name == "synced" {
            break;
        }
        told.push(event.data["id"].as_str().unwrap().to_owned());
    }
    told.sort();
    assert_eq!(told, many);
}

/// Without ids it is the tenant, in GET and POST, and nobody of another tenant.
#[tokio::test]
async fn a_stream_of_the_tenant() {
    let scene = Scene::new();
    scene.app.set(ADELE, "Busy/InACall").await;
    let post = |body: &'static str| {
        request(Method::POST, "app", LIVE)
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap()
    };
    let mut readers = vec![scene.open("app", LIVE).await];
    for body in ["", "{}", r#"{"ids":null}"#] {
        readers.push(scene.send(post(body)).await);
    }
    let mut elsewhere = scene.open("app-elsewhere", LIVE).await;
    for reader in &mut readers {
        assert_eq!(reader.short().await, "Adele Busy/InACall");
        assert_eq!(reader.short().await, "synced, resumed: false");
    }
    assert_eq!(elsewhere.short().await, "synced, resumed: false");
    scene.app.set(ALEX, "Away/Away").await;
    let path = format!("/v1.0/users/{ADELE}/presence/setPresence");
    let body = json!({"sessionId": APPLICATION, "availability": "Away", "activity": "Away"});
    scene.app.post("app-elsewhere", &path, &body).await;
    for reader in &mut readers {
        assert_eq!(reader.short().await, format!("{ALEX} Away/Away"));
    }
    assert_eq!(elsewhere.short().await, "Adele Away/Away");
}

/// A client that was cut off names the last id that it has seen, in the header or the URL, and is
/// told what has changed since. What is no id of this stream's leads to the state.
#[tokio::test]
async fn a_stream_is_resumed() {
    let scene = Scene::new();
    let path = format!("{LIVE}?ids={ADELE},{ALEX}");
    let mut reader = scene.open("app", &path).await;
    let id = loop {
        let event = reader.event().await;
        if event.name == "synced" {
            break event.id;
        }
    };
    drop(reader);
    scene.app.set(ADELE, "Busy/InACall").await;
    let resumed = |path: &str, header: &str| {
        let request = request(Method::GET, "app", path).header("Last-Event-ID", header);
        scene.send(request.body(Body::empty()).unwrap())
    };
    let in_url = format!("{path}&lastEventId={id}");
    for mut reader in [resumed(&path, &id).await, scene.open("app", &in_url).await] {
        assert_eq!(reader.short().await, "Adele Busy/InACall");
        assert_eq!(reader.short().await, "synced, resumed: true");
    }
    let others = format!("{LIVE}?ids={ADELE}");
    let unreadable = format!("{path}&lastEventId=x");
    for (path, header, users) in [
        (&path, "x", 2),
        (&in_url, "", 2),
        (&others, id.as_str(), 1),
        (&unreadable, "1", 2),
    ] {
        let mut reader = resumed(path, header).await;
        for _ in 0..users {
            assert_eq!(reader.event().await.name, "presence");
        }
        assert_eq!(reader.short().await, "synced, resumed: false");
    }
}

/// `$select` is honoured, and other options are refused.
#[tokio::test]
async fn properties_are_selected() {
    let scene = Scene::new();
    let path = format!("{LIVE}?ids={ADELE}&$select=id,activity");
    let mut reader = scene.open("app", &path).await;
    let told = reader.event().await.data;
    assert_eq!(told, json!({ "id": ADELE, "activity": "Offline" }));
    let refused = scene.app.get("app", &format!("{LIVE}?$filter=x")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

/// What is wrong is told before a stream is opened: the token, then ids, then the permission.
#[tokio::test]
async fn refusals() {
    let scene = Scene::new();
    let many = vec![ADELE; 10_001];
    let get = async |token: &str, query: &str| {
        let answer = scene.app.get(token, &format!("{LIVE}{query}")).await;
        answer.error()
    };
    assert!(
        get("", "?ids=x")
            .await
            .starts_with("401 InvalidAuthenticationToken")
    );
    assert_eq!(
        get("app-without-roles", "?ids=x").await,
        "400 InvalidArgument: [ids]: 'x' is not a user's object id. A stream tells of users by \
         their GUIDs."
    );
    assert_eq!(
        get("app", "?ids=,").await,
        "400 InvalidArgument: [ids]: The list names nobody. Leave ids out for the whole tenant."
    );
    assert_eq!(get("app-without-roles", "").await, "403 Forbidden: ");
    let other = format!("?ids={ADELE},{ALEX}");
    assert!(
        get("adele-reads-own", &other)
            .await
            .starts_with("403 Authorization_RequestDenied")
    );
    assert!(
        get("adele-reads-own", "")
            .await
            .starts_with("403 Authorization_RequestDenied")
    );

    let post = async |body: &Value| scene.app.post("app", LIVE, body).await.error();
    assert!(post(&json!({ "ids": [] })).await.contains("names nobody"));
    assert!(
        post(&json!({ "ids": many }))
            .await
            .contains("at most 10000 users")
    );
    for ids in [json!("x"), json!([1]), json!([null]), json!({})] {
        let error = post(&json!({ "ids": ids })).await;
        assert_eq!(
            error,
            "400 InvalidArgument: [ids]: The ids must be a list of strings."
        );
    }
    assert!(
        post(&json!([]))
            .await
            .starts_with("400 BadRequest: Unable to read")
    );
    let plain = request(Method::POST, "app", LIVE).body(Body::from("{}"));
    let answer = scene.app.send(plain.unwrap()).await;
    assert!(answer.error().starts_with("400 BadRequest: Unable to read"));
    assert_eq!(scene.app.api.live().streams(), 0);
}

/// Whoever may read their own presence may watch it, and sees of it what they alone may see.
#[tokio::test]
async fn ones_own_presence_is_watched() {
    let scene = Scene::new();
    let body = json!({ "statusMessage": { "message": { "content": "x" } } });
    let path = "/v1.0/me/presence/setStatusMessage";
    let set = scene.app.post("adele", path, &body).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text());
    for (token, own) in [("adele-reads-own", true), ("app", false)] {
        let mut reader = scene.open(token, &format!("{LIVE}?ids={ADELE}")).await;
        let told = reader.event().await.data;
        let shown = told["statusMessage"].as_object().unwrap();
        assert_eq!(shown.contains_key("publishedDateTime"), own, "{token}");
    }
}

/// Each limit is 429 with the time to wait, and a stream that ends gives room.
#[tokio::test]
async fn streams_are_limited() {
    let live = LiveSettings {
        streams_max: 2,
        streams_per_application_max: 1,
        watches_max: 1,
    };
    let settings = Settings {
        live,
        ..Settings::default()
    };
    let scene = Scene::of(TestApp::with(settings));
    let first = scene.open("app", LIVE).await;
    let refused = scene.app.get("app", LIVE).await;
    insta::assert_snapshot!(refused.text(), @r#"
    429 Too Many Requests
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 323
    content-type: application/json
    request-id: [request-id]
    retry-after: 10

    {"error":{"code":"TooManyRequests","message":"Another live stream cannot be opened: the application's limit of live streams in this tenant, 1, is reached. Close one.","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
    let two = format!("{LIVE}?ids={ADELE},{ALEX}");
    let refused = scene.app.get("app-2", &two).await.error();
    assert!(refused.contains("together name, 1,"), "{refused}");
    let second = scene.open("app-2", LIVE).await;
    let refused = scene.app.get("app-elsewhere", LIVE).await.error();
    assert!(refused.contains("limit of live streams, 2,"), "{refused}");
    drop(first);
    scene.open("app-elsewhere", LIVE).await;
    drop(second);
    assert_eq!(scene.app.api.live().streams(), 0);
}

/// Silence is broken now and then; a token that no longer counts ends the stream with the reason.
#[tokio::test(start_paused = true)]
async fn heartbeats_look_at_the_token() {
    let scene = Scene::new();
    let mut reader = scene.open("app", &format!("{LIVE}?ids={ADELE}")).await;
    reader.event().await;
    reader.event().await;
    for _ in 0..3 {
        assert_eq!(reader.block().await, ":\n\n");
    }
    let mut short_lived = scene
        .open("short-lived", &format!("{LIVE}?ids={ADELE}"))
        .await;
    short_lived.event().await;
    short_lived.event().await;
    insta::assert_snapshot!(short_lived.block().await, @r#"
    event: end
    data: {"reason":"token","message":"The token no longer counts. Get a new one, and go on from the last event's id."}
    "#);
    assert_eq!(short_lived.block().await, "", "it ends there");
    assert_eq!(scene.app.api.live().streams(), 1);
}

/// A stream ends when its application is disabled, though its token is good.
#[tokio::test(start_paused = true)]
async fn heartbeats_look_at_the_directory() {
    let scene = Scene::new();
    let mut reader = scene.open("app", &format!("{LIVE}?ids={ADELE}")).await;
    reader.event().await;
    reader.event().await;
    assert_eq!(reader.block().await, ":\n\n");
    let path = format!("/admin/v1/applications/{APPLICATION}");
    let disabled = json!({ "enabled": false });
    let answer = scene.app.put("admin", &path, &disabled).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(reader.short().await, "end: disabled");
    assert_eq!(reader.block().await, "");
}

/// Of whom a closed directory does not know, nothing is told: who is named is unknown, as in a read,
/// and a tenant's state leaves them out. One who is removed is unknown with the next change.
#[tokio::test]
async fn a_closed_directory_is_asked() {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
    let before = TestApp::over(Arc::clone(&store), Settings::default());
    before.set(ALEX, "Busy/InACall").await;
    before.set(ADELE, "Away/Away").await;
    let closed = Settings {
        directory: DirectoryPolicy::Closed,
        ..Settings::default()
    };
    let scene = Scene::of(TestApp::with_adele_over(store, closed).await);
    let mut named = scene.open("app", &format!("{LIVE}?ids={ALEX}")).await;
    let unknown = format!("{ALEX} PresenceUnknown/PresenceUnknown");
    assert_eq!(named.short().await, unknown);
    let mut all = scene.open("app", LIVE).await;
    assert_eq!(all.short().await, "Adele Away/Away");
    assert_eq!(all.short().await, "synced, resumed: false");

    let path = format!("/admin/v1/users/{ALEX}");
    let put = scene.app.put("admin", &path, &json!({})).await;
    assert_eq!(put.status, StatusCode::CREATED, "{}", put.text());
    scene.app.set(ALEX, "Available/Available").await;
    assert_eq!(all.short().await, format!("{ALEX} Available/Available"));
    scene.app.delete("admin", &path).await;
    before.set(ALEX, "Busy/InAConferenceCall").await;
    assert_eq!(all.short().await, unknown);
}

/// When the server stops, streams end with the reason, and a new one is 503.
#[tokio::test]
async fn a_stop_ends_streams() {
    let scene = Scene::new();
    let mut reader = scene.open("app", LIVE).await;
    assert_eq!(reader.short().await, "synced, resumed: false");
    scene.app.api.live().end();
    assert_eq!(reader.short().await, "end: shutdown");
    assert_eq!(reader.block().await, "");
    let refused = scene.app.get("app", LIVE).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "5");
}

/// No batch holds a stream, and HEAD opens none that stays.
#[tokio::test]
async fn where_streams_are_not() {
    let scene = Scene::new();
    let get = json!({ "id": "1", "method": "GET", "url": "/communications/presences/live" });
    let post = json!({ "id": "2", "method": "POST", "url": "/communications/presences/Live/" });
    let delete = json!({ "id": "3", "method": "DELETE", "url": "/communications/presences/live" });
    let batch = json!({ "requests": [get, post, delete] });
    let answer = scene.app.post("app", "/v1.0/$batch", &batch).await.json();
    for item in answer["responses"].as_array().unwrap() {
        assert_eq!(item["status"], 400, "{item}");
        let message = item["body"]["error"]["message"].as_str().unwrap();
        assert!(message.contains("within a batch"), "{message}");
    }
    let head = request(Method::HEAD, "app", LIVE).body(Body::empty());
    let answer = scene.app.send(head.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(scene.app.api.live().streams(), 0);
    let delete = request(Method::DELETE, "app", LIVE).body(Body::empty());
    let answer = scene.app.send(delete.unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
}

/// With extensions off there is no such path, only a user of this name, who is unknown.
#[tokio::test]
async fn extensions_can_be_switched_off() {
    let app = TestApp::with(Settings {
        extensions: Extensions::Off,
        ..Settings::default()
    });
    let answer = app.get("app", LIVE).await;
    assert_eq!(answer.pair(), "PresenceUnknown/PresenceUnknown");
    let answer = app.post("app", LIVE, &json!({})).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

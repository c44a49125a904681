//! `GET …/presence/explain`

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use presenced_core::decide::Command;
use presenced_core::id::{UserId, UserKey};
use presenced_core::location::{
    Location, LocationKind, LocationLayer, PlaceId, Schedule, ScheduledLocation,
};
use presenced_core::out_of_office::{OutOfOffice, ReplyText};
use presenced_core::status::StatusText;
use presenced_core::time::Timestamp;
use presenced_http::{Extensions, SessionPolicy, Settings};
use presenced_store::{Limits, StoreConfig};
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, APPLICATION_2, OTHER_TENANT, START, TENANT, TestApp, request};

const MINUTE: Duration = Duration::from_mins(1);

fn path(user: &str) -> String {
    format!("/v1.0/users/{user}/presence/explain")
}

/// The explanation, which must be given.
async fn explained(app: &TestApp, token: &str, user: &str) -> Value {
    let answer = app.get(token, &path(user)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// The most common complaint: 200 and nothing changed. The user appears offline.
#[tokio::test]
async fn the_whole_answer() {
    let app = TestApp::new();
    app.set(ADELE, "Available/Available").await;
    app.clock.advance(4 * MINUTE);
    let preferred = json!({
        "availability": "Offline", "activity": "OffWork", "expirationDuration": "PT8H",
    });
    let set = "/v1.0/me/presence/setUserPreferredPresence";
    app.post("adele", set, &preferred).await;
    app.clock.advance(Duration::from_millis(30_500));
    insta::assert_snapshot!(app.get("app", &path(ADELE)).await.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 1227
    content-type: application/json
    request-id: [request-id]

    {"id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","detail":"full","dateTime":"2026-09-01T00:04:30.5000000Z","availability":"Offline","activity":"OffWork","sequenceNumber":"00000001788221040000","rule":"preferred","because":"The preferred presence goes before every session, until it expires or is cleared with clearUserPreferredPresence.","sessions":[{"id":"22553876-f5ab-4529-bffb-cfe50aa89f87","application":"22553876-f5ab-4529-bffb-cfe50aa89f87","set":{"availability":"Available","activity":"Available"},"now":{"availability":"Available","activity":"Available"},"setDateTime":"2026-09-01T00:00:00.0000000Z","age":"PT4M30.5S","nextFade":{"dateTime":"2026-09-01T00:05:00.0000000Z","availability":"Available","activity":"AvailableInactive"},"expiryDateTime":"2026-09-01T01:00:00.0000000Z","shows":false,"because":"The preferred presence goes before every session."}],"preferred":{"availability":"Offline","activity":"OffWork","expiryDateTime":"2026-09-01T08:04:00.0000000Z","shows":true,"because":"A session exists, and a choice goes before it."},"statusMessage":null,"workLocations":[],"outOfOffice":null,"nextChange":{"dateTime":"2026-09-01T01:00:00.0000000Z","availability":"Offline","activity":"Offline","changes":["activity"]}}
    "#);
}

/// Several sessions: which shows, and why the others do not.
#[tokio::test]
async fn sessions_have_their_reasons() {
    let app = TestApp::new();
    app.set(ADELE, "Available/Available").await;
    app.clock.advance(6 * MINUTE);
    let body = json!({
        "sessionId": APPLICATION_2, "availability": "Away", "activity": "Away",
    });
    app.post(
        "app-2",
        &format!("/v1.0/users/{ADELE}/presence/setPresence"),
        &body,
    )
    .await;
    let json = explained(&app, "adele", ADELE).await;
    assert_eq!(json["rule"], "session");
    assert_eq!(json["preferred"], Value::Null);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["sessions"]).unwrap(), @r#"
    [
      {
        "age": "PT6M",
        "application": "22553876-f5ab-4529-bffb-cfe50aa89f87",
        "because": "It is the strongest session.",
        "expiryDateTime": "2026-09-01T01:00:00.0000000Z",
        "id": "22553876-f5ab-4529-bffb-cfe50aa89f87",
        "nextFade": {
          "activity": "Away",
          "availability": "Away",
          "dateTime": "2026-09-01T00:10:00.0000000Z"
        },
        "now": {
          "activity": "AvailableInactive",
          "availability": "Available"
        },
        "set": {
          "activity": "Available",
          "availability": "Available"
        },
        "setDateTime": "2026-09-01T00:00:00.0000000Z",
        "shows": true
      },
      {
        "age": "PT0S",
        "application": "5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21",
        "because": "Another session has a stronger availability.",
        "expiryDateTime": "2026-09-01T00:11:00.0000000Z",
        "id": "5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21",
        "nextFade": null,
        "now": {
          "activity": "Away",
          "availability": "Away"
        },
        "set": {
          "activity": "Away",
          "availability": "Away"
        },
        "setDateTime": "2026-09-01T00:06:00.0000000Z",
        "shows": false
      }
    ]
    "#);
    insta::assert_snapshot!(json["because"], @r#""The strongest session shows. It has faded: Available turns to AvailableInactive 5 minutes after it was last set, and to Away 10 minutes after. Setting it again renews it.""#);
    insta::assert_snapshot!(json["nextChange"], @r#"{"activity":"Away","availability":"Away","changes":["availability","activity"],"dateTime":"2026-09-01T00:10:00.0000000Z"}"#);
}

/// What is announced as the next change is what a read shows at that time.
#[tokio::test]
async fn the_next_change_comes_true() {
    let app = TestApp::new();
    app.set(ADELE, "Available/Available").await;
    let mut seen = Vec::new();
    loop {
        let json = explained(&app, "app", ADELE).await;
        let next = &json["nextChange"];
        let Some(at) = next["dateTime"].as_str() else {
            break;
        };
        let at: jiff::Timestamp = at.parse().unwrap();
        let now: jiff::Timestamp = json["dateTime"].as_str().unwrap().parse().unwrap();
        let millis = u64::try_from(at.duration_since(now).as_millis()).unwrap();
        app.clock.advance(Duration::from_millis(millis - 1));
        let before = app.pair(ADELE).await;
        app.clock.advance(Duration::from_millis(1));
        let text = |name: &str| next[name].as_str().unwrap();
        let announced = format!("{}/{}", text("availability"), text("activity"));
        assert_eq!(app.pair(ADELE).await, announced);
        assert_ne!(before, announced);
        seen.push(announced);
    }
    assert_eq!(
        seen,
        [
            "Available/AvailableInactive",
            "Away/Away",
            "Offline/Offline"
        ]
    );
}

/// Under every name of a presence, in both versions and any case, the explanation is the same.
#[tokio::test]
async fn every_form() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let expect = explained(&app, "adele", ADELE).await;
    for path in [
        "/v1.0/me/presence/explain".to_owned(),
        "/beta/Me/Presence/EXPLAIN/".to_owned(),
        format!("/v1.0/users('{ADELE}')/presence/explain"),
        format!("/beta/communications/presences/{ADELE}/explain"),
    ] {
        let answer = app.get("adele", &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert_eq!(answer.json(), expect, "{path}");
    }
    let answer = app
        .send(
            request(Method::POST, "app", &path(ADELE))
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    let seen = (answer.status.as_u16(), answer.header("allow"));
    assert_eq!(seen, (405, "GET,HEAD"));
}

/// A signed-in user who may read everybody is told of others no more than they show; of
/// themselves all. A smaller permission is refused as for a read.
#[tokio::test]
async fn reasons_are_for_the_user_and_for_applications() {
    let app = TestApp::new();
    app.set(ALEX, "Busy/InACall").await;
    app.set(ADELE, "Busy/InACall").await;
    insta::assert_snapshot!(explained(&app, "adele", ALEX).await, @r#"{"activity":"InACall","availability":"Busy","because":"A signed-in user is told the reasons of their own presence only. An application's own token with Presence.Read.All is told everybody's.","dateTime":"2026-09-01T00:00:00.0000000Z","detail":"summary","id":"66825e03-7ef5-42da-9069-724602c31f6b"}"#);
    for (token, user, detail) in [
        ("adele", ADELE, "full"),
        ("adele-reads-own", ADELE, "full"),
        ("app-reads", ALEX, "full"),
        ("app-2", ALEX, "full"),
        ("adele", "alex@presenced.dev", "summary"),
    ] {
        let json = explained(&app, token, user).await;
        assert_eq!(json["detail"], detail, "{token} {user}");
    }
    for (token, user, expect) in [
        ("adele-reads-own", ALEX, "403 Authorization_RequestDenied"),
        ("adele-without-scopes", ADELE, "403 Forbidden: "),
        ("app-without-roles", ADELE, "403 Forbidden: "),
        ("expired", ADELE, "401 InvalidAuthenticationToken"),
    ] {
        let error = app.get(token, &path(user)).await.error();
        assert!(error.starts_with(expect), "{token} {user}: {error}");
    }
    let me = app.get("app", "/v1.0/me/presence/explain").await.error();
    assert!(me.starts_with("400 BadRequest: /me request is"), "{me}");
}

/// A user of whom nothing was set, one of another tenant, and nobody: each is explained, and none
/// comes into being by it.
#[tokio::test]
async fn nothing_to_explain() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let elsewhere = explained(&app, "app-elsewhere", ADELE).await;
    assert_eq!(
        (&elsewhere["rule"], &elsewhere["sessions"]),
        (&json!("noSession"), &json!([]))
    );
    insta::assert_snapshot!(explained(&app, "app", ALEX).await, @r#"{"activity":"Offline","availability":"Offline","because":"No session exists: none was set, or all were cleared or have expired. An application makes one with setPresence.","dateTime":"2026-09-01T00:00:00.0000000Z","detail":"full","id":"66825e03-7ef5-42da-9069-724602c31f6b","nextChange":null,"outOfOffice":null,"preferred":null,"rule":"noSession","sequenceNumber":"00000000000000000000","sessions":[],"statusMessage":null,"workLocations":[]}"#);
    let nobody = explained(&app, "app", "alex@presenced.dev").await;
    assert_eq!(nobody["availability"], "PresenceUnknown");
    assert_eq!(nobody["rule"], "unknownUser");
    assert_eq!(nobody["id"], "alex@presenced.dev");
}

/// No query option is served here, and each is refused.
#[tokio::test]
async fn no_option_is_taken() {
    let app = TestApp::new();
    let path = format!("{}?$select=rule", path(ADELE));
    insta::assert_snapshot!(app.get("app", &path).await.error(), @"400 BadRequest: The query option '$select' is not supported for this request; none is.");
}

/// Where any session id is allowed, a GUID need not be an application's.
#[tokio::test]
async fn free_session_names_tell_no_application() {
    let app = TestApp::with(Settings {
        sessions: SessionPolicy::Any,
        ..Settings::default()
    });
    app.set(ADELE, "Busy/InACall").await;
    let json = explained(&app, "app", ADELE).await;
    assert_eq!(json["sessions"][0]["application"], Value::Null);
}

/// With extensions off there is no such path.
#[tokio::test]
async fn extensions_can_be_switched_off() {
    let app = TestApp::with(Settings {
        extensions: Extensions::Off,
        ..Settings::default()
    });
    for (path, segment) in [
        ("/v1.0/me/presence/explain", "explain"),
        ("/beta/me/presence/Explain/", "Explain"),
    ] {
        let error = app.get("adele", path).await.error();
        let expect = format!("400 BadRequest: Resource not found for the segment '{segment}'.");
        assert_eq!(error, expect, "{path}");
    }
}

/// Note, locations and out of office are explained with their times.
#[tokio::test]
async fn what_stands_beside() {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
    for command in beside() {
        let user = UserId::parse(ADELE).unwrap();
        for tenant in [TENANT, OTHER_TENANT] {
            let applied = store.apply(UserKey { tenant, user }, command.clone(), at(0));
            applied.await.unwrap();
        }
    }
    let app = TestApp::over(Arc::clone(&store), Settings::default());
    app.clock.advance(MINUTE);
    let json = explained(&app, "adele", ADELE).await;
    let beside = json!({
        "statusMessage": json["statusMessage"],
        "workLocations": json["workLocations"],
        "outOfOffice": json["outOfOffice"],
        "nextChange": json["nextChange"],
    });
    insta::assert_snapshot!(serde_json::to_string_pretty(&beside).unwrap(), @r#"
    {
      "nextChange": {
        "activity": "Offline",
        "availability": "Offline",
        "changes": [
          "statusMessage"
        ],
        "dateTime": "2026-09-01T00:30:00.0000000Z"
      },
      "outOfOffice": {
        "endDateTime": null,
        "isOutOfOffice": false,
        "message": "On leave.",
        "startDateTime": "2026-09-01T08:20:00.0000000Z"
      },
      "statusMessage": {
        "content": "Back at noon",
        "expiryDateTime": "2026-09-01T00:30:00.0000000Z",
        "publishedDateTime": "2026-09-01T00:00:00.0000000Z"
      },
      "workLocations": [
        {
          "expiryDateTime": "2026-09-01T01:00:00.0000000Z",
          "placeId": null,
          "shows": true,
          "source": "manual",
          "startDateTime": null,
          "workLocationType": "remote"
        },
        {
          "expiryDateTime": "2026-09-01T10:00:00.0000000Z",
          "placeId": "building 7",
          "shows": false,
          "source": "automatic",
          "startDateTime": null,
          "workLocationType": "office"
        },
        {
          "expiryDateTime": "2026-09-01T04:00:00.0000000Z",
          "placeId": "building 7",
          "shows": false,
          "source": "scheduled",
          "startDateTime": "2026-09-01T02:00:00.0000000Z",
          "workLocationType": "office"
        }
      ]
    }
    "#);
}

fn at(minutes: u64) -> Timestamp {
    Timestamp::from_millis(START + minutes * 60_000)
}

/// A note until minute 30, three layers of location, and a leave that is yet to come.
fn beside() -> [Command; 5] {
    let office = Location {
        kind: LocationKind::Office,
        place: PlaceId::new("building 7").ok(),
    };
    let remote = Location {
        kind: LocationKind::Remote,
        place: None,
    };
    let set = |layer, location: &Location, ends| Command::SetLocation {
        layer,
        location: location.clone(),
        expires_at: at(ends),
    };
    let planned = ScheduledLocation {
        location: office.clone(),
        starts_at: at(120),
        ends_at: at(240),
    };
    [
        Command::SetStatusMessage {
            text: StatusText::new("Back at noon").unwrap(),
            expires_at: Some(at(30)),
        },
        set(LocationLayer::Automatic, &office, 600),
        set(LocationLayer::Manual, &remote, 60),
        Command::SetSchedule(Schedule::new(vec![planned]).unwrap()),
        Command::SetOutOfOffice(Some(OutOfOffice {
            message: ReplyText::new("On leave.").ok(),
            starts_at: at(500),
            ends_at: None,
        })),
    ]
}

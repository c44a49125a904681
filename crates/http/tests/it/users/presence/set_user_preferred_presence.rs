//! `POST …/presence/setUserPreferredPresence`

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{ADELE, TestApp};

const PATH: &str =
    "/v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/setUserPreferredPresence";

/// It shows over any session, only while there is one, and the answer is empty; the header says
/// what it waits for.
#[tokio::test]
async fn it_shows_over_a_session() {
    let app = TestApp::new();
    let busy = json!({ "availability": "DoNotDisturb", "activity": "DoNotDisturb" });
    let answer = app.post("app", PATH, &busy).await;
    insta::assert_snapshot!(answer.text(), @r"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 0
    presenced-effect: shadowed; by=no-session
    request-id: [request-id]
    ");
    assert_eq!(app.pair(ADELE).await, "Offline/Offline");
    app.set(ADELE, "Available/Available").await;
    assert_eq!(app.pair(ADELE).await, "DoNotDisturb/DoNotDisturb");
}

/// The six pairs are accepted; those of sessions are not.
#[tokio::test]
async fn six_pairs_are_accepted() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let pairs = [
        "Available/Available",
        "Busy/Busy",
        "DoNotDisturb/DoNotDisturb",
        "BeRightBack/BeRightBack",
        "Away/Away",
        "Offline/OffWork",
    ];
    for pair in pairs {
        let (availability, activity) = pair.split_once('/').unwrap();
        let body = json!({ "availability": availability, "activity": activity });
        assert_eq!(
            app.post("app", PATH, &body).await.status,
            StatusCode::OK,
            "{pair}"
        );
        assert_eq!(app.pair(ADELE).await, pair);
    }
    let call = json!({ "availability": "Busy", "activity": "InACall" });
    insta::assert_snapshot!(app.post("app", PATH, &call).await.error(), @"400 InvalidArgument: [Activity]: The Activity 'InACall' is not allowed with the Availability 'Busy'. Allowed pairs: Available/Available, Busy/Busy, DoNotDisturb/DoNotDisturb, BeRightBack/BeRightBack, Away/Away, Offline/OffWork.");
}

/// It lasts as long as is said, otherwise one day or seven by its kind.
#[tokio::test]
async fn it_lasts_as_long_as_is_said() {
    let lasts = async |pair: &str, duration: Value, minutes: u64| {
        let app = TestApp::new();
        let (availability, activity) = pair.split_once('/').unwrap();
        let body = json!({
            "availability": availability, "activity": activity, "expirationDuration": duration,
        });
        assert_eq!(app.post("app", PATH, &body).await.status, StatusCode::OK);
        let at = async |minutes: u64| {
            app.clock.advance(Duration::from_secs(minutes * 60 - 1));
            app.set(ADELE, "Busy/InACall").await;
            let before = app.pair(ADELE).await;
            app.clock.advance(Duration::from_secs(1));
            (before, app.pair(ADELE).await)
        };
        assert_eq!(
            at(minutes).await,
            (pair.to_owned(), "Busy/InACall".to_owned())
        );
    };
    lasts("Busy/Busy", Value::Null, 24 * 60).await;
    lasts("DoNotDisturb/DoNotDisturb", Value::Null, 24 * 60).await;
    lasts("Offline/OffWork", Value::Null, 7 * 24 * 60).await;
    lasts("Away/Away", json!("PT1M"), 1).await;
    lasts("Available/Available", json!("P30D"), 30 * 24 * 60).await;
}

/// No range is documented; nothing and more than a year are out of it here.
#[tokio::test]
async fn durations_are_checked() {
    let app = TestApp::new();
    let error = async |duration: &str| {
        let body = json!({
            "availability": "Busy", "activity": "Busy", "expirationDuration": duration,
        });
        app.post("app", PATH, &body).await.error()
    };
    let out_of_range = "400 InvalidArgument: The provided [ExpirationDuration] is out of range.";
    assert_eq!(error("PT0S").await, out_of_range);
    assert_eq!(error("P367D").await, out_of_range);
    assert!(
        error("8h")
            .await
            .starts_with("400 InvalidArgument: [ExpirationDuration]: '8h'")
    );
}

/// Both members are required.
#[tokio::test]
async fn missing_members_are_named() {
    let app = TestApp::new();
    insta::assert_snapshot!(app.post("app", PATH, &json!({})).await.error(), @"400 InvalidArgument: [Availability]: The Availability field is required. [Activity]: The Activity field is required.");
}

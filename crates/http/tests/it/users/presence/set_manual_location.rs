//! `POST …/presence/setManualLocation`

use std::time::Duration;

use axum::http::StatusCode;
use presenced_http::{Settings, TenantSettings, Zone};
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, TENANT, TestApp};

impl TestApp {
    /// Posts an action on Adele's presence as Adele, which must succeed.
    pub(crate) async fn adele_does(&self, action: &str, body: &Value) {
        let path = format!("/v1.0/me/presence/{action}");
        let answer = self.post("adele", &path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{action} {body}: {}",
            answer.text()
        );
    }

    /// Adele's location: `manual office building 7`.
    pub(crate) async fn location(&self) -> String {
        let path = format!("/v1.0/users/{ADELE}/presence?$select=workLocation");
        let json = self.get("app", &path).await.json();
        let location = &json["workLocation"];
        let text = |name: &str| location[name].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {}",
            text("source"),
            text("workLocationType"),
            text("placeId")
        )
    }

    async fn refused_location(&self, body: &Value) -> String {
        let path = "/v1.0/me/presence/setManualLocation";
        let answer = self.post("adele", path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        answer.error()
    }
}

/// The answer is empty, and the location is read back by whoever may read the presence.
#[tokio::test]
async fn it_reads_back() {
    let app = TestApp::new();
    let body =
        json!({ "workLocationType": "office", "placeId": "eb706f15-137e-4722-b4d1-b601481d9251" });
    let answer = app
        .post("adele", "/v1.0/me/presence/setManualLocation", &body)
        .await;
    insta::assert_snapshot!(answer.text(), @r"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 0
    request-id: [request-id]
    ");
    let path = format!("/v1.0/communications/presences/{ADELE}");
    let expect = json!({
        "placeId": "eb706f15-137e-4722-b4d1-b601481d9251",
        "source": "manual",
        "workLocationType": "office",
    });
    assert_eq!(app.get("app", &path).await.json()["workLocation"], expect);
    assert_eq!(app.get("adele", &path).await.json()["workLocation"], expect);
}

/// The four types are taken in any case, with a place or without; the newest replaces all of the
/// one before.
#[tokio::test]
async fn types_and_places() {
    let app = TestApp::new();
    let check = async |body: Value, expect: &str| {
        app.adele_does("setManualLocation", &body).await;
        assert_eq!(app.location().await, expect, "{body}");
    };
    check(
        json!({ "workLocationType": "office", "placeId": "building 7" }),
        "manual office building 7",
    )
    .await;
    check(json!({ "workLocationType": "office" }), "manual office -").await;
    check(
        json!({ "workLocationType": "Remote", "placeId": null }),
        "manual remote -",
    )
    .await;
    check(
        json!({ "workLocationType": "TIMEOFF", "placeId": "" }),
        "manual timeOff -",
    )
    .await;
    check(
        json!({ "workLocationType": "unspecified" }),
        "manual unspecified -",
    )
    .await;
    let typed = json!({ "@odata.type": "#x", "workLocationType": "remote" });
    check(typed, "manual remote -").await;
    let longest = "x".repeat(128);
    let body = json!({ "workLocationType": "office", "placeId": longest });
    check(body, &format!("manual office {longest}")).await;
}

/// What is refused, each in its own words; what was set stays.
#[tokio::test]
async fn what_is_refused() {
    let app = TestApp::new();
    app.adele_does(
        "setManualLocation",
        &json!({ "workLocationType": "office" }),
    )
    .await;
    let refused = async |body: Value| app.refused_location(&body).await;
    insta::assert_snapshot!(refused(json!({})).await, @"400 InvalidArgument: [WorkLocationType]: The WorkLocationType field is required.");
    insta::assert_snapshot!(refused(json!({ "workLocationType": "unknownFutureValue" })).await, @"400 InvalidArgument: [WorkLocationType]: The WorkLocationType 'unknownFutureValue' is not allowed. Allowed are: unspecified, office, remote, timeOff.");
    insta::assert_snapshot!(refused(json!({ "workLocationType": 1 })).await, @"400 InvalidArgument: [WorkLocationType]: The WorkLocationType must be a string.");
    let place = |place: Value| json!({ "workLocationType": "office", "placeId": place });
    insta::assert_snapshot!(refused(place("x".repeat(129).into())).await, @"400 InvalidArgument: [PlaceId]: The PlaceId must be 1 to 128 printable ASCII characters.");
    insta::assert_snapshot!(refused(place("é".into())).await, @"400 InvalidArgument: [PlaceId]: The PlaceId must be 1 to 128 printable ASCII characters.");
    insta::assert_snapshot!(refused(place(7.into())).await, @"400 InvalidArgument: [PlaceId]: The PlaceId must be a string.");
    let error = app
        .post_text("adele", "/v1.0/me/presence/setManualLocation", "")
        .await
        .error();
    assert!(
        error.starts_with("400 BadRequest: Unable to read"),
        "{error}"
    );
    assert_eq!(app.location().await, "manual office -");
}

/// It holds until midnight in the time zone of the tenant: UTC, unless that or all tenants' is set.
#[tokio::test]
async fn it_holds_until_the_end_of_the_day() {
    let zone = |name: &str| Zone::iana(name).unwrap();
    let tenant = TenantSettings {
        time_zone: Some(zone("Asia/Kolkata")),
        ..TenantSettings::default()
    };
    let of_all = Settings {
        time_zone: zone("America/New_York"),
        ..Settings::default()
    };
    let of_tenant = Settings {
        tenants: [(TENANT, tenant)].into(),
        ..of_all.clone()
    };
    // The clock stands at midnight UTC: 20:00 of the day before in New York, 05:30 in Kolkata.
    for (settings, minutes) in [
        (Settings::default(), 24 * 60),
        (of_all, 4 * 60),
        (of_tenant, 18 * 60 + 30),
    ] {
        let app = TestApp::with(settings);
        app.adele_does(
            "setManualLocation",
            &json!({ "workLocationType": "office" }),
        )
        .await;
        app.clock
            .advance(Duration::from_millis(minutes * 60_000 - 1));
        assert_eq!(app.location().await, "manual office -", "{minutes}");
        app.clock.advance(Duration::from_millis(1));
        assert_eq!(app.location().await, "none unspecified -", "{minutes}");
    }
}

/// Only a user can set it, and only their own: an application's token has no permission for it.
#[tokio::test]
async fn permissions() {
    let app = TestApp::new();
    let refused = async |token: &str, user: &str, action: &str| {
        let path = format!("/v1.0/users/{user}/presence/{action}");
        let body = json!({ "workLocationType": "office" });
        app.post(token, &path, &body).await.error()
    };
    for action in [
        "setManualLocation",
        "setAutomaticLocation",
        "clearLocation",
        "clearAutomaticLocation",
    ] {
        for token in ["app", "app-reads", "app-without-roles", "adele-reads-own"] {
            assert_eq!(
                refused(token, ADELE, action).await,
                "403 Forbidden: ",
                "{token}"
            );
        }
        let error = refused("adele", ALEX, action).await;
        assert!(error.starts_with("401 Unauthorized: Cannot set"), "{error}");
        for path in [
            format!("/beta/users/{ADELE}/presence/{action}"),
            format!("/v1.0/communications/presences('{ADELE}')/microsoft.graph.{action}"),
        ] {
            let body = json!({ "workLocationType": "office" });
            let answer = app.post("adele-writes-own", &path, &body).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
    }
}

//! `/admin/v1/users/{id}/schedule`

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADELE, TestApp};

fn path() -> String {
    format!("/admin/v1/users/{ADELE}/schedule")
}

fn entry(kind: &str, from: &str, to: &str) -> Value {
    json!({
        "workLocationType": kind, "placeId": null,
        "startDateTime": format!("2026-09-01T{from}:00.0000000Z"),
        "endDateTime": format!("2026-09-01T{to}:00.0000000Z"),
    })
}

/// What is planned shows in its time, with the source `scheduled`, below what the user says.
#[tokio::test]
async fn plans_show_in_their_time() {
    let app = TestApp::new();
    let mut office = entry("office", "01:00", "03:00");
    office["placeId"] = "building-7".into();
    let plan = json!({ "value": [office, entry("remote", "02:00", "04:00")] });
    let put = app.put("admin", &path(), &plan).await;
    assert_eq!((put.status.as_u16(), put.json()), (200, plan.clone()));
    assert_eq!(app.get("admin", &path()).await.json(), plan);
    let shown = async || {
        let path = format!("/v1.0/users/{ADELE}/presence");
        let place = app.get("app", &path).await.json()["workLocation"].clone();
        let text = |name: &str| place[name].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {}",
            text("source"),
            text("workLocationType"),
            text("placeId")
        )
    };
    assert_eq!(shown().await, "none unspecified -");
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(shown().await, "scheduled office building-7");
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(shown().await, "scheduled office building-7");
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(shown().await, "scheduled remote -");
    let left = app.get("admin", &path()).await.json();
    assert_eq!(left, json!({ "value": [plan["value"][1]] }));
    for _ in 0..2 {
        assert_eq!(app.delete("admin", &path()).await.status, 204);
        assert_eq!(shown().await, "none unspecified -");
    }
    assert_eq!(
        app.get("admin", &path()).await.json(),
        json!({ "value": [] })
    );
}

/// What is refused, and in which words.
#[tokio::test]
async fn refusals() {
    let app = TestApp::new();
    let check = async |body: Value, expect: &str| {
        assert_eq!(
            app.put("admin", &path(), &body).await.error(),
            expect,
            "{body}"
        );
    };
    let one = |entry: Value| json!({ "value": [entry] });
    check(one(entry("home", "01:00", "02:00")), "400 InvalidArgument: [WorkLocationType]: The WorkLocationType 'home' is not allowed. Allowed are: unspecified, office, remote, timeOff.").await;
    check(one(entry("office", "02:00", "02:00")), "400 InvalidArgument: [Value]: Each planned location must have its EndDateTime after its StartDateTime.").await;
    let many = vec![entry("office", "01:00", "02:00"); 29];
    check(
        json!({ "value": many }),
        "400 InvalidArgument: [Value]: At most 28 locations can be planned; these are 29.",
    )
    .await;
    check(json!({}), "400 BadRequest: The JSON request payload cannot be used: missing field `value` at line 1 column 2").await;
    let mut bad = entry("office", "01:00", "02:00");
    bad["placeId"] = "é".into();
    check(
        one(bad),
        "400 InvalidArgument: [PlaceId]: The PlaceId must be 1 to 128 printable ASCII characters.",
    )
    .await;
    assert_eq!(
        app.get("admin", &path()).await.json(),
        json!({ "value": [] })
    );
}

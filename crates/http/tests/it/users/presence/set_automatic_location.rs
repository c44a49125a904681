//! `POST …/presence/setAutomaticLocation`

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

/// It shows where the user said nothing, under the manual location otherwise, and for the rest of
/// the day.
#[tokio::test]
async fn it_shows_below_the_manual_one() {
    let app = TestApp::new();
    let office = json!({ "workLocationType": "office", "placeId": "building 7" });
    app.adele_does("setAutomaticLocation", &office).await;
    assert_eq!(app.location().await, "automatic office building 7");
    app.adele_does(
        "setManualLocation",
        &json!({ "workLocationType": "remote" }),
    )
    .await;
    assert_eq!(app.location().await, "manual remote -");
    app.adele_does(
        "setAutomaticLocation",
        &json!({ "workLocationType": "timeOff" }),
    )
    .await;
    assert_eq!(app.location().await, "manual remote -");
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(app.location().await, "none unspecified -");
}

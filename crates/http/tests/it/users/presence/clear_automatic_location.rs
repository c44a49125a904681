//! `POST …/presence/clearAutomaticLocation`

use serde_json::json;

use crate::support::TestApp;

/// It forgets the automatic location and leaves the manual one; nothing to forget is no error.
#[tokio::test]
async fn it_leaves_the_manual_one() {
    let app = TestApp::new();
    let office = json!({ "workLocationType": "office" });
    app.adele_does("setAutomaticLocation", &office).await;
    for _ in 0..2 {
        app.adele_does("clearAutomaticLocation", &json!({})).await;
        assert_eq!(app.location().await, "none unspecified -");
    }
    app.adele_does("setAutomaticLocation", &office).await;
    app.adele_does(
        "setManualLocation",
        &json!({ "workLocationType": "remote" }),
    )
    .await;
    app.adele_does("clearAutomaticLocation", &json!(null)).await;
    assert_eq!(app.location().await, "manual remote -");
    app.adele_does("clearLocation", &json!({})).await;
    assert_eq!(app.location().await, "none unspecified -");
}

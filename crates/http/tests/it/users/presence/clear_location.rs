//! `POST …/presence/clearLocation`

use serde_json::json;

use crate::support::TestApp;

/// It forgets the manual and the automatic location together; nothing to forget is no error.
#[tokio::test]
async fn it_forgets_both() {
    let app = TestApp::new();
    let office = json!({ "workLocationType": "office" });
    app.adele_does("setAutomaticLocation", &office).await;
    app.adele_does(
        "setManualLocation",
        &json!({ "workLocationType": "remote" }),
    )
    .await;
    for _ in 0..2 {
        app.adele_does("clearLocation", &json!({})).await;
        assert_eq!(app.location().await, "none unspecified -");
    }
    app.adele_does("setAutomaticLocation", &office).await;
    assert_eq!(app.location().await, "automatic office -");
}

//! Tenants never see each other.

use serde_json::json;

use crate::support::{ADELE, APPLICATION, TestApp};

/// The same user id in another tenant is another user, to read and to write.
#[tokio::test]
async fn the_same_id_is_another_user() {
    let app = TestApp::new();
    app.set(ADELE, "Busy/InACall").await;
    let path = format!("/v1.0/users/{ADELE}/presence");
    assert_eq!(
        app.get("app-elsewhere", &path).await.pair(),
        "Offline/Offline"
    );
    let ids = json!({ "ids": [ADELE] });
    let several = "/v1.0/communications/getPresencesByUserId";
    let answer = app.post("app-elsewhere", several, &ids).await.json();
    assert_eq!(answer["value"][0]["availability"], "Offline");
    let body = json!({ "sessionId": APPLICATION });
    let clear = app
        .post("app-elsewhere", &format!("{path}/clearPresence"), &body)
        .await;
    assert_eq!(clear.status, 404);
    assert_eq!(app.pair(ADELE).await, "Busy/InACall");
}

//! Which fault is told first where a request has several.

use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, APPLICATION, TestApp};

/// For every write: token, then `/me` and id, then body and values, then permission. Each row has
/// one fault less than the row before.
#[tokio::test]
async fn writes() {
    let app = TestApp::new();
    let (own, other) = (format!("users/{ADELE}"), format!("users/{ALEX}"));
    for (action, body, fault) in faulty_bodies() {
        for (token, whose, expect) in [
            ("expired", "me", "401 InvalidAuthenticationToken"),
            ("app-without-roles", "me", "400 BadRequest: /me request is"),
            (
                "app-without-roles",
                "users/x",
                "400 InvalidArgument: [UserId]",
            ),
            ("app-without-roles", &own, fault),
            ("adele-without-scopes", &other, fault),
        ] {
            let path = format!("/v1.0/{whose}/presence/{action}");
            let error = app.post(token, &path, &body).await.error();
            assert!(error.starts_with(expect), "{token} {path} {body}: {error}");
        }
    }
}

/// Each action with a body that is refused, and how.
fn faulty_bodies() -> [(&'static str, Value, &'static str); 9] {
    let set = json!({
        "sessionId": APPLICATION, "availability": "Away", "activity": "Away",
        "expirationDuration": "PT1S",
    });
    let prefer = json!({ "availability": "Busy", "activity": "InACall" });
    [
        (
            "clearPresence",
            json!({}),
            "400 InvalidArgument: [SessionId]: The SessionId field is",
        ),
        (
            "setPresence",
            set,
            "400 InvalidArgument: The provided [ExpirationDuration]",
        ),
        (
            "setUserPreferredPresence",
            prefer,
            "400 InvalidArgument: [Activity]",
        ),
        (
            "clearUserPreferredPresence",
            json!([]),
            "400 BadRequest: Unable to read",
        ),
        (
            "setStatusMessage",
            json!({ "statusMessage": { "content": "x" } }),
            "400 InvalidArgument: [Message]",
        ),
        (
            "setManualLocation",
            json!({ "workLocationType": "office", "placeId": 1 }),
            "400 InvalidArgument: [PlaceId]",
        ),
        (
            "setAutomaticLocation",
            json!({ "placeId": "x" }),
            "400 InvalidArgument: [WorkLocationType]",
        ),
        ("clearLocation", json!([]), "400 BadRequest: Unable to read"),
        (
            "clearAutomaticLocation",
            json!("x"),
            "400 BadRequest: Unable to read",
        ),
    ]
}

/// Where the body is right: permission, then state.
#[tokio::test]
async fn permission_comes_before_state() {
    let app = TestApp::new();
    let body = json!({ "sessionId": APPLICATION });
    let clear = async |token: &str, user: &str| {
        let path = format!("/v1.0/users/{user}/presence/clearPresence");
        app.post(token, &path, &body).await.error()
    };
    assert_eq!(clear("adele-without-scopes", ALEX).await, "403 Forbidden: ");
    assert_eq!(clear("app-reads", ALEX).await, "403 Forbidden: ");
    assert!(
        clear("adele", ALEX)
            .await
            .starts_with("401 Unauthorized: Cannot set")
    );
    assert!(clear("adele", ADELE).await.starts_with("404 NotFound"));
}

/// For reads: token, then `/me`, then query and body, then permission.
#[tokio::test]
async fn reads() {
    let app = TestApp::new();
    let error = async |token: &str, path: &str| app.get(token, path).await.error();
    let bad = format!("/v1.0/users/{ALEX}/presence?$select=mood");
    let good = format!("/v1.0/users/{ALEX}/presence");
    assert!(error("", &bad).await.starts_with("401"));
    assert!(
        error("app-without-roles", "/v1.0/me/presence?$top=1")
            .await
            .contains("/me request")
    );
    assert!(error("app-without-roles", &bad).await.starts_with("400"));
    assert!(error("app-without-roles", &good).await.starts_with("403"));
    let several = "/v1.0/communications/getPresencesByUserId";
    let post = async |token: &str, body: Value| app.post(token, several, &body).await.error();
    assert!(post("", json!({})).await.starts_with("401"));
    assert!(
        post("app-without-roles", json!({}))
            .await
            .starts_with("400")
    );
    assert!(
        post("app-without-roles", json!({ "ids": [] }))
            .await
            .starts_with("403")
    );
}

/// Somebody else's presence with a delegated token: 401 that names both users.
#[tokio::test]
async fn another_user() {
    let app = TestApp::new();
    let body = json!({ "sessionId": APPLICATION });
    let path = format!("/v1.0/users/{ALEX}/presence/clearPresence");
    insta::assert_snapshot!(app.post("adele", &path, &body).await.text(), @r#"
    401 Unauthorized
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 352
    content-type: application/json
    request-id: [request-id]
    www-authenticate: Bearer

    {"error":{"code":"Unauthorized","message":"Cannot set the presence of another user. Authenticated user: fa8bf3dc-eca7-46b7-bad1-db199b62afc3. Requested user: 66825e03-7ef5-42da-9069-724602c31f6b","innerError":{"date":"2026-09-01T00:00:00","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
}

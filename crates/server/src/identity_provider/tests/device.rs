//! Signing in on another device.

use axum::http::StatusCode;

use super::support::{ADELE, APP_1, APP_2, Answer, Provider};

/// The registered name, and the one that MSAL for JavaScript sends.
const GRANTS: [&str; 2] = [
    "urn:ietf:params:oauth:grant-type:device_code",
    "device_code",
];

async fn begin(provider: &Provider) -> Answer {
    let fields = [
        ("client_id", APP_1),
        ("scope", "Presence.Read openid offline_access"),
    ];
    let answer = provider
        .post("/organizations/oauth2/v2.0/devicecode", &fields)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer
}

async fn poll(provider: &Provider, client: &str, device_code: &str) -> Answer {
    poll_as(provider, GRANTS[0], client, device_code).await
}

async fn poll_as(provider: &Provider, grant: &str, client: &str, device_code: &str) -> Answer {
    // MSAL for Python repeats the device code as `code` (contract section 7.4).
    let fields = [
        ("grant_type", grant),
        ("client_id", client),
        ("device_code", device_code),
        ("code", device_code),
    ];
    provider.token(&fields).await
}

async fn decide(provider: &Provider, user_code: &str, password: &str, decision: &str) -> Answer {
    let fields = [
        ("user_code", user_code),
        ("username", "adele@presenced.dev"),
        ("password", password),
        ("decision", decision),
    ];
    provider.post("/device", &fields).await
}

/// The client waits, the user signs in with the code in whatever form, the client gets its tokens,
/// once.
#[tokio::test]
async fn a_user_signs_in_elsewhere() {
    let provider = Provider::new();
    let begun = begin(&provider).await;
    let json = begun.json();
    assert_eq!(json["expires_in"], 900);
    assert_eq!(json["interval"], 5);
    assert_eq!(json["verification_uri"], "http://localhost:8080/device");
    let (device_code, user_code) = (begun.member("device_code"), begun.member("user_code"));
    assert!(begun.member("message").contains(&user_code));
    assert_eq!(json.get("verification_uri_complete"), None);
    let pending = (400, "authorization_pending".to_owned(), 70016);
    assert_eq!(poll(&provider, APP_1, &device_code).await.error(), pending);

    let page = provider.get("/device").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("name=\"user_code\""));
    let wrong = decide(&provider, &user_code, "wrong", "allow").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("password is wrong"));
    let unknown = decide(&provider, "BBBB-BBBB", "dev", "allow").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let typed = user_code.to_lowercase().replace('-', "");
    let done = decide(&provider, &typed, "dev", "allow").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(done.text.contains("Application 1"));
    // Decided once and for all.
    let again = decide(&provider, &user_code, "dev", "decline").await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);

    let answer = poll_as(&provider, GRANTS[1], APP_1, &device_code).await;
    assert_eq!(
        provider.caller(&answer).await.user().unwrap().to_string(),
        ADELE
    );
    assert!(answer.json()["id_token"].is_string() && answer.json()["refresh_token"].is_string());
    let unknown = (400, "bad_verification_code".to_owned(), 70018);
    assert_eq!(poll(&provider, APP_1, &device_code).await.error(), unknown);
}

/// Too early a question costs five seconds more, declining and running out are told apart, and
/// another application gets nothing.
#[tokio::test]
async fn what_a_waiting_client_is_told() {
    let provider = Provider::new();
    let begun = begin(&provider).await;
    let (device_code, user_code) = (begun.member("device_code"), begun.member("user_code"));
    let error = async |client: &str, device_code: &str| {
        poll(&provider, client, device_code).await.json()["error"].clone()
    };
    for (seconds, expected) in [
        (0, "authorization_pending"),
        (3, "slow_down"),
        (5, "slow_down"),
        (15, "authorization_pending"),
        (14, "authorization_pending"),
    ] {
        provider.advance(seconds);
        assert_eq!(
            error(APP_1, &device_code).await,
            expected,
            "after {seconds}"
        );
    }
    assert_eq!(error(APP_2, &device_code).await, "bad_verification_code");
    assert_eq!(error(APP_1, "invented").await, "bad_verification_code");
    // Whoever has the code may refuse it; that needs no password.
    let decline = [("user_code", user_code.as_str()), ("decision", "decline")];
    let declined = provider.post("/device", &decline).await;
    assert_eq!(declined.status, StatusCode::OK);
    assert_eq!(error(APP_1, &device_code).await, "authorization_declined");

    let begun = begin(&provider).await;
    provider.advance(900);
    assert_eq!(
        error(APP_1, &begun.member("device_code")).await,
        "expired_token"
    );
    let late = decide(&provider, &begun.member("user_code"), "dev", "allow").await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
}

/// A request for a code is checked as a token request is, and what a page repeats is escaped.
#[tokio::test]
async fn refusals() {
    let provider = Provider::new();
    for (tenant, fields, error) in [
        (
            "nowhere",
            [("client_id", APP_1), ("scope", "openid")],
            "invalid_request",
        ),
        (
            "common",
            [("client_id", "x"), ("scope", "openid")],
            "unauthorized_client",
        ),
        (
            "common",
            [("client_id", APP_1), ("scope", "")],
            "invalid_request",
        ),
        (
            "common",
            [("client_id", APP_1), ("scope", "x/y")],
            "invalid_resource",
        ),
    ] {
        let path = format!("/{tenant}/oauth2/v2.0/devicecode");
        assert_eq!(provider.post(&path, &fields).await.error().1, error);
    }
    let page = provider.get("/device?user_code=%22%3E%3Cscript%3E").await;
    assert!(
        page.text.contains("value=\"&quot;&gt;&lt;script&gt;\""),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script"));
}

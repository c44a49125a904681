//! The flow through a browser: the sign-in form, the code, and its exchange.

use axum::http::StatusCode;

use super::support::{ADELE, APP_1, APP_2, Answer, Provider, TENANT, encoded, parameters, payload};

const REDIRECT: &str = "http://localhost:3000/back?from=presenced";

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The request of a program in a browser, changed by `changes`: empty removes.
fn request<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("client_id", APP_1),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "Presence.Read openid"),
        ("state", "st&te \"1\""),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    fields
}

async fn show(provider: &Provider, changes: &[(&str, &str)]) -> Answer {
    let query = encoded(&request(changes));
    provider
        .get(&format!("/{TENANT}/oauth2/v2.0/authorize?{query}"))
        .await
}

async fn sign_in(provider: &Provider, changes: &[(&str, &str)]) -> Answer {
    let mut fields = request(changes);
    fields.push(("username", "adele@presenced.dev"));
    if !changes.iter().any(|(name, _)| *name == "password") {
        fields.push(("password", "dev"));
    }
    if !changes.iter().any(|(name, _)| *name == "decision") {
        fields.push(("decision", "allow"));
    }
    provider
        .post("/common/oauth2/v2.0/authorize", &fields)
        .await
}

async fn code(provider: &Provider, changes: &[(&str, &str)]) -> String {
    let location = sign_in(provider, changes).await.location();
    parameters(location.query())["code"].clone()
}

async fn redeem(provider: &Provider, code: &str, changes: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", APP_1),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        fields.push((name, value));
    }
    provider.token(&fields).await
}

/// The form carries the request, the redirect brings code and state, the code gives tokens once.
#[tokio::test]
async fn a_code_and_its_exchange() {
    let provider = Provider::new();
    let form = show(&provider, &[("login_hint", "adele@presenced.dev")]).await;
    assert_eq!(form.status, StatusCode::OK, "{}", form.text);
    assert!(
        form.text
            .contains("name=\"state\" value=\"st&amp;te &quot;1&quot;\"")
    );
    assert!(form.text.contains("value=\"adele@presenced.dev\""));
    assert!(
        form.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("'none'")
    );
    assert!(!form.text.contains("<script"));

    let location = sign_in(&provider, &[("client_info", "1")]).await.location();
    assert!(
        location
            .as_str()
            .starts_with("http://localhost:3000/back?from=presenced&code=")
    );
    let outcome = parameters(location.query());
    assert_eq!(outcome["state"], "st&te \"1\"");
    assert!(outcome.contains_key("client_info") && outcome.contains_key("session_state"));

    let answer = redeem(&provider, &outcome["code"], &[]).await;
    assert_eq!(
        provider.caller(&answer).await.user().unwrap().to_string(),
        ADELE
    );
    assert_eq!(answer.member("scope"), "openid Presence.Read");
    let id = payload(&answer.member("id_token"));
    assert_eq!(
        (id["nonce"].as_str(), id["oid"].as_str()),
        (Some("n-1"), Some(ADELE))
    );
    let again = redeem(&provider, &outcome["code"], &[]).await;
    assert_eq!(again.error(), (400, "invalid_grant".into(), 54005));
}

/// A code is worth nothing with another verifier, application or address, or ten minutes later; and
/// whoever shows it wrongly has used it up.
#[tokio::test]
async fn a_code_in_wrong_hands() {
    let provider = Provider::new();
    for (change, number) in [
        (("code_verifier", "x".repeat(43)), 50148),
        (("code_verifier", String::new()), 50148),
        (("code_verifier", CHALLENGE.to_owned()), 50148),
        (("client_id", APP_2.to_owned()), 70000),
        (
            ("redirect_uri", "http://localhost:3000/back".to_owned()),
            500_112,
        ),
    ] {
        let code = code(&provider, &[]).await;
        let wrong = redeem(&provider, &code, &[(change.0, &change.1)]).await;
        assert_eq!(
            wrong.error(),
            (400, "invalid_grant".into(), number),
            "{change:?}"
        );
        assert_eq!(redeem(&provider, &code, &[]).await.error().2, 54005);
    }
    // Without PKCE the secret has to speak for the client.
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let public = code(&provider, &without).await;
    assert_eq!(redeem(&provider, &public, &[]).await.error().2, 7_000_218);
    let confidential = code(&provider, &without).await;
    let secret = [("client_secret", "dev-secret"), ("code_verifier", "")];
    assert_eq!(
        redeem(&provider, &confidential, &secret).await.status,
        StatusCode::OK
    );
    // Plain is what a missing method means.
    let plain = code(&provider, &[("code_challenge_method", "")]).await;
    let verifier = [("code_verifier", CHALLENGE)];
    assert_eq!(
        redeem(&provider, &plain, &verifier).await.status,
        StatusCode::OK
    );
    let late = code(&provider, &[]).await;
    provider.advance(600);
    assert_eq!(
        redeem(&provider, &late, &[]).await.json()["error_codes"][0],
        70008
    );
}

/// Errors go back to an address that is known to be good, with the state.
#[tokio::test]
async fn errors_for_the_application() {
    let provider = Provider::new();
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("scope", ""), "invalid_request"),
        (("scope", "https://elsewhere.example/x"), "invalid_resource"),
        (("scope", "Mail"), "invalid_scope"),
        (("prompt", "none"), "interaction_required"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "S512"), "invalid_request"),
    ] {
        let location = show(&provider, &[change]).await.location();
        assert_eq!(location.host_str(), Some("localhost"));
        let outcome = parameters(location.query());
        assert_eq!(outcome["error"], error, "{change:?}");
        assert_eq!(outcome["state"], "st&te \"1\"");
        assert!(outcome["error_description"].starts_with("AADSTS"));
    }
    let declined = sign_in(&provider, &[("decision", "decline")])
        .await
        .location();
    assert_eq!(parameters(declined.query())["error"], "access_denied");
    let wrong = sign_in(&provider, &[("password", "wrong")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("code_challenge"));
}

/// Where the address or the client is not known to be good, the browser stays on a page of ours.
#[tokio::test]
async fn no_redirect_to_strangers() {
    let provider = Provider::new();
    for change in [
        ("client_id", "x"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "http://localhost.evil.example/"),
        ("redirect_uri", "http://localhost@evil.example/"),
        ("redirect_uri", "http://evil@localhost/"),
        ("redirect_uri", "http://localhost/#fragment"),
        ("redirect_uri", "javascript:alert(1)//localhost"),
        ("redirect_uri", "/relative"),
        ("response_mode", "web_message"),
    ] {
        let page = show(&provider, &[change]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{change:?}");
        assert_eq!(page.headers.get("location"), None);
        assert!(page.text.contains("AADSTS"), "{}", page.text);
    }
    for good in [
        "https://127.0.0.1:9/x",
        "http://[::1]:1/",
        "HTTP://LOCALHOST/",
    ] {
        let page = show(&provider, &[("redirect_uri", good)]).await;
        assert_eq!(page.status, StatusCode::OK, "{good}");
    }
    let long = format!("http://localhost/{}", "x".repeat(2048));
    let page = show(&provider, &[("redirect_uri", &long)]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

/// The outcome also travels in a fragment, or in a form that is posted without any script.
#[tokio::test]
async fn response_modes() {
    let provider = Provider::new();
    let location = sign_in(&provider, &[("response_mode", "fragment")])
        .await
        .location();
    assert_eq!(location.query(), Some("from=presenced"));
    let outcome = parameters(location.fragment());
    assert_eq!(
        redeem(&provider, &outcome["code"], &[]).await.status,
        StatusCode::OK
    );
    let form = sign_in(&provider, &[("response_mode", "form_post")]).await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(
        form.text.contains(&format!("action=\"{REDIRECT}\"")),
        "{}",
        form.text
    );
    assert!(form.text.contains("name=\"code\""));
}

/// Signing out sends the browser back, but to no stranger.
#[tokio::test]
async fn logout() {
    let provider = Provider::new();
    let path = format!("/{TENANT}/oauth2/v2.0/logout");
    assert_eq!(provider.get(&path).await.status, StatusCode::OK);
    let back = format!("{path}?post_logout_redirect_uri=http://localhost:3000/");
    let back = provider.get(&back).await.location();
    assert_eq!(back.as_str(), "http://localhost:3000/");
    let stranger = format!("{path}?post_logout_redirect_uri=https://evil.example/");
    assert_eq!(
        provider.get(&stranger).await.status,
        StatusCode::BAD_REQUEST
    );
}

//! The grants that need no browser.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use presenced_core::auth::{Grant, Permissions};
use serde_json::json;

use super::support::{
    ADELE, APP_1, APP_2, APP_3, GRAPH_DEFAULT, Provider, START, TENANT, encoded, payload,
};

/// An application's own token carries what Graph's carry, and the token check takes it for the
/// application with all its roles.
#[tokio::test]
async fn client_credentials() {
    let provider = Provider::new();
    let answer = provider
        .token(&[
            ("client_id", APP_1),
            ("grant_type", "client_credentials"),
            ("client_info", "1"),
            ("client_secret", "dev-secret"),
            ("scope", GRAPH_DEFAULT),
        ])
        .await;
    let json = answer.json();
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 4499);
    assert_eq!(json["ext_expires_in"], 4499);
    assert_eq!(json.as_object().unwrap().len(), 4, "{json}");
    let mut claims = payload(&answer.member("access_token"));
    assert!(!claims["uti"].take().as_str().unwrap().is_empty());
    let service_principal = "e0dfd3d8-b4c4-4b0c-98e3-9f5a1dc27a51";
    let expected = json!({
        "aud": "https://graph.microsoft.com",
        "iss": format!("https://sts.presenced.dev/{TENANT}/"),
        "iat": START, "nbf": START, "exp": START + 4500,
        "app_displayname": "Application 1", "appid": APP_1, "appidacr": "1", "idtyp": "app",
        "oid": service_principal, "sub": service_principal,
        "roles": ["Presence.ReadWrite.All", "Presence.Read.All", "Subscription.Read.All"],
        "tid": TENANT, "uti": null, "ver": "1.0",
    });
    assert_eq!(claims, expected);
    let caller = provider.caller(&answer).await;
    assert_eq!(caller.tenant.to_string(), TENANT);
    assert_eq!(caller.application.to_string(), APP_1);
    let roles = Permissions::PRESENCE_READ_WRITE_ALL
        .and(Permissions::PRESENCE_READ_ALL)
        .and(Permissions::SUBSCRIPTION_READ_ALL);
    assert_eq!(caller.grant, Grant::Application { roles });
}

/// The application without roles has no `roles` claim, and its token is good for nothing more.
#[tokio::test]
async fn an_application_without_roles() {
    let provider = Provider::new();
    // With the secret in the header, where it is form-encoded, and under the tenant's other names.
    let credentials = STANDARD.encode(format!("{APP_3}:dev%2Dsecret-3"));
    for tenant in [
        "common",
        "organizations",
        "presenced.dev",
        &TENANT.to_uppercase(),
    ] {
        let request = Request::post(format!("/{tenant}/oauth2/v2.0/token"))
            .header("host", "[::1]:8080")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", format!("Basic {credentials}"));
        let form = encoded(&[
            ("grant_type", "client_credentials"),
            ("scope", "http://[::1]/.default"),
        ]);
        let answer = provider.send(request.body(form.into()).unwrap()).await;
        assert_eq!(payload(&answer.member("access_token")).get("roles"), None);
        let roles = Permissions::NONE;
        let caller = provider.caller(&answer).await;
        assert_eq!(caller.grant, Grant::Application { roles });
    }
}

/// The password grant gives a user's token with the asked scopes, and an id token, a refresh token
/// and client info to those who ask.
#[tokio::test]
async fn password() {
    let provider = Provider::new();
    let answer = provider.adele("Presence.Read Presence.ReadWrite").await;
    assert_eq!(answer.member("scope"), "Presence.Read Presence.ReadWrite");
    for absent in ["id_token", "refresh_token", "client_info"] {
        assert_eq!(answer.json().get(absent), None);
    }
    let claims = payload(&answer.member("access_token"));
    for (name, expected) in [
        ("oid", ADELE),
        ("scp", "Presence.Read Presence.ReadWrite"),
        ("upn", "adele@presenced.dev"),
        ("appidacr", "0"),
    ] {
        assert_eq!(claims[name], expected);
    }
    for absent in ["roles", "idtyp"] {
        assert_eq!(claims.get(absent), None);
    }
    assert_ne!(claims["sub"], claims["oid"]);
    let caller = provider.caller(&answer).await;
    assert_eq!(caller.user().unwrap().to_string(), ADELE);
    assert!(caller.may_write(caller.user().unwrap()).is_ok());

    let answer = provider
        .token(&[
            ("grant_type", "password"),
            ("client_id", APP_2),
            ("client_secret", "dev-secret-2"),
            ("username", "ALEX@PRESENCED.DEV"),
            ("password", "dev"),
            ("scope", "openid profile offline_access .default"),
            ("client_info", "1"),
        ])
        .await;
    let id = payload(&answer.member("id_token"));
    assert_eq!(id["aud"], APP_2);
    assert_eq!(id["iss"], format!("http://localhost:8080/{TENANT}/v2.0"));
    assert_eq!(id["preferred_username"], "alex@presenced.dev");
    assert_eq!(id["sub"], payload(&answer.member("access_token"))["sub"]);
    let info = format!("x.{}.x", answer.member("client_info"));
    let alex = "66825e03-7ef5-42da-9069-724602c31f6b";
    assert_eq!(payload(&info), json!({"uid": alex, "utid": TENANT}));
    assert!(provider.caller(&answer).await.may_read_all().is_ok());
}

/// A refresh token gives a new one each time, within what was granted, to its own application, for
/// a day.
#[tokio::test]
async fn refresh_token() {
    let provider = Provider::new();
    let first = provider.adele("Presence.Read openid offline_access").await;
    let first = first.member("refresh_token");
    let refresh = async |token: &str, client: &str, scope: &str| {
        provider
            .token(&[
                ("grant_type", "refresh_token"),
                ("client_id", client),
                ("refresh_token", token),
                ("scope", scope),
            ])
            .await
    };
    let answer = refresh(&first, APP_1, "").await;
    assert_eq!(answer.member("scope"), "openid Presence.Read");
    assert_eq!(
        provider.caller(&answer).await.user().unwrap().to_string(),
        ADELE
    );
    assert!(answer.json()["id_token"].is_string());
    let second = answer.member("refresh_token");
    assert_ne!(first, second);
    // Asking for less now takes nothing away for later.
    let less = refresh(&second, APP_1, "openid").await;
    let third = less.member("refresh_token");
    let again = refresh(&third, APP_1, "Presence.Read").await;
    assert_eq!(again.member("scope"), "Presence.Read");
    assert!(again.json()["refresh_token"].is_string());
    for (token, client, scope, number) in [
        (first.as_str(), APP_1, "Presence.ReadWrite", 65001),
        (&first, APP_1, ".default", 65001),
        (&first, APP_2, "", 70000),
        ("invented", APP_1, "", 700_082),
    ] {
        let expected = (400, "invalid_grant".to_owned(), number);
        assert_eq!(refresh(token, client, scope).await.error(), expected);
    }
    provider.advance(24 * 3600);
    let late = refresh(&first, APP_1, "").await.json();
    assert_eq!(late["error_codes"][0], 700_082);
}

/// Asks with one field of a good request changed, and compares status, `error` and number.
async fn check_change(
    provider: &Provider,
    grant_type: &str,
    (name, value): (&str, &str),
    expected: (u16, &str, u64),
) {
    let good = [
        ("grant_type", grant_type),
        ("client_id", APP_1),
        ("client_secret", "dev-secret"),
        ("scope", GRAPH_DEFAULT),
        ("username", "adele@presenced.dev"),
        ("password", "dev"),
    ];
    let kept = good.into_iter().filter(|(field, _)| *field != name);
    let fields: Vec<_> = kept.chain([(name, value)]).collect();
    let answer = provider.token(&fields).await;
    let (status, error, number) = answer.error();
    assert_eq!((status, error.as_str(), number), expected, "{name}={value}");
    assert_eq!(
        answer.headers.contains_key("www-authenticate"),
        status == 401
    );
}

/// Each thing that can be wrong with a token request, with Entra's status, error and number.
#[tokio::test]
async fn refusals() {
    let provider = Provider::new();
    let unknown = "00000000-0000-4000-8000-000000000000";
    let delegated = "https://graph.microsoft.com/Presence.Read";
    let vault = "https://vault.azure.net/.default";
    for (change, expected) in [
        (("grant_type", ""), (400, "invalid_request", 900_144)),
        (
            ("grant_type", "implicit"),
            (400, "unsupported_grant_type", 70003),
        ),
        (("client_id", ""), (400, "invalid_request", 900_144)),
        (
            ("client_id", unknown),
            (400, "unauthorized_client", 700_016),
        ),
        (
            ("client_id", "<script>"),
            (400, "unauthorized_client", 700_016),
        ),
        (("client_secret", ""), (401, "invalid_client", 7_000_218)),
        (
            ("client_secret", "dev-secret-2"),
            (401, "invalid_client", 7_000_215),
        ),
        (
            ("client_assertion", "a.b.c"),
            (401, "invalid_client", 700_027),
        ),
        (("scope", ""), (400, "invalid_request", 900_144)),
        (("scope", delegated), (400, "invalid_scope", 1_002_012)),
        (("scope", vault), (400, "invalid_resource", 500_011)),
    ] {
        check_change(&provider, "client_credentials", change, expected).await;
    }
    for (change, expected) in [
        (
            ("client_secret", "wrong"),
            (401, "invalid_client", 7_000_215),
        ),
        (("username", ""), (400, "invalid_request", 900_144)),
        (
            ("username", "nobody@presenced.dev"),
            (400, "invalid_grant", 50126),
        ),
        (("password", ""), (400, "invalid_request", 900_144)),
        (("password", "wrong"), (400, "invalid_grant", 50126)),
        (
            ("scope", "Presence.Everything"),
            (400, "invalid_scope", 70011),
        ),
    ] {
        check_change(&provider, "password", change, expected).await;
    }
    let fields = [("grant_type", "client_credentials")];
    let answer = provider.post("/consumers/oauth2/v2.0/token", &fields).await;
    assert_eq!(answer.error(), (400, "invalid_request".into(), 90002));
}

/// A request that is no form, too large, repeats itself, or names no host is refused in the same
/// shape; a client finds its own request id in the answer.
#[tokio::test]
async fn malformed_requests() {
    let provider = Provider::new();
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let form = "application/x-www-form-urlencoded";
    let correlation = "3f1a4c52-9d6b-4e0f-8a77-1b2c3d4e5f60";
    let many = (0..65)
        .map(|number| format!("f{number}=1"))
        .collect::<Vec<_>>()
        .join("&");
    for (host, content_type, body) in [
        ("localhost", "application/json", "{}".to_owned()),
        (
            "localhost",
            form,
            "grant_type=password&grant_type=password".into(),
        ),
        ("localhost", form, many),
        (
            "localhost",
            form,
            format!("client_secret={}", "x".repeat(64 * 1024)),
        ),
        ("local host", form, "grant_type=password".into()),
    ] {
        let request = Request::post(&path)
            .header("host", host)
            .header("content-type", content_type)
            .header("client-request-id", correlation);
        let answer = provider.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.error(), (400, "invalid_request".into(), 9_002_313));
        assert_eq!(answer.member("correlation_id"), correlation);
    }
    let answer = provider.get(&path).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    // A Basic header that cannot be read, and one at odds with the form.
    let other = format!("Basic {}", STANDARD.encode(format!("{APP_2}:dev-secret-2")));
    for (authorization, expected) in [
        ("Bearer x", (401, "invalid_client".to_owned(), 7_000_215)),
        ("Basic !", (401, "invalid_client".to_owned(), 7_000_215)),
        (
            other.as_str(),
            (400, "invalid_request".to_owned(), 9_002_313),
        ),
    ] {
        let request = Request::post(&path)
            .header("host", "localhost")
            .header("content-type", form)
            .header("authorization", authorization);
        let body = encoded(&[("grant_type", "client_credentials"), ("client_id", APP_1)]);
        let answer = provider.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.error(), expected, "{authorization}");
    }
}

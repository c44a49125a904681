//! The documents that clients read first.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use presenced_http::PublicUrl;
use serde_json::json;

use super::support::{APP_1, Provider, TENANT};

/// Both forms of the discovery document, for every name of the tenant, name endpoints that are
/// there, at the address that the client used.
#[tokio::test]
async fn discovery_documents() {
    let provider = Provider::new();
    let sts = format!("https://sts.presenced.dev/{TENANT}/");
    for (tenant, version, issuer) in [
        (
            TENANT,
            "/v2.0",
            format!("https://id.example:8443/{TENANT}/v2.0"),
        ),
        (
            "presenced.dev",
            "/v2.0",
            format!("https://id.example:8443/{TENANT}/v2.0"),
        ),
        (
            "common",
            "/v2.0",
            "https://id.example:8443/{tenantid}/v2.0".into(),
        ),
        (
            "organizations",
            "/v2.0",
            "https://id.example:8443/{tenantid}/v2.0".into(),
        ),
        (TENANT, "", sts.clone()),
        ("common", "", sts.clone()),
    ] {
        let path = format!("/{tenant}{version}/.well-known/openid-configuration");
        let request = Request::get(path)
            .header("host", "id.example:8443")
            .header("x-forwarded-proto", "https");
        let answer = provider.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.member("issuer"), issuer);
        let base = format!("https://id.example:8443/{tenant}");
        for (name, path) in [
            ("authorization_endpoint", "/oauth2/v2.0/authorize"),
            ("token_endpoint", "/oauth2/v2.0/token"),
            ("device_authorization_endpoint", "/oauth2/v2.0/devicecode"),
            ("end_session_endpoint", "/oauth2/v2.0/logout"),
            ("jwks_uri", "/discovery/v2.0/keys"),
        ] {
            assert_eq!(answer.member(name), format!("{base}{path}"));
            let there = provider.get(&format!("/{tenant}{path}")).await;
            assert_ne!(there.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    for path in [
        "/v2.0/.well-known/openid-configuration",
        "/discovery/v2.0/keys",
    ] {
        let answer = provider.get(&format!("/consumers{path}")).await;
        assert_eq!(answer.error(), (400, "invalid_request".into(), 90002));
    }
}

/// The key set is the same at both places and holds the key that tokens name, and nothing private.
#[tokio::test]
async fn key_set() {
    let provider = Provider::new();
    let keys = provider
        .get(&format!("/{TENANT}/discovery/keys"))
        .await
        .json();
    assert_eq!(
        provider.get("/common/discovery/v2.0/keys").await.json(),
        keys
    );
    let token = provider.adele("openid").await.member("id_token");
    let header = super::support::payload(&format!("x.{}", token.split('.').next().unwrap()));
    let key = &keys["keys"][0];
    assert_eq!(
        header,
        json!({"typ": "JWT", "alg": "RS256", "kid": key["kid"]})
    );
    let mut members: Vec<_> = key
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}

/// Instance discovery vouches for this server alone; the realm lookup knows the tenant's users.
#[tokio::test]
async fn instance_and_realm() {
    let provider = Provider::new();
    let ask = async |endpoint: &str| {
        let query = super::support::encoded(&[
            ("api-version", "1.1"),
            ("authorization_endpoint", endpoint),
        ]);
        provider
            .get(&format!("/common/discovery/instance?{query}"))
            .await
    };
    let own = format!("http://localhost:8080/{TENANT}/oauth2/v2.0/authorize");
    let answer = ask(&own).await;
    let document = format!("http://localhost:8080/{TENANT}/v2.0/.well-known/openid-configuration");
    assert_eq!(answer.member("tenant_discovery_endpoint"), document);
    let host = "localhost:8080";
    let metadata = json!([
        {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
    ]);
    assert_eq!(answer.json()["metadata"], metadata);
    for stranger in [
        "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "http://localhost:8080/consumers/oauth2/v2.0/authorize",
        "http://localhost:8081/common/oauth2/v2.0/authorize",
        "common",
    ] {
        assert_eq!(
            ask(stranger).await.error().1,
            "invalid_instance",
            "{stranger}"
        );
    }
    for (user, expected) in [
        ("adele@presenced.dev", "Managed"),
        ("somebody@PRESENCED.dev", "Managed"),
        ("adele@elsewhere.example", "Unknown"),
        ("adele", "Unknown"),
    ] {
        let answer = provider
            .get(&format!("/common/userrealm/{user}?api-version=1.0"))
            .await;
        assert_eq!(answer.member("account_type"), expected, "{user}");
    }
}

/// Where the provider is reached under another address, that address is in its documents, its path
/// included, and counts as its own.
#[tokio::test]
async fn the_public_address() {
    let url = PublicUrl::parse("https://Presence.example:8443/graph").unwrap();
    let provider = Provider::at(Some(url));
    let path = format!("/{TENANT}/v2.0/.well-known/openid-configuration");
    let root = "https://Presence.example:8443/graph";
    let discovery = provider.get(&path).await.json();
    assert_eq!(discovery["issuer"], format!("{root}/{TENANT}/v2.0"));
    assert_eq!(
        discovery["token_endpoint"],
        format!("{root}/{TENANT}/oauth2/v2.0/token")
    );
    let endpoint = format!("{root}/common/oauth2/v2.0/authorize");
    let instance = format!("/common/discovery/instance?authorization_endpoint={endpoint}");
    let instance = provider.get(&instance).await.json();
    assert_eq!(
        instance["tenant_discovery_endpoint"],
        format!("{root}/common/v2.0/.well-known/openid-configuration")
    );
    let token = provider
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", APP_1),
            ("client_secret", "dev-secret"),
            ("scope", "https://presence.example/.default"),
        ])
        .await;
    assert_eq!(token.status, StatusCode::OK, "{}", token.text);
}

/// A path or method that is not there is answered in the shape that OAuth clients read, and names
/// the right one.
#[tokio::test]
async fn wrong_paths_and_methods() {
    let provider = Provider::new();
    for (tenant, named) in [(TENANT, TENANT), ("common", "common"), ("nobody", "common")] {
        let answers = [
            provider.post(&format!("/{tenant}/oauth2/token"), &[]).await,
            provider.get(&format!("/{tenant}/oauth2/v2.0/tokens")).await,
            provider.get(&format!("/{tenant}/oauth2/v2.0/token")).await,
        ];
        let expected = [(404, 90023), (404, 90023), (405, 900_561)];
        for (answer, (status, number)) in answers.into_iter().zip(expected) {
            assert_eq!(answer.error(), (status, "invalid_request".into(), number));
            let description = answer.member("error_description");
            let right = format!("POST http://localhost:8080/{named}/oauth2/v2.0/token;");
            assert!(description.contains(&right), "{description}");
            assert_eq!(answer.headers.contains_key("allow"), status == 405);
        }
    }
}

//! Settings that make a verifier, and those that do not.

use presenced_core::id::TenantId;
use serde_json::json;

use super::support::{
    AUDIENCE, ManualClock, OTHER_TENANT, Signer, TestIssuer, check, claims, on_loopback, tenant,
};
use crate::token::TokenVerifier;
use crate::token::settings::{
    ApplicationToken, BuiltInIssuer, ClaimMapping, Cloud, EntraIssuer, Fetch, Issuer, OidcIssuer,
    SettingsError,
};

fn entra(tenants: Vec<TenantId>) -> Issuer {
    Issuer::Entra(EntraIssuer {
        cloud: Cloud::China,
        authority: None,
        tenants,
        audiences: Vec::new(),
        fetch: Fetch::default(),
    })
}

fn oidc(issuer: &str, audiences: &[&str], fetch: Fetch) -> Issuer {
    Issuer::Oidc(Box::new(OidcIssuer {
        issuer: issuer.into(),
        audiences: audiences.iter().map(ToString::to_string).collect(),
        tenant: tenant(),
        claims: ClaimMapping::standard(ApplicationToken::WithoutScopes),
        fetch,
    }))
}

fn built_in(issuer: &str, key_set: &serde_json::Value) -> Issuer {
    Issuer::BuiltIn(BuiltInIssuer {
        issuer: issuer.into(),
        tenant: tenant(),
        audiences: vec![AUDIENCE.into()],
        key_set: key_set.to_string(),
    })
}

/// Each fault in the settings has its own message; sound ones have none.
#[test]
fn faults_are_told_apart() {
    let personal = TenantId::parse("9188040d-6c67-4c5b-b112-36a304b66dad").unwrap();
    let with_roots = |pem: &str| Fetch {
        extra_roots_pem: Some(pem.into()),
        ..Fetch::default()
    };
    let bad_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let https = "https://id.example/realms/a";
    for (issuers, expected) in [
        (
            vec![entra(vec![tenant()]), oidc(https, &["a"], Fetch::default())],
            None,
        ),
        (vec![oidc("http://[::1]:8080", &["a"], on_loopback())], None),
        (vec![], Some("no issuer is configured")),
        (vec![entra(vec![])], Some("names no tenant")),
        (vec![entra(vec![personal])], Some("personal accounts")),
        (
            vec![entra(vec![tenant(), tenant()])],
            Some("two issuers accept"),
        ),
        (
            vec![oidc(https, &[], Fetch::default())],
            Some("names no audience"),
        ),
        (
            vec![oidc("id.example", &["a"], Fetch::default())],
            Some("not a URL"),
        ),
        (
            vec![oidc("http://127.0.0.1", &["a"], Fetch::default())],
            Some("use https"),
        ),
        (
            vec![oidc("http://id.example", &["a"], on_loopback())],
            Some("loopback only"),
        ),
        (
            vec![oidc("ftp://id.example", &["a"], on_loopback())],
            Some("not https"),
        ),
        (
            vec![oidc(https, &["a"], with_roots("no PEM"))],
            Some("no certificate"),
        ),
        (
            vec![oidc(https, &["a"], with_roots(bad_pem))],
            Some("root certificate a valid one"),
        ),
        (
            vec![built_in("x", &json!({"keys": []}))],
            Some("keys of 'x'"),
        ),
    ] {
        let shown = format!("{issuers:?}");
        let result = TokenVerifier::new(issuers, ManualClock::new());
        match (
            result.err().as_ref().map(SettingsError::to_string),
            expected,
        ) {
            (None, None) => {}
            (Some(message), Some(expected)) if message.contains(expected) => {}
            (found, _) => panic!("{shown}: {found:?} instead of {expected:?}"),
        }
    }
}

/// Several issuers side by side: each one's tokens by its own keys and for its own tenants.
#[tokio::test]
async fn issuers_side_by_side() {
    let (remote, local) = (Signer::p256(), Signer::rsa());
    let issuer = TestIssuer::start(&[remote.jwk("k")]).await;
    let own = format!("https://sts.presenced.dev/{OTHER_TENANT}/");
    let built_in = Issuer::BuiltIn(BuiltInIssuer {
        issuer: own.clone(),
        tenant: TenantId::parse(OTHER_TENANT).unwrap(),
        audiences: vec![AUDIENCE.into()],
        key_set: json!({"keys": [local.jwk("k")]}).to_string(),
    });
    let issuers = vec![issuer.as_entra(), built_in];
    let verifier = TokenVerifier::new(issuers, ManualClock::new()).unwrap();
    verifier.warm_up().await;
    assert_eq!(issuer.key_sets(), 1);
    let remote_claims = claims(&json!({}));
    let local_claims = claims(&json!({"iss": own, "tid": OTHER_TENANT}));
    check(&verifier, &remote.token_with_kid("k", &remote_claims), "Ok").await;
    check(&verifier, &local.token_with_kid("k", &local_claims), "Ok").await;
    // Neither can sign for the other.
    let forged = Signer::p256();
    check(
        &verifier,
        &local.token_with_kid("k", &remote_claims),
        "Algorithm",
    )
    .await;
    check(
        &verifier,
        &forged.token_with_kid("k", &remote_claims),
        "Signature",
    )
    .await;
    check(
        &verifier,
        &remote.token_with_kid("k", &local_claims),
        "Algorithm",
    )
    .await;
    // The built-in issuer cannot be asked for other keys.
    check(
        &verifier,
        &local.token_with_kid("x", &local_claims),
        "UnknownKey",
    )
    .await;
    assert_eq!(issuer.key_sets(), 1);
}

//! Whom a good token speaks for.

use std::collections::HashMap;

use presenced_core::auth::{Caller, Grant, Permissions};
use presenced_core::id::{ApplicationId, TenantId, UserId};
use serde_json::{Value, json};

use super::support::{
    APPLICATION, ManualClock, OTHER_TENANT, START, Signer, TENANT, TestIssuer, USER, check, claims,
    on_loopback, tenant,
};
use crate::token::settings::{ApplicationToken, ClaimMapping, Issuer, OidcIssuer};
use crate::token::{Authenticate, TokenVerifier};

fn delegated(scopes: Permissions) -> Grant {
    let user = UserId::parse(USER).unwrap();
    Grant::Delegated { user, scopes }
}

fn caller(tenant: &str, grant: Grant) -> Caller {
    Caller {
        tenant: TenantId::parse(tenant).unwrap(),
        application: ApplicationId::parse(APPLICATION).unwrap(),
        grant,
    }
}

/// Entra's claims in both forms and of both kinds: scopes make a token delegated and shut out its
/// roles; without them the roles are the application's, and none are none.
#[tokio::test]
async fn entras_tokens() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let verifier = issuer.verifier(&ManualClock::new());
    let v2 = format!("{}/{TENANT}/v2.0", issuer.root);
    let other_v1 = format!("https://sts.windows.net/{OTHER_TENANT}/");
    let application = |roles| Grant::Application { roles };
    let write_all = Permissions::PRESENCE_READ_WRITE_ALL;
    for (change, expected) in [
        (json!({}), caller(TENANT, application(write_all))),
        (
            json!({"idtyp": null}),
            caller(TENANT, application(write_all)),
        ),
        (
            json!({"roles": null}),
            caller(TENANT, application(Permissions::NONE)),
        ),
        (
            json!({"roles": []}),
            caller(TENANT, application(Permissions::NONE)),
        ),
        (
            json!({"iss": other_v1, "tid": OTHER_TENANT}),
            caller(OTHER_TENANT, application(write_all)),
        ),
        (
            json!({"iss": v2, "ver": "2.0", "appid": null, "azp": APPLICATION}),
            caller(TENANT, application(write_all)),
        ),
        (
            json!({"scp": "User.Read Presence.Read", "oid": USER, "idtyp": null}),
            caller(TENANT, delegated(Permissions::PRESENCE_READ)),
        ),
        (
            json!({"scp": "", "oid": USER, "idtyp": "user"}),
            caller(TENANT, delegated(Permissions::NONE)),
        ),
    ] {
        let token = key.token_with_kid("k", &claims(&change));
        let found = verifier.authenticate(&token).await.unwrap();
        assert_eq!(*found, expected, "{change}");
        assert_eq!(
            verifier.cached(token.as_bytes()).as_deref(),
            Some(&expected)
        );
    }
}

/// A key that Entra confines to one tenant signs for no other.
#[tokio::test]
async fn a_tenants_own_key_signs_for_it_alone() {
    let (any, own) = (Signer::p256(), Signer::p256());
    let issuer = TestIssuer::start(&[]).await;
    let (mut any_jwk, mut own_jwk) = (any.jwk("any"), own.jwk("own"));
    any_jwk["issuer"] = json!(format!("{}/{{tenantid}}/v2.0", issuer.root));
    own_jwk["issuer"] = json!(format!("{}/{TENANT}/v2.0", issuer.root));
    issuer.rotate(&[any_jwk, own_jwk]);
    let verifier = issuer.verifier(&ManualClock::new());
    let here = claims(&json!({}));
    let other = format!("https://sts.windows.net/{OTHER_TENANT}/");
    let there = claims(&json!({"iss": other, "tid": OTHER_TENANT}));
    check(&verifier, &any.token_with_kid("any", &here), "Ok").await;
    check(&verifier, &any.token_with_kid("any", &there), "Ok").await;
    check(&verifier, &own.token_with_kid("own", &here), "Ok").await;
    check(&verifier, &own.token_with_kid("own", &there), "UnknownKey").await;
}

/// The issuer as Keycloak would be configured: realm roles, one foreign name, one foreign client.
async fn keycloak(key: &Signer) -> (TestIssuer, TokenVerifier, String) {
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let iss = format!("{}/realms/office", issuer.root);
    issuer.describe("issuer", &iss);
    let claims = ClaimMapping {
        roles: "realm_access.roles".into(),
        permissions: HashMap::from([
            ("presence:write".into(), Permissions::PRESENCE_READ_WRITE),
            ("presence-bot".into(), Permissions::PRESENCE_READ_WRITE_ALL),
        ]),
        applications: HashMap::from([(
            "phone-bridge".into(),
            ApplicationId::parse(APPLICATION).unwrap(),
        )]),
        ..ClaimMapping::standard(ApplicationToken::WithClaim("client_id".into()))
    };
    let settings = OidcIssuer {
        issuer: iss.clone(),
        audiences: vec!["presence".into()],
        tenant: tenant(),
        claims,
        fetch: on_loopback(),
    };
    let issuers = vec![Issuer::Oidc(Box::new(settings))];
    let verifier = TokenVerifier::new(issuers, ManualClock::new()).unwrap();
    (issuer, verifier, iss)
}

/// A mapped provider's tokens: nested roles, foreign names, a client id that is no GUID, a service
/// account; and a user's realm roles are not the application's.
#[tokio::test]
async fn keycloaks_tokens() {
    let key = Signer::p256();
    let (_issuer, verifier, iss) = keycloak(&key).await;
    let token = |change: Value| {
        let mut claims = json!({
            "iss": iss, "aud": ["account", "presence"], "exp": START + 300, "azp": "phone-bridge",
            "sub": USER, "scope": "openid presence:write Presence.Read.All",
            "realm_access": {"roles": ["offline_access", "presence-bot", "Presence.Read.All"]},
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        key.token_with_kid("k", &claims)
    };
    let read_all = Permissions::PRESENCE_READ_ALL;
    let scopes = Permissions::PRESENCE_READ_WRITE.and(read_all);
    let user = verifier.authenticate(&token(json!({}))).await.unwrap();
    assert_eq!(*user, caller(TENANT, delegated(scopes)));
    let service = token(json!({"client_id": "phone-bridge"}));
    let service = verifier.authenticate(&service).await.unwrap();
    let roles = Permissions::PRESENCE_READ_WRITE_ALL.and(read_all);
    assert_eq!(*service, caller(TENANT, Grant::Application { roles }));
    // A tenant claim means nothing here: the issuer's tokens belong to the configured tenant.
    let elsewhere = token(json!({"tid": OTHER_TENANT}));
    let elsewhere = verifier.authenticate(&elsewhere).await.unwrap();
    assert_eq!(elsewhere.tenant, tenant());
    for (change, expected) in [
        (json!({"azp": "another-client"}), r#"Claim("azp")"#),
        (json!({"azp": APPLICATION}), "Ok"),
        (json!({"sub": "not-a-guid"}), r#"Claim("sub")"#),
        (json!({"aud": "account"}), "Audience"),
        (json!({"scope": 5}), r#"Claim("scope")"#),
        (json!({"iss": format!("{iss}/")}), "Issuer"),
    ] {
        check(&verifier, &token(change), expected).await;
    }
}

/// An ID token of the same issuer, key and audience is refused, whichever of its marks it has: it
/// has no scopes, and would pass for an application's own token.
#[tokio::test]
async fn id_tokens_are_no_access_tokens() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let iss = format!("{}/", issuer.root);
    issuer.describe("issuer", &iss);
    let settings = OidcIssuer {
        issuer: iss.clone(),
        audiences: vec!["presence".into()],
        tenant: tenant(),
        claims: ClaimMapping::standard(ApplicationToken::WithoutScopes),
        fetch: on_loopback(),
    };
    let issuers = vec![Issuer::Oidc(Box::new(settings))];
    let verifier = TokenVerifier::new(issuers, ManualClock::new()).unwrap();
    for (marks, expected) in [
        (json!({"nonce": "n"}), r#"IdToken("nonce")"#),
        (json!({"at_hash": "h"}), r#"IdToken("at_hash")"#),
        (json!({"c_hash": "h"}), r#"IdToken("c_hash")"#),
        (json!({"typ": "ID"}), r#"IdToken("typ")"#),
        (json!({"typ": "ID", "nonce": "n"}), r#"IdToken("typ")"#),
        (
            json!({"typ": "Bearer", "at_hash": "h"}),
            r#"IdToken("at_hash")"#,
        ),
        // An access token of an older Keycloak.
        (json!({"typ": "Bearer", "nonce": "n"}), "Ok"),
        (json!({}), "Ok"),
    ] {
        let mut claims = json!({
            "iss": iss, "aud": "presence", "exp": START + 300, "azp": APPLICATION, "sub": USER,
            "roles": ["Presence.ReadWrite.All"],
        });
        for (name, value) in marks.as_object().unwrap() {
            claims[name] = value.clone();
        }
        check(&verifier, &key.token_with_kid("k", &claims), expected).await;
    }
}

/// Each rule for telling an application's own token, on the same three tokens.
#[tokio::test]
async fn rules_for_an_applications_own_token() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let iss = format!("{}/", issuer.root);
    issuer.describe("issuer", &iss);
    let equals = ApplicationToken::ClaimEquals {
        claim: "https://claims.example/kind".into(),
        value: "machine".into(),
    };
    for (rule, expected) in [
        (ApplicationToken::WithoutScopes, [false, true, false]),
        (ApplicationToken::WithoutUser, [false, false, true]),
        (equals, [true, false, false]),
    ] {
        let settings = OidcIssuer {
            issuer: iss.clone(),
            audiences: vec!["presence".into()],
            tenant: tenant(),
            claims: ClaimMapping::standard(rule.clone()),
            fetch: on_loopback(),
        };
        let issuers = vec![Issuer::Oidc(Box::new(settings))];
        let verifier = TokenVerifier::new(issuers, ManualClock::new()).unwrap();
        let common = |mut claims: Value| {
            claims["iss"] = json!(iss);
            claims["aud"] = json!("presence");
            claims["exp"] = json!(START + 300);
            claims["client_id"] = json!(APPLICATION);
            claims
        };
        for (own, claims) in expected.into_iter().zip([
            json!({"sub": USER, "scope": "", "https://claims.example/kind": "machine"}),
            json!({"sub": USER}),
            json!({"scope": "Presence.Read"}),
        ]) {
            let token = key.token_with_kid("k", &common(claims.clone()));
            let found = verifier.authenticate(&token).await;
            let found = found.map(|caller| caller.user().is_none()).ok();
            // Without a user and without being the application's own, it is nobody's.
            let expected = (own || claims.get("sub").is_some()).then_some(own);
            assert_eq!(found, expected, "{rule:?} {claims}");
        }
    }
}

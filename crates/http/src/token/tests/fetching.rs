//! How keys are fetched, kept, renewed, and done without.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::support::{Behaviour, ManualClock, Signer, TestIssuer, check, claims, outcome};
use crate::token::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_TIMEOUT};
use crate::token::{Authenticate, TokenVerifier};

/// However many tokens arrive at once, and however many clients give up, the keys are fetched once.
#[tokio::test]
async fn one_fetch_at_a_time() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    issuer.behave(Behaviour::Hang);
    let verifier = Arc::new(issuer.verifier(&ManualClock::new()));
    let mut requests: Vec<_> = (0..50)
        .map(|number| {
            let verifier = Arc::clone(&verifier);
            let token = key.token_with_kid("k", &claims(&json!({"uti": number})));
            tokio::spawn(async move { outcome(&verifier.authenticate(&token).await) })
        })
        .collect();
    // The first request is the one that started the fetch.
    requests.swap_remove(0).abort();
    while issuer.discoveries() == 0 {
        tokio::task::yield_now().await;
    }
    issuer.behave(Behaviour::Well);
    for request in requests {
        match request.await {
            Ok(outcome) => assert_eq!(outcome, "Ok"),
            Err(error) => assert!(error.is_cancelled()),
        }
    }
    assert_eq!((issuer.discoveries(), issuer.key_sets()), (1, 1));
}

/// An unknown `kid` fetches the keys again, at most every 30 seconds: rotation is picked up, and a
/// storm of invented `kid`s asks the issuer nothing more.
#[tokio::test]
async fn rotation_and_storms() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let issuer = TestIssuer::start(&[old.jwk("old")]).await;
    let clock = ManualClock::new();
    let verifier = issuer.verifier(&clock);
    let old_token = old.token_with_kid("old", &claims(&json!({})));
    let new_token = new.token_with_kid("new", &claims(&json!({})));
    check(&verifier, &old_token, "Ok").await;
    issuer.rotate(&[new.jwk("new"), old.jwk("old")]);
    for number in 0..100 {
        let invented = old.token_with_kid(&number.to_string(), &claims(&json!({})));
        check(&verifier, &invented, "UnknownKey").await;
    }
    check(&verifier, &new_token, "UnknownKey").await;
    assert_eq!(issuer.key_sets(), 1);
    clock.advance(30);
    check(&verifier, &new_token, "Ok").await;
    assert_eq!(issuer.key_sets(), 2);
    // The old key was there all the time, so what it verified need not be verified again.
    assert!(verifier.cached(old_token.as_bytes()).is_some());
    // The old key goes: the next fetch ends its tokens, those in the cache too.
    issuer.rotate(&[new.jwk("new")]);
    clock.advance(30);
    let unknown = old.token_with_kid("unknown", &claims(&json!({})));
    check(&verifier, &unknown, "UnknownKey").await;
    assert!(verifier.cached(old_token.as_bytes()).is_none());
    check(&verifier, &old_token, "UnknownKey").await;
    assert!(verifier.cached(new_token.as_bytes()).is_some());
    assert_eq!(issuer.key_sets(), 3);
}

/// A `kid` that comes back with another key ends what the first one verified.
#[tokio::test]
async fn a_key_replaced_under_its_name() {
    let (first, second) = (Signer::p256(), Signer::p256());
    let issuer = TestIssuer::start(&[first.jwk("k")]).await;
    let clock = ManualClock::new();
    let verifier = issuer.verifier(&clock);
    let token = first.token_with_kid("k", &claims(&json!({})));
    check(&verifier, &token, "Ok").await;
    issuer.rotate(&[second.jwk("k")]);
    clock.advance(30);
    let unknown = first.token_with_kid("unknown", &claims(&json!({})));
    check(&verifier, &unknown, "UnknownKey").await;
    check(&verifier, &token, "Signature").await;
    let token = second.token_with_kid("k", &claims(&json!({})));
    check(&verifier, &token, "Ok").await;
}

/// A remembered token counts to the second of its end, and no longer.
#[tokio::test]
async fn the_cache_ends_with_the_token() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let clock = ManualClock::new();
    let verifier = issuer.verifier(&clock);
    let token = key.token_with_kid("k", &claims(&json!({})));
    assert!(verifier.cached(token.as_bytes()).is_none());
    check(&verifier, &token, "Ok").await;
    clock.advance(3659);
    assert!(verifier.cached(token.as_bytes()).is_some());
    assert_eq!(verifier.remaining(&token), Some(Duration::from_secs(1)));
    clock.advance(1);
    assert!(verifier.cached(token.as_bytes()).is_none());
    assert_eq!(verifier.remaining(&token), None);
    check(&verifier, &token, "Expired").await;
}

/// Keys older than a day are renewed in the background, without anybody waiting; while that fails,
/// the old ones serve on.
#[tokio::test]
async fn old_keys_serve_while_new_ones_are_fetched() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let issuer = TestIssuer::start(&[old.jwk("old")]).await;
    let clock = ManualClock::new();
    let verifier = issuer.verifier(&clock);
    let lasting = |number: u32| {
        let change = json!({"exp": super::support::START + 1_000_000, "uti": number});
        old.token_with_kid("old", &claims(&change))
    };
    check(&verifier, &lasting(0), "Ok").await;
    clock.advance(24 * 3600 + 1);
    issuer.behave(Behaviour::Hang);
    check(&verifier, &lasting(1), "Ok").await;
    while issuer.discoveries() < 2 {
        tokio::task::yield_now().await;
    }
    issuer.behave(Behaviour::Status(500));
    verifier.warm_up().await;
    check(&verifier, &lasting(2), "Ok").await;
    // The failed attempt is not repeated at once.
    assert_eq!(issuer.discoveries(), 2);
    issuer.behave(Behaviour::Well);
    issuer.rotate(&[new.jwk("new")]);
    clock.advance(30);
    check(&verifier, &lasting(3), "Ok").await;
    verifier.warm_up().await;
    check(&verifier, &lasting(4), "UnknownKey").await;
    assert_eq!(issuer.key_sets(), 2);
}

/// An issuer that cannot be understood is no reason to call a token bad: 503 until it can be, with
/// five seconds between attempts.
#[tokio::test]
async fn an_issuer_that_misbehaves() {
    let key = Signer::p256();
    let token = key.token_with_kid("k", &claims(&json!({})));
    let huge = format!("{{\"issuer\":\"{}\"}}", "x".repeat(DOCUMENT_BYTES_MAX));
    for behaviour in [
        Behaviour::Status(500),
        Behaviour::Status(404),
        Behaviour::Status(204),
        Behaviour::Text("<html>It works!</html>".into()),
        Behaviour::Text("{}".into()),
        Behaviour::Text(huge),
        Behaviour::Redirect,
    ] {
        let issuer = TestIssuer::start(&[key.jwk("k")]).await;
        let clock = ManualClock::new();
        let verifier = issuer.verifier(&clock);
        issuer.behave(behaviour);
        check(&verifier, &token, "KeysUnavailable").await;
        issuer.behave(Behaviour::Well);
        check(&verifier, &token, "KeysUnavailable").await;
        assert_eq!(issuer.discoveries(), 1);
        clock.advance(5);
        check(&verifier, &token, "Ok").await;
        assert_eq!(issuer.discoveries(), 2);
    }
}

/// A discovery document that speaks for somebody else, or points to where keys must not come from,
/// and key sets without a usable key or with too many.
#[tokio::test]
async fn documents_that_are_not_believed() {
    let key = Signer::p256();
    let token = key.token_with_kid("k", &claims(&json!({})));
    for (name, value) in [
        (
            "issuer",
            "https://login.microsoftonline.com/{tenantid}/v2.0",
        ),
        ("issuer", ""),
        ("jwks_uri", "http://192.0.2.1/keys"),
        ("jwks_uri", "file:///etc/passwd"),
        ("jwks_uri", "keys"),
    ] {
        let issuer = TestIssuer::start(&[key.jwk("k")]).await;
        issuer.describe(name, value);
        let verifier = issuer.verifier(&ManualClock::new());
        check(&verifier, &token, "KeysUnavailable").await;
        assert_eq!(issuer.key_sets(), 0, "{name} {value}");
    }
    let many: Vec<_> = (0..101)
        .map(|number| key.jwk(&number.to_string()))
        .collect();
    let symmetric = json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "HS256"});
    let short = json!({"kty": "RSA", "kid": "k", "n": "u".repeat(171), "e": "AQAB"});
    for keys in [vec![], many, vec![symmetric, short]] {
        let issuer = TestIssuer::start(&keys).await;
        let verifier = issuer.verifier(&ManualClock::new());
        check(&verifier, &token, "KeysUnavailable").await;
        assert_eq!(issuer.key_sets(), 1);
    }
}

/// An issuer that takes the request and never answers is given up after the time for a document.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    issuer.behave(Behaviour::Hang);
    let verifier: TokenVerifier = issuer.verifier(&ManualClock::new());
    let began = tokio::time::Instant::now();
    let token = key.token_with_kid("k", &claims(&json!({})));
    check(&verifier, &token, "KeysUnavailable").await;
    let waited = began.elapsed();
    assert!(waited > Duration::ZERO && waited <= DOCUMENT_TIMEOUT + Duration::from_secs(1));
}

/// With one key, a `kid` may be missing in the token or in the key; one that names another key may
/// not.
#[tokio::test]
async fn a_single_key_needs_no_name() {
    let key = Signer::p256();
    let nameless = json!({"alg": "ES256"});
    let mut anonymous = key.jwk("k");
    anonymous.as_object_mut().unwrap().remove("kid");
    for (jwk, expected) in [
        (key.jwk("k"), ["Ok", "Ok", "UnknownKey"]),
        (anonymous, ["Ok", "Ok", "Ok"]),
    ] {
        let issuer = TestIssuer::start(&[jwk]).await;
        let verifier = issuer.verifier(&ManualClock::new());
        let claims = claims(&json!({}));
        check(&verifier, &key.token(&nameless, &claims), expected[0]).await;
        check(&verifier, &key.token_with_kid("k", &claims), expected[1]).await;
        check(&verifier, &key.token_with_kid("x", &claims), expected[2]).await;
    }
}

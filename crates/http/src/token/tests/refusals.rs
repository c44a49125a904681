//! Tokens that are not good enough, each for its own reason.

use serde_json::{Value, json};

use super::support::{
    APPLICATION, AUDIENCE, ManualClock, OTHER_TENANT, START, Signer, TENANT, TestIssuer, USER,
    check, claims, encode,
};
use crate::token::Authenticate;
use crate::token::limits::TOKEN_BYTES_MAX;

/// Checks the usual token with each of these changes.
async fn check_changes(changes: &[(Value, &str)]) {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let verifier = issuer.verifier(&ManualClock::new());
    for (change, expected) in changes {
        let token = key.token_with_kid("k", &claims(change));
        check(&verifier, &token, expected).await;
    }
}

/// A token of another issuer, for another audience, or at another time is refused for just that;
/// the same token with nothing wrong is accepted.
#[tokio::test]
async fn issuer_audience_and_time() {
    let personal = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let consumers = format!("https://login.microsoftonline.com/{personal}/v2.0");
    let unserved = "https://sts.windows.net/99999999-2222-4333-8444-555555555555/";
    check_changes(&[
        (json!({}), "Ok"),
        (json!({"iss": null}), r#"Claim("iss")"#),
        (json!({"iss": 5}), r#"Claim("iss")"#),
        (json!({"iss": "https://elsewhere.example/"}), "Issuer"),
        (json!({"iss": unserved}), "Issuer"),
        (
            json!({"iss": consumers, "tid": personal}),
            "PersonalAccount",
        ),
        (json!({"aud": null}), "Audience"),
        (json!({"aud": "https://graph.microsoft.com/"}), "Ok"),
        (
            json!({"aud": ["x", "00000003-0000-0000-c000-000000000000"]}),
            "Ok",
        ),
        (json!({"aud": []}), "Audience"),
        (json!({"aud": "https://graph.microsoft.us"}), "Audience"),
        (
            json!({"aud": "https://graph.microsoft.com.evil.example"}),
            "Audience",
        ),
        (json!({"exp": null}), r#"Claim("exp")"#),
        (json!({"exp": "1800003600"}), r#"Claim("exp")"#),
        (json!({"exp": -1}), r#"Claim("exp")"#),
        (json!({"exp": 1e300}), r#"Claim("exp")"#),
        (json!({"exp": START - 60}), "Expired"),
        (json!({"exp": START - 59}), "Ok"),
        (json!({"exp": 1_799_999_940.5}), "Ok"),
        (json!({"nbf": START + 61}), "NotYetValid"),
        (json!({"nbf": START + 60}), "Ok"),
        (json!({"nbf": null, "iat": null}), "Ok"),
        (json!({"nbf": true}), r#"Claim("nbf")"#),
    ])
    .await;
}

/// A token whose claims about tenant, application, user and permissions are missing, unreadable or
/// at odds is refused for the claim.
#[tokio::test]
async fn claims_at_odds() {
    check_changes(&[
        (json!({"tid": null}), r#"Claim("tid")"#),
        // Served, but not the tenant that the issuer speaks for.
        (json!({"tid": OTHER_TENANT}), r#"Claim("tid")"#),
        (json!({"tid": TENANT.to_uppercase()}), "Ok"),
        (json!({"appid": null}), r#"Claim("appid")"#),
        (json!({"appid": "my-app"}), r#"Claim("appid")"#),
        // The v2.0 claim does not stand in for the v1.0 one.
        (
            json!({"appid": null, "azp": APPLICATION}),
            r#"Claim("appid")"#,
        ),
        (
            json!({"scp": "Presence.Read", "oid": USER}),
            r#"Claim("idtyp")"#,
        ),
        (
            json!({"scp": "Presence.Read", "idtyp": null}),
            r#"Claim("oid")"#,
        ),
        (
            json!({"scp": "Presence.Read", "idtyp": null, "oid": "adele"}),
            r#"Claim("oid")"#,
        ),
        (
            json!({"scp": ["Presence.Read"], "idtyp": null, "oid": USER}),
            r#"Claim("scp")"#,
        ),
        (json!({"idtyp": "user", "oid": USER}), r#"Claim("scp")"#),
        (json!({"roles": {"a": 1}}), r#"Claim("roles")"#),
        (
            json!({"roles": ["Presence.Read.All", 7]}),
            r#"Claim("roles")"#,
        ),
    ])
    .await;
}

/// Text that is no JWT is refused without a question to the issuer.
#[tokio::test]
async fn text_that_is_no_token() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let verifier = issuer.verifier(&ManualClock::new());
    let good = key.token_with_kid("k", &claims(&json!({})));
    let header = encode(r#"{"alg":"ES256","kid":"k"}"#);
    let critical = json!({"alg": "ES256", "kid": "k", "crit": ["b64"], "b64": false});
    for token in [
        String::new(),
        "EwBwA8l6BAAURSN".into(),
        "a.b".into(),
        "a.b.c".into(),
        "..".into(),
        format!("{good}.x"),
        format!("{header}=.e30.AA"),
        format!("{header}.{}.AA", encode("[1,2]")),
        format!("{header}.{}.AA", encode("{\"iss\":\"\u{1}")),
        format!("{}.e30.AA", encode(r#"{"kid":"k"}"#)),
        key.token(&critical, &claims(&json!({}))),
        // The limit's last byte is good, the next one is not.
        padded(&key, TOKEN_BYTES_MAX + 1),
    ] {
        check(&verifier, &token, "Malformed").await;
    }
    assert_eq!(issuer.discoveries(), 0);
    check(&verifier, &padded(&key, TOKEN_BYTES_MAX), "Ok").await;
}

/// A good token, blown up by a claim to as many bytes.
fn padded(key: &Signer, length: usize) -> String {
    let token = |header: usize, payload: usize| {
        let header = json!({"alg": "ES256", "kid": "k", "x": "x".repeat(header)});
        key.token(&header, &claims(&json!({"filling": "x".repeat(payload)})))
    };
    let payload = (length - token(0, 0).len()) * 3 / 4 - 8;
    // Base64 skips a length here and there; the header's filling moves the steps apart.
    (0..3)
        .flat_map(|header| (payload..payload + 16).map(move |payload| (header, payload)))
        .map(|(header, payload)| token(header, payload))
        .find(|token| token.len() == length)
        .unwrap()
}

/// The algorithm is the key's business, not the token's: none, symmetric ones, and those of another
/// kind of key are refused, whatever is in the signature.
#[tokio::test]
async fn algorithm_confusion() {
    let (rsa, p256) = (Signer::rsa(), Signer::p256());
    let mut pinned = rsa.jwk("pinned");
    pinned["alg"] = json!("RS256");
    let mut encrypting = rsa.jwk("encrypting");
    encrypting["use"] = json!("enc");
    let keys = [rsa.jwk("rsa"), p256.jwk("p256"), pinned, encrypting];
    let issuer = TestIssuer::start(&keys).await;
    let verifier = issuer.verifier(&ManualClock::new());
    let claims = claims(&json!({}));
    for (header, signer, expected) in [
        (json!({"alg": "RS256", "kid": "rsa"}), &rsa, "Ok"),
        (json!({"alg": "PS256", "kid": "rsa"}), &rsa, "Ok"),
        (json!({"alg": "ES256", "kid": "p256"}), &p256, "Ok"),
        (json!({"alg": "RS256", "kid": "pinned"}), &rsa, "Ok"),
        (json!({"alg": "PS256", "kid": "pinned"}), &rsa, "Algorithm"),
        (json!({"alg": "RS256", "kid": "p256"}), &rsa, "Algorithm"),
        (json!({"alg": "ES256", "kid": "rsa"}), &p256, "Algorithm"),
        (
            json!({"alg": "ES256", "kid": "p256"}),
            &Signer::p256(),
            "Signature",
        ),
        (
            json!({"alg": "RS256", "kid": "encrypting"}),
            &rsa,
            "UnknownKey",
        ),
        (json!({"alg": "RS256"}), &rsa, "UnknownKey"),
        (json!({"alg": "none", "kid": "rsa"}), &rsa, "Algorithm"),
        (json!({"alg": "None", "kid": "rsa"}), &rsa, "Algorithm"),
        (json!({"alg": "rs256", "kid": "rsa"}), &rsa, "Algorithm"),
        (json!({"alg": "RS512", "kid": "rsa"}), &rsa, "Algorithm"),
        (json!({"alg": "EdDSA", "kid": "p256"}), &p256, "Algorithm"),
    ] {
        check(&verifier, &signer.token(&header, &claims), expected).await;
    }
    // The classic: the public key as an HMAC secret.
    let header = encode(r#"{"alg":"HS256","kid":"rsa"}"#);
    let signed = format!("{header}.{}", encode(claims.to_string()));
    let modulus = keys[0]["n"].as_str().unwrap();
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, modulus.as_bytes());
    let signature = encode(aws_lc_rs::hmac::sign(&secret, signed.as_bytes()));
    check(&verifier, &format!("{signed}.{signature}"), "Algorithm").await;
    // No signature at all, and one of another length.
    let good = rsa.token_with_kid("rsa", &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    check(&verifier, &format!("{signed}."), "Signature").await;
    check(
        &verifier,
        &format!("{signed}.{}", &signature[4..]),
        "Signature",
    )
    .await;
    check(&verifier, &format!("{signed}.{signature}=="), "Signature").await;
}

/// Changing one character anywhere in a verified token makes it another token, also for the cache.
#[tokio::test]
async fn no_character_can_be_changed() {
    let key = Signer::p256();
    let issuer = TestIssuer::start(&[key.jwk("k")]).await;
    let verifier = issuer.verifier(&ManualClock::new());
    let good = key.token_with_kid("k", &claims(&json!({"aud": AUDIENCE})));
    check(&verifier, &good, "Ok").await;
    for position in (0..good.len()).step_by(7).chain([good.len() - 1]) {
        let mut bytes = good.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verifier.cached(changed.as_bytes()).is_none(), "{position}");
        let result = verifier.authenticate(&changed).await;
        assert!(result.is_err(), "{position}: {result:?}");
    }
    check(&verifier, &good, "Ok").await;
}

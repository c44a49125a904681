//! What receivers get to read.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use parking_lot::Mutex;
use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId};
use presenced_core::presence::{Activity, Availability, Presence};
use presenced_core::time::Clock;
use serde_json::{Value, json};

use super::super::limits::{VALIDATION_TOKEN_LIFETIME, VALIDATION_TOKEN_REUSE};
use super::super::signing::SigningKey;
use super::super::testing::{open, vector};
use super::super::validation_token::{GRAPH_PUBLISHER, IssuerName, discovery_document};
use super::*;
use crate::subscription::{Creator, Resource};

/// 2026-09-01T08:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_788_249_600_000);

const TENANT: TenantId = TenantId::from_u128(0x7e3f_2b1c_5f0a_4d3e_9a41_0c6d_1b8e_2f50);
const APPLICATION: ApplicationId =
    ApplicationId::from_u128(0x2255_3876_f5ab_4529_bffb_cfe5_0aa8_9f87);

/// A clock that stands where it was put.
struct StoppedClock(Mutex<Timestamp>);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

fn composer() -> (Composer, Arc<SigningKey>, Arc<StoppedClock>) {
    let pkcs8 = STANDARD.decode(vector("pkcs8")).unwrap();
    let key = Arc::new(SigningKey::from_pkcs8(&pkcs8).unwrap());
    let clock = Arc::new(StoppedClock(Mutex::new(NOW)));
    let composer = Composer::new(TokenSettings {
        issuer: IssuerName::new("https://presence.example.com/{tenantid}/"),
        key: Arc::clone(&key),
        publisher: GRAPH_PUBLISHER,
        clock: clock.clone(),
    });
    (composer, key, clock)
}

fn subscription(encryption: Option<Encryption>) -> Subscription {
    Subscription {
        id: SubscriptionId::from_u128(0x10),
        tenant: TENANT,
        creator: Creator {
            application: APPLICATION,
            user: None,
        },
        resource: Resource::Tenant,
        resource_text: "/communications/presences".to_owned(),
        notification_url: "https://hooks.example.com/".into(),
        lifecycle_notification_url: None,
        client_state: Some("a \"secret\" \u{e4}".into()),
        encryption,
        latest_supported_tls_version: None,
        notification_url_app_id: None,
        expires_at: NOW.plus(std::time::Duration::from_hours(1)),
        authorized_until: NOW,
        created_at: NOW,
    }
}

fn encryption() -> Encryption {
    Encryption {
        certificate: STANDARD.decode(vector("rsa_2048")).unwrap(),
        certificate_id: "mine".to_owned(),
    }
}

fn items() -> [Item; 2] {
    let item = |user, presence| Item {
        user: UserId::from_u128(user),
        presence,
        sequence: 7,
        at: NOW,
    };
    let in_a_call = Presence::new(Availability::Busy, Activity::InACall);
    [
        item(0xfa8b_f3dc_eca7_46b7_bad1_db19_9b62_afc3, in_a_call),
        item(0x6682_5e03_7ef5_42da_9069_7246_02c3_1f6b, Presence::OFFLINE),
    ]
}

fn json(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// The basic form is the documented one for each item, in their order, and nothing else.
#[test]
fn the_basic_form_is_as_documented() {
    let (composer, ..) = composer();
    let body = composer
        .notification(&subscription(None), &items())
        .unwrap();
    let expect = |user: &str| {
        json!({
            "subscriptionId": "00000000-0000-0000-0000-000000000010",
            "clientState": "a \"secret\" \u{e4}",
            "changeType": "updated",
            "tenantId": "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50",
            "resource": format!("communications/presences/{user}"),
            "subscriptionExpirationDateTime": "2026-09-01T09:00:00+00:00",
            "organizationId": "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50",
            "resourceData": {
                "@odata.type": "#microsoft.graph.presence",
                "@odata.id": format!("users/{user}/presence"),
                "id": user,
            },
        })
    };
    let expect = json!({"value": [
        expect("fa8bf3dc-eca7-46b7-bad1-db199b62afc3"),
        expect("66825e03-7ef5-42da-9069-724602c31f6b"),
    ]});
    assert_eq!(json(&body), expect);

    let silent = Subscription {
        client_state: None,
        ..subscription(None)
    };
    let body = json(&composer.notification(&silent, &items()).unwrap());
    assert_eq!(body["value"][0]["clientState"], Value::Null);
}

/// The rich form is the basic one, with the presence for the subscriber's eyes and one token for
/// all items.
#[test]
fn the_rich_form_is_as_documented() {
    let (composer, ..) = composer();
    let rich = subscription(Some(encryption()));
    let mut body = json(&composer.notification(&rich, &items()).unwrap());
    let mut keys = Vec::new();
    let mut contents: Vec<Value> = Vec::new();
    for item in body["value"].as_array_mut().unwrap() {
        let encrypted = item
            .as_object_mut()
            .unwrap()
            .remove("encryptedContent")
            .unwrap();
        assert_eq!(encrypted["encryptionCertificateId"], "mine");
        assert_eq!(
            encrypted["encryptionCertificateThumbprint"],
            vector("thumbprint")
        );
        assert_eq!(encrypted.as_object().unwrap().len(), 5);
        let opened = open(&encrypted);
        contents.push(serde_json::from_slice(&opened.content).unwrap());
        keys.push(opened.key);
    }
    assert_ne!(keys[0], keys[1]);
    let expect = |user: &str, availability: &str, activity: &str| {
        json!({
            "@odata.id": format!("users/{user}/presence"),
            "@odata.type": "#microsoft.graph.presence",
            "id": user,
            "availability": availability,
            "activity": activity,
        })
    };
    let expect = [
        expect("fa8bf3dc-eca7-46b7-bad1-db199b62afc3", "Busy", "InACall"),
        expect("66825e03-7ef5-42da-9069-724602c31f6b", "Offline", "Offline"),
    ];
    assert_eq!(contents, expect);
    let tokens = body
        .as_object_mut()
        .unwrap()
        .remove("validationTokens")
        .unwrap();
    assert_eq!(tokens.as_array().unwrap().len(), 1);
    let basic = composer
        .notification(&subscription(None), &items())
        .unwrap();
    assert_eq!(body, json(&basic));
}

/// A receiver that knows the discovery document finds the key and checks a token by what it is told
/// to check: signature, issuer, audience, publisher, times.
#[test]
fn validation_tokens_can_be_checked() {
    let (composer, key, clock) = composer();
    let mut rich = subscription(Some(encryption()));
    let mut token = |application| {
        rich.creator.application = application;
        let body = json(&composer.notification(&rich, &items()).unwrap());
        body["validationTokens"][0].as_str().unwrap().to_owned()
    };
    let first = token(APPLICATION);
    let document = discovery_document("https://presence.example.com/{tenantid}/", "/keys");
    assert_eq!(document["jwks_uri"], "/keys");
    let keys: JwkSet = serde_json::from_value(key.key_set()).unwrap();
    let header = decode_header(&first).unwrap();
    let jwk = keys.find(&header.kid.unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[APPLICATION.to_string()]);
    let issuer = document["issuer"].as_str().unwrap();
    validation.set_issuer(&[issuer.replace("{tenantid}", &TENANT.to_string())]);
    // The library asks the machine's clock, and this test has its own.
    validation.validate_exp = false;
    let decoded = decode::<Value>(&first, &DecodingKey::from_jwk(jwk).unwrap(), &validation);
    let claims = decoded.unwrap().claims;
    let issued_at = NOW.as_millis() / 1000;
    assert_eq!(claims["iat"], issued_at);
    assert_eq!(claims["nbf"], issued_at);
    assert_eq!(
        claims["exp"],
        issued_at + VALIDATION_TOKEN_LIFETIME.as_secs()
    );
    assert_eq!(claims["tid"], TENANT.to_string());
    assert_eq!(claims["appid"], "0bf30f3b-4a52-48df-9a82-234910c4a086");
    assert_eq!(claims["appidacr"], "2");
    assert_eq!(claims["ver"], "1.0");
    assert_eq!(claims["idp"], claims["iss"]);

    // One is used again for a while, by its own application only.
    assert_eq!(token(APPLICATION), first);
    let other = ApplicationId::from_u128(2);
    assert_ne!(token(other), first);
    *clock.0.lock() = NOW.plus(VALIDATION_TOKEN_REUSE);
    assert_ne!(token(APPLICATION), first);
}

/// Lifecycle notifications say what happens to the subscription, and nothing of any presence.
#[test]
fn lifecycle_notifications_are_as_documented() {
    let (composer, ..) = composer();
    for (event, name) in [
        (
            LifecycleEvent::ReauthorizationRequired,
            "reauthorizationRequired",
        ),
        (LifecycleEvent::SubscriptionRemoved, "subscriptionRemoved"),
        (LifecycleEvent::Missed, "missed"),
    ] {
        let body = composer
            .lifecycle(&subscription(Some(encryption())), event)
            .unwrap();
        let expect = json!({"value": [{
            "subscriptionId": "00000000-0000-0000-0000-000000000010",
            "subscriptionExpirationDateTime": "2026-09-01T09:00:00+00:00",
            "tenantId": "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50",
            "clientState": "a \"secret\" \u{e4}",
            "lifecycleEvent": name,
        }]});
        assert_eq!(json(&body), expect);
    }
}

/// Times have the documented form, to the millisecond where there is one, also at the end of time.
#[test]
fn times_are_written_as_documented() {
    let check = |millis: u64, expect: &str| {
        assert_eq!(date_time(Timestamp::from_millis(millis)), expect);
    };
    check(0, "1970-01-01T00:00:00+00:00");
    check(NOW.as_millis(), "2026-09-01T08:00:00+00:00");
    check(NOW.as_millis() + 50, "2026-09-01T08:00:00.050+00:00");
    check(u64::MAX, "9999-12-31T23:59:59+00:00");
}

/// A certificate that cannot be read is told of, and nothing goes out in clear instead.
#[test]
fn a_damaged_certificate_is_an_error() {
    let (composer, ..) = composer();
    let mut encryption = encryption();
    encryption.certificate.truncate(100);
    let error = composer
        .notification(&subscription(Some(encryption)), &items())
        .unwrap_err();
    assert_eq!(
        error.0,
        "the subscription's certificate: it is not one X.509 certificate in DER form"
    );
}

//! Keys that sign, a clock that is set by hand, and an issuer that can misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use presenced_core::auth::Caller;
use presenced_core::id::TenantId;
use presenced_core::time::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::token::settings::{Cloud, EntraIssuer, Fetch, Issuer, PlainHttp};
use crate::token::{Authenticate, TokenError, TokenVerifier};

/// The start of every test, in seconds since 1970.
pub(super) const START: u64 = 1_800_000_000;

pub(super) const TENANT: &str = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50";
pub(super) const OTHER_TENANT: &str = "11111111-2222-4333-8444-555555555555";
pub(super) const APPLICATION: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";
pub(super) const USER: &str = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
pub(super) const AUDIENCE: &str = "https://graph.microsoft.com";

pub(super) fn tenant() -> TenantId {
    TenantId::parse(TENANT).unwrap()
}

/// A clock that stands still until it is moved.
pub(super) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(START * 1000)))
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A key pair of an issuer.
pub(super) enum Signer {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl Signer {
    pub(super) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(super) fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::P256(Box::new(pair))
    }

    /// The public half as a member of a key set.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => json!({
                "kty": "RSA",
                "use": "sig",
                "kid": kid,
                "n": encode(pair.public_key().modulus().big_endian_without_leading_zero()),
                "e": encode(pair.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC",
                    "use": "sig",
                    "kid": kid,
                    "crv": "P-256",
                    "x": encode(&point[1..33]),
                    "y": encode(&point[33..]),
                })
            }
        }
    }

    /// Signs as `header.alg` says.
    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding = match header["alg"].as_str() {
                    Some("PS256") => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, signed.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            Self::P256(pair) => pair
                .sign(&random, signed.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
        };
        format!("{signed}.{}", encode(signature))
    }

    /// A token with the algorithm that goes with the key, and this `kid`.
    pub(super) fn token_with_kid(&self, kid: &str, claims: &Value) -> String {
        let algorithm = match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
        };
        self.token(&json!({"typ": "JWT", "alg": algorithm, "kid": kid}), claims)
    }
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of an application's own token in the v1.0 form, an hour valid, changed by `change`:
/// a `null` removes a claim.
pub(super) fn claims(change: &Value) -> Value {
    let mut claims = json!({
        "ver": "1.0",
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "aud": AUDIENCE,
        "tid": TENANT,
        "appid": APPLICATION,
        "roles": ["Presence.ReadWrite.All"],
        "idtyp": "app",
        "iat": START,
        "nbf": START,
        "exp": START + 3600,
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// How the issuer's server answers.
#[derive(Clone)]
pub(super) enum Behaviour {
    /// As it should.
    Well,
    /// With this status.
    Status(u16),
    /// With this text for every document.
    Text(String),
    /// By pointing elsewhere.
    Redirect,
    /// Not before the behaviour is another one.
    Hang,
}

/// An issuer on loopback, which counts how often it is asked.
pub(super) struct TestIssuer {
    pub(super) root: String,
    served: Arc<Served>,
}

struct Served {
    behaviour: watch::Sender<Behaviour>,
    documents: watch::Sender<(Value, Value)>,
    discoveries: AtomicUsize,
    key_sets: AtomicUsize,
}

impl TestIssuer {
    /// An issuer that describes itself as Entra does for all tenants, with these keys.
    pub(super) async fn start(keys: &[Value]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({
            "issuer": format!("{root}/{{tenantid}}/v2.0"),
            "jwks_uri": format!("{root}/keys"),
        });
        let served = Arc::new(Served {
            behaviour: watch::Sender::new(Behaviour::Well),
            documents: watch::Sender::new((discovery, json!({"keys": keys}))),
            discoveries: AtomicUsize::new(0),
            key_sets: AtomicUsize::new(0),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&served));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { root, served }
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        self.served.behaviour.send_replace(behaviour);
    }

    pub(super) fn rotate(&self, keys: &[Value]) {
        let keys = json!({"keys": keys});
        self.served
            .documents
            .send_modify(|documents| documents.1 = keys);
    }

    pub(super) fn describe(&self, name: &str, value: &str) {
        self.served
            .documents
            .send_modify(|documents| documents.0[name] = json!(value));
    }

    /// How often the discovery document was asked for.
    pub(super) fn discoveries(&self) -> usize {
        self.served.discoveries.load(Ordering::SeqCst)
    }

    /// How often the key set was asked for.
    pub(super) fn key_sets(&self) -> usize {
        self.served.key_sets.load(Ordering::SeqCst)
    }

    /// Settings that take this issuer for Entra, with two tenants.
    pub(super) fn as_entra(&self) -> Issuer {
        Issuer::Entra(EntraIssuer {
            cloud: Cloud::Global,
            authority: Some(self.root.clone()),
            tenants: vec![tenant(), TenantId::parse(OTHER_TENANT).unwrap()],
            audiences: Vec::new(),
            fetch: on_loopback(),
        })
    }

    /// A verifier that takes this issuer for Entra.
    pub(super) fn verifier(&self, clock: &Arc<ManualClock>) -> TokenVerifier {
        let clock = Arc::clone(clock);
        TokenVerifier::new(vec![self.as_entra()], clock).unwrap()
    }
}

pub(super) fn on_loopback() -> Fetch {
    Fetch {
        extra_roots_pem: None,
        plain_http: PlainHttp::OnLoopback,
    }
}

async fn answer(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    let (discovery, keys) = served.documents.borrow().clone();
    let document = if uri.path() == "/keys" {
        served.key_sets.fetch_add(1, Ordering::SeqCst);
        keys
    } else if uri.path().ends_with("/.well-known/openid-configuration") {
        served.discoveries.fetch_add(1, Ordering::SeqCst);
        discovery
    } else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut behaviour = served.behaviour.subscribe();
    let behaviour = behaviour
        .wait_for(|behaviour| !matches!(behaviour, Behaviour::Hang))
        .await
        .unwrap()
        .clone();
    match behaviour {
        Behaviour::Well | Behaviour::Hang => axum::Json(document).into_response(),
        Behaviour::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Behaviour::Text(text) => text.into_response(),
        Behaviour::Redirect => Redirect::temporary("/keys").into_response(),
    }
}

/// The outcome in few words: `Ok`, or the error's variant and what it names.
pub(super) fn outcome(result: &Result<Arc<Caller>, TokenError>) -> String {
    match result {
        Ok(_) => "Ok".into(),
        Err(TokenError::KeysUnavailable(_)) => "KeysUnavailable".into(),
        Err(error) => format!("{error:?}"),
    }
}

pub(super) async fn check(verifier: &TokenVerifier, token: &str, expected: &str) {
    let result = verifier.authenticate(token).await;
    assert_eq!(outcome(&result), expected, "{token}");
}

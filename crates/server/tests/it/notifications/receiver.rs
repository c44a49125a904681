//! A receiver of rich notifications on a loopback address that behaves as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It takes what comes.
    Take,
    /// It takes it, but only once it is to behave otherwise.
    TakeLate,
    /// It answers 503.
    Refuse,
    /// It answers 404.
    NotFound,
    /// It answers nothing until it is to behave otherwise, and then 503.
    Hold,
}

/// What a receiver was told last of each user.
pub(super) type Told = BTreeMap<String, String>;

/// A receiver, until it is dropped.
pub(super) struct Receiver {
    url: String,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    manner: watch::Sender<Manner>,
    told: watch::Sender<Told>,
}

impl Receiver {
    /// Listens, and takes what comes.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            manner: watch::Sender::new(Manner::Take),
            told: watch::Sender::new(Told::new()),
        });
        let router = Router::new()
            .route("/hook", post(hook))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inner, task }
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Behaves otherwise from now on.
    pub(super) fn be(&self, manner: Manner) {
        self.inner.manner.send_replace(manner);
    }

    /// What it was told last of each user.
    pub(super) fn told(&self) -> Told {
        self.inner.told.borrow().clone()
    }

    /// Waits until it was told this.
    pub(super) async fn wait_until(&self, most: Duration, right: impl Fn(&Told) -> bool) {
        let mut told = self.inner.told.subscribe();
        let waited = tokio::time::timeout(most, told.wait_for(right)).await;
        assert!(waited.is_ok(), "it was told only: {:#?}", self.told());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hook(State(inner): State<Arc<Inner>>, uri: Uri, body: Bytes) -> Response {
    let url = Url::parse(&format!("http://receiver{uri}")).unwrap();
    let token = url
        .query_pairs()
        .find(|(name, _)| name == "validationToken");
    if let Some((_, token)) = token {
        return token.into_owned().into_response();
    }
    let mut manner = inner.manner.subscribe();
    let now = *manner.borrow_and_update();
    match now {
        Manner::Take => {}
        Manner::Refuse => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Manner::NotFound => return StatusCode::NOT_FOUND.into_response(),
        Manner::TakeLate | Manner::Hold => {
            manner.changed().await.unwrap();
            if now == Manner::Hold {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
        }
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    inner.told.send_modify(|told| {
        for item in body["value"].as_array().unwrap() {
            assert_eq!(item["clientState"], "secret");
            // Lifecycle notifications have none.
            if let Some(content) = item.get("encryptedContent") {
                let (user, pair) = opened(content);
                told.insert(user, pair);
            }
        }
    });
    StatusCode::ACCEPTED.into_response()
}

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../../notify/testdata/rich_notification.json");
    serde_json::from_str(text).unwrap()
});

/// The certificate that notifications are to be encrypted for.
pub(super) fn certificate() -> &'static str {
    VECTORS["rsa_2048"].as_str().unwrap()
}

/// The user and presence in an `encryptedContent`, opened as receivers are told to (contract section
/// 4.6).
fn opened(content: &Value) -> (String, String) {
    let decoded = |text: &Value| STANDARD.decode(text.as_str().unwrap()).unwrap();
    let private = PrivateDecryptingKey::from_pkcs8(&decoded(&VECTORS["pkcs8"])).unwrap();
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    let mut room = vec![0; private.min_output_size()];
    let sealed = decoded(&content["dataKey"]);
    let key = private.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut room, None);
    let key = key.unwrap();

    let mut data = decoded(&content["data"]);
    let signature = decoded(&content["dataSignature"]);
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &data, &signature).unwrap();
    let cipher = UnboundCipherKey::new(&AES_256, key).unwrap();
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
    let vector: &[u8; 16] = key[..16].try_into().unwrap();
    let vector = DecryptionContext::Iv128(FixedLength::from(vector));
    let plain = cipher.decrypt(&mut data, vector).unwrap();
    let plain: Value = serde_json::from_slice(plain).unwrap();
    let text = |name: &str| plain[name].as_str().unwrap().to_owned();
    let pair = format!("{}/{}", text("availability"), text("activity"));
    (text("id"), pair)
}

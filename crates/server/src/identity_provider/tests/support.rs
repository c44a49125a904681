//! A provider with a clock that is set by hand, and the requests that clients make.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use presenced_core::auth::Caller;
use presenced_core::time::{Clock, Timestamp};
use presenced_http::token::{Authenticate, TokenVerifier};
use presenced_http::{Directory, PublicUrl};
use presenced_store::{Limits, StoreConfig};
use serde_json::Value;
use tower::ServiceExt;

use crate::identity_provider::directory::fixed;
use crate::identity_provider::{IdentityProvider, Scheme, Settings};

pub(super) const TENANT: &str = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50";
pub(super) const APP_1: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";
pub(super) const APP_2: &str = "5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21";
pub(super) const APP_3: &str = "c1b7a7f4-0d5e-4b0e-b9a5-7c8d9e0f1a2b";
pub(super) const ADELE: &str = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
pub(super) const GRAPH_DEFAULT: &str = "https://graph.microsoft.com/.default";
pub(super) const START: u64 = 1_800_000_000;

struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The provider under test.
pub(super) struct Provider {
    router: Router,
    verifier: TokenVerifier,
    clock: Arc<ManualClock>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The value of a member that is text.
    pub(super) fn member(&self, name: &str) -> String {
        let json = self.json();
        let member = json[name].as_str();
        member
            .unwrap_or_else(|| panic!("no {name} in {json}"))
            .to_owned()
    }

    /// Status, `error` and number of an OAuth error, whose other members are checked too.
    pub(super) fn error(&self) -> (u16, String, u64) {
        let json = self.json();
        let number = json["error_codes"][0].as_u64().unwrap();
        let description = json["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(&format!("AADSTS{number}: ")),
            "{description}"
        );
        for id in ["trace_id", "correlation_id"] {
            uuid::Uuid::parse_str(json[id].as_str().unwrap()).unwrap();
        }
        assert_eq!(json["timestamp"], "2027-01-15 08:00:00Z");
        assert_eq!(self.headers["cache-control"], "no-store");
        (self.status.as_u16(), self.member("error"), number)
    }

    /// Where the browser is sent.
    pub(super) fn location(&self) -> reqwest::Url {
        assert_eq!(self.status, StatusCode::FOUND, "{}", self.text);
        let location = self.headers["location"].to_str().unwrap();
        reqwest::Url::parse(location).unwrap()
    }
}

/// The parameters of a query or fragment.
pub(super) fn parameters(text: Option<&str>) -> HashMap<String, String> {
    let url = format!("http://x/?{}", text.unwrap_or_default());
    let url = reqwest::Url::parse(&url).unwrap();
    url.query_pairs().into_owned().collect()
}

/// Fields as a form or query.
pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

impl Provider {
    pub(super) fn new() -> Self {
        Self::at(None)
    }

    /// A provider that clients reach under this address.
    pub(super) fn at(public_url: Option<PublicUrl>) -> Self {
        let clock = Arc::new(ManualClock(AtomicU64::new(START * 1000)));
        let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
        let directory = Directory::new(store, fixed());
        let provider = IdentityProvider::new(Settings {
            clock: clock.clone(),
            directory,
            scheme: Scheme::Http,
            public_url,
        })
        .unwrap();
        let verifier = TokenVerifier::new(vec![provider.issuer()], clock.clone()).unwrap();
        let router = provider.router();
        Self {
            router,
            verifier,
            clock,
        }
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1024 * 1024).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("host", "localhost:8080");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = Request::post(path)
            .header("host", "localhost:8080")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(encoded(fields).into()).unwrap())
            .await
    }

    /// Asks the token endpoint.
    pub(super) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.post(&format!("/{TENANT}/oauth2/v2.0/token"), fields)
            .await
    }

    /// Adele's password grant with application 1, for these scopes.
    pub(super) async fn adele(&self, scope: &str) -> Answer {
        let answer = self
            .token(&[
                ("grant_type", "password"),
                ("client_id", APP_1),
                ("username", "adele@presenced.dev"),
                ("password", "dev"),
                ("scope", scope),
            ])
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer
    }

    /// Whom the real token check takes an access token's bearer for.
    pub(super) async fn caller(&self, answer: &Answer) -> Caller {
        let token = answer.member("access_token");
        let caller = self.verifier.authenticate(&token).await;
        Caller::clone(&caller.unwrap())
    }
}

/// The payload of a token.
pub(super) fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

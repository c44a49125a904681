//! An issuer's keys, fetched from its discovery document and kept.
//!
//! A key set that was had once is served until a better one is there: an issuer that cannot be
//! reached costs nobody a request. Fetches run by themselves, one at a time, and outlive the
//! request that asked for them, so that a client that gives up does not make the next one wait from
//! the beginning.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use presenced_core::time::{Clock, Timestamp};
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::watch;

use super::TokenError;
use super::keys::{Algorithm, Key, KeySet, KeySetError};
use super::limits::{
    CONNECT_TIMEOUT, DOCUMENT_BYTES_MAX, DOCUMENT_TIMEOUT, FIRST_FETCH_INTERVAL_MIN, KEYS_AGE_MAX,
    REFRESH_INTERVAL_MIN,
};
use super::settings::{Fetch, PlainHttp, SettingsError};

/// Where an issuer describes itself, and what the description must say.
#[derive(Debug)]
pub(super) struct Discovery {
    /// The address of the discovery document.
    pub(super) url: String,
    /// The document's `issuer` must be one of these. `{tenantid}` in it, which Entra writes for any
    /// tenant, is compared as it stands.
    pub(super) issuers: Vec<String>,
}

/// The keys of one issuer.
pub(super) struct KeySource {
    discovery: Discovery,
    url: Url,
    plain_http: PlainHttp,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    current: ArcSwapOption<Fetched>,
    fetching: watch::Sender<Fetching>,
}

struct Fetched {
    keys: KeySet,
    at: Timestamp,
}

/// How it stands with fetching.
#[derive(Default)]
struct Fetching {
    running: bool,
    /// When the latest attempt began.
    began: Option<Timestamp>,
    /// Why the latest finished attempt failed, if it did.
    failure: Option<Arc<FetchError>>,
}

/// Why keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("'{url}' cannot be had")]
    Transport { url: String, source: reqwest::Error },
    #[error("'{url}' answers with status {status}")]
    Status { url: String, status: u16 },
    #[error("'{0}' is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge(String),
    #[error("the discovery document '{url}' cannot be read")]
    Discovery {
        url: String,
        source: serde_json::Error,
    },
    #[error("the discovery document '{url}' is of the issuer '{found}', not of the configured one")]
    Issuer { url: String, found: String },
    #[error("keys may not come from '{url}': {reason}")]
    Address { url: String, reason: &'static str },
    #[error("the key set '{url}' cannot be used")]
    Keys { url: String, source: KeySetError },
    #[error("the fetch ended before it was done")]
    Aborted,
}

#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

impl KeySource {
    /// A source that has fetched nothing yet.
    pub(super) fn new(
        discovery: Discovery,
        fetch: &Fetch,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let url = address(&discovery.url, fetch.plain_http);
        let url = url.map_err(|reason| SettingsError::Address {
            url: discovery.url.clone(),
            reason,
        })?;
        Ok(Self {
            client: client(&discovery.url, fetch)?,
            url,
            discovery,
            plain_http: fetch.plain_http,
            clock,
            current: ArcSwapOption::empty(),
            fetching: watch::Sender::new(Fetching::default()),
        })
    }

    /// The key that a token claims to be signed with. Waits only if it is not at hand and a fetch
    /// is due.
    pub(super) async fn key(
        self: &Arc<Self>,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<Key>, TokenError> {
        if let Some(fetched) = &*self.current.load() {
            let found = fetched.keys.find(key_id, algorithm);
            // Without a `kid` no other key set would tell more.
            let settled = !matches!(found, Err(TokenError::UnknownKey)) || key_id.is_none();
            if settled {
                if self.clock.now().since(fetched.at) > KEYS_AGE_MAX {
                    self.begin();
                }
                return found.map(Arc::clone);
            }
        }
        self.begin();
        self.idle().await;
        let failure = self.fetching.borrow().failure.clone();
        let found = match &*self.current.load() {
            Some(fetched) => fetched.keys.find(key_id, algorithm).map(Arc::clone),
            None => Err(TokenError::UnknownKey),
        };
        match (found, failure) {
            // The key may be one that the failed fetch would have brought.
            (Err(TokenError::UnknownKey), Some(failure)) => {
                Err(TokenError::KeysUnavailable(Box::new(failure)))
            }
            (found, _) => found,
        }
    }

    /// Waits until no fetch is running.
    pub(super) async fn idle(&self) {
        let mut fetching = self.fetching.subscribe();
        // It errs only when the sender is gone, and `self` holds it.
        drop(fetching.wait_for(|fetching| !fetching.running).await);
    }

    /// Starts a fetch, unless one is running or the latest was too short a while ago.
    pub(super) fn begin(self: &Arc<Self>) {
        let now = self.clock.now();
        let interval = match &*self.current.load() {
            Some(_) => REFRESH_INTERVAL_MIN,
            None => FIRST_FETCH_INTERVAL_MIN,
        };
        let allowed = self.fetching.send_if_modified(|fetching| {
            let lately = fetching
                .began
                .is_some_and(|began| now.since(began) < interval);
            if fetching.running || lately {
                return false;
            }
            fetching.running = true;
            fetching.began = Some(now);
            true
        });
        if allowed {
            let running = Running {
                source: Arc::clone(self),
                outcome: Err(FetchError::Aborted),
            };
            tokio::spawn(running.run());
        }
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let document = self.discovery_document().await?;
        let expected = &self.discovery.issuers;
        if !expected.contains(&document.issuer) {
            return Err(FetchError::Issuer {
                url: self.url.to_string(),
                found: document.issuer,
            });
        }
        let url = address(&document.jwks_uri, self.plain_http);
        let url = url.map_err(|reason| FetchError::Address {
            url: document.jwks_uri,
            reason,
        })?;
        let keys = self.get(&url).await?;
        KeySet::read(&keys).map_err(|source| FetchError::Keys {
            url: url.into(),
            source,
        })
    }

    async fn discovery_document(&self) -> Result<DiscoveryDocument, FetchError> {
        let body = self.get(&self.url).await?;
        serde_json::from_slice(&body).map_err(|source| FetchError::Discovery {
            url: self.url.to_string(),
            source,
        })
    }

    /// One document, whole, within time and size.
    async fn get(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let transport = |source: reqwest::Error| FetchError::Transport {
            url: url.to_string(),
            source: source.without_url(),
        };
        let request = self.client.get(url.clone());
        let request = request.header("accept", "application/json");
        let mut response = request.send().await.map_err(transport)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status {
                url: url.to_string(),
                status: response.status().as_u16(),
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > DOCUMENT_BYTES_MAX {
                return Err(FetchError::TooLarge(url.to_string()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// A fetch on its way. When it ends, in whatever way, the next one may begin.
struct Running {
    source: Arc<KeySource>,
    outcome: Result<KeySet, FetchError>,
}

impl Running {
    async fn run(mut self) {
        self.outcome = self.source.fetch().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let source = &self.source;
        let failure = match std::mem::replace(&mut self.outcome, Err(FetchError::Aborted)) {
            Ok(keys) => {
                let keys = match &*source.current.load() {
                    Some(old) => keys.replacing(&old.keys),
                    None => keys,
                };
                let at = source.clock.now();
                source.current.store(Some(Arc::new(Fetched { keys, at })));
                None
            }
            Err(failure) => {
                let error: &dyn std::error::Error = &failure;
                let url = source.url.as_str();
                tracing::warn!(
                    error,
                    url,
                    "the signing keys of an issuer cannot be fetched"
                );
                Some(Arc::new(failure))
            }
        };
        source.fetching.send_modify(|fetching| {
            fetching.running = false;
            fetching.failure = failure;
        });
    }
}

/// The client for one issuer. It follows no redirect, since a redirect could lead from the
/// configured host to any other.
fn client(issuer: &str, fetch: &Fetch) -> Result<reqwest::Client, SettingsError> {
    let issuer = || issuer.to_owned();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("presenced/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(DOCUMENT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .https_only(fetch.plain_http == PlainHttp::Refused);
    if let Some(pem) = &fetch.extra_roots_pem {
        let roots = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
        if roots.is_empty() {
            return Err(SettingsError::Roots(issuer()));
        }
        builder = builder.tls_certs_merge(roots);
    }
    builder.build().map_err(|source| SettingsError::Client {
        issuer: issuer(),
        source,
    })
}

/// Reads an address that keys may come from.
fn address(text: &str, plain_http: PlainHttp) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is not a URL")?;
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match (url.scheme(), plain_http) {
        ("https", _) => Ok(url),
        ("http", PlainHttp::OnLoopback) if loopback => Ok(url),
        ("http", PlainHttp::OnLoopback) => Err("plain HTTP is allowed on loopback only; use https"),
        ("http", PlainHttp::Refused) => Err("plain HTTP is not allowed; use https"),
        _ => Err("its scheme is not https"),
    }
}

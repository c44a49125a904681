//! The courier over HTTP: it goes where [`AddressPolicy`] lets it, waits as long as the limits say,
//! and believes nothing of what comes back.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Client, Response, Url};
use tokio::time::{Instant, timeout};

use super::address::{AddressPolicy, Scheme, Target};
use super::limits::{
    ANSWER_HEAD_BYTES_MAX, ANSWER_HEADERS_MAX, ANSWER_TIMEOUT, ANSWER_WINDOW_BYTES,
    CONNECT_TIMEOUT, DRAIN_TIMEOUT, DRAINED_BYTES_MAX, IDLE_CONNECTION_TIMEOUT,
    IDLE_CONNECTIONS_PER_HOST_MAX, PING_INTERVAL, PING_TIMEOUT, VALIDATION_BODY_BYTES_MAX,
};
use super::resolver::{ASKED_FOR, Judge, LookUpError, LookUps, Resolver, SystemResolver};
use crate::courier::{Attempt, Class, Courier, EndpointFault, Pending};

/// What the courier is made of.
pub struct CourierSettings {
    /// Where it may go.
    pub policy: AddressPolicy,
    /// Whose certificates it believes over TLS.
    pub roots: Roots,
    /// How long an endpoint has for its answer. [`ANSWER_TIMEOUT`] unless a test is in a hurry.
    pub answer_timeout: Duration,
    /// How it looks up names.
    pub resolver: Arc<dyn Resolver>,
}

/// The certificate authorities that endpoints may have their certificates from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Those of the system.
    #[default]
    System,
    /// Those of the system, and these in PEM: for receivers within an organisation.
    SystemAnd(Vec<u8>),
    /// None but these in PEM, of which there may be none.
    Only(Vec<u8>),
}

/// Settings that no courier can be made of.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The certificates given are none.
    #[error("the certificate authorities given are not certificates in PEM")]
    Roots,
    /// Most often: the system has no certificate authorities.
    #[error(
        "the HTTP client for notifications cannot be made; where the system has no certificate \
         authorities, install its package of them (often ca-certificates)"
    )]
    Client(#[source] reqwest::Error),
}

/// A [`Courier`] over HTTP/1.1 and HTTP/2. It keeps connections for the next message.
pub struct HttpCourier {
    policy: Arc<AddressPolicy>,
    https: Client,
    http: Client,
    answer_timeout: Duration,
}

impl CourierSettings {
    /// A courier that may go where this policy says, with the system's certificate authorities and
    /// look-up.
    pub fn new(policy: AddressPolicy) -> Self {
        Self {
            policy,
            roots: Roots::System,
            answer_timeout: ANSWER_TIMEOUT,
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl HttpCourier {
    /// A courier without connections yet.
    pub fn new(settings: CourierSettings) -> Result<Self, CourierError> {
        let policy = Arc::new(settings.policy);
        let look_ups = Arc::new(LookUps::new(settings.resolver));
        // Whether an address is allowed may depend on the scheme, which a look-up does not know.
        let judge = |scheme| Judge {
            look_ups: Arc::clone(&look_ups),
            policy: Arc::clone(&policy),
            scheme,
        };
        let https = client(judge(Scheme::Https), &settings.roots)?;
        let http = client(judge(Scheme::Http), &Roots::Only(Vec::new()))?;
        Ok(Self {
            https,
            http,
            policy,
            answer_timeout: settings.answer_timeout,
        })
    }

    fn client(&self, target: &Target) -> &Client {
        match target.scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        }
    }

    /// One request, until the head of its answer is there.
    async fn send(
        &self,
        target: &Target,
        url: Url,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Response, EndpointFault> {
        let request = self.client(target).post(url);
        let request = request
            .header(CONTENT_TYPE, content_type)
            // Of an empty body the client would not say so, and there are receivers that insist on it
            // (RFC 9110 §8.6).
            .header(CONTENT_LENGTH, body.len())
            .body(body);
        request.send().await.map_err(|error| fault(&error))
    }

    async fn validate(&self, url: &str) -> Result<(), EndpointFault> {
        let target = self.policy.judge_url(url)?;
        let token = validation_token();
        let mut asked = target.url.clone();
        asked
            .query_pairs_mut()
            .append_pair("validationToken", &token);
        let plain_text = "text/plain; charset=utf-8";
        let response = self.send(&target, asked, plain_text, Bytes::new()).await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(EndpointFault::Status(response.status().as_u16()));
        }
        if !is_plain_text(response.headers()) {
            return Err(EndpointFault::Token);
        }
        let body = read(response, VALIDATION_BODY_BYTES_MAX).await?;
        match body {
            Some(body) if body == token.as_bytes() => Ok(()),
            Some(_) | None => Err(EndpointFault::Token),
        }
    }

    async fn deliver(&self, url: &str, body: Bytes) -> Result<Response, EndpointFault> {
        let target = self.policy.judge_url(url)?;
        let json = "application/json; charset=utf-8";
        self.send(&target, target.url.clone(), json, body).await
    }
}

impl Courier for HttpCourier {
    fn check<'a>(&'a self, url: &'a str) -> Pending<'a, Result<(), EndpointFault>> {
        Box::pin(async move {
            let validated = ASKED_FOR.scope(Class::Unknown, self.validate(url));
            let answer = timeout(self.answer_timeout, validated).await;
            answer.unwrap_or(Err(EndpointFault::TimedOut))
        })
    }

    fn post<'a>(&'a self, url: &'a str, body: Bytes, class: Class) -> Pending<'a, Attempt> {
        Box::pin(async move {
            let began = Instant::now();
            let delivered = ASKED_FOR.scope(class, self.deliver(url, body));
            let response = timeout(self.answer_timeout, delivered).await;
            let took = began.elapsed();
            let answer = match response.unwrap_or(Err(EndpointFault::TimedOut)) {
                Ok(response) => {
                    let status = response.status().as_u16();
                    // A connection whose answer was read to its end can be used again; whether it
                    // was makes no difference to the notification.
                    let drained = timeout(DRAIN_TIMEOUT, read(response, DRAINED_BYTES_MAX));
                    drop(drained.await);
                    Ok(status)
                }
                Err(fault) => Err(fault),
            };
            Attempt { answer, took }
        })
    }
}

/// A client that goes to judged addresses only. It follows no redirect and knows no proxy: either
/// would have somebody else choose where it goes.
fn client(judge: Judge, roots: &Roots) -> Result<Client, CourierError> {
    let builder = Client::builder()
        .user_agent(concat!("presenced/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .https_only(judge.scheme == Scheme::Https)
        .dns_resolver(Arc::new(judge))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
        .http1_max_headers(ANSWER_HEADERS_MAX)
        .http2_max_header_list_size(ANSWER_HEAD_BYTES_MAX)
        .http2_initial_stream_window_size(ANSWER_WINDOW_BYTES)
        .http2_initial_connection_window_size(ANSWER_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT);
    let builder = match roots {
        Roots::System => builder,
        Roots::SystemAnd(pem) => builder.tls_certs_merge(certificates(pem)?),
        Roots::Only(pem) if pem.is_empty() => builder.tls_certs_only([]),
        Roots::Only(pem) => builder.tls_certs_only(certificates(pem)?),
    };
    builder.build().map_err(CourierError::Client)
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, CourierError> {
    let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(CourierError::Roots);
    }
    Ok(certificates)
}

/// What an endpoint has to repeat. Nobody can guess it; and some of its characters have to be
/// encoded in a URL, so that an endpoint that forgets to decode them is found out at once.
fn validation_token() -> String {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).expect("the system's random source is there");
    format!("Validation:{}", STANDARD.encode(random))
}

/// Whether the media type of an answer is `text/plain`, whatever its parameters are.
fn is_plain_text(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE);
    let media_type = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/plain"))
}

/// The body of an answer; `None` where it is longer than `bytes_max`.
async fn read(mut response: Response, bytes_max: usize) -> Result<Option<Vec<u8>>, EndpointFault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// What an error of the client means. What is said names the step and its kind of cause in words of
/// ours: never the URL, whose query may hold a secret, and nothing that the other side says.
fn fault(error: &reqwest::Error) -> EndpointFault {
    let mut innermost: &(dyn std::error::Error + 'static) = error;
    let mut kind = None;
    while let Some(source) = innermost.source() {
        innermost = source;
        if let Some(error) = source.downcast_ref::<LookUpError>() {
            return match error {
                LookUpError::Refused(address) => EndpointFault::Refused(address.of_name()),
                LookUpError::Failed(_) | LookUpError::Empty => {
                    EndpointFault::Unreachable(error.to_string())
                }
            };
        }
        if let Some(error) = source.downcast_ref::<io::Error>() {
            kind = Some(kind_within(error));
        }
    }
    if error.is_timeout() {
        return EndpointFault::TimedOut;
    }
    let what = match kind {
        // What a TLS library says of a handshake comes as data that is not valid.
        Some(ErrorKind::InvalidData) if error.is_connect() => {
            format!("TLS failed: {}", handshake(&innermost.to_string()))
        }
        Some(kind) if error.is_connect() => format!("the connection failed: {kind}"),
        _ if error.is_connect() => "the connection failed".to_owned(),
        _ => "the answer failed: it is no HTTP, or broken off".to_owned(),
    };
    EndpointFault::Unreachable(what)
}

/// What is said of a handshake that failed, in place of the library's words: these tell a subscriber
/// the names in the certificate of whatever is at an address. The library's type is behind two
/// others' and not to be named here; what its words do not show is told in general.
fn handshake(words: &str) -> &'static str {
    const NOT_TRUSTED: &str = "its certificate is of an authority that is not trusted";
    const KNOWN: [(&str, &str); 5] = [
        ("not valid for name", "its certificate is for another name"),
        ("UnknownIssuer", NOT_TRUSTED),
        // As somebody has it who calls an authority by the name of a trusted one.
        ("BadSignature", NOT_TRUSTED),
        ("expired", "its certificate has expired"),
        ("not valid yet", "its certificate is not valid yet"),
    ];
    let Some(reason) = words.strip_prefix("invalid peer certificate: ") else {
        return "the handshake did not succeed";
    };
    let known = KNOWN.iter().find(|(part, _)| reason.contains(part));
    known.map_or("its certificate cannot be accepted", |(_, told)| told)
}

/// The kind of the error that was wrapped first: the libraries in between wrap into `Other`.
fn kind_within(error: &io::Error) -> ErrorKind {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.map_or(error.kind(), kind_within)
}

#[cfg(test)]
mod receiver;
#[cfg(test)]
mod tests;

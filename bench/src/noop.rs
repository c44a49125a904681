//! The floor: a server that reads the same requests, does nothing, and answers as many bytes.
//!
//! It takes what no presence server can leave out: the accept loop, HTTP, a route with an id, the
//! bearer header looked at, the body parsed into its members. What presenced costs beyond it is
//! presenced's own. It runs behind `axum::serve`, which is the floor, and behind presenced's own
//! listener and front, which shows how much of the distance is theirs.

use std::borrow::Cow;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Router, serve};
use clap::ValueEnum;
use presenced_core::auth::Caller;
use presenced_core::time::{Clock, Timestamp};
use presenced_http::listener::{Listener, ListenerSettings, Shutdown};
use presenced_http::token::{Authenticate, TokenError};
use presenced_http::{Api, Foundations, Front, Settings};
use presenced_store::{Limits, StoreConfig};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::limits::{IDS_PER_READ, REQUESTS_PER_BATCH};
use crate::rows::{ANSWERED_WITHIN, BATCH, FLOOR, GET, LIST, Row, SET};

/// What the floor answers, and from behind what.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Noop {
    /// What stands before the handlers.
    #[arg(long, value_enum)]
    pub(crate) behind: Behind,
    /// Lengths of the answers' bodies in bytes, of one row after the other.
    #[arg(long, value_delimiter = ',')]
    pub(crate) body_bytes: Vec<usize>,
    /// By how much their heads are longer than what the handlers need, in bytes.
    #[arg(long, value_delimiter = ',')]
    pub(crate) padding_bytes: Vec<usize>,
}

/// What stands before the handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Behind {
    /// `axum::serve`, with which nearly every axum server begins.
    Axum,
    /// presenced's listener and front: limits, deadlines, request ids.
    Presenced,
}

impl Behind {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Presenced => "presenced",
        }
    }
}

/// The header that makes a head as long as presenced's: one, where presenced has several, so that the
/// floor pays for the bytes and no more.
static PADDING: HeaderName = HeaderName::from_static("x-padding");

/// Bytes that this header takes besides its value.
const PADDING_BYTES_LEAST: usize = "x-padding: \r\n".len();

/// One answer, ready to be sent.
struct Answer {
    body: Bytes,
    padding: Option<HeaderValue>,
}

impl Answer {
    /// An answer of this row, of such lengths.
    fn new(row: Row, body_bytes: usize, padding_bytes: usize) -> Result<Self> {
        // Of a batch each request has to be seen to be answered.
        let mut body = ANSWERED_WITHIN.repeat(row.answers_within).into_bytes();
        body.resize(body_bytes.max(body.len()), b' ');
        let padding = padding_bytes.checked_sub(PADDING_BYTES_LEAST);
        let padding = padding.map(|bytes| HeaderValue::try_from("x".repeat(bytes)));
        Ok(Self {
            body: body.into(),
            padding: padding.transpose()?,
        })
    }

    fn respond(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        let headers = response.headers_mut();
        if !self.body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        if let Some(padding) = &self.padding {
            headers.insert(PADDING.clone(), padding.clone());
        }
        response
    }
}

/// The answers of all rows.
struct Answers {
    set: Answer,
    get: Answer,
    list: Answer,
    batch: Answer,
}

impl Answers {
    fn new(sizes: &Noop) -> Result<Self> {
        let lengths = sizes.body_bytes.iter().zip(&sizes.padding_bytes);
        let mut lengths = lengths.map(|(body, padding)| (*body, *padding));
        let mut next = |row| {
            let (body, padding) = lengths.next().context("a row has no lengths")?;
            Answer::new(row, body, padding)
        };
        Ok(Self {
            set: next(SET)?,
            get: next(GET)?,
            list: next(LIST)?,
            batch: next(BATCH)?,
        })
    }
}

/// Serves on a free port of the loopback address until the process is stopped; `tell` hears first
/// where.
pub(crate) async fn run(noop: Noop, tell: impl FnOnce(SocketAddr)) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let routes = router(Answers::new(&noop)?);
    match noop.behind {
        Behind::Axum => behind_axum(address, routes, tell).await,
        Behind::Presenced => behind_presenced(address, routes, tell).await,
    }
}

async fn behind_axum(
    address: SocketAddr,
    routes: Router,
    tell: impl FnOnce(SocketAddr),
) -> Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .context("cannot listen on the loopback address")?;
    tell(listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // A socket that cannot be told still works, more slowly.
        stream.set_nodelay(true).unwrap_or_default();
    });
    serve(listener, routes).await?;
    Ok(())
}

async fn behind_presenced(
    address: SocketAddr,
    routes: Router,
    tell: impl FnOnce(SocketAddr),
) -> Result<()> {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default()))?;
    let (clock, tokens) = (Arc::new(NoTime), Arc::new(NoTokens));
    let api = Api::new(Foundations::new(store, clock, tokens), Settings::default());
    let listener = Listener::bind(address, ListenerSettings::default())
        .await
        .context("cannot listen on the loopback address")?;
    tell(listener.address());
    listener
        .serve(Front::new(api, routes), &Shutdown::new())
        .await;
    Ok(())
}

/// The front wants to know the time only to write it into errors.
struct NoTime;

impl Clock for NoTime {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

/// No route of the floor asks whom a token speaks for.
struct NoTokens;

impl Authenticate for NoTokens {
    fn authenticate<'a>(
        &'a self,
        _token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>> {
        Box::pin(std::future::ready(Err(TokenError::Malformed)))
    }
}

fn router(answers: Answers) -> Router {
    let at = |path| format!("{FLOOR}{path}");
    Router::new()
        .route(&at("/users/{id}/presence"), get(get_presence))
        .route(&at("/users/{id}/presence/setPresence"), post(set_presence))
        .route(&at("/communications/getPresencesByUserId"), post(get_many))
        .route(&at("/$batch"), post(batch))
        .with_state(Arc::new(answers))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetPresence<'a> {
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(borrow)]
    availability: Cow<'a, str>,
    #[serde(borrow)]
    activity: Cow<'a, str>,
    #[serde(borrow)]
    expiration_duration: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Ids<'a> {
    #[serde(borrow)]
    ids: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    requests: Vec<Inner<'a>>,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    body: SetPresence<'a>,
}

impl SetPresence<'_> {
    /// Everything parsed is looked at, or the parsing could be left out by the compiler.
    fn is_whole(&self) -> bool {
        let duration = self.expiration_duration.as_ref();
        let lengths = [
            self.session_id.len(),
            self.availability.len(),
            self.activity.len(),
            duration.map_or(0, |text| text.len()),
        ];
        !lengths.contains(&0)
    }
}

async fn set_presence(
    Path(id): Path<String>,
    headers: HeaderMap,
    State(answers): State<Arc<Answers>>,
    body: Bytes,
) -> Response {
    let Ok(parsed) = serde_json::from_slice::<SetPresence<'_>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if id.is_empty() || !has_bearer(&headers) || !parsed.is_whole() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answers.set.respond()
}

async fn get_presence(
    Path(id): Path<String>,
    headers: HeaderMap,
    State(answers): State<Arc<Answers>>,
) -> Response {
    if id.is_empty() || !has_bearer(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answers.get.respond()
}

async fn get_many(
    headers: HeaderMap,
    State(answers): State<Arc<Answers>>,
    body: Bytes,
) -> Response {
    let Ok(parsed) = serde_json::from_slice::<Ids<'_>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if parsed.ids.len() != IDS_PER_READ || !has_bearer(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answers.list.respond()
}

async fn batch(headers: HeaderMap, State(answers): State<Arc<Answers>>, body: Bytes) -> Response {
    let Ok(parsed) = serde_json::from_slice::<Batch<'_>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let whole = parsed.requests.iter().filter(|inner| {
        let texts = [&inner.id, &inner.method, &inner.url];
        inner.body.is_whole() && !texts.iter().any(|text| text.is_empty())
    });
    if whole.count() != REQUESTS_PER_BATCH || !has_bearer(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answers.batch.respond()
}

fn has_bearer(headers: &HeaderMap) -> bool {
    let authorization = headers.get(header::AUTHORIZATION);
    let text = authorization.and_then(|value| value.to_str().ok());
    text.is_some_and(|text| text.starts_with("Bearer "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::{ask, ask_whole};
    use crate::load::Load;
    use crate::reply::Protocol;
    use crate::rows::{Ingredients, ROWS, Said};

    /// Lengths for the four rows.
    const BODIES: [usize; 4] = [0, 300, 70_000, 4_000];
    const PADDINGS: [usize; 4] = [0, 100, 13, 12];

    /// The floor in this process, on a port of its own.
    async fn floor(behind: Behind) -> SocketAddr {
        let noop = Noop {
            behind,
            body_bytes: BODIES.to_vec(),
            padding_bytes: PADDINGS.to_vec(),
        };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        tokio::spawn(run(noop, |address| sender.send(address).unwrap()));
        receiver.await.unwrap()
    }

    fn ingredients() -> Ingredients {
        Ingredients {
            root: FLOOR,
            token: "t".repeat(900),
            presence_bytes: 300,
            said: Said::Available,
            users: 100,
        }
    }

    /// The floor answers every row's request with the bytes it was told, and refuses one without
    /// token or with another body, so it does read both. A head is padded where a header has room.
    #[tokio::test]
    async fn the_floor_reads_what_it_answers() {
        for behind in [Behind::Axum, Behind::Presenced] {
            reads_what_it_answers(floor(behind).await).await;
        }
    }

    async fn reads_what_it_answers(address: SocketAddr) {
        let with = ingredients();
        for ((row, bytes), padding) in ROWS.into_iter().zip(BODIES).zip(PADDINGS) {
            let requests = row.requests(&with, Protocol::Http);
            let request = requests[0].filled(|| 1).into_bytes();
            let answer = ask_whole(address, Protocol::Http, &request).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!(body.len(), bytes, "{}", row.name);
            let padded = head.lines().find(|line| line.starts_with("x-padding: "));
            let padded = padded.map(|line| line.len() + "\r\n".len());
            assert_eq!(padded, (padding >= 13).then_some(padding), "{}", row.name);
            let text = String::from_utf8(request).unwrap();
            let broken = [
                text.replace("Bearer", "Digest"),
                text.replace("sessionId", "sessionNo").replace("ids", "odd"),
            ];
            for broken in broken {
                // A read of one user has no body that could be wrong.
                if broken != text {
                    let answer = ask(address, Protocol::Http, broken.as_bytes()).await;
                    assert!(answer.is_err(), "{broken}");
                }
            }
        }
    }

    /// The closed loop counts what a real server answers, on all its connections.
    #[tokio::test]
    async fn the_loop_counts_answers() {
        let address = floor(Behind::Axum).await;
        let with = ingredients();
        for row in ROWS {
            let load = Load {
                address,
                process: std::process::id(),
                protocol: Protocol::Http,
                requests: row.requests(&with, Protocol::Http),
                connections: 4,
                users: 100,
                answers_within: row.answers_within,
                warm_up: Duration::from_millis(1),
            };
            let measured = load.measure(Duration::from_millis(50)).await.unwrap();
            assert!(measured.latencies.total() > 0);
            assert!(measured.latencies.permille(500) > Duration::ZERO);
            assert!(measured.elapsed >= Duration::from_millis(50));
        }
    }

    /// A server that refuses is an error of the run, not a fast row.
    #[tokio::test]
    async fn a_refusal_ends_the_run() {
        let load = Load {
            address: floor(Behind::Axum).await,
            process: std::process::id(),
            protocol: Protocol::Http,
            requests: Arc::new(vec![crate::request::Template::new(
                "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
            )]),
            connections: 1,
            users: 100,
            answers_within: 0,
            warm_up: Duration::ZERO,
        };
        let error = load.measure(Duration::from_millis(1)).await.unwrap_err();
        assert!(format!("{error:#}").contains("404"), "{error:#}");
    }
}

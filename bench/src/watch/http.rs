//! The generator's HTTP: a client for requests that do not end, or are answered otherwise than 200.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::events::{Event, Events};
use crate::limits::{CONNECTIONS_PER_ADDRESS, STALL_TIMEOUT};

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.1: a connection for each stream.
    One,
    /// HTTP/2 in clear: one for many.
    Two,
}

/// One connection.
pub(crate) enum Client {
    /// Over HTTP/1.1.
    One(http1::SendRequest<Full<Bytes>>),
    /// Over HTTP/2.
    Two(http2::SendRequest<Full<Bytes>>),
}

/// The address of this machine that the `number`-th connection comes from: so many from one address
/// are let in, and all of 127.0.0.0/8 is this machine.
fn from(number: usize) -> IpAddr {
    let last = number / CONNECTIONS_PER_ADDRESS + 2;
    Ipv4Addr::new(127, 0, 0, u8::try_from(last).unwrap_or(u8::MAX)).into()
}

impl Client {
    /// Opens the `number`-th connection.
    pub(crate) async fn open(to: SocketAddr, version: Version, number: usize) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from(number), 0))?;
        socket.set_nodelay(true)?;
        let stream = socket.connect(to).await;
        let stream = stream.with_context(|| format!("cannot open connection {number} to {to}"))?;
        let stream = TokioIo::new(stream);
        // What becomes of a connection shows in what is asked over it.
        Ok(match version {
            Version::One => {
                let (client, connection) = http1::handshake(stream).await?;
                tokio::spawn(async { connection.await.unwrap_or_default() });
                Self::One(client)
            }
            Version::Two => {
                let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(async { connection.await.unwrap_or_default() });
                Self::Two(client)
            }
        })
    }

    /// Sends a request and returns the answer, which must have this status, when its head is there.
    pub(crate) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
        status: u16,
    ) -> Result<Response<Incoming>> {
        self.ask_within(request, status, STALL_TIMEOUT).await
    }

    /// The same, for an answer that may take as long as this.
    pub(crate) async fn ask_within(
        &mut self,
        request: Request<Full<Bytes>>,
        status: u16,
        time: Duration,
    ) -> Result<Response<Incoming>> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        let answer = match self {
            Self::One(client) => timeout(time, client.send_request(request)).await,
            Self::Two(client) => timeout(time, client.send_request(request)).await,
        };
        let answer = answer.with_context(|| format!("{asked} is not answered"))??;
        if answer.status() != status {
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            bail!(
                "{asked} is answered {status} {}",
                String::from_utf8_lossy(&body)
            );
        }
        Ok(answer)
    }
}

/// A request with this token and, if it is not empty, a JSON body.
pub(crate) fn request(
    method: Method,
    to: SocketAddr,
    path: &str,
    token: &str,
    body: impl Into<Bytes>,
) -> Result<Request<Full<Bytes>>> {
    let body = body.into();
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{to}{path}"))
        .header(HOST, to.to_string())
        .header(AUTHORIZATION, format!("Bearer {token}"));
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    Ok(request.body(Full::new(body))?)
}

/// Reads a stream and hands over its events, for as long as it goes on. That it ends is an error.
pub(crate) async fn follow(
    answer: Response<Incoming>,
    mut each: impl FnMut(Event<'_>) -> Result<()>,
) -> Result<()> {
    let mut body = answer.into_body();
    let mut events = Events::default();
    while let Some(frame) = body.frame().await {
        if let Some(piece) = frame.context("a stream broke off")?.data_ref() {
            events.take(piece, |event| {
                if let Event::End(why) = event {
                    bail!("a stream ended: {why}");
                }
                each(event)
            })?;
        }
    }
    bail!("a stream ended without a word")
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    /// No address has more connections than are let in, and none is the one the others come from.
    #[test]
    fn connections_are_spread_over_addresses() {
        assert_eq!(from(0), IpAddr::from([127, 0, 0, 2]));
        assert_eq!(from(CONNECTIONS_PER_ADDRESS - 1), from(0));
        assert_eq!(from(CONNECTIONS_PER_ADDRESS), IpAddr::from([127, 0, 0, 3]));
        assert!(from(10_000).is_loopback());
    }

    /// Streams are read over both versions of HTTP; one that ends is an error that says why, and so
    /// is another status than the one that is right.
    #[tokio::test]
    async fn streams_are_followed() {
        const TOLD: &str = "event: presence\ndata: {\"id\":\"u\",\"sequenceNumber\":\"1\"}\n\n";
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let ended = format!("{TOLD}event: end\ndata: enough\n\n");
        let routes = Router::new()
            .route("/cut", get(|| async { TOLD }))
            .route("/ended", get(|| async { ended }));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        for version in [Version::One, Version::Two] {
            for (path, why) in [("/cut", "without a word"), ("/ended", "enough")] {
                let mut client = Client::open(at, version, 0).await.unwrap();
                let request = request(Method::GET, at, path, "t", "").unwrap();
                let answer = client.ask(request, 200).await.unwrap();
                let mut told = 0;
                let error = follow(answer, |event| {
                    told += usize::from(matches!(event, Event::Presence { id: "u", .. }));
                    Ok(())
                });
                let error = error.await.unwrap_err();
                assert!(format!("{error:#}").contains(why), "{error:#}");
                assert_eq!(told, 1);
            }
            let mut client = Client::open(at, version, 0).await.unwrap();
            let nowhere = request(Method::GET, at, "/nowhere", "t", "").unwrap();
            let error = client.ask(nowhere, 200).await.unwrap_err();
            assert!(format!("{error:#}").contains("404"), "{error:#}");
        }
    }
}

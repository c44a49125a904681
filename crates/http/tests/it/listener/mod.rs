//! The listener, over real sockets on the loopback.

mod admission;
mod deadlines;
mod limits;
mod protocols;
mod shutdown;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use presenced_http::listener::{Drained, Listener, ListenerSettings, Shutdown};
use presenced_http::{Front, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::support::TestApp;

/// No wait in these tests lasts longer; one that does is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough to tell "at once" from "after the deadline", short enough for a test.
const SHORT: Duration = Duration::from_millis(400);

/// A listener that serves the API, and a route whose answer waits for a permit.
struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    served: JoinHandle<Drained>,
    /// `/gate` answers as many requests as there are permits here.
    gate: Arc<Semaphore>,
    /// Gets a permit for each request that has reached `/gate`.
    reached: Arc<Semaphore>,
}

impl Server {
    async fn start(settings: ListenerSettings) -> Self {
        Self::start_with(settings, Settings::default(), None).await
    }

    async fn start_with(
        listener: ListenerSettings,
        settings: Settings,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let (gate, reached) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let front = gated(settings, &gate, &reached);
        let address = "127.0.0.1:0".parse().unwrap();
        let mut listener = Listener::bind(address, listener).await.unwrap();
        if let Some(tls) = tls {
            listener = listener.with_tls(tls);
        }
        let (address, shutdown) = (listener.address(), Shutdown::new());
        let ending = shutdown.clone();
        let served = tokio::spawn(async move { listener.serve(front, &ending).await });
        Self {
            address,
            shutdown,
            served,
            gate,
            reached,
        }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Resolves when a connection is let in and answered: one that ended may take its place a
    /// moment longer.
    async fn has_room(&self) {
        let room = async {
            loop {
                let mut client = self.connect().await;
                client.get("/healthz").await;
                if client.rest_or_answer().await.starts_with("HTTP/1.1 200 OK") {
                    return;
                }
            }
        };
        timeout(PATIENCE, room).await.unwrap();
    }

    /// Resolves when a request waits at the gate.
    async fn gate_is_reached(&self) {
        let permit = timeout(PATIENCE, self.reached.acquire()).await.unwrap();
        permit.unwrap().forget();
    }

    async fn ended(self) -> Drained {
        timeout(PATIENCE, self.served).await.unwrap().unwrap()
    }
}

/// The API, with `/gate` beside it.
fn gated(settings: Settings, gate: &Arc<Semaphore>, reached: &Arc<Semaphore>) -> Front {
    let (gate, reached) = (Arc::clone(gate), Arc::clone(reached));
    let route = get(move || async move {
        reached.add_permits(1);
        gate.acquire().await.unwrap().forget();
        "through"
    });
    TestApp::beside(settings, Router::new().route("/gate", route)).front
}

/// A client that sends what it is told, byte for byte.
struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Asks for a path and leaves the connection open.
    async fn get(&mut self, path: &str) {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: presence.test\r\n\r\n"
        ))
        .await;
    }

    /// One answer with a Content-Length: status line and body.
    async fn answer(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.unwrap().unwrap();
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap_or("0").parse().unwrap()];
        timeout(PATIENCE, self.0.read_exact(&mut body))
            .await
            .unwrap()
            .unwrap();
        let status = head.lines().next().unwrap_or_default().to_owned();
        (status, String::from_utf8(body).unwrap())
    }

    /// What comes first: an answer, or the end.
    async fn rest_or_answer(&mut self) -> String {
        self.0.shutdown().await.unwrap();
        self.rest().await
    }

    async fn status(&mut self) -> String {
        self.answer().await.0
    }

    /// All that comes until the connection ends, by whichever side and in whatever manner.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match timeout(PATIENCE, self.0.read(&mut buffer)).await.unwrap() {
                Ok(0) | Err(_) => return String::from_utf8_lossy(&rest).into_owned(),
                Ok(bytes) => rest.extend_from_slice(&buffer[..bytes]),
            }
        }
    }
}

//! From a listening socket to answered requests: who gets in, how long they may take, how it ends.
//!
//! The loop is our own because `axum::serve` installs no timer and so lets a client hold a
//! connection for ever, knows no limit of connections, and cannot end under a deadline.
//!
//! | what a client does | what happens |
//! |---|---|
//! | one connection too many, in all | 503 with Retry-After; over TLS the connection just ends |
//! | one too many from its address | 429 with Retry-After; over TLS the connection just ends |
//! | no TLS handshake, no request head, in time | the connection ends |
//! | too many header fields, or too many bytes of them | 431, and the connection ends |
//! | a body too large, or too slow | 413, 408 (`body.rs`) |
//! | an idle connection | HTTP/1 closes, HTTP/2 says GOAWAY |
//! | a request without a byte read or written for long | the connection ends |
//! | HTTP/2 resets in masses | GOAWAY, and the connection ends |

mod admission;
mod connection;
mod ending;
mod progress;
mod refusal;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::front::Front;
use crate::limits;
use admission::Admission;
use connection::Host;
use refusal::Refusals;

/// What a listener grants its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// [`limits::CONNECTIONS_MAX`]
    pub connections_max: usize,
    /// [`limits::CONNECTIONS_PER_ADDRESS_MAX`]
    pub connections_per_address_max: usize,
    /// [`limits::TLS_HANDSHAKE_TIMEOUT`]
    pub tls_handshake_timeout: Duration,
    /// [`limits::REQUEST_HEAD_TIMEOUT`]
    pub request_head_timeout: Duration,
    /// [`limits::IDLE_TIMEOUT`]
    pub idle_timeout: Duration,
    /// [`limits::STALL_TIMEOUT`]
    pub stall_timeout: Duration,
    /// [`limits::HEADERS_MAX`]
    pub headers_max: usize,
    /// [`limits::HEAD_BYTES_MAX`]; less than 8 KiB counts as 8 KiB.
    pub head_bytes_max: usize,
    /// [`limits::STREAMS_MAX`]
    pub streams_max: u32,
    /// [`limits::PING_INTERVAL`]
    pub ping_interval: Duration,
    /// [`limits::DRAIN_TIMEOUT`]
    pub drain_timeout: Duration,
}

/// The values of [`limits`].
impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_address_max: limits::CONNECTIONS_PER_ADDRESS_MAX,
            tls_handshake_timeout: limits::TLS_HANDSHAKE_TIMEOUT,
            request_head_timeout: limits::REQUEST_HEAD_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            stall_timeout: limits::STALL_TIMEOUT,
            headers_max: limits::HEADERS_MAX,
            head_bytes_max: limits::HEAD_BYTES_MAX,
            streams_max: limits::STREAMS_MAX,
            ping_interval: limits::PING_INTERVAL,
            drain_timeout: limits::DRAIN_TIMEOUT,
        }
    }
}

/// The two stages of an end. Clones speak of the same end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    cut: CancellationToken,
}

impl Shutdown {
    /// An end that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// First stage: no new connections, idle ones close, running requests are finished under
    /// [`ListenerSettings::drain_timeout`].
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Second stage: whatever still runs is cut.
    pub fn cut(&self) {
        self.drain.cancel();
        self.cut.cancel();
    }

    /// Resolves when the first stage begins.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }
}

/// How a listener came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they did not end in time, or because of the second stage.
    pub cut: usize,
}

/// A bound socket. Binding and serving are two steps so that the address is known, and an error of
/// binding told, before anything is served.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    settings: ListenerSettings,
}

impl Listener {
    /// Binds the address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, settings: ListenerSettings) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            tls: None,
            settings,
        })
    }

    /// Speaks TLS, and only TLS. The acceptor's configuration names the protocols to offer: `h2`
    /// and `http/1.1`.
    #[must_use]
    pub fn with_tls(self, acceptor: TlsAcceptor) -> Self {
        Self {
            tls: Some(acceptor),
            ..self
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the shutdown is through.
    pub async fn serve(self, front: Front, shutdown: &Shutdown) -> Drained {
        let tasks = TaskTracker::new();
        // A token of its own, so that a deadline here does not cut the clients of other listeners.
        let cut = shutdown.cut.child_token();
        let drain_timeout = self.settings.drain_timeout;
        let admission = Admission::new(&self.settings);
        let door = Door {
            admission: Arc::clone(&admission),
            refusals: Refusals::new(front.clone()),
            host: Arc::new(Host {
                front,
                settings: self.settings,
                tls: self.tls,
                drain: shutdown.drain.clone(),
                tasks: tasks.clone(),
            }),
            tasks: tasks.clone(),
            cut: cut.clone(),
        };
        tokio::select! {
            biased;
            () = shutdown.draining() => {}
            () = door.accept_all(&self.socket) => {}
        }
        // Closed before the draining begins: a client that comes now is told so by the kernel.
        drop(self.socket);
        tasks.close();
        tokio::select! {
            biased;
            () = tasks.wait() => return Drained { cut: 0 },
            () = cut.cancelled() => {}
            () = tokio::time::sleep(drain_timeout) => {}
        }
        let late = admission.open();
        cut.cancel();
        if tokio::time::timeout(limits::CUT_TIMEOUT, tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                tasks = tasks.len(),
                "connections were cut and are still not gone"
            );
        }
        Drained { cut: late }
    }
}

/// Where connections come in.
struct Door {
    admission: Arc<Admission>,
    refusals: Refusals,
    host: Arc<Host>,
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl Door {
    /// Accepts connections for ever.
    async fn accept_all(&self, socket: &TcpListener) {
        let mut pause = limits::ACCEPT_PAUSE_MIN;
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => {
                    pause = limits::ACCEPT_PAUSE_MIN;
                    self.admit(stream, peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // No file descriptors or no memory: accepting again at once would burn the
                    // processor and change nothing. Connections that end give room.
                    tracing::warn!(%error, ?pause, "cannot accept connections");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(limits::ACCEPT_PAUSE_MAX);
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        match self.admission.enter(peer.ip()) {
            Ok(ticket) => {
                let (host, cut) = (Arc::clone(&self.host), self.cut.clone());
                self.tasks.spawn(async move {
                    host.serve(stream, &cut).await;
                    drop(ticket);
                });
            }
            // Without the handshake nothing can be said over TLS, and the handshake is the dearest
            // part of a connection.
            Err(_full) if self.host.tls.is_some() => {}
            Err(full) => {
                if let Some(refusal) = self.refusals.refuse(stream, full) {
                    let cut = self.cut.clone();
                    self.tasks.spawn(async move {
                        cut.run_until_cancelled(refusal).await;
                    });
                }
            }
        }
    }
}

/// Whether accepting failed for the sake of the one connection that was to be accepted, so that the
/// next may well come.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

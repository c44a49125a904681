//! An endpoint for tests, on loopback: it writes down what it hears and answers as it is told.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// One request as it arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Heard {
    /// The last parameter of the query, as it was sent.
    pub(super) fn encoded_token(&self) -> &str {
        let (_, token) = self.target.rsplit_once("validationToken=").unwrap();
        token
    }

    /// The same as a receiver reads it.
    pub(super) fn token(&self) -> String {
        let url = reqwest::Url::parse("http://receiver/").unwrap();
        let url = url.join(&self.target).unwrap();
        let (name, value) = url.query_pairs().last().unwrap();
        assert_eq!(name, "validationToken");
        value.into_owned()
    }
}

/// What is done with a request.
pub(super) enum Reply {
    /// These bytes are sent.
    Bytes(Vec<u8>),
    /// These bytes are sent, and further ones without end.
    Endless(Vec<u8>),
    /// Nothing is.
    Hang,
    /// The connection ends.
    Close,
}

/// An answer with this status, content type and body.
pub(super) fn answer(status: &str, content_type: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n");
    Reply::Bytes(format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes())
}

/// An endpoint that listens until the test ends.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) heard: mpsc::UnboundedReceiver<Heard>,
    connections: Arc<AtomicUsize>,
}

type Script = Arc<dyn Fn(&Heard) -> Reply + Send + Sync>;

impl Receiver {
    /// An endpoint that answers as the script says.
    pub(super) async fn start(
        ip: &str,
        tls: Option<TlsAcceptor>,
        script: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        Self::start_at(SocketAddr::new(ip, 0), tls, script).await
    }

    pub(super) async fn start_at(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        script: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, script): (_, Script) = (Arc::clone(&connections), Arc::new(script));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let (sender, script, tls) = (sender.clone(), Arc::clone(&script), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, sender, script).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, sender, script).await,
                            Err(_refused_by_the_client) => None,
                        },
                    }
                });
            }
        });
        Self {
            address,
            heard,
            connections,
        }
    }

    /// How often somebody has connected.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The next request, which is there already.
    pub(super) fn next(&mut self) -> Heard {
        self.heard.try_recv().unwrap()
    }
}

/// Serves one connection until either side has enough.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    sender: mpsc::UnboundedSender<Heard>,
    script: Script,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let heard = request(&mut stream, &mut buffer).await?;
        let reply = script(&heard);
        sender.send(heard).ok()?;
        match reply {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
            Reply::Endless(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                loop {
                    stream.write_all(&[b'x'; 1024]).await.ok()?;
                }
            }
            Reply::Hang => std::future::pending().await,
            Reply::Close => return None,
        }
        stream.flush().await.ok()?;
    }
}

/// Reads one request of HTTP/1.1.
async fn request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Heard> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut words = lines.next().unwrap().split(' ');
    let mut heard = Heard {
        method: words.next().unwrap().to_owned(),
        target: words.next().unwrap().to_owned(),
        ..Heard::default()
    };
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let value = value.trim().to_owned();
        heard.headers.insert(name.to_ascii_lowercase(), value);
    }
    let length = heard.headers.get("content-length");
    let length = length.map_or(0, |length| length.parse().unwrap());
    while buffer.len() < end + 4 + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    heard.body = buffer[end + 4..end + 4 + length].to_vec();
    buffer.drain(..end + 4 + length);
    Some(heard)
}

//! Single requests, to prepare a run and to look at answers before they are counted.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::STALL_TIMEOUT;
use crate::reply::{Protocol, Reply};

/// Sends `request` on a connection of its own and returns the body of the answer, which must be a
/// 200 (or, of Redis, the whole reply, which must be no error).
pub(crate) async fn ask(address: SocketAddr, protocol: Protocol, request: &[u8]) -> Result<String> {
    let answer = ask_whole(address, protocol, request).await?;
    Ok(match (protocol, answer.split_once("\r\n\r\n")) {
        (Protocol::Http, Some((_, body))) => body.to_owned(),
        _ => answer,
    })
}

/// The same with the whole answer, head and all.
pub(crate) async fn ask_whole(
    address: SocketAddr,
    protocol: Protocol,
    request: &[u8],
) -> Result<String> {
    timeout(STALL_TIMEOUT, exchange(address, protocol, request))
        .await
        .with_context(|| format!("{address} does not answer"))?
        .with_context(|| {
            let request = String::from_utf8_lossy(request);
            let line = request.lines().next().unwrap_or_default().to_owned();
            format!("{address} was asked {line:?}")
        })
}

async fn exchange(address: SocketAddr, protocol: Protocol, request: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut received = Vec::new();
    let mut reply = Reply::new(protocol);
    while !reply.is_whole(&received)? {
        let read = stream.read_buf(&mut received).await?;
        ensure!(
            read > 0,
            "the connection was closed in the middle of an answer"
        );
    }
    String::from_utf8(received).context("the answer is not text")
}

/// The bytes of an HTTP request: the request line's method and path, header lines without the
/// Content-Length, and the body.
pub(crate) fn http(line: &str, headers: &[String], body: &str) -> String {
    let mut headers = headers.join("\r\n");
    if !headers.is_empty() {
        headers.push_str("\r\n");
    }
    let length = body.len();
    let host = "Host: 127.0.0.1";
    format!("{line} HTTP/1.1\r\n{host}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

//! A connection for a thread of its own: what is timed must not wait for the watchers to be read.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

use crate::limits::STALL_TIMEOUT;
use crate::reply::{Protocol, Reply};

/// One connection, on which a thread waits for each answer.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Line {
    /// Connects.
    pub(crate) fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STALL_TIMEOUT))?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Sends a request and reads the whole answer, which must be a 200. When it was there.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Instant> {
        self.stream.write_all(request)?;
        self.received.clear();
        let mut reply = Reply::new(Protocol::Http);
        let mut piece = [0; 4096];
        loop {
            let read = self.stream.read(&mut piece);
            let read = read.context("a request is not answered")?;
            ensure!(read > 0, "the server closed the connection");
            self.received
                .extend_from_slice(piece.get(..read).unwrap_or_default());
            if reply.is_whole(&self.received)? {
                return Ok(Instant::now());
            }
        }
    }
}

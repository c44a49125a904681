//! Whoever changes a presence, and notes when the answer came.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::tally::Tally;
use crate::client::http;
use crate::limits::STALL_TIMEOUT;
use crate::reply::{Protocol, Reply};
use crate::rows::APPLICATION;

/// What is set in turn: each differs from the one before in a way that everybody sees.
const STATES: [(&str, &str); 2] = [("Busy", "InACall"), ("Available", "Available")];

/// Sets the presence of one user, on a connection and in a thread of its own: the moment of the
/// answer must not be noted late because the watchers are being read.
pub(crate) struct Setter(Box<Inner>);

struct Inner {
    stream: TcpStream,
    requests: [String; STATES.len()],
    made: usize,
    received: Vec<u8>,
}

impl Setter {
    /// Connects, to set the presence of this user.
    pub(crate) fn open(to: SocketAddr, token: &str, user: &str) -> Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STALL_TIMEOUT))?;
        let requests = STATES.map(|(availability, activity)| {
            let headers = [
                format!("Authorization: Bearer {token}"),
                "Content-Type: application/json".to_owned(),
            ];
            let body = format!(
                r#"{{"sessionId":"{APPLICATION}","availability":"{availability}","activity":"{activity}","expirationDuration":"PT1H"}}"#
            );
            let line = format!("POST /v1.0/users/{user}/presence/setPresence");
            http(&line, &headers, &body)
        });
        Ok(Self(Box::new(Inner {
            stream,
            requests,
            made: 0,
            received: Vec::new(),
        })))
    }

    /// Makes the next change, and tells the tally when it was answered.
    pub(crate) async fn change(self, tally: &Arc<Tally>) -> Result<Self> {
        let (mut inner, tally) = (self.0, Arc::clone(tally));
        let changed = spawn_blocking(move || {
            let answered = inner.change()?;
            tally.answered(answered);
            Ok(Self(inner))
        });
        changed.await?
    }
}

impl Inner {
    fn change(&mut self) -> Result<Instant> {
        let turn = self.made % self.requests.len();
        self.made += 1;
        let request = self.requests.get(turn).context("there is nothing to set")?;
        self.stream.write_all(request.as_bytes())?;
        self.received.clear();
        let mut reply = Reply::new(Protocol::Http);
        let mut piece = [0; 4096];
        loop {
            let read = self.stream.read(&mut piece);
            let read = read.context("setPresence is not answered")?;
            ensure!(read > 0, "the server closed the setter's connection");
            self.received
                .extend_from_slice(piece.get(..read).unwrap_or_default());
            if reply.is_whole(&self.received)? {
                return Ok(Instant::now());
            }
        }
    }
}

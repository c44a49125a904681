//! Whoever changes a presence, and notes when the answer came.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::line::Line;
use super::tally::Tally;
use crate::client::http;
use crate::rows::APPLICATION;

/// What is set in turn: each differs from the one before in a way that everybody sees.
const STATES: [(&str, &str); 2] = [("Busy", "InACall"), ("Available", "Available")];

/// Sets the presence of one user, on a connection and in a thread of its own: the moment of the
/// answer must not be noted late because the watchers are being read.
pub(crate) struct Setter(Box<Inner>);

struct Inner {
    line: Line,
    requests: [String; STATES.len()],
    made: usize,
}

impl Setter {
    /// Connects, to set the presence of this user.
    pub(crate) fn open(to: SocketAddr, token: &str, user: &str) -> Result<Self> {
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
            line: Line::open(to)?,
            requests,
            made: 0,
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
        self.line.exchange(request.as_bytes())
    }
}

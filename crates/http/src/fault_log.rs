//! Faults of the server in the log: each once, with all that led to it, and not too many.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::error::ApiError;
use crate::limits::{FAULTS_LOGGED_EVERY, FAULTS_LOGGED_MAX};

/// Logs faults of the server. What a client did wrong is the client's affair.
#[derive(Debug, Default)]
pub(crate) struct FaultLog(Mutex<Window>);

/// How many faults there were since a moment.
#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    faults: u32,
}

/// Whether a fault is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It is, and so many before it were not.
    Logged {
        /// Faults of the last window that were only counted.
        unsaid: u32,
    },
    /// It is only counted.
    Counted,
}

impl Window {
    fn turn(&mut self, now: Instant) -> Turn {
        let mut unsaid = 0;
        let over = self
            .since
            .is_none_or(|since| now.duration_since(since) >= FAULTS_LOGGED_EVERY);
        if over {
            unsaid = self.faults.saturating_sub(FAULTS_LOGGED_MAX);
            *self = Self {
                since: Some(now),
                faults: 0,
            };
        }
        self.faults = self.faults.saturating_add(1);
        if self.faults > FAULTS_LOGGED_MAX {
            return Turn::Counted;
        }
        Turn::Logged { unsaid }
    }
}

impl FaultLog {
    /// Logs an error if it is a fault of the server, under the id that the client was told.
    pub(crate) fn log(&self, error: &ApiError, request_id: &str) {
        let row = error.code().row();
        if !row.status.is_server_error() {
            return;
        }
        let turn = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .turn(Instant::now());
        let Turn::Logged { unsaid } = turn else {
            return;
        };
        if unsaid > 0 {
            tracing::warn!(unsaid, "more faults than are logged in a minute");
        }
        tracing::error!(request_id, code = row.wire, "{}", causes(error));
    }
}

/// What led to an error, outermost first.
fn causes(error: &ApiError) -> String {
    let mut causes = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let gap = if causes.is_empty() { "" } else { ": " };
        causes.extend([gap, &error.to_string()]);
        cause = error.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use presenced_store::StoreError;

    /// Sixty faults in a minute are logged, the others counted and told in the next.
    #[test]
    fn faults_are_logged_so_often() {
        let mut window = Window::default();
        let start = Instant::now();
        for second in 0..60 {
            let now = start + Duration::from_millis(second * 900);
            assert_eq!(window.turn(now), Turn::Logged { unsaid: 0 });
        }
        for _ in 0..5 {
            assert_eq!(window.turn(start + Duration::from_secs(59)), Turn::Counted);
        }
        let next = start + FAULTS_LOGGED_EVERY;
        assert_eq!(window.turn(next), Turn::Logged { unsaid: 5 });
        assert_eq!(window.turn(next), Turn::Logged { unsaid: 0 });
    }

    /// All that led to a fault is told, each part once.
    #[test]
    fn causes_are_told() {
        let error = ApiError::from(StoreError::Unavailable {
            operation: "write the journal",
            source: std::io::Error::other("no space left"),
        });
        assert_eq!(causes(&error), "cannot write the journal: no space left");
        assert_eq!(causes(&ApiError::bad_request("x")), "");
    }
}

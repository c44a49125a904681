//! A store that fails for a while, as whoever goes on trying sees it.

use std::time::Duration;

use tokio::time::Instant;

use crate::contract::StoreError;
use crate::limits::{FAILURE_LOG_EVERY, FAILURE_WAIT_MAX, FAILURE_WAIT_MIN};

/// How long the store has been failing for somebody, so that neither it nor the log is flooded.
#[derive(Debug)]
pub struct StoreFailures {
    trouble: &'static str,
    in_a_row: u32,
    logged_at: Option<Instant>,
}

impl StoreFailures {
    /// None so far. `trouble` is what the log is to say of one: what cannot be done, and what comes
    /// of that.
    pub const fn new(trouble: &'static str) -> Self {
        Self {
            trouble,
            in_a_row: 0,
            logged_at: None,
        }
    }

    /// Logs an error, unless one was logged a short while ago.
    pub fn log(&mut self, error: &StoreError) {
        if self
            .logged_at
            .is_none_or(|at| at.elapsed() >= FAILURE_LOG_EVERY)
        {
            self.logged_at = Some(Instant::now());
            tracing::error!(error = error as &dyn std::error::Error, "{}", self.trouble);
        }
    }

    /// Logs one more error, and answers how long to wait before the next try.
    pub fn another(&mut self, error: &StoreError) -> Duration {
        self.log(error);
        let wait = FAILURE_WAIT_MIN * 2_u32.saturating_pow(self.in_a_row.min(16));
        self.in_a_row = self.in_a_row.saturating_add(1);
        wait.min(FAILURE_WAIT_MAX)
    }

    /// The store works.
    pub fn over(&mut self) {
        if self.in_a_row > 0 {
            tracing::info!(was = self.trouble, "the store works again");
            *self = Self::new(self.trouble);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that fails is asked less and less often, and again at once when it works.
    #[tokio::test]
    async fn failures_are_waited_out() {
        let error = StoreError::LimitReached("full");
        let mut failures = StoreFailures::new("nothing works");
        let waits: Vec<Duration> = (0..40).map(|_| failures.another(&error)).collect();
        assert_eq!(waits[0], FAILURE_WAIT_MIN);
        assert_eq!(waits[1], FAILURE_WAIT_MIN * 2);
        assert_eq!(waits[39], FAILURE_WAIT_MAX);
        failures.over();
        assert_eq!(failures.another(&error), FAILURE_WAIT_MIN);
    }
}

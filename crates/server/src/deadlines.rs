//! Tells the store when presences change by themselves, so that whoever watches can be told.
//!
//! A read is right without this: presence is a function of the record and the time.

use std::sync::Arc;
use std::time::Duration;

use presenced_core::time::{Clock, Timestamp};
use presenced_store::{Store, StoreError};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Ticks in one call of the store, so that a storm of deadlines leaves room for requests.
const BATCH: usize = 512;

/// The longest sleep between two looks at the store. A presence may be set that changes by itself
/// before the next known deadline; so the sleep bounds how late a change is seen.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// The shortest sleep: a deadline is a whole millisecond.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// The first wait after an error of the store; doubled with each further one.
const RETRY_MIN: Duration = Duration::from_millis(100);

/// The longest wait after an error of the store.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// An error that goes on is logged once in this time.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Applies deadlines in time order, as time passes or as the test clock is moved.
pub(crate) struct Deadlines {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// One round at a time: whoever has waited for a round finds its ticks committed.
    round: Mutex<()>,
    moved: Notify,
}

impl Deadlines {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            round: Mutex::new(()),
            moved: Notify::new(),
        }
    }

    /// Applies every deadline up to the present, and says when the next one may be due. What is
    /// due when it is called is applied when it answers.
    pub(crate) async fn settle(&self) -> Result<Option<Timestamp>, StoreError> {
        let round = self.round.lock().await;
        let now = self.clock.now();
        loop {
            let expired = self.store.expire_due(now, BATCH).await?;
            match expired.next {
                Some(next) if next <= now => {}
                next => {
                    drop(round);
                    return Ok(next);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Says that the clock was moved: what was far off may be due.
    pub(crate) fn clock_moved(&self) {
        self.moved.notify_one();
    }

    /// Applies deadlines as they come, until told to stop.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let mut failures = Failures::default();
        loop {
            let sleep = match self.settle().await {
                Ok(next) => {
                    failures.over();
                    let until = next.map_or(SLEEP_MAX, |next| next.since(self.clock.now()));
                    until.clamp(SLEEP_MIN, SLEEP_MAX)
                }
                Err(error) => failures.another(&error),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.moved.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }
}

/// How long the store has been failing, so that neither it nor the log is flooded.
#[derive(Default)]
struct Failures {
    in_a_row: u32,
    logged: Option<Instant>,
}

impl Failures {
    /// How long to wait after one more error.
    fn another(&mut self, error: &StoreError) -> Duration {
        if self.logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            self.logged = Some(Instant::now());
            tracing::error!(
                error = error as &dyn std::error::Error,
                "cannot apply deadlines; reads stay right, but nobody is told of what ends; \
                 trying again"
            );
        }
        let wait = RETRY_MIN * 2_u32.saturating_pow(self.in_a_row.min(16));
        self.in_a_row += 1;
        wait.min(RETRY_MAX)
    }

    /// The store works.
    fn over(&mut self) {
        if self.in_a_row > 0 {
            tracing::info!("deadlines are applied again");
            *self = Self::default();
        }
    }
}

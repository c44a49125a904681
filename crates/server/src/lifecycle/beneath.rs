//! What goes on beneath the requests for as long as there are any: the deadlines, and the live
//! streams.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use presenced_notify::live::Hub;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::deadlines::Deadlines;
use crate::exit::Failure;

/// The tasks, each by its name.
pub(super) struct Beneath {
    tasks: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Beneath {
    /// Starts them. They go on until [`end`](Self::end).
    pub(super) fn start(deadlines: Arc<Deadlines>, live: Hub) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let stop = stop.clone();
            async move {
                deadlines.run(stop).await;
                "the deadlines"
            }
        });
        tasks.spawn({
            let stop = stop.clone();
            async move {
                live.run(stop).await;
                "the live streams"
            }
        });
        Self { tasks, stop }
    }

    /// Waits for one that ends by itself, which is a defect.
    pub(super) async fn ended(&mut self) -> Failure {
        let ended = self.tasks.join_next().await;
        Failure::Unexpected(anyhow!(
            "a part of the server has ended by itself: {ended:?}"
        ))
    }

    /// Ends those that still run, and waits for all of them. The first that was broken off is the
    /// failure.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the server was broken off");
                let error = Err(error).context("a part of the server was broken off");
                outcome = outcome.and(error.map_err(Failure::Unexpected));
            }
        }
        outcome
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use presenced_core::time::{Clock, Timestamp};
    use presenced_notify::live::{LiveSettings, Lives};
    use presenced_store::{Limits, Store, StoreConfig};

    use super::*;
    use crate::clock::SystemClock;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A clock that breaks whoever asks it.
    pub(crate) struct Broken;

    impl Clock for Broken {
        fn now(&self) -> Timestamp {
            panic!("this clock is broken on purpose");
        }
    }

    pub(crate) fn beneath(deadlines: Arc<Deadlines>, store: Arc<dyn Store>) -> Beneath {
        Beneath::start(
            deadlines,
            Hub::new(store, Lives::only(0), LiveSettings::default()),
        )
    }

    /// What comes of it, which has to come soon.
    pub(crate) async fn patiently<T>(future: impl Future<Output = T>) -> T {
        let waited = tokio::time::timeout(PATIENCE, future).await;
        waited.expect("it comes to an end")
    }

    fn by_clock(clock: Arc<dyn Clock>) -> Beneath {
        let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
        let deadlines = Arc::new(Deadlines::new(Arc::clone(&store), clock));
        beneath(deadlines, store)
    }

    /// They go on until they are told to end, and then end in good order.
    #[tokio::test]
    async fn they_end_when_told() {
        let mut sound = by_clock(Arc::new(SystemClock::start(Timestamp::EPOCH)));
        {
            let mut ended = std::pin::pin!(sound.ended());
            for _ in 0..100 {
                let polled = std::future::poll_fn(|ctx| {
                    std::task::Poll::Ready(ended.as_mut().poll(ctx).is_ready())
                });
                assert!(!polled.await);
                tokio::task::yield_now().await;
            }
        }
        assert!(patiently(sound.end()).await.is_ok());
    }

    /// One that breaks is noticed while the others go on, and told once.
    #[tokio::test]
    async fn one_that_breaks_is_noticed() {
        let mut breaking = by_clock(Arc::new(Broken));
        let Failure::Unexpected(error) = patiently(breaking.ended()).await else {
            panic!("a failure of another kind");
        };
        assert!(error.to_string().contains("ended by itself"), "{error}");
        assert!(patiently(breaking.end()).await.is_ok());
    }
}

//! Who has been told what, and how late.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::histogram::Histogram;
use crate::limits::{SETTLE_LOOK, TOLD_TIMEOUT};

/// Counts receipts, one place for each who is to be told (or of whom is to be told).
///
/// A receipt counts when it tells something newer than the last one in its place: what is told
/// twice is told apart from what is told.
#[derive(Debug)]
pub(crate) struct Tally {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// The newest that was told in each place.
    newest: Vec<u64>,
    in_step: usize,
    /// Which round it is, from 1.
    round: u64,
    /// When the answer came to the change of this round.
    answered: Option<Instant>,
    /// Places that have not been told in this round.
    left: usize,
    told: u64,
    /// Whoever waits for so many receipts is to be woken.
    wanted: u64,
    repeated: u64,
    behind: u64,
    latencies: Histogram,
    fault: Option<String>,
}

impl Tally {
    /// A tally of so many places.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            state: Mutex::new(State {
                newest: vec![0; places],
                in_step: 0,
                round: 0,
                answered: None,
                left: 0,
                told: 0,
                wanted: 0,
                repeated: 0,
                behind: 0,
                latencies: Histogram::new(),
                fault: None,
            }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change is about to be made that everybody is to be told.
    pub(crate) fn begin(&self) {
        let mut state = self.state();
        state.round += 1;
        state.left = state.newest.len();
        state.answered = None;
    }

    /// The change has been answered: from here the time of each receipt is counted.
    pub(crate) fn answered(&self, at: Instant) {
        self.state().answered = Some(at);
    }

    /// What was told before anything is counted.
    pub(crate) fn known(&self, place: usize, version: u64) {
        if let Some(newest) = self.state().newest.get_mut(place) {
            *newest = version.max(*newest);
        }
    }

    /// Somebody knows all there is, and waits for what comes.
    pub(crate) fn in_step(&self) {
        self.state().in_step += 1;
        self.changed.notify_one();
    }

    /// Somebody was told that the whole state follows.
    pub(crate) fn behind(&self) {
        self.state().behind += 1;
    }

    /// Something was told in this place. `version` says how new it is; where the message does not
    /// say, it is taken for what this round is about.
    pub(crate) fn told(&self, place: usize, version: Option<u64>) {
        let now = Instant::now();
        let mut state = self.state();
        state.told += 1;
        if state.told == state.wanted {
            self.changed.notify_one();
        }
        let version = version.unwrap_or(state.round);
        let Some(newest) = state
            .newest
            .get_mut(place)
            .filter(|newest| **newest < version)
        else {
            state.repeated += 1;
            return;
        };
        *newest = version;
        if state.left == 0 {
            return;
        }
        // Who is told before the setter is answered was told at once.
        let late = state.answered.map_or(Duration::ZERO, |answered| {
            now.saturating_duration_since(answered)
        });
        state.latencies.record(late);
        state.left -= 1;
        if state.left == 0 {
            self.changed.notify_one();
        }
    }

    /// Something went wrong, and the run with it.
    pub(crate) fn fail(&self, fault: impl Into<String>) {
        self.state().fault.get_or_insert_with(|| fault.into());
        self.changed.notify_one();
    }

    /// Waits until everybody has been told in this round, and says how many were not.
    pub(crate) async fn all_told(&self) -> Result<usize> {
        match timeout(TOLD_TIMEOUT, self.wait(|state| state.left == 0)).await {
            Ok(done) => done.map(|()| 0),
            Err(_) => Ok(self.state().left),
        }
    }

    /// Waits until so many receipts were counted since the beginning, repeats included.
    pub(crate) async fn reached(&self, receipts: u64) -> Result<()> {
        self.state().wanted = receipts;
        let wait = self.wait(|state| state.told >= receipts);
        let told = timeout(TOLD_TIMEOUT, wait).await;
        told.context("nobody is told any more")?
    }

    /// Waits until so many are in step.
    pub(crate) async fn all_in_step(&self, count: usize) -> Result<()> {
        let wait = self.wait(|state| state.in_step >= count);
        timeout(TOLD_TIMEOUT, wait).await.with_context(|| {
            let there = self.state().in_step;
            format!("only {there} of {count} watchers know the present state")
        })?
    }

    async fn wait(&self, done: impl Fn(&State) -> bool) -> Result<()> {
        loop {
            // A notification that comes between the look and the wait is kept.
            {
                let state = self.state();
                if let Some(fault) = &state.fault {
                    bail!("{fault}");
                }
                if done(&state) {
                    return Ok(());
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits until nothing more comes.
    pub(crate) async fn settle(&self) -> Result<()> {
        let quiet = async {
            let mut before = self.count();
            loop {
                sleep(SETTLE_LOOK).await;
                let now = self.count();
                if now == before {
                    return;
                }
                before = now;
            }
        };
        timeout(TOLD_TIMEOUT, quiet)
            .await
            .context("there is no end to what is told")
    }

    /// Everything told so far, repeats included.
    pub(crate) fn count(&self) -> u64 {
        self.state().told
    }

    /// What was told again, and how often somebody was told to start over, up to now.
    pub(crate) fn repeats(&self) -> (u64, u64) {
        let state = self.state();
        (state.repeated, state.behind)
    }

    /// The latencies counted so far. Counting starts over.
    pub(crate) fn take_latencies(&self) -> Histogram {
        std::mem::replace(&mut self.state().latencies, Histogram::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round is over when everybody was told something newer than before; what comes twice, or
    /// was known, counts for nobody.
    #[tokio::test(start_paused = true)]
    async fn a_round_ends_when_all_are_told() {
        let tally = Tally::new(2);
        tally.known(0, 7);
        tally.in_step();
        tally.in_step();
        tally.all_in_step(2).await.unwrap();
        tally.begin();
        tally.told(0, Some(7));
        tally.told(1, Some(8));
        tally.told(1, Some(8));
        assert_eq!(tally.all_told().await.unwrap(), 1);
        tally.told(0, Some(8));
        assert_eq!(tally.all_told().await.unwrap(), 0);
        assert_eq!(tally.count(), 4);
        assert_eq!(tally.repeats(), (2, 0));
        assert_eq!(tally.take_latencies().total(), 2);
        assert_eq!(tally.take_latencies().total(), 0);
    }

    /// Time runs from the answer; who was told before it was told at once. A message that does not
    /// say how new it is belongs to the round in which it comes, and counts once in it.
    #[tokio::test(start_paused = true)]
    async fn time_runs_from_the_answer() {
        let tally = Tally::new(3);
        for _ in 0..2 {
            tally.begin();
            tally.told(0, None);
            tally.answered(Instant::now());
            tokio::time::advance(Duration::from_millis(5)).await;
            tally.told(1, None);
            tally.told(1, None);
            tokio::time::advance(Duration::from_millis(5)).await;
            tally.told(2, None);
            assert_eq!(tally.all_told().await.unwrap(), 0);
        }
        assert_eq!(tally.repeats(), (2, 0));
        let latencies = tally.take_latencies();
        assert_eq!(latencies.total(), 6);
        assert!(latencies.permille(300) < Duration::from_micros(1));
        let [middle, most] = [500, 1_000].map(|permille| latencies.permille(permille));
        assert!(middle >= Duration::from_millis(5) && middle < Duration::from_millis(6));
        assert!(most >= Duration::from_millis(10) && most < Duration::from_millis(11));
    }

    /// Receipts are waited for as they come, whatever they tell.
    #[tokio::test(start_paused = true)]
    async fn receipts_are_waited_for() {
        let tally = Tally::new(1);
        tally.told(0, Some(1));
        let wait = tally.reached(3);
        let come = async {
            tally.told(0, Some(1));
            tokio::task::yield_now().await;
            tally.told(0, Some(2));
        };
        tokio::join!(biased; wait, come).0.unwrap();
        assert_eq!(tally.count(), 3);
        tally.reached(2).await.unwrap();
        assert!(tally.reached(4).await.is_err());
    }

    /// A fault ends every wait with its words.
    #[tokio::test]
    async fn a_fault_ends_the_run() {
        let tally = Tally::new(1);
        tally.begin();
        tally.fail("no such luck");
        tally.fail("and another");
        let error = tally.all_told().await.unwrap_err();
        assert_eq!(error.to_string(), "no such luck");
        assert!(tally.all_in_step(1).await.is_err());
    }
}

//! What ends a connection from outside: the stages of a shutdown, and a look at it now and then.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::time::{Instant, Interval, interval_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::ListenerSettings;
use super::progress::{Progress, Verdict, Watch};

/// Waits beside a connection, in the same task, for whatever ends it.
///
/// A connection is polled once or twice a request, and what is waited for here happens once in
/// seconds. So it has a waker of its own and is polled only when that was called: asking a timer
/// and two tokens each time, whose locks all connections share, cost a twentieth of a request.
pub(super) struct Ending {
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// `None` where the connection closes already.
    drain: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    looks: Interval,
    watch: Watch,
    progress: Arc<Progress>,
    bell: Arc<Bell>,
    /// The bell, as what is waited for calls it.
    waker: Waker,
    /// The task, as the bell calls it.
    task: Waker,
}

impl Ending {
    /// For a connection that was just accepted.
    pub(super) fn new(
        settings: &ListenerSettings,
        progress: Arc<Progress>,
        drain: &CancellationToken,
        cut: &CancellationToken,
    ) -> Self {
        let step = settings.request_head_timeout;
        let bell = Arc::new(Bell::default());
        Self {
            cut: Box::pin(cut.clone().cancelled_owned()),
            drain: Some(Box::pin(drain.clone().cancelled_owned())),
            looks: interval_at(Instant::now() + step, step),
            watch: Watch::new(settings),
            progress,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            task: Waker::noop().clone(),
        }
    }

    /// What is to be done with the connection, where that is anything: [`Verdict::Close`] or
    /// [`Verdict::Cut`]. After the former, and after it the connection, it is polled again. One that does
    /// not go after a drain is told to close once more when it has been idle for long, before it is cut;
    /// to one that closes already that says nothing new.
    pub(super) fn poll(&mut self, ctx: &mut Context<'_>) -> Poll<Verdict> {
        if !self.task.will_wake(ctx.waker()) {
            self.task.clone_from(ctx.waker());
            self.bell.calls(ctx.waker());
        }
        if !self.bell.has_rung() {
            return Poll::Pending;
        }
        let ctx = &mut Context::from_waker(&self.waker);
        if self.cut.as_mut().poll(ctx).is_ready() {
            return Poll::Ready(Verdict::Cut);
        }
        if let Some(drain) = &mut self.drain
            && drain.as_mut().poll(ctx).is_ready()
        {
            return self.close();
        }
        while self.looks.poll_tick(ctx).is_ready() {
            match self.watch.look(self.progress.counts()) {
                Verdict::Fine => {}
                Verdict::Close => return self.close(),
                Verdict::Cut => return Poll::Ready(Verdict::Cut),
            }
        }
        Poll::Pending
    }

    /// What comes of this, unless the connection is to end before.
    pub(super) async fn or<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|ctx| match future.as_mut().poll(ctx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => self.poll(ctx).map(|_verdict| None),
        })
        .await
    }

    fn close(&mut self) -> Poll<Verdict> {
        self.drain = None;
        // Not all was polled, so not all would ring.
        self.bell.rung.store(true, Ordering::Release);
        Poll::Ready(Verdict::Close)
    }
}

/// A waker that remembers that it was called, and calls the task.
struct Bell {
    rung: AtomicBool,
    task: Mutex<Waker>,
}

/// Rung, since nothing has been polled yet that could ring it.
impl Default for Bell {
    fn default() -> Self {
        Self {
            rung: AtomicBool::new(true),
            task: Mutex::new(Waker::noop().clone()),
        }
    }
}

impl Bell {
    /// Names the task that is called from now on.
    fn calls(&self, task: &Waker) {
        let mut called = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        called.clone_from(task);
    }

    /// Whether it was rung since it was last asked.
    fn has_rung(&self) -> bool {
        // Nearly always not, and reading that is cheaper than writing it.
        self.rung.load(Ordering::Relaxed) && self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before the task is called: called first, it might look too early, and never again.
        self.rung.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    /// Counts how often the task is called.
    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Calls {
        fn so_far(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An ending with looks every 10 seconds, and what ends it.
    fn ending() -> (Ending, CancellationToken, CancellationToken) {
        let settings = ListenerSettings {
            request_head_timeout: Duration::from_secs(10),
            ..ListenerSettings::default()
        };
        let (drain, cut) = (CancellationToken::new(), CancellationToken::new());
        let ending = Ending::new(&settings, Arc::default(), &drain, &cut);
        (ending, drain, cut)
    }

    /// Each stage calls the task and is told once; what has not happened is told of later.
    #[tokio::test(start_paused = true)]
    async fn stages_are_told_once() {
        let (mut ending, drain, cut) = ending();
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(Arc::clone(&calls));
        let mut ctx = Context::from_waker(&waker);
        assert_eq!(ending.poll(&mut ctx), Poll::Pending);
        assert_eq!(calls.so_far(), 0);
        drain.cancel();
        assert_eq!(calls.so_far(), 1);
        assert_eq!(ending.poll(&mut ctx), Poll::Ready(Verdict::Close));
        assert_eq!(ending.poll(&mut ctx), Poll::Pending);
        assert_eq!(ending.poll(&mut ctx), Poll::Pending);
        cut.cancel();
        assert_eq!(calls.so_far(), 2);
        assert_eq!(ending.poll(&mut ctx), Poll::Ready(Verdict::Cut));
    }

    /// A connection that closes is looked at all the same: here, one without a first head.
    #[tokio::test(start_paused = true)]
    async fn closing_does_not_stop_the_looks() {
        let (mut ending, drain, _cut) = ending();
        drain.cancel();
        let mut close = |ctx: &mut Context<'_>| ending.poll(ctx);
        let first = poll_fn(&mut close).await;
        assert_eq!(first, Verdict::Close);
        let begun = Instant::now();
        assert_eq!(poll_fn(close).await, Verdict::Cut);
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
    }

    /// Whichever task polled last is the one that is called.
    #[tokio::test(start_paused = true)]
    async fn another_task_may_take_over() {
        let (mut ending, _drain, cut) = ending();
        let [first, second] = [Arc::new(Calls::default()), Arc::new(Calls::default())];
        for calls in [&first, &second] {
            let waker = Waker::from(Arc::clone(calls));
            assert_eq!(ending.poll(&mut Context::from_waker(&waker)), Poll::Pending);
        }
        cut.cancel();
        assert_eq!((first.so_far(), second.so_far()), (0, 1));
    }
}

//! How it goes with a connection: what is read, written and answered, and for how long nothing is.
//!
//! Timers of their own for each request head would cost an allocation and two locks a request.
//! Here a request costs a few counts, and the connection is looked at now and then.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ListenerSettings;

/// What has happened on a connection, as counts. The order in which other threads see them does not
/// matter: the next look sees what this one missed.
#[derive(Debug, Default)]
pub(super) struct Progress {
    begun: AtomicU64,
    ended: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
    reads_at_end: AtomicU64,
    http2: AtomicBool,
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Progress>);

impl Progress {
    /// A request begins: its head is read.
    pub(super) fn begin(self: &Arc<Self>, version: hyper::Version) -> UnderWay {
        self.begun.fetch_add(1, Relaxed);
        if version == hyper::Version::HTTP_2 {
            self.http2.store(true, Relaxed);
        }
        UnderWay(Arc::clone(self))
    }

    /// The counts as they are.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            begun: self.begun.load(Relaxed),
            ended: self.ended.load(Relaxed),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
            reads_at_end: self.reads_at_end.load(Relaxed),
            http2: self.http2.load(Relaxed),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0
            .reads_at_end
            .store(self.0.reads.load(Relaxed), Relaxed);
        self.0.ended.fetch_add(1, Relaxed);
    }
}

/// The counts of a [`Progress`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    begun: u64,
    ended: u64,
    reads: u64,
    writes: u64,
    reads_at_end: u64,
    http2: bool,
}

impl Counts {
    /// Whether a part of a request head was read since the last request ended. Not told of HTTP/2,
    /// where answers to pings are read too.
    const fn head_is_begun(&self) -> bool {
        !self.http2 && self.reads > self.reads_at_end
    }
}

/// What to do with a connection after a look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Fine,
    /// Close it as soon as nothing is under way.
    Close,
    /// End it now.
    Cut,
}

/// Looks at a connection now and then.
#[derive(Debug)]
pub(super) struct Watch {
    /// Time between two looks.
    step: Duration,
    idle_timeout: Duration,
    stall_timeout: Duration,
    last: Counts,
    /// For how long, by now, no request was under way.
    idle: Duration,
    /// For how long, by now, nothing was read or written though a request was under way.
    stalled: Duration,
    closing: bool,
}

impl Watch {
    pub(super) fn new(settings: &ListenerSettings) -> Self {
        Self {
            step: settings.request_head_timeout,
            idle_timeout: settings.idle_timeout,
            stall_timeout: settings.stall_timeout,
            last: Counts::default(),
            idle: Duration::ZERO,
            stalled: Duration::ZERO,
            closing: false,
        }
    }

    /// Looks at the connection, one step after the last look or after its acceptance.
    pub(super) fn look(&mut self, now: Counts) -> Verdict {
        let last = std::mem::replace(&mut self.last, now);
        if now.begun == 0 {
            return Verdict::Cut;
        }
        if now.begun > now.ended {
            self.idle = Duration::ZERO;
            self.stalled = if now == last {
                self.stalled + self.step
            } else {
                Duration::ZERO
            };
            let over = self.stalled >= self.stall_timeout;
            return if over { Verdict::Cut } else { Verdict::Fine };
        }
        self.stalled = Duration::ZERO;
        if now.begun != last.begun || now.ended != last.ended {
            self.idle = Duration::ZERO;
            return Verdict::Fine;
        }
        self.idle += self.step;
        if self.closing || (now.head_is_begun() && last.head_is_begun()) {
            return Verdict::Cut;
        }
        if self.idle >= self.idle_timeout {
            self.closing = true;
            return Verdict::Close;
        }
        Verdict::Fine
    }
}

/// What a client that speaks HTTP/2 says first (RFC 9113, section 3.4); as much of it as tells it from
/// every method of HTTP/1.1.
const PREFACE: &[u8] = b"PRI ";

/// A stream that counts what is read and written, and lets what many requests on one HTTP/2 connection
/// have to say gather, so that it goes out in few writes.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    progress: Arc<Progress>,
    writes: Writes,
}

/// How writes go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    /// One by one: HTTP/1.1, or not known yet.
    AsTheyCome,
    /// After the tasks that are ready by now have had their turn.
    Gathering,
    /// They have had it.
    Gathered,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>) -> Self {
        Self {
            stream,
            progress,
            writes: Writes::AsTheyCome,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(ctx, buffer))?;
        if buffer.filled().len() > before {
            let is_first = self.progress.reads.fetch_add(1, Relaxed) == 0;
            if is_first && buffer.filled().starts_with(PREFACE) {
                self.writes = Writes::Gathering;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.writes == Writes::Gathering {
            // A task that wakes itself is queued behind all that are ready.
            self.writes = Writes::Gathered;
            ctx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(ctx, bytes))?;
        self.progress.writes.fetch_add(1, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(ctx, slices))?;
        self.progress.writes.fetch_add(1, Relaxed);
        Poll::Ready(Ok(written))
    }

    /// Not with HTTP/2: the library then copies frames of less than a kilobyte into one buffer, in
    /// place of a write for each.
    fn is_write_vectored(&self) -> bool {
        self.writes == Writes::AsTheyCome && self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(ctx))?;
        if self.writes == Writes::Gathered {
            self.writes = Writes::Gathering;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(ctx)
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Close, Cut, Fine};
    use super::*;
    use std::future::{Future as _, poll_fn};
    use std::pin::pin;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A watch of steps of 10 seconds, with 30 to idle and 20 to stall.
    fn watch() -> Watch {
        Watch::new(&ListenerSettings {
            request_head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(20),
            ..ListenerSettings::default()
        })
    }

    /// What is said at each look, where these are the counts.
    fn verdicts(looks: &[Counts]) -> Vec<Verdict> {
        let mut watch = watch();
        looks.iter().map(|counts| watch.look(*counts)).collect()
    }

    /// Reads what a client says first, then writes and flushes twice; answers whether each write went
    /// out at once, and what went out in the end.
    async fn writes(first: &[u8]) -> ([bool; 2], Vec<u8>) {
        let stream = tokio::io::join(first, Vec::new());
        let mut counted = Counted::new(stream, Arc::default());
        let mut said = [0; 64];
        assert!(counted.read(&mut said).await.unwrap() > 4);
        let mut at_once = [false; 2];
        for at_once in &mut at_once {
            let mut looks = 0;
            let mut write = pin!(counted.write_all(b"frame "));
            // Would wait for ever if nobody woke it.
            poll_fn(|ctx| {
                looks += 1;
                write.as_mut().poll(ctx)
            })
            .await
            .unwrap();
            *at_once = looks == 1;
            counted.flush().await.unwrap();
        }
        (at_once, counted.stream.into_inner().1)
    }

    /// With HTTP/2 each write lets other tasks go before it, once; with HTTP/1.1 none does.
    #[tokio::test]
    async fn frames_gather() {
        let sent = b"frame frame ".to_vec();
        assert_eq!(
            writes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await,
            ([false; 2], sent.clone())
        );
        assert_eq!(writes(b"POST / HTTP/1.1\r\n").await, ([true; 2], sent));
    }

    const ONE_ANSWERED: Counts = Counts {
        begun: 1,
        ended: 1,
        reads: 1,
        writes: 1,
        reads_at_end: 1,
        http2: false,
    };
    const ONE_RUNNING: Counts = Counts {
        ended: 0,
        reads_at_end: 0,
        ..ONE_ANSWERED
    };

    /// A connection that sends no request head within a step is cut, whatever it does send.
    #[test]
    fn the_first_head_has_a_deadline() {
        assert_eq!(verdicts(&[Counts::default()]), [Cut]);
        let some_bytes = Counts {
            reads: 9,
            ..Counts::default()
        };
        assert_eq!(verdicts(&[some_bytes]), [Cut]);
    }

    /// A later head may take no longer than from one look to the next but one.
    #[test]
    fn later_heads_have_a_deadline() {
        let begun = Counts {
            reads: 2,
            ..ONE_ANSWERED
        };
        let more = Counts {
            reads: 3,
            ..ONE_ANSWERED
        };
        assert_eq!(verdicts(&[ONE_ANSWERED, begun, more]), [Fine, Fine, Cut]);
        let second = Counts {
            begun: 2,
            ended: 2,
            reads: 4,
            reads_at_end: 4,
            ..ONE_ANSWERED
        };
        assert_eq!(verdicts(&[ONE_ANSWERED, begun, second]), [Fine, Fine, Fine]);
    }

    /// An idle connection is closed after its time, and cut if it does not go. Answers to pings do
    /// not count as a head.
    #[test]
    fn idlers_are_closed() {
        assert_eq!(verdicts(&[ONE_ANSWERED; 5]), [Fine, Fine, Fine, Close, Cut]);
        let pings = [1, 2, 3, 4, 5].map(|reads| Counts {
            reads,
            http2: true,
            ..ONE_ANSWERED
        });
        assert_eq!(verdicts(&pings), [Fine, Fine, Fine, Close, Cut]);
    }

    /// A request may run long while bytes move, and not when nothing does.
    #[test]
    fn stalled_requests_are_cut() {
        assert_eq!(verdicts(&[ONE_RUNNING; 3]), [Fine, Fine, Cut]);
        let moving = [1, 2, 3, 4, 5].map(|writes| Counts {
            writes,
            ..ONE_RUNNING
        });
        assert_eq!(verdicts(&moving), [Fine; 5]);
    }
}

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

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

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

/// A stream that counts what is read and written, and lets what many requests on one HTTP/2 connection
/// have to say gather, so that it goes out in few writes.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    /// What was read of it already, and not taken yet.
    beginning: Bytes,
    progress: Arc<Progress>,
    writes: Writes,
}

/// How writes go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    /// One by one: HTTP/1.1.
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
            beginning: Bytes::new(),
            progress,
            writes: Writes::AsTheyCome,
        }
    }

    /// What is said from now on gathers: this is HTTP/2.
    pub(super) fn gather(&mut self) {
        self.writes = Writes::Gathering;
    }
}

impl<S: AsyncRead + Unpin> Counted<S> {
    /// Whether a stream that nothing was read of yet begins so. Reads no more of it than tells, and
    /// that much can be read again.
    pub(super) async fn begins_with(&mut self, expected: &[u8]) -> io::Result<bool> {
        let mut beginning = Vec::with_capacity(expected.len());
        while beginning.len() < expected.len() && expected.starts_with(&beginning) {
            let missing = u64::try_from(expected.len() - beginning.len()).unwrap_or(u64::MAX);
            let mut stream = (&mut self.stream).take(missing);
            if stream.read_buf(&mut beginning).await? == 0 {
                break;
            }
        }
        let begins_so = beginning == expected;
        self.beginning = Bytes::from(beginning);
        Ok(begins_so)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.beginning.is_empty() {
            let fitting = self.beginning.len().min(buffer.remaining());
            buffer.put_slice(&self.beginning.split_to(fitting));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(ctx, buffer))?;
        if buffer.filled().len() > before {
            self.progress.reads.fetch_add(1, Relaxed);
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
    use tokio::io::AsyncWriteExt as _;

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

    /// Writes and flushes twice: whether each write went out at once, and what went out in the end.
    async fn writes(gathers: bool) -> ([bool; 2], Vec<u8>) {
        let stream = tokio::io::join(tokio::io::empty(), Vec::new());
        let mut counted = Counted::new(stream, Arc::default());
        if gathers {
            counted.gather();
        }
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
        assert_eq!(writes(true).await, ([false; 2], sent.clone()));
        assert_eq!(writes(false).await, ([true; 2], sent));
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

    /// A beginning is told from others by no more bytes than that takes, however they come; and all
    /// that was read can be read again, also where the stream ends early.
    #[tokio::test]
    async fn beginnings_are_told() {
        let check = async |pieces: &[&str], expect: bool| {
            let (mut client, server) = tokio::io::duplex(64);
            let mut stream = Counted::new(server, Arc::default());
            let sent = async {
                for piece in pieces {
                    client.write_all(piece.as_bytes()).await.unwrap();
                    tokio::task::yield_now().await;
                }
                drop(client);
            };
            let ((), begins_so) = tokio::join!(sent, stream.begins_with(b"PRI *"));
            assert_eq!(begins_so.unwrap(), expect, "{pieces:?}");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, pieces.concat());
        };
        check(&["PRI * HTTP/2.0"], true).await;
        check(&["P", "R", "I *", " HTTP/2.0"], true).await;
        check(&["POST / HTTP/1.1"], false).await;
        check(&["P", "OST / HTTP/1.1"], false).await;
        check(&["PRI"], false).await;
        check(&[""], false).await;
    }
}

//! One connection, from its acceptance to its end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ListenerSettings;
use super::ending::Ending;
use super::progress::{Counted, Progress, UnderWay, Verdict};
use crate::front::Front;
use crate::limits::{
    ERROR_RESETS_MAX, PENDING_RESETS_MAX, STREAM_SEND_BYTES_MAX, STREAM_WINDOW_BYTES,
};
use crate::wire::context::OverTls;

/// The least that hyper takes as the size of its buffer.
const HEAD_BYTES_LEAST: usize = 8 * 1024;

/// What a client sends first that speaks HTTP/2 (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all connections of a listener have in common.
pub(super) struct Host {
    pub(super) front: Front,
    pub(super) settings: ListenerSettings,
    pub(super) tls: Option<TlsAcceptor>,
    /// Cancelled when connections are to close as soon as nothing is under way.
    pub(super) drain: CancellationToken,
    /// Where the tasks of HTTP/2 streams are counted too.
    pub(super) tasks: TaskTracker,
}

impl Host {
    /// Serves a connection to its end, or until it is cut.
    pub(super) async fn serve(&self, stream: TcpStream, cut: &CancellationToken) {
        // Answers are written whole, so there is nothing to wait for (RFC 896).
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection was gone at once");
            return;
        }
        // Each in a box: a task is as large as the largest thing that is ever in it, for its life.
        match &self.tls {
            None => Box::pin(self.http(stream, None, cut)).await,
            Some(acceptor) => {
                if let Some(stream) = Box::pin(self.handshake(acceptor, stream)).await {
                    Box::pin(self.http(stream, Some(OverTls), cut)).await;
                }
            }
        }
    }

    /// The stream beneath HTTPS, where client and server find to each other in time. Broken off when
    /// connections are to close: nothing is under way yet.
    async fn handshake(
        &self,
        acceptor: &TlsAcceptor,
        stream: TcpStream,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = timeout(self.settings.tls_handshake_timeout, acceptor.accept(stream));
        match self.drain.run_until_cancelled(handshake).await? {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
        }
        None
    }

    /// Speaks HTTP/1 or HTTP/2, as the client begins.
    async fn http<S>(&self, stream: S, tls: Option<OverTls>, cut: &CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let progress = Arc::new(Progress::default());
        let mut ending = Ending::new(&self.settings, Arc::clone(&progress), &self.drain, cut);
        let mut stream = Counted::new(stream, Arc::clone(&progress));
        let requests = Arc::new(Requests {
            front: self.front.clone(),
            progress,
            tls,
        });
        let is_http2 = match ending.or(stream.begins_with(HTTP2_PREFACE)).await {
            Some(Ok(is_http2)) => is_http2,
            Some(Err(error)) => return tracing::debug!(%error, "a connection ended at once"),
            None => return,
        };
        if is_http2 {
            stream.gather();
        }
        let stream = TokioIo::new(stream);
        let ended = if is_http2 {
            // In a box, which lasts until there is an answer: a stream may live long after.
            let answer = service_fn(move |request| Box::pin(requests.answer(request)));
            let connection = self.http2().serve_connection(stream, answer);
            Box::pin(to_its_end(connection, ending)).await
        } else {
            // In a place that the connection has for one request after the other.
            let answer = service_fn(move |request| requests.answer(request));
            let connection = self.http1().serve_connection(stream, answer);
            Box::pin(to_its_end(connection, ending)).await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended in disorder");
        }
    }

    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // `Watch` sees to it, for HTTP/2 and the first bytes too, and keeps it apart from idling.
            .header_read_timeout(None)
            .max_headers(self.settings.headers_max)
            .max_buf_size(self.head_bytes_max());
        builder
    }

    fn http2(&self) -> http2::Builder<Tracked> {
        let settings = &self.settings;
        let mut builder = http2::Builder::new(Tracked(self.tasks.clone()));
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(self.head_bytes_max()).unwrap_or(u32::MAX))
            .max_concurrent_streams(settings.streams_max)
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
            .max_local_error_reset_streams(ERROR_RESETS_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(STREAM_WINDOW_BYTES * 4)
            .max_send_buf_size(STREAM_SEND_BYTES_MAX)
            .keep_alive_interval(settings.ping_interval)
            .keep_alive_timeout(settings.ping_interval);
        builder
    }

    fn head_bytes_max(&self) -> usize {
        self.settings.head_bytes_max.max(HEAD_BYTES_LEAST)
    }
}

/// Lets a connection run until it ends, or is ended.
async fn to_its_end<C>(connection: C, mut ending: Ending) -> hyper::Result<()>
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    poll_fn(|ctx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(ctx) {
                return Poll::Ready(ended);
            }
            match ready!(ending.poll(ctx)) {
                Verdict::Fine => {}
                Verdict::Close => connection.as_mut().graceful_shutdown(),
                Verdict::Cut => return Poll::Ready(Ok(())),
            }
        }
    })
    .await
}

/// Runs the tasks of HTTP/2 streams where they are counted, so that draining waits for them.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

/// The requests of one connection, on their way to the front.
struct Requests {
    front: Front,
    progress: Arc<Progress>,
    tls: Option<OverTls>,
}

impl Requests {
    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + use<> {
        let under_way = self.progress.begin(request.version());
        let mut request = request.map(|body| {
            use hyper::body::Body as _;
            // An empty body needs no box around it.
            if body.is_end_stream() {
                Body::empty()
            } else {
                Body::new(body)
            }
        });
        if let Some(tls) = self.tls {
            request.extensions_mut().insert(tls);
        }
        let this = Arc::clone(self);
        async move {
            let response = this.front.answer(request).await;
            Ok(response.map(|body| Answer {
                body,
                _under_way: under_way,
            }))
        }
    }
}

/// The body of an answer. While it lives, its request is under way.
struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(ctx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

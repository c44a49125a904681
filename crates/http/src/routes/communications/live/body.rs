//! The body of a live stream: each piece is read from the store and written when the connection has
//! room for it, and not before. A slow reader therefore holds nothing back but itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use axum::http::HeaderMap;
use bytes::BytesMut;
use hyper::body::Frame;
use presenced_core::auth::Caller;
use presenced_core::id::UserId;
use presenced_notify::live::{EndReason, EventId, Next, Stream};
use tokio::time::Instant;

use crate::api::Api;
use crate::auth;
use crate::error::ApiError;
use crate::limits::{STREAM_RETRY_MILLIS_MIN, STREAM_RETRY_STEP_MILLIS, STREAM_RETRY_STEPS};
use crate::target::Subject;
use crate::token::TokenError;
use crate::wire::events::{
    End, push_behind, push_end, push_heartbeat, push_presence, push_retry, push_synced,
};
use crate::wire::presence::{PRESENCE_BYTES, Select, Shown};

/// Bytes that hold the lines around one presence.
const EVENT_BYTES: usize = 64;

/// A stream that is told to its reader.
pub(super) struct Telling {
    api: Api,
    caller: Arc<Caller>,
    /// Looked at again at each heartbeat, since a stream lives longer than a token.
    token: Box<str>,
    /// Until when the token counts as far as is known, for when that cannot be looked up.
    counts_until: Option<Instant>,
    stream: Stream,
    select: Select,
    progress: Progress,
}

/// How far the telling is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing was written yet.
    Fresh,
    /// Something was.
    Begun,
    /// The last was written.
    Over,
}

/// Why users are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The state of all is told.
    State,
    /// They have changed. The stream's place when they have been told.
    Change(Option<EventId>),
}

impl Telling {
    /// Tells an open stream to who asked for it.
    pub(super) fn new(
        api: Api,
        caller: Arc<Caller>,
        headers: &HeaderMap,
        stream: Stream,
        select: Select,
    ) -> Result<Self, ApiError> {
        let token = auth::bearer_token(headers)?;
        let remaining = api.token_remaining(token);
        Ok(Self {
            token: token.into(),
            counts_until: remaining.and_then(|left| Instant::now().checked_add(left)),
            api,
            caller,
            stream,
            select,
            progress: Progress::Fresh,
        })
    }

    /// The body of the answer.
    pub(super) fn into_body(self) -> LiveBody {
        LiveBody(Box::pin(Box::new(self).step()))
    }

    /// The next piece, and the telling to go on with; nothing after the last one.
    async fn step(mut self: Box<Self>) -> Option<(Bytes, Box<Self>)> {
        let mut out = BytesMut::new();
        // Of some users nothing is told, and nothing is no piece.
        while out.is_empty() {
            match self.progress {
                Progress::Over => return None,
                Progress::Fresh => {
                    // At once, so that the client has an answer though there be nothing to tell.
                    let step = self.stream.number() % STREAM_RETRY_STEPS;
                    let millis = STREAM_RETRY_MILLIS_MIN + step * STREAM_RETRY_STEP_MILLIS;
                    push_retry(&mut out, millis);
                    self.progress = Progress::Begun;
                }
                Progress::Begun => self.progress = self.tell_next(&mut out).await,
            }
        }
        Some((out.freeze(), self))
    }

    /// Writes what comes next on the stream.
    async fn tell_next(&mut self, out: &mut BytesMut) -> Progress {
        let next = match self.stream.next().await {
            Ok(next) => next,
            Err(error) => return self.fail(out, &error.into()),
        };
        match next {
            Next::State { users } => self.tell(out, &users, Told::State).await,
            Next::Changed { users, then } => self.tell(out, &users, Told::Change(then)).await,
            Next::Synced { at, resumed } => {
                push_synced(out, at, resumed);
                Progress::Begun
            }
            Next::Behind => {
                push_behind(out);
                Progress::Begun
            }
            Next::Heartbeat if self.api.disables(&self.caller) => finish(out, End::Disabled),
            Next::Heartbeat if !self.token_counts().await => finish(out, End::Token),
            Next::Heartbeat => {
                push_heartbeat(out);
                Progress::Begun
            }
            Next::End(EndReason::Shutdown) => finish(out, End::Shutdown),
            Next::End(EndReason::Slow) => finish(out, End::Slow),
        }
    }

    /// The present state of these users, as of its commit, as a read shows it. What is due by now and not
    /// committed yet may never come, if a keep-alive from before its instant is committed first; when it
    /// comes, it is told like any change. Whom a closed directory does not know is
    /// unknown here too, and left out of the state of a whole tenant, which named nobody. A change
    /// is told all the same: who watches may have been told of the user before.
    async fn tell(&self, out: &mut BytesMut, users: &[UserId], told: Told) -> Progress {
        let records = match self.api.records(&self.caller, users).await {
            Ok(records) => records,
            Err(error) => return self.fail(out, &error),
        };
        let (names_all, place) = match told {
            Told::State => (!self.stream.is_of_tenant(), None),
            Told::Change(place) => (true, place),
        };
        let now = self.api.now();
        out.reserve(users.len() * (PRESENCE_BYTES + EVENT_BYTES));
        let last = users.len().saturating_sub(1);
        for (at, (user, record)) in users.iter().zip(&records).enumerate() {
            let subject = self.api.looked_up(&self.caller, Subject::User(*user));
            if subject.shown().is_none() && !names_all {
                continue;
            }
            let at_commit = record.as_ref().map_or(now, |record| record.as_of);
            let shown = Shown::of(subject, record.as_ref(), at_commit).read_by(&self.caller);
            // The place is reached with the last of them.
            let then = place.filter(|_| at == last);
            push_presence(out, shown, self.select, then);
        }
        Progress::Begun
    }

    /// Whether the token still lets this caller in. While its issuer's keys cannot be had, what was
    /// known of its life holds.
    async fn token_counts(&self) -> bool {
        match self.api.caller_of(&self.token).await {
            Ok(caller) => caller == self.caller,
            Err(TokenError::KeysUnavailable(_)) => {
                self.counts_until.is_some_and(|end| Instant::now() < end)
            }
            Err(_) => false,
        }
    }

    fn fail(&self, out: &mut BytesMut, error: &ApiError) -> Progress {
        self.api.faults().log(error, "of a live stream");
        finish(out, End::Unavailable)
    }
}

fn finish(out: &mut BytesMut, end: End) -> Progress {
    push_end(out, end);
    Progress::Over
}

type Step = Option<(Bytes, Box<Telling>)>;

/// The pieces of a stream, each made when it is asked for.
pub(super) struct LiveBody(Pin<Box<dyn Future<Output = Step> + Send>>);

impl hyper::body::Body for LiveBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some((piece, telling)) = ready!(self.0.as_mut().poll(ctx)) else {
            self.0 = Box::pin(std::future::ready(None));
            return Poll::Ready(None);
        };
        self.0 = Box::pin(telling.step());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

//! The closed loop: many connections, each with one request under way at any time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::histogram::Histogram;
use crate::limits::STALL_TIMEOUT;
use crate::reply::{Protocol, Reply, all_answered};
use crate::request::{Numbers, Template};
use crate::usage::Usage;

/// Whom to ask for what.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Its process.
    pub(crate) process: u32,
    /// What it speaks.
    pub(crate) protocol: Protocol,
    /// What is sent: one of these at a time, chosen at random, for random users.
    pub(crate) requests: Arc<Vec<Template>>,
    /// How many connections send at once.
    pub(crate) connections: u64,
    /// How many users there are to ask for.
    pub(crate) users: u64,
    /// How often each answer must say [`ANSWERED_WITHIN`](crate::rows::ANSWERED_WITHIN).
    pub(crate) answers_within: usize,
    /// What is sent for so long is not counted: caches and branch predictors become warm, and the
    /// connections find their pace.
    pub(crate) warm_up: Duration,
}

/// What one measurement found.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Latencies of the requests that were answered in time.
    pub(crate) latencies: Histogram,
    /// How long was measured.
    pub(crate) elapsed: Duration,
    /// What the process had used before.
    pub(crate) before: Usage,
    /// What it had used afterwards.
    pub(crate) after: Usage,
}

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const STOPPING: u8 = 2;

impl Load {
    /// Sends for `seconds` after a warm-up, and counts what is answered in these seconds.
    pub(crate) async fn measure(&self, seconds: Duration) -> Result<Measured> {
        let phase = Arc::new(AtomicU8::new(WARMING));
        let mut connections = JoinSet::new();
        for number in 0..self.connections {
            let connection = Connection::open(self, number).await?;
            connections.spawn(connection.send_while(Arc::clone(&phase)));
        }
        sleep(self.warm_up).await;
        let (began, before) = (Instant::now(), Usage::of(self.process)?);
        phase.store(MEASURING, Ordering::Relaxed);
        sleep(seconds).await;
        phase.store(STOPPING, Ordering::Relaxed);
        let (elapsed, after) = (began.elapsed(), Usage::of(self.process)?);
        let mut latencies = Histogram::new();
        timeout(STALL_TIMEOUT, async {
            while let Some(connection) = connections.join_next().await {
                latencies.add(&connection??);
            }
            Ok::<_, anyhow::Error>(())
        })
        .await
        .context("the server stopped answering")??;
        ensure!(latencies.total() > 0, "not one request was answered");
        Ok(Measured {
            latencies,
            elapsed,
            before,
            after,
        })
    }

    /// Sends the first of the requests once for every user; how long each took.
    pub(crate) async fn once_for_every_user(&self) -> Result<Histogram> {
        let next = Arc::new(AtomicU64::new(0));
        let mut connections = JoinSet::new();
        for number in 0..self.connections {
            let connection = Connection::open(self, number).await?;
            connections.spawn(connection.send_each(Arc::clone(&next)));
        }
        let mut latencies = Histogram::new();
        while let Some(connection) = connections.join_next().await {
            latencies.add(&connection??);
        }
        Ok(latencies)
    }
}

/// One connection with what it sends.
struct Connection {
    stream: TcpStream,
    protocol: Protocol,
    requests: Arc<Vec<Template>>,
    numbers: Numbers,
    users: u64,
    answers_within: usize,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Connection {
    async fn open(load: &Load, number: u64) -> Result<Self> {
        let stream = TcpStream::connect(load.address)
            .await
            .with_context(|| format!("cannot connect to {}", load.address))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            protocol: load.protocol,
            requests: Arc::clone(&load.requests),
            numbers: Numbers::stream(number),
            users: load.users,
            answers_within: load.answers_within,
            sent: Vec::new(),
            received: Vec::with_capacity(1 << 16),
        })
    }

    /// Sends until told to stop; the latencies of what was answered while it was measured.
    async fn send_while(mut self, phase: Arc<AtomicU8>) -> Result<Histogram> {
        let mut latencies = Histogram::new();
        loop {
            let kind = self.numbers.below(self.requests.len() as u64);
            let began = Instant::now();
            self.exchange(kind, None).await?;
            match phase.load(Ordering::Relaxed) {
                WARMING => {}
                MEASURING => latencies.record(began.elapsed()),
                _ => return Ok(latencies),
            }
        }
    }

    /// Sends the first request for one user after the other, sharing the users with other
    /// connections.
    async fn send_each(mut self, next: Arc<AtomicU64>) -> Result<Histogram> {
        let mut latencies = Histogram::new();
        loop {
            let user = next.fetch_add(1, Ordering::Relaxed);
            if user >= self.users {
                return Ok(latencies);
            }
            let began = Instant::now();
            timeout(STALL_TIMEOUT, self.exchange(0, Some(user)))
                .await
                .context("the server stopped answering")??;
            latencies.record(began.elapsed());
        }
    }

    /// Sends one request, for `user` or for users chosen at random, and reads the whole answer.
    async fn exchange(&mut self, kind: u64, user: Option<u64>) -> Result<()> {
        let kind = usize::try_from(kind).ok();
        let template = kind.and_then(|kind| self.requests.get(kind));
        let template = template.context("there is no such request")?;
        let (numbers, users) = (&mut self.numbers, self.users);
        let mut random = || numbers.below(users);
        let bytes = template.fill(&mut self.sent, || user.unwrap_or_else(&mut random));
        self.stream.write_all(bytes).await?;
        self.received.clear();
        let mut reply = Reply::new(self.protocol);
        loop {
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure!(read > 0, "the server closed the connection");
            if reply.is_whole(&self.received)? {
                return all_answered(&self.received, self.answers_within);
            }
        }
    }
}

//! Many who watch the same user, by streams or by webhooks.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use clap::ValueEnum;
use hyper::body::Incoming;
use hyper::{Method, Response};
use jiff::ToSpan as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::events::Event;
use super::http::{Client, Version, follow, request};
use super::receiver;
use super::tally::Tally;
use crate::client::{ask, http};
use crate::limits::{STREAMS_PER_CONNECTION, SUBSCRIBING, WATCHERS_MAX, WATCHERS_MAX_HTTP1};
use crate::reply::Protocol;

/// How watchers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// A live stream each, over HTTP/1.1: a connection for each.
    StreamHttp1,
    /// A live stream each, over HTTP/2: a connection for many.
    StreamHttp2,
    /// A subscription each, all with the same receiver.
    Webhook,
}

impl Way {
    /// What it is called in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::StreamHttp1 => "stream, HTTP/1.1",
            Self::StreamHttp2 => "stream, HTTP/2",
            Self::Webhook => "webhook",
        }
    }

    /// How many watchers there can be.
    pub(crate) const fn most(self) -> u64 {
        match self {
            Self::StreamHttp1 => WATCHERS_MAX_HTTP1,
            Self::StreamHttp2 | Self::Webhook => WATCHERS_MAX,
        }
    }
}

/// Where presenced is, as whom to ask it, and of whom.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) address: SocketAddr,
    pub(crate) token: Arc<str>,
    pub(crate) user: Arc<str>,
}

/// Opens so many watchers and waits until each knows the present state. They watch until the set is
/// dropped.
pub(crate) async fn open(
    way: Way,
    count: usize,
    asked: &Asked,
    tally: &Arc<Tally>,
) -> Result<JoinSet<()>> {
    let mut crowd = JoinSet::new();
    match way {
        Way::StreamHttp1 => open_streams(Version::One, count, asked, tally, &mut crowd).await?,
        Way::StreamHttp2 => open_streams(Version::Two, count, asked, tally, &mut crowd).await?,
        Way::Webhook => subscribe(count, asked, tally).await?,
    }
    Ok(crowd)
}

/// Notes in the tally what a stream tells, for as long as it goes on: `place` is where a user stands
/// there. That the stream ends, or tells of somebody else, ends the run.
pub(crate) async fn take_down(
    answer: Response<Incoming>,
    number: usize,
    tally: &Tally,
    place: impl Fn(&str) -> Result<usize> + Send + Sync,
) {
    let mut in_step = false;
    let ended = follow(answer, |event| {
        match event {
            Event::Presence { id, sequence } if in_step => tally.told(place(id)?, Some(sequence)),
            Event::Presence { id, sequence } => tally.known(place(id)?, sequence),
            Event::Synced if !in_step => {
                in_step = true;
                tally.in_step();
            }
            Event::Behind => tally.behind(),
            Event::Synced | Event::End(_) | Event::Other => {}
        }
        Ok(())
    });
    if let Err(error) = ended.await {
        tally.fail(format!("stream {number}: {error:#}"));
    }
}

async fn open_streams(
    version: Version,
    count: usize,
    asked: &Asked,
    tally: &Arc<Tally>,
    crowd: &mut JoinSet<()>,
) -> Result<()> {
    let path = format!("/v1.0/communications/presences/live?ids={}", asked.user);
    let shared = match version {
        Version::One => 1,
        Version::Two => STREAMS_PER_CONNECTION,
    };
    let mut client = Client::open(asked.address, version, 0).await?;
    for watcher in 0..count {
        if watcher > 0 && watcher % shared == 0 {
            client = Client::open(asked.address, version, watcher / shared).await?;
        }
        let request = request(
            Method::GET,
            asked.address,
            &path,
            &asked.token,
            Bytes::new(),
        )?;
        let answer = client.ask(request, 200).await;
        let answer = answer.with_context(|| format!("cannot open stream {watcher}"))?;
        let (tally, user) = (Arc::clone(tally), Arc::clone(&asked.user));
        crowd.spawn(async move {
            let place = |id: &str| {
                anyhow::ensure!(id == &*user, "a stream told of {id}");
                Ok(watcher)
            };
            take_down(answer, watcher, &tally, place).await;
        });
    }
    tally.all_in_step(count).await
}

async fn subscribe(count: usize, asked: &Asked, tally: &Arc<Tally>) -> Result<()> {
    let receiver = receiver::listen(Arc::clone(tally), Arc::clone(&asked.user)).await?;
    let until = within_the_hour(asked.address).await?;
    let mut tasks = JoinSet::new();
    for task in 0..SUBSCRIBING.min(count) {
        let (asked, until) = (asked.clone(), until.clone());
        tasks.spawn(async move {
            let mut client = Client::open(asked.address, Version::One, task).await?;
            for watcher in (task..count).step_by(SUBSCRIBING) {
                let body = json!({
                    "changeType": "updated",
                    "notificationUrl": receiver::url(receiver, watcher),
                    "resource": format!("/communications/presences/{}", asked.user),
                    "expirationDateTime": until,
                });
                let path = "/v1.0/subscriptions";
                let body = body.to_string();
                let request = request(Method::POST, asked.address, path, &asked.token, body)?;
                let answer = client.ask(request, 201).await?;
                // The connection takes the next request when this answer is read.
                http_body_util::BodyExt::collect(answer.into_body()).await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task?.context("cannot subscribe")?;
    }
    Ok(())
}

/// 55 minutes from now, by the server's clock.
async fn within_the_hour(address: SocketAddr) -> Result<String> {
    let answer = ask(
        address,
        Protocol::Http,
        http("GET /dev/clock", &[], "").as_bytes(),
    )
    .await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let now = answer.get("now").and_then(Value::as_str);
    let now: jiff::Timestamp = now
        .context("the clock does not say what time it is")?
        .parse()?;
    Ok(now.checked_add(55.minutes())?.to_string())
}

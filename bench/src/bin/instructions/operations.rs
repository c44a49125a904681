//! The operations: what each request passes through, and two requests as a whole.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Result, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::BytesMut;
use presenced_core::decide::{Command, decide};
use presenced_core::session::SessionState;
use presenced_core::time::{Clock, Timestamp};
use presenced_core::view::view;
use presenced_http::token::Authenticate;
use presenced_http::{Front, measured};
use presenced_store::{Durability, EmbeddedConfig, Limits, Store, StoreConfig};
use tokio::runtime::{Builder, Runtime};

use crate::fixture;
use crate::fixture::{NOW, Steps};

/// Measures an operation of this name, which is handed how often to repeat what it does.
pub(crate) type Measure = fn(&str, &mut dyn FnMut(usize)) -> Result<()>;

/// Runs all of them.
pub(crate) fn run_all(measure: Measure) -> Result<()> {
    rules(measure)?;
    encoding(measure)?;
    edge(measure)?;
    // Timers are there as they are in the server, whose threads do the same as this one.
    let runtime = Builder::new_current_thread().enable_time().build()?;
    storing(measure, &runtime)?;
    requests(measure, &runtime)
}

/// What the core decides.
fn rules(measure: Measure) -> Result<()> {
    let record = fixture::record()?;
    let keep_alive = fixture::set_session(SessionState::Available)?;
    let change = fixture::set_session(SessionState::Presenting)?;
    let later = Timestamp::from_millis(NOW.as_millis() + 60_000);
    measure("view", &mut |times| {
        for _ in 0..times {
            black_box(view(black_box(&record), later));
        }
    })?;
    let deciding = |name, command: &Command| {
        measure(name, &mut |times| {
            for _ in 0..times {
                drop(black_box(decide(black_box(&record), command, later)));
            }
        })
    };
    deciding("decide_keep_alive", &keep_alive)?;
    deciding("decide_change", &change)
}

/// The record as bytes, and back.
fn encoding(measure: Measure) -> Result<()> {
    let record = fixture::record()?;
    let mut bytes = Vec::new();
    ensure!(presenced_store::measured::encode(&record, &mut bytes) > 0);
    ensure!(presenced_store::measured::decode(&bytes) == 1);
    measure("decode_record", &mut |times| {
        for _ in 0..times {
            black_box(presenced_store::measured::decode(black_box(&bytes)));
        }
    })?;
    measure("encode_record", &mut |times| {
        for _ in 0..times {
            black_box(presenced_store::measured::encode(
                black_box(&record),
                &mut bytes,
            ));
        }
    })
}

/// What a request meets on its way in and out.
fn edge(measure: Measure) -> Result<()> {
    let (token, known) = (fixture::token(), fixture::known_token());
    ensure!(known.cached(token.as_bytes()).is_some());
    measure("find_token", &mut |times| {
        for _ in 0..times {
            drop(black_box(known.cached(black_box(token.as_bytes()))));
        }
    })?;
    ensure!(measured::named(fixture::SET_PRESENCE).is_some());
    measure("look_at_path", &mut |times| {
        for _ in 0..times {
            drop(black_box(measured::named(black_box(fixture::SET_PRESENCE))));
        }
    })?;
    let body = fixture::BODY.as_bytes();
    ensure!(measured::set_presence_body(body) > 0);
    measure("read_body", &mut |times| {
        for _ in 0..times {
            black_box(measured::set_presence_body(black_box(body)));
        }
    })?;
    let writes = measured::CountedWrites::new(fixture::throttling(), fixture::caller());
    ensure!(writes.count(NOW));
    measure("count_request", &mut |times| {
        for _ in 0..times {
            black_box(black_box(&writes).count(NOW));
        }
    })?;
    let (record, mut out) = (fixture::record()?, BytesMut::new());
    let mut write = || measured::presence_json(&mut out, fixture::USER, black_box(&record), NOW);
    ensure!(write() > 0);
    measure("write_presence", &mut |times| {
        for _ in 0..times {
            black_box(write());
        }
    })
}

/// A keep-alive, as a store takes it.
fn storing(measure: Measure, runtime: &Runtime) -> Result<()> {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default()))?;
    let (clock, command) = (Steps::new(), fixture::set_session(SessionState::Available)?);
    let apply = || runtime.block_on(store.apply(fixture::user_key(), command.clone(), clock.now()));
    ensure!(apply().is_ok());
    measure("apply_in_memory", &mut |times| {
        for _ in 0..times {
            drop(black_box(apply()));
        }
    })
}

/// Whole requests, from their parsed head to the answer, on a store that writes a journal.
fn requests(measure: Measure, runtime: &Runtime) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let config = EmbeddedConfig::new(directory.path(), Durability::Process);
    let store: Arc<dyn Store> = presenced_store::open(StoreConfig::Embedded(config))?;
    let front = fixture::front(Arc::clone(&store));
    let whole = |name, path, body: &str| {
        let one = || fixture::request(path, body);
        let status = runtime.block_on(front.answer(one()?)).status();
        ensure!(status == StatusCode::OK, "{path} is answered {status}");
        answering(measure, runtime, &front, (name, &one))
    };
    whole("set_presence", fixture::SET_PRESENCE, fixture::BODY)?;
    whole("get_presence", fixture::PRESENCE, "")?;
    let batch = fixture::batch();
    whole("batch_of_20", fixture::BATCH, &batch)?;
    runtime.block_on(store.close())?;
    Ok(())
}

/// The requests are made before they are counted, and what is left of answers is dropped with them.
fn answering(
    measure: Measure,
    runtime: &Runtime,
    front: &Front,
    (name, one): (&str, &dyn Fn() -> Result<Request<Body>>),
) -> Result<()> {
    let mut made = Vec::new();
    for _ in 0..crate::WARM_UP + crate::REPEATED {
        made.push(one()?);
    }
    let mut made = made.into_iter();
    measure(name, &mut |times| {
        runtime.block_on(async {
            for request in made.by_ref().take(times) {
                drop(black_box(front.answer(request).await));
            }
        });
    })
}

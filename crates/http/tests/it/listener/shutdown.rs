//! The end, in two stages.

use presenced_http::listener::{Drained, ListenerSettings};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{PATIENCE, SHORT, Server};

/// First stage: a running request is answered, an idle connection closes, nobody new gets in.
#[tokio::test]
async fn running_requests_are_finished() {
    let server = Server::start(ListenerSettings::default()).await;
    let mut idle = server.connect().await;
    idle.get("/healthz").await;
    assert_eq!(idle.status().await, "HTTP/1.1 200 OK");
    let silent = server.connect().await;
    let mut running = server.connect().await;
    running.get("/gate").await;
    server.gate_is_reached().await;

    server.shutdown.drain();
    assert_eq!(idle.rest().await, "");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "nobody new gets in"
    );
    server.gate.add_permits(1);
    let answer = running.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("through"),
        "{answer}"
    );
    drop(silent);
    assert_eq!(server.ended().await, Drained { cut: 0 });
}

/// The same for HTTP/2: its streams are waited for.
#[tokio::test]
async fn running_streams_are_finished() {
    let server = Server::start(ListenerSettings::default()).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let answer = tokio::spawn(client.get(format!("http://{}/gate", server.address)).send());
    server.gate_is_reached().await;
    server.shutdown.drain();
    server.gate.add_permits(1);
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "through");
    assert_eq!(server.ended().await, Drained { cut: 0 });
}

/// The first stage ends at its deadline: what still runs is cut.
#[tokio::test]
async fn draining_has_a_deadline() {
    let settings = ListenerSettings {
        drain_timeout: SHORT,
        ..ListenerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut running = server.connect().await;
    running.get("/gate").await;
    server.gate_is_reached().await;
    let begun = Instant::now();
    server.shutdown.drain();
    assert_eq!(running.rest().await, "");
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(server.ended().await, Drained { cut: 1 });
}

/// Second stage: what runs is cut at once.
#[tokio::test]
async fn the_second_stage_cuts() {
    let settings = ListenerSettings {
        drain_timeout: PATIENCE * 9,
        ..ListenerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut running = server.connect().await;
    running.get("/gate").await;
    server.gate_is_reached().await;
    server.shutdown.drain();
    server.shutdown.cut();
    assert_eq!(running.rest().await, "");
    assert_eq!(server.ended().await, Drained { cut: 1 });
}

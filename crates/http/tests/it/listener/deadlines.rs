//! Clients that take too long.

use presenced_http::listener::ListenerSettings;
use presenced_http::{BodyLimits, Settings};
use tokio::time::{Instant, timeout};

use super::{PATIENCE, SHORT, Server};

/// Everything but the time for a head is long.
fn short_head() -> ListenerSettings {
    ListenerSettings {
        request_head_timeout: SHORT,
        ..ListenerSettings::default()
    }
}

/// A client that sends nothing, or only a part of its first head, or the beginning of HTTP/2, is
/// cut.
#[tokio::test]
async fn the_first_head_has_a_deadline() {
    let server = Server::start(short_head()).await;
    for beginning in [
        "",
        "G",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx: ",
        "PRI * HTTP/2.0\r\n",
    ] {
        let begun = Instant::now();
        let mut client = server.connect().await;
        client.send(beginning).await;
        assert_eq!(client.rest().await, "", "{beginning:?}");
        assert!(begun.elapsed() >= SHORT, "not before its time");
    }
}

/// A client that dribbles its head is cut too: the deadline is for the whole of it.
#[tokio::test]
async fn dribbling_does_not_help() {
    let server = Server::start(short_head()).await;
    let client = server.connect().await;
    let (mut reader, mut writer) = client.0.into_split();
    let dribble = async {
        let mut tick = tokio::time::interval(SHORT / 10);
        loop {
            tick.tick().await;
            if tokio::io::AsyncWriteExt::write_all(&mut writer, b"x")
                .await
                .is_err()
            {
                return;
            }
        }
    };
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut rest);
    tokio::select! {
        () = dribble => {}
        ended = timeout(PATIENCE, read) => assert!(ended.is_ok(), "still connected"),
    }
    assert!(rest.is_empty(), "no answer to half a head");
}

/// A later head has a deadline as well.
#[tokio::test]
async fn later_heads_have_a_deadline() {
    let server = Server::start(short_head()).await;
    let mut client = server.connect().await;
    client.get("/healthz").await;
    assert_eq!(client.status().await, "HTTP/1.1 200 OK");
    client.send("GET /healthz HTTP/1.1\r\n").await;
    assert_eq!(client.rest().await, "");
}

/// An idle connection is closed after its time, and not at the deadline of a head.
#[tokio::test]
async fn idlers_are_closed() {
    let settings = ListenerSettings {
        idle_timeout: SHORT * 3,
        ..short_head()
    };
    let server = Server::start(settings).await;
    let mut client = server.connect().await;
    client.get("/healthz").await;
    assert_eq!(client.status().await, "HTTP/1.1 200 OK");
    let idle = Instant::now();
    assert_eq!(client.rest().await, "");
    assert!(idle.elapsed() >= SHORT * 2, "{:?}", idle.elapsed());
}

/// A request on which nothing moves is cut in the end, even where the fault is a handler's.
#[tokio::test]
async fn stalled_requests_are_cut() {
    let settings = ListenerSettings {
        stall_timeout: SHORT * 2,
        ..short_head()
    };
    let server = Server::start(settings).await;
    let mut client = server.connect().await;
    client.get("/gate").await;
    server.gate_is_reached().await;
    assert_eq!(client.rest().await, "");
}

/// A body that does not come whole in time is answered with 408, and the connection ends.
#[tokio::test]
async fn bodies_have_a_deadline() {
    let body = BodyLimits {
        read_timeout: SHORT,
        ..BodyLimits::default()
    };
    let settings = Settings {
        body,
        ..Settings::default()
    };
    let server = Server::start_with(ListenerSettings::default(), settings, None).await;
    let mut client = server.connect().await;
    client
        .send(
            "POST /v1.0/me/presence/clearUserPreferredPresence HTTP/1.1\r\nhost: x\r\n\
             authorization: Bearer adele\r\ncontent-length: 10\r\n\r\n{",
        )
        .await;
    let (status, body) = client.answer().await;
    assert_eq!(status, "HTTP/1.1 408 Request Timeout");
    assert!(body.contains("did not arrive within 400ms"), "{body}");
    assert_eq!(client.rest().await, "");
}

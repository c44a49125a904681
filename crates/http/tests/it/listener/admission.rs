//! One connection too many.

use presenced_http::listener::ListenerSettings;

use super::Server;

/// At the limit the next client is told 503 and when to come back; when one leaves, there is room.
#[tokio::test]
async fn connections_are_limited() {
    let settings = ListenerSettings {
        connections_max: 1,
        ..ListenerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut first = server.connect().await;
    first.get("/healthz").await;
    assert_eq!(first.status().await, "HTTP/1.1 200 OK");

    let mut second = server.connect().await;
    second.get("/healthz").await;
    let refusal = second.rest().await;
    assert!(
        refusal.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{refusal}"
    );
    for part in [
        "retry-after: 5\r\n",
        "request-id: ",
        "\"code\":\"serviceNotAvailable\"",
    ] {
        assert!(refusal.contains(part), "{refusal}");
    }

    drop(first);
    server.has_room().await;
}

/// One address gets so many connections and no more, and is told 429.
#[tokio::test]
async fn connections_of_an_address_are_limited() {
    let settings = ListenerSettings {
        connections_per_address_max: 2,
        ..ListenerSettings::default()
    };
    let server = Server::start(settings).await;
    let mut inside = [server.connect().await, server.connect().await];
    for client in &mut inside {
        client.get("/healthz").await;
        assert_eq!(client.status().await, "HTTP/1.1 200 OK");
    }
    let mut third = server.connect().await;
    let refusal = third.rest().await;
    assert!(
        refusal.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
        "{refusal}"
    );
}

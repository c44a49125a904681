//! Requests that are too large.

use presenced_http::listener::ListenerSettings;

use super::Server;

/// A head of too many bytes, or too many fields, is 431, and the connection ends.
#[tokio::test]
async fn heads_are_limited() {
    let settings = ListenerSettings {
        headers_max: 20,
        head_bytes_max: 8 * 1024,
        ..ListenerSettings::default()
    };
    let server = Server::start(settings).await;
    let fields = "x: y\r\n".repeat(30);
    let bytes = format!("x: {}\r\n", "y".repeat(9 * 1024));
    for excess in [fields, bytes] {
        let mut client = server.connect().await;
        client
            .send(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{excess}\r\n"))
            .await;
        let rest = client.rest().await;
        assert!(rest.starts_with("HTTP/1.1 431 "), "{rest:?}");
    }
    let mut client = server.connect().await;
    let fits = format!("x: {}\r\n", "y".repeat(7 * 1024));
    client
        .send(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{fits}\r\n"))
        .await;
    assert_eq!(client.status().await, "HTTP/1.1 200 OK");
}

/// A body that is announced as too large is refused before it is sent.
#[tokio::test]
async fn bodies_are_limited() {
    let server = Server::start(ListenerSettings::default()).await;
    let mut client = server.connect().await;
    client
        .send(
            "POST /v1.0/me/presence/setPresence HTTP/1.1\r\nhost: x\r\n\
             authorization: Bearer adele\r\ncontent-type: application/json\r\n\
             content-length: 1000000000\r\nexpect: 100-continue\r\n\r\n",
        )
        .await;
    let (status, body) = client.answer().await;
    assert_eq!(status, "HTTP/1.1 413 Payload Too Large");
    assert!(body.contains("larger than 65536 bytes"), "{body}");
    assert_eq!(client.rest().await, "");
}

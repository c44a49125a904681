//! HTTP/1.1, HTTP/2 and TLS.

use std::sync::Arc;

use presenced_http::Settings;
use presenced_http::listener::ListenerSettings;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{PATIENCE, SHORT, Server};
use crate::support::{ADELE, APPLICATION};

/// Requests follow each other on one HTTP/1.1 connection, pipelined ones too, and each answer
/// carries what every answer carries.
#[tokio::test]
async fn http1_keeps_the_connection() {
    let server = Server::start(ListenerSettings::default()).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.get("/healthz").await;
        assert_eq!(client.answer().await, ok("{\"status\":\"alive\"}"));
    }
    client.get("/healthz").await;
    client.get("/readyz").await;
    assert_eq!(client.answer().await, ok("{\"status\":\"alive\"}"));
    assert_eq!(client.answer().await, ok("{\"status\":\"ready\"}"));
    client
        .send("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    let answer = client.rest().await;
    for header in [
        "date: ",
        "request-id: ",
        "client-request-id: ",
        "cache-control: no-cache",
    ] {
        assert!(answer.contains(&format!("\r\n{header}")), "{answer}");
    }
}

/// HTTP/2 without TLS, for those who know, with many requests at the same time.
#[tokio::test]
async fn http2_by_prior_knowledge() {
    let server = Server::start(ListenerSettings::default()).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url = format!("http://{}/v1.0/users/{ADELE}/presence", server.address);
    let asked: Vec<_> = (0..50)
        .map(|_| tokio::spawn(client.get(&url).bearer_auth("app").send()))
        .collect();
    for answer in asked {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
        let body: Value = answer.json().await.unwrap();
        let context = body["@odata.context"].as_str().unwrap();
        assert!(
            context.starts_with(&format!("http://{}/v1.0/", server.address)),
            "{context}"
        );
    }
}

/// A client that goes away within the first bytes of HTTP/2, or right after them, ends its own
/// connection at once and nothing else: the one place there is free for the next.
#[tokio::test]
async fn a_connection_may_end_within_the_preface() {
    const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = ListenerSettings {
        connections_max: 1,
        request_head_timeout: 2 * PATIENCE,
        ..ListenerSettings::default()
    };
    let server = Server::start(settings).await;
    for length in 0..=PREFACE.len() {
        let mut leaving = server.connect().await;
        leaving.send(&PREFACE[..length]).await;
        let answer = leaving.rest_or_answer().await;
        assert!(
            !answer.contains(" 200 "),
            "after {length} bytes: {answer:?}"
        );
        server.has_room().await;
    }
}

/// Over TLS both protocols are spoken, as agreed in the handshake, and links say https.
#[tokio::test]
async fn tls() {
    let (acceptor, certificate) = tls_acceptor();
    let settings = ListenerSettings::default();
    let server = Server::start_with(settings, Settings::default(), Some(acceptor)).await;
    let root = format!("https://localhost:{}", server.address.port());
    for http1 in [false, true] {
        let builder = reqwest::Client::builder().tls_certs_only([certificate.clone()]);
        let builder = if http1 { builder.http1_only() } else { builder };
        let client = builder.build().unwrap();
        let body = json!({
            "sessionId": APPLICATION, "availability": "Away", "activity": "Away",
        });
        let url = format!("{root}/v1.0/users/{ADELE}/presence");
        let set = client
            .post(format!("{url}/setPresence"))
            .bearer_auth("app")
            .json(&body);
        let answer = set.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.version() == reqwest::Version::HTTP_2, !http1);
        let answer = client.get(&url).bearer_auth("app").send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["availability"], "Away");
        let context = body["@odata.context"].as_str().unwrap();
        assert!(context.starts_with(&format!("{root}/v1.0/")), "{context}");
    }
}

/// A handshake that does not come to an end is cut, and one that is none fails.
#[tokio::test]
async fn handshakes_have_a_deadline() {
    let (acceptor, _certificate) = tls_acceptor();
    let settings = ListenerSettings {
        tls_handshake_timeout: SHORT,
        ..ListenerSettings::default()
    };
    let server = Server::start_with(settings, Settings::default(), Some(acceptor)).await;
    let mut silent = server.connect().await;
    assert_eq!(silent.rest().await, "");
    let mut plain = server.connect().await;
    plain
        .0
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(!plain.rest().await.contains("HTTP/1.1"));
}

fn ok(body: &str) -> (String, String) {
    ("HTTP/1.1 200 OK".to_owned(), body.to_owned())
}

/// An acceptor for `localhost`, and the certificate to trust.
fn tls_acceptor() -> (TlsAcceptor, reqwest::Certificate) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = reqwest::Certificate::from_der(made.cert.der()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

//! The courier over TLS.

use super::*;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A TLS endpoint of this name, and the authority to trust for it in PEM.
fn tls(name: &str) -> (TlsAcceptor, Vec<u8>) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new([name.to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let config = ServerConfig::builder_with_provider(provider.into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth();
    let config = config
        .with_single_cert(vec![server.der().clone()], key)
        .unwrap();
    (
        TlsAcceptor::from(Arc::new(config)),
        authority.pem().into_bytes(),
    )
}

/// Over TLS an endpoint has to show a certificate of the name in the URL, from an authority that is
/// trusted.
#[tokio::test]
async fn tls_is_verified() {
    let (acceptor, authority) = tls("hooks.example.com");
    let receiver = Receiver::start("127.0.0.1", Some(acceptor), echo).await;
    let port = receiver.address.port();
    let check = async |roots, name: &str| {
        let courier = HttpCourier::new(CourierSettings {
            roots,
            resolver: Names::new(&[&["127.0.0.1"]]),
            ..settings(&["127.0.0.0/8"])
        });
        let url = format!("https://{name}:{port}/");
        courier.unwrap().check(&url).await
    };
    let trusted = || Roots::Only(authority.clone());
    check(trusted(), "hooks.example.com").await.unwrap();
    let (_, other) = tls("hooks.example.com");
    let another_name = "TLS failed: its certificate is for another name";
    let not_trusted = "TLS failed: its certificate is of an authority that is not trusted";
    for (roots, name, expect) in [
        (trusted(), "other.example.com", another_name),
        (trusted(), "127.0.0.1", another_name),
        (Roots::Only(other), "hooks.example.com", not_trusted),
        (Roots::Only(Vec::new()), "hooks.example.com", not_trusted),
    ] {
        // The names that the certificate has are not told.
        assert_eq!(unreachable(check(roots, name).await), expect);
    }
    let not_pem = settings(&[]);
    let not_pem = CourierSettings {
        roots: Roots::SystemAnd(b"no certificate".to_vec()),
        ..not_pem
    };
    assert!(matches!(
        HttpCourier::new(not_pem),
        Err(CourierError::Roots)
    ));
}

/// Where an endpoint offers HTTP/2 it is spoken, and one connection carries every message.
#[tokio::test]
async fn http_2_is_spoken() {
    let (acceptor, authority) = tls("hooks.example.com");
    let mut config = ServerConfig::clone(acceptor.config());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // One connection is taken, and no second one.
    let connection = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
        let service = service_fn(async |request: Request<Incoming>| {
            assert_eq!(request.version(), Version::HTTP_2);
            let token = request.uri().query().unwrap_or_default();
            let token = Url::parse(&format!("http://receiver/?{token}")).unwrap();
            let token = token
                .query_pairs()
                .next()
                .map(|(_, token)| token.into_owned());
            let answer = Response::builder().header(CONTENT_TYPE, "text/plain");
            answer.body(Full::new(Bytes::from(token.unwrap_or_default())))
        });
        let served = http2::Builder::new(TokioExecutor::new());
        served.serve_connection(stream, service).await
    });
    let courier = HttpCourier::new(CourierSettings {
        roots: Roots::Only(authority),
        resolver: Names::new(&[&["127.0.0.1"]]),
        ..settings(&["127.0.0.1/32"])
    });
    let courier = courier.unwrap();
    let url = format!("https://hooks.example.com:{port}/");
    courier.check(&url).await.unwrap();
    for _ in 0..3 {
        assert!(
            courier
                .post(&url, Bytes::from_static(b"{}"), Class::Quick)
                .await
                .is_delivered()
        );
    }
    drop(courier);
    connection.await.unwrap().unwrap();
}

/// An endpoint that speaks no TLS at a URL that says so is told apart from one that cannot be
/// reached.
#[tokio::test]
async fn plain_answers_are_not_tls() {
    let receiver = Receiver::start("127.0.0.1", None, echo).await;
    let url = format!("https://{}/hook", receiver.address);
    let courier = hasty_courier();
    // A receiver that waits for the end of a request head hears only the start of a handshake.
    assert_eq!(courier.check(&url).await, Err(EndpointFault::TimedOut));
}

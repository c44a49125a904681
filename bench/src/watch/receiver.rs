//! The receiver of notifications: an endpoint for each watcher, on one port.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::tally::Tally;

/// What stands before a watcher's number.
const PATH: &str = "/hook/";

/// What stands before the token of a handshake.
const HANDSHAKE: &str = "validationToken=";

/// Listens on a port of its own and counts the notifications about `user`. Returns the address.
pub(crate) async fn listen(tally: Arc<Tally>, user: Arc<str>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => return tally.fail(format!("the receiver cannot accept: {error}")),
            };
            stream.set_nodelay(true).unwrap_or_default();
            let (tally, user) = (Arc::clone(&tally), Arc::clone(&user));
            let service =
                service_fn(move |request| receive(request, Arc::clone(&tally), Arc::clone(&user)));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // The sender decides how long it keeps a connection.
            tokio::spawn(async { connection.await.unwrap_or_default() });
        }
    });
    Ok(address)
}

/// The URL of a watcher's endpoint.
pub(crate) fn url(at: SocketAddr, watcher: usize) -> String {
    format!("http://{at}{PATH}{watcher}")
}

async fn receive(
    request: Request<Incoming>,
    tally: Arc<Tally>,
    user: Arc<str>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    if let Some(token) = parts.uri.query().and_then(handshake) {
        let mut answer = Response::new(Full::new(Bytes::from(token)));
        let plain = HeaderValue::from_static("text/plain");
        answer.headers_mut().insert(CONTENT_TYPE, plain);
        return Ok(answer);
    }
    let told = match body.collect().await {
        Ok(body) => notification(parts.uri.path(), &body.to_bytes(), &user),
        Err(error) => Err(error.into()),
    };
    match told {
        Ok(watcher) => tally.told(watcher, None),
        Err(error) => tally.fail(format!("unexpected notification: {error:#}")),
    }
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::ACCEPTED;
    Ok(answer)
}

/// The token that a handshake asks to have repeated (contract section 4.4).
fn handshake(query: &str) -> Option<Vec<u8>> {
    let mut fields = query.split('&');
    let token = fields.find_map(|field| field.strip_prefix(HANDSHAKE))?;
    let mut plain = Vec::new();
    let mut bytes = token.bytes();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    Some(plain)
}

/// Whom a notification is for. It must be one, and about nobody but this user.
fn notification(path: &str, body: &[u8], user: &str) -> Result<usize> {
    let number = path.strip_prefix(PATH).and_then(|rest| rest.parse().ok());
    let number = number.with_context(|| format!("it went to {path}"))?;
    let text = std::str::from_utf8(body)?;
    let about = format!("\"resource\":\"communications/presences/{user}\"");
    let items = text.matches("\"changeType\":\"updated\"").count();
    ensure!(
        items == 1 && text.matches(&about).count() == 1,
        "it says {text}"
    );
    Ok(number)
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::*;
    use crate::watch::http::{Client, Version, request};

    /// The token is repeated as it was before it was put into a URL.
    #[test]
    fn handshakes_are_found() {
        let token = |query| handshake(query).map(|token| String::from_utf8(token).unwrap());
        assert_eq!(
            token("validationToken=a%3A%20b+c"),
            Some("a: b c".to_owned())
        );
        assert_eq!(token("x=1&validationToken=abc"), Some("abc".to_owned()));
        assert_eq!(token("validationToken=a%3"), None);
        assert_eq!(token("x=1"), None);
    }

    /// What comes over a connection is answered and counted, and what is no notification ends the
    /// run.
    #[tokio::test]
    async fn what_comes_is_counted() {
        let tally = Arc::new(Tally::new(2));
        let at = listen(Arc::clone(&tally), "u".into()).await.unwrap();
        let mut client = Client::open(at, Version::One, 0).await.unwrap();
        let mut post = async |path: &str, body: &'static str, status| {
            let request = request(Method::POST, at, path, "t", body).unwrap();
            let answer = client.ask(request, status).await.unwrap();
            answer.into_body().collect().await.unwrap().to_bytes()
        };
        let repeated = post("/hook/1?validationToken=a%20b", "", 200).await;
        assert_eq!(repeated, "a b");
        tally.begin();
        let body = r#"{"changeType":"updated","resource":"communications/presences/u"}"#;
        for watcher in ["/hook/1", "/hook/0"] {
            assert_eq!(post(watcher, body, 202).await, "");
        }
        assert_eq!(tally.all_told().await.unwrap(), 0);
        assert_eq!(tally.count(), 2);
        post("/hook/0", "{}", 202).await;
        assert!(tally.all_told().await.is_err());
    }

    /// A notification names the watcher by its path and must be about the one user.
    #[test]
    fn notifications_are_looked_at() {
        let body = |user| {
            format!(
                r#"{{"value":[{{"changeType":"updated","resource":"communications/presences/{user}"}}]}}"#
            )
        };
        let read = |path, text: &str| notification(path, text.as_bytes(), "u");
        assert_eq!(read("/hook/12", &body("u")).unwrap(), 12);
        for (path, text) in [
            ("/hook/", body("u")),
            ("/hook/a", body("u")),
            ("/other/1", body("u")),
            ("/hook/1", body("v")),
            ("/hook/1", body("u") + &body("u")),
            ("/hook/1", String::new()),
        ] {
            assert!(read(path, &text).is_err(), "{path} {text}");
        }
    }
}

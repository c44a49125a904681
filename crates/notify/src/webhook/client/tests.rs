//! The courier against endpoints on loopback.

mod addresses;
mod tls;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;

use super::receiver::{Heard, Receiver, Reply, answer};
use super::*;
use crate::engine::limits::POSTS_PER_HOST_MAX;
use crate::webhook::address::PlainHttp;

/// A courier that may go to these networks, also over plain HTTP.
fn settings(networks: &[&str]) -> CourierSettings {
    let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
    let policy = AddressPolicy {
        networks,
        plain_http: PlainHttp::Allowed,
        ports: Vec::new(),
    };
    CourierSettings {
        roots: Roots::Only(Vec::new()),
        ..CourierSettings::new(policy)
    }
}

fn courier() -> HttpCourier {
    HttpCourier::new(settings(&["127.0.0.1/32"])).unwrap()
}

/// One that does not wait for long.
fn hasty_courier() -> HttpCourier {
    let settings = CourierSettings {
        answer_timeout: Duration::from_millis(100),
        ..settings(&["127.0.0.1/32"])
    };
    HttpCourier::new(settings).unwrap()
}

fn echo(heard: &Heard) -> Reply {
    answer("200 OK", "text/plain", &heard.token())
}

fn unreachable(fault: Result<impl std::fmt::Debug, EndpointFault>) -> String {
    match fault {
        Err(EndpointFault::Unreachable(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A name's answers, one look-up after the other; the last one stays.
struct Names(Mutex<(usize, VecDeque<Vec<IpAddr>>)>);

impl Names {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let read = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new((0, answers.iter().map(read).collect()))))
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().0
    }
}

impl Resolver for Names {
    fn look_up<'a>(&'a self, _name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        let (asked, answers) = &mut *self.0.lock().unwrap();
        *asked += 1;
        let answer = match answers.len() {
            0 => Err(io::Error::from(ErrorKind::NotFound)),
            1 => Ok(answers[0].clone()),
            _ => Ok(answers.pop_front().unwrap()),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// The request of a validation is what receivers are told to expect, keeps the query that the URL
/// has, and never has the same token twice.
#[tokio::test]
async fn the_handshake_is_as_documented() {
    let mut receiver = Receiver::start("127.0.0.1", None, echo).await;
    let url = format!("http://{}/hook?code=a%20b&x=+", receiver.address);
    let courier = courier();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        courier.check(&url).await.unwrap();
        let heard = receiver.next();
        assert_eq!(heard.method, "POST");
        let encoded = heard.encoded_token();
        assert_eq!(
            heard.target,
            format!("/hook?code=a%20b&x=+&validationToken={encoded}")
        );
        assert!(
            encoded.contains("%3A") && encoded.contains("%3D"),
            "{encoded}"
        );
        assert_eq!(heard.headers["content-type"], "text/plain; charset=utf-8");
        assert!(heard.headers["user-agent"].starts_with("presenced/"));
        assert_eq!(heard.headers["content-length"], "0");
        assert!(heard.body.is_empty());
        tokens.push(heard.token());
    }
    assert_ne!(tokens[0], tokens[1]);
    assert!(tokens.iter().all(|token| token.len() > 40), "{tokens:?}");
}

/// Nothing but 200, text/plain and the token itself counts as a yes.
#[tokio::test]
async fn the_handshake_needs_the_token() {
    async fn check(
        script: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
        expect: Result<(), EndpointFault>,
    ) {
        let receiver = Receiver::start("127.0.0.1", None, script).await;
        let url = format!("http://{}/hook", receiver.address);
        assert_eq!(courier().check(&url).await, expect);
        assert_eq!(receiver.connections(), 1);
    }
    let status = |status| Err(EndpointFault::Status(status));
    let token = || Err(EndpointFault::Token);
    check(echo, Ok(())).await;
    check(
        |heard| answer("200 OK", "Text/Plain ; charset=utf-8", &heard.token()),
        Ok(()),
    )
    .await;
    check(
        |heard| answer("202 Accepted", "text/plain", &heard.token()),
        status(202),
    )
    .await;
    check(
        |heard| answer("403 Forbidden", "text/plain", &heard.token()),
        status(403),
    )
    .await;
    check(|_| answer("204 No Content", "text/plain", ""), status(204)).await;
    check(
        |heard| answer("200 OK", "text/html", &heard.token()),
        token(),
    )
    .await;
    check(
        |heard| answer("200 OK", "application/json", &heard.token()),
        token(),
    )
    .await;
    check(
        |heard| answer("200 OK", "text/plain", heard.encoded_token()),
        token(),
    )
    .await;
    check(
        |heard| answer("200 OK", "text/plain", &format!("{}\n", heard.token())),
        token(),
    )
    .await;
    check(
        |heard| answer("200 OK", "text/plain", &format!("\"{}\"", heard.token())),
        token(),
    )
    .await;
    check(|_| answer("200 OK", "text/plain", ""), token()).await;
    let endless = |_: &Heard| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        Reply::Endless(head.as_bytes().to_vec())
    };
    check(endless, token()).await;
    let untyped = |heard: &Heard| {
        let token = heard.token();
        let length = token.len();
        Reply::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{token}").into())
    };
    check(untyped, token()).await;
}

/// A redirect is an answer like any other that is not 2xx: nobody goes where it points.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Receiver::start("127.0.0.1", None, echo).await;
    let location = format!("http://{}/", elsewhere.address);
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let head =
            format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let script = move |_: &Heard| Reply::Bytes(head.clone().into_bytes());
        let receiver = Receiver::start("127.0.0.1", None, script).await;
        let url = format!("http://{}/hook", receiver.address);
        let code: u16 = status[..3].parse().unwrap();
        assert_eq!(
            courier().check(&url).await,
            Err(EndpointFault::Status(code))
        );
        let attempt = courier()
            .post(&url, Bytes::from_static(b"{}"), Class::Quick)
            .await;
        assert_eq!(attempt.answer, Ok(code));
        assert!(!attempt.is_delivered());
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// A notification arrives as JSON at the URL as it is, once, and the status is what is told of the
/// answer. One connection carries one after the other, also where answers have bodies.
#[tokio::test]
async fn notifications_are_delivered() {
    let script = |heard: &Heard| {
        let status = String::from_utf8(heard.body.clone()).unwrap();
        answer(
            &format!("{status} Whatever"),
            "text/html",
            "<p>Thank you.</p>",
        )
    };
    let mut receiver = Receiver::start("127.0.0.1", None, script).await;
    let url = format!("http://{}/hook?code=a%20b&x=+", receiver.address);
    let courier = courier();
    for status in [200_u16, 202, 299, 400, 404, 429, 500, 503] {
        let attempt = courier
            .post(&url, status.to_string().into(), Class::Quick)
            .await;
        assert_eq!(attempt.answer, Ok(status));
        assert_eq!(attempt.is_delivered(), status < 300);
        let heard = receiver.next();
        assert_eq!(heard.method, "POST");
        assert_eq!(heard.target, "/hook?code=a%20b&x=+");
        assert_eq!(
            heard.headers["content-type"],
            "application/json; charset=utf-8"
        );
        assert_eq!(heard.body, status.to_string().into_bytes());
    }
    assert_eq!(receiver.connections(), 1);
    assert!(receiver.heard.is_empty());
}

/// Connections are kept for the next burst of messages: as many as one host may have under way are not
/// opened anew for each.
#[tokio::test]
async fn a_burst_uses_the_connections_of_the_last() {
    const BURSTS: usize = 6;
    let took = |_: &Heard| answer("202 Accepted", "text/plain", "");
    let receiver = Receiver::start("127.0.0.1", None, took).await;
    let url = format!("http://{}/hook", receiver.address);
    let courier = Arc::new(courier());
    for _ in 0..BURSTS {
        let mut burst = tokio::task::JoinSet::new();
        for _ in 0..POSTS_PER_HOST_MAX {
            let (courier, url) = (Arc::clone(&courier), url.clone());
            burst.spawn(async move { courier.post(&url, Bytes::new(), Class::Quick).await });
        }
        for attempt in burst.join_all().await {
            assert!(attempt.is_delivered(), "{attempt:?}");
        }
    }
    // A few that were on their way back may have been opened once more.
    let opened = receiver.connections();
    assert!(opened <= 2 * POSTS_PER_HOST_MAX, "{opened} connections");
}

/// An answer that never ends is no burden: its status counts and the rest is not read.
#[tokio::test]
async fn endless_answers_are_cut() {
    let endless = |_: &Heard| Reply::Endless(b"HTTP/1.1 202 Accepted\r\n\r\n".to_vec());
    let receiver = Receiver::start("127.0.0.1", None, endless).await;
    let url = format!("http://{}/hook", receiver.address);
    let attempt = courier().post(&url, Bytes::new(), Class::Quick).await;
    assert!(attempt.is_delivered());

    let endless_head = |_: &Heard| Reply::Endless(b"HTTP/1.1 202 Accepted\r\nX: ".to_vec());
    let receiver = Receiver::start("127.0.0.1", None, endless_head).await;
    let url = format!("http://{}/hook", receiver.address);
    let attempt = courier().post(&url, Bytes::new(), Class::Quick).await;
    assert!(unreachable(attempt.answer).starts_with("the answer failed: "));
}

/// Each way of not answering is told apart, and takes no longer than it may.
#[tokio::test]
async fn failures_are_named() {
    let receiver = Receiver::start("127.0.0.1", None, |_: &Heard| Reply::Hang).await;
    let url = format!("http://{}/hook", receiver.address);
    let courier = hasty_courier();
    assert_eq!(courier.check(&url).await, Err(EndpointFault::TimedOut));
    let attempt = courier.post(&url, Bytes::new(), Class::Quick).await;
    assert_eq!(attempt.answer, Err(EndpointFault::TimedOut));
    assert!(attempt.took >= Duration::from_millis(100), "{attempt:?}");

    // Half a validation answer is none.
    let half = |_: &Heard| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n";
        Reply::Bytes(head.as_bytes().to_vec())
    };
    let receiver = Receiver::start("127.0.0.1", None, half).await;
    let url = format!("http://{}/hook", receiver.address);
    assert_eq!(courier.check(&url).await, Err(EndpointFault::TimedOut));

    for reply in [b"".as_slice(), b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let script = move |_: &Heard| match reply {
            [] => Reply::Close,
            bytes => Reply::Bytes(bytes.to_vec()),
        };
        let receiver = Receiver::start("127.0.0.1", None, script).await;
        let url = format!("http://{}/hook?code=secret", receiver.address);
        let why = unreachable(courier.post(&url, Bytes::new(), Class::Quick).await.answer);
        assert!(why.starts_with("the answer failed: "), "{why}");
        assert!(!why.contains("secret"), "{why}");
    }

    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?code=secret", free.local_addr().unwrap());
    drop(free);
    let why = unreachable(courier.post(&url, Bytes::new(), Class::Quick).await.answer);
    assert!(why.starts_with("the connection failed: "), "{why}");
    assert!(!why.contains("secret"), "{why}");
}

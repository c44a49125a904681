//! How it ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{PATIENCE, Running};

/// SIGTERM and SIGINT end it in good order: exit code 0.
#[test]
fn a_signal_ends_it() {
    for signal in ["TERM", "INT"] {
        let mut server = Running::dev(&[]);
        server.signal(signal);
        server.wait_for_log("stopped");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

/// A request that has begun when the signal comes is still answered.
#[test]
fn what_has_begun_is_finished() {
    let mut server = Running::dev(&[]);
    let mut stream = begin_request(&server);
    server.signal("TERM");
    server.wait_for_log("stopping");
    stream.write_all(b"5M\"}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(server.wait().code(), Some(0));
}

/// A second signal does not wait for it.
#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Running::dev(&[]);
    let stream = begin_request(&server);
    server.signal("TERM");
    server.wait_for_log("stopping");
    server.signal("TERM");
    server.wait_for_log("stopping at once");
    assert_eq!(server.wait().code(), Some(4));
    drop(stream);
}

/// Sends all of a request but its last four bytes, and waits until the server reads it.
fn begin_request(server: &Running) -> TcpStream {
    let address = server.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server asks for the body only when a handler reads it: then the request is under way.
    let head = "POST /dev/clock/advance HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\
                Expect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{\"duration\": \"PT").unwrap();
    stream
}

//! The way to a subscriber's endpoint, as the engine sees it. The engine decides when and what; the
//! courier goes there, and never anywhere else.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

/// An answer that is still on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries messages to endpoints. An implementation bounds how long each call takes and how much
/// of an answer is read, and goes only where the settings allow.
pub trait Courier: Send + Sync + 'static {
    /// Asks an endpoint whether it wants notifications (contract section 4.4).
    fn check<'a>(&'a self, url: &'a str) -> Pending<'a, Result<(), EndpointFault>>;

    /// Sends a JSON body to an endpoint of this class, once (contract section 4.9).
    fn post<'a>(&'a self, url: &'a str, body: Bytes, class: Class) -> Pending<'a, Attempt>;
}

/// How an endpoint has done so far. Those of one class share the room that there is for them, so that
/// none stands in the way of another class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It was quick to take the last messages.
    Quick,
    /// It said that it wants messages, and was not sent any yet.
    New,
    /// It takes messages, and takes its time.
    Slow,
    /// It did not take the last message.
    Failing,
    /// It is asked whether it wants messages at all.
    Unknown,
}

/// What came of sending something once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The endpoint's status code, or why there is none.
    pub answer: Result<u16, EndpointFault>,
    /// How long it took.
    pub took: Duration,
}

impl Attempt {
    /// Whether the endpoint took it: any 2xx.
    pub fn is_delivered(&self) -> bool {
        self.answer
            .as_ref()
            .is_ok_and(|status| (200..300).contains(status))
    }
}

/// Why an endpoint was not reached, or not found to be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// The URL is none that notifications may go to. Says what is wrong with it, and what would do.
    #[error("no notification may go to this URL: {0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("the endpoint did not answer in time")]
    TimedOut,
    /// It could not be reached. Says at which step: the name, the connection, TLS, the answer.
    #[error("the endpoint cannot be reached: {0}")]
    Unreachable(String),
    /// It was asked whether it wants notifications, and answered with this status instead of 200.
    #[error("the endpoint answered the validation request with {0}")]
    Status(u16),
    /// It answered 200, but not with the token as plain text.
    #[error("the endpoint did not repeat the validation token as text/plain")]
    Token,
}

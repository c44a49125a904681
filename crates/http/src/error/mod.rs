//! What a client is told when something is wrong.

mod code;
mod from;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};

use crate::limits::QUOTED_CHARS_MAX;

pub use code::{CODES, Code, CodeRow};

/// An answer that says what was wrong.
///
/// A code is for programs, the message for people, the source for the log. A handler returns it; it
/// travels to [`Front`](crate::Front) in the response's extensions, where the error object is
/// written, which carries the request's ids, and where the source is logged, once.
#[derive(Debug)]
pub struct ApiError {
    code: Code,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// An [`ApiError`] on its way through the response's extensions, which ask for `Clone`.
#[derive(Clone)]
pub(crate) struct Carried(pub(crate) Arc<ApiError>);

impl ApiError {
    /// An error of this kind. The message says what was wrong, where, and what to do.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// 400: the body is missing, is not JSON, or is not said to be JSON. Graph's own text (contract
    /// section 3.6).
    pub fn unreadable_body() -> Self {
        Self::bad_request(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and \
             payload is of valid JSON format.",
        )
    }

    /// 400: a value is not allowed. The message is put behind the field's name in brackets, as
    /// Graph does (contract section 3.6).
    pub fn invalid_argument(field: &str, message: impl fmt::Display) -> Self {
        Self::new(Code::InvalidArgument, format!("[{field}]: {message}"))
    }

    /// 401: no token that is accepted.
    pub fn invalid_token(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidAuthenticationToken, message)
    }

    /// 404: there is no such subscription, or it has ended, or it is another's.
    pub(crate) fn no_subscription() -> Self {
        let message = "There is no such subscription. It may have expired; then make a new one.";
        Self::new(Code::NotFound, message)
    }

    /// 503: the server cannot answer at present, for a reason that only the log is told.
    pub fn unavailable(
        retry_after: Duration,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let message = "The service is temporarily unavailable. Repeat the request after the time \
                       in the Retry-After header.";
        Self {
            retry_after: Some(retry_after),
            source: Some(source.into()),
            ..Self::new(Code::ServiceNotAvailable, message)
        }
    }

    /// 500: a fault of the server, of which only the log is told.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "The server met an error of its own. Its log holds the cause under this \
                       answer's request-id.";
        Self {
            source: Some(source.into()),
            ..Self::new(Code::GeneralException, message)
        }
    }

    /// The same, with the time after which it is worth trying again; told in whole seconds,
    /// rounded up.
    #[must_use]
    pub fn retry_after(self, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..self
        }
    }

    /// What kind of error it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What people are told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whole seconds, rounded up, after which it is worth trying again.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(whole_seconds)
    }
}

/// Whole seconds, rounded up, as headers tell times.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The code's text and the message; never the source.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.row().wire, self.message)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The status, and the error itself in the extensions: [`Front`](crate::Front) writes the rest.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code.row().status;
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// A value that a client sent, cut to a length that is fit for a message.
pub(crate) fn quoted(value: &str) -> Cow<'_, str> {
    quoted_up_to(QUOTED_CHARS_MAX, value)
}

/// The same with another length.
pub(crate) fn quoted_up_to(chars_max: usize, value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(chars_max) {
        None => Cow::Borrowed(value),
        Some((cut, _)) => Cow::Owned(format!("{}…", value.get(..cut).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client sent is quoted up to a limit, by whole characters.
    #[test]
    fn quotes_are_cut() {
        assert_eq!(quoted("Busy"), "Busy");
        let exact = "é".repeat(QUOTED_CHARS_MAX);
        assert_eq!(quoted(&exact), exact);
        assert_eq!(
            quoted(&"é".repeat(QUOTED_CHARS_MAX + 1)),
            format!("{exact}…")
        );
    }

    /// Retry-After counts whole seconds and never tells a client to come too early.
    #[test]
    fn retry_after_is_rounded_up() {
        let seconds = |wait| {
            ApiError::new(Code::TooManyRequests, "")
                .retry_after(wait)
                .retry_after_seconds()
        };
        assert_eq!(seconds(Duration::ZERO), Some(0));
        assert_eq!(seconds(Duration::from_nanos(1)), Some(1));
        assert_eq!(seconds(Duration::from_secs(5)), Some(5));
        assert_eq!(seconds(Duration::from_millis(5_001)), Some(6));
    }
}

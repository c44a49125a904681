//! What the token endpoint answers when it does not give a token: Entra's shape, numbers and
//! statuses (contract section 7.4), so that a client's error handling meets what it will meet there.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use presenced_core::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::limits::ECHO_CHARS_MAX;

/// An error of the OAuth endpoints.
#[derive(Debug)]
pub(super) struct OAuthError {
    status: StatusCode,
    /// The code for programs (RFC 6749 §5.2).
    pub(super) error: &'static str,
    /// Entra's number.
    number: u32,
    text: String,
}

impl OAuthError {
    /// An error with status 400.
    pub(super) fn new(error: &'static str, number: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            number,
            text: text.into(),
        }
    }

    /// The client could not prove who it is: 401.
    pub(super) fn invalid_client(number: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new("invalid_client", number, text)
        }
    }

    /// Something of ours failed: 500, and the reason stays in the log.
    pub(super) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::new("server_error", 90033, "The token could not be made.")
        }
    }

    /// There is nothing at the path: 404.
    pub(super) fn unknown_endpoint(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            ..Self::new("invalid_request", 90023, text)
        }
    }

    /// The endpoint has no such method: 405.
    pub(super) fn wrong_method(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            ..Self::new("invalid_request", 900_561, text)
        }
    }

    pub(super) fn missing_parameter(name: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        Self::new("invalid_request", 900_144, text)
    }

    pub(super) fn malformed(text: impl Into<String>) -> Self {
        Self::new("invalid_request", 9_002_313, text)
    }

    pub(super) fn unknown_tenant(name: &str) -> Self {
        let text = format!(
            "Tenant '{}' not found. There is one tenant here: {}, also 'common', 'organizations' \
             and '{}'.",
            shortened(name),
            super::directory::TENANT,
            super::directory::DOMAIN,
        );
        Self::new("invalid_request", 90002, text)
    }

    pub(super) fn unknown_application(id: &str) -> Self {
        let text = format!(
            "Application with identifier '{}' was not found in the directory.",
            shortened(id)
        );
        Self::new("unauthorized_client", 700_016, text)
    }

    pub(super) fn wrong_password() -> Self {
        let text = "Error validating credentials due to invalid username or password.";
        Self::new("invalid_grant", 50126, text)
    }

    /// The error as it is told: the number first, as in Entra's.
    pub(super) fn description(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.text)
    }

    /// The status it has as an answer.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The error as an answer. The client finds its own request id in it, if it sent one.
    pub(super) fn answer(&self, now: Timestamp, headers: &HeaderMap) -> Response {
        let sent = headers
            .get("client-request-id")
            .and_then(|id| id.to_str().ok());
        let correlation = sent.and_then(|id| Uuid::try_parse(id).ok());
        let trace = Uuid::new_v4();
        let correlation = correlation.unwrap_or_else(Uuid::new_v4);
        let timestamp = written(now);
        let body = json!({
            "error": self.error,
            "error_description": format!(
                "{} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
                self.description()
            ),
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace.to_string(),
            "correlation_id": correlation.to_string(),
        });
        let mut answer = (self.status, Json(body)).into_response();
        let headers = answer.headers_mut();
        no_store(headers);
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6749 §5.2: a client that used the header is told which scheme to use.
            let scheme = header::HeaderValue::from_static("Basic realm=\"presenced\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        answer
    }
}

/// Keeps an answer out of every cache (RFC 6749 §5.1).
pub(super) fn no_store(headers: &mut HeaderMap) {
    let no_store = header::HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    headers.insert(header::PRAGMA, header::HeaderValue::from_static("no-cache"));
}

/// The beginning of what a client sent, for repeating it.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).collect()
}

/// A point in time as Entra's errors write it.
fn written(now: Timestamp) -> String {
    let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let now = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    now.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

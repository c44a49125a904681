//! Telling a client why it is not let in.

use std::fmt::Write;
use std::future::Future;
use std::sync::Arc;

use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::admission::Full;
use crate::error::{ApiError, Code};
use crate::front::Front;
use crate::limits::{REFUSAL_BYTES_MAX, REFUSAL_TIMEOUT, REFUSALS_MAX, RETRY_AFTER_UNAVAILABLE};

/// Refuses connections, a few at a time.
pub(super) struct Refusals {
    front: Front,
    places: Arc<Semaphore>,
}

impl Refusals {
    pub(super) fn new(front: Front) -> Self {
        Self {
            front,
            places: Arc::new(Semaphore::new(REFUSALS_MAX)),
        }
    }

    /// What is left to do to refuse this connection. `None` where too many are being refused
    /// already: then it just ends.
    pub(super) fn refuse(
        &self,
        stream: TcpStream,
        full: Full,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let text = self.text(full);
        Some(async move {
            // A client that does not listen is not told twice.
            if let Ok(Err(error)) = tokio::time::timeout(REFUSAL_TIMEOUT, tell(stream, text)).await
            {
                tracing::debug!(%error, "a refused client went away");
            }
            drop(place);
        })
    }

    fn text(&self, full: Full) -> String {
        let error = match full {
            Full::Everywhere => ApiError::new(
                Code::ServiceNotAvailable,
                "The server has as many connections as it takes. Try again later.",
            ),
            Full::ForThisAddress => ApiError::new(
                Code::TooManyRequests,
                "There are as many connections from your address as the server takes. Use those, \
                 or close some.",
            ),
        };
        http1(
            &self
                .front
                .refusal(&error.retry_after(RETRY_AFTER_UNAVAILABLE)),
        )
    }
}

/// The answer as HTTP/1.1. A client that begins with HTTP/2 at once cannot read it, and takes it as
/// the refusal it is.
fn http1(response: &Response<String>) -> String {
    let mut text = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        let value = value.to_str().unwrap_or_default();
        text.extend([name.as_str(), ": ", value, "\r\n"]);
    }
    let body = response.body();
    let length = body.len();
    write!(
        text,
        "content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .expect("writing to a String does not fail");
    text
}

async fn tell(mut stream: TcpStream, text: String) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    // What the client has sent is read first: a socket closed with unread bytes is reset, and the
    // answer might be lost with it.
    let mut buffer = [0; 1024];
    let mut heard = 0;
    while heard < REFUSAL_BYTES_MAX {
        match stream.read(&mut buffer).await? {
            0 => break,
            bytes => heard += bytes,
        }
    }
    Ok(())
}

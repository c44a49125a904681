//! Where an answer ends, for the two protocols spoken here.

use anyhow::{Context as _, Result, bail, ensure};

use crate::limits::REPLY_BYTES_MAX;
use crate::rows::ANSWERED_WITHIN;

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 with a Content-Length.
    Http,
    /// The Redis protocol, version 2.
    Redis,
}

/// An answer that is coming in. What has been understood of it is not looked at again, so that long
/// answers in many pieces cost no more than short ones.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An HTTP response; its whole length once the header section is there.
    Http {
        /// Header section and body, in bytes.
        length: Option<usize>,
    },
    /// A Redis reply.
    Redis {
        /// Bytes understood.
        read: usize,
        /// Values still to come.
        values_left: usize,
    },
}

impl Reply {
    /// The beginning of an answer.
    pub(crate) const fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http => Self::Http { length: None },
            Protocol::Redis => Self::Redis {
                read: 0,
                values_left: 1,
            },
        }
    }

    /// Whether `bytes`, all that has come in, is the whole answer. An error where it is not an
    /// answer, says that something failed, or goes on after its end.
    pub(crate) fn is_whole(&mut self, bytes: &[u8]) -> Result<bool> {
        let length = match self {
            Self::Http { length } => {
                if length.is_none() {
                    *length = http_length(bytes)?;
                }
                *length
            }
            Self::Redis { read, values_left } => redis_length(bytes, read, values_left)?,
        };
        ensure!(bytes.len() <= REPLY_BYTES_MAX, "the answer is too long");
        let Some(length) = length else {
            return Ok(false);
        };
        ensure!(bytes.len() <= length, "more came than was asked for");
        Ok(bytes.len() == length)
    }
}

/// An error where the answer does not say so many times that a request within it was carried out.
pub(crate) fn all_answered(answer: &[u8], times: usize) -> Result<()> {
    if times > 0 {
        let answer = String::from_utf8_lossy(answer);
        let said = answer.matches(ANSWERED_WITHIN).count();
        ensure!(
            said == times,
            "{said} of {times} were carried out: {answer}"
        );
    }
    Ok(())
}

/// Length of the response, once its header section is complete (RFC 9112 §6.3).
fn http_length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200 ") {
        let body = String::from_utf8_lossy(bytes.get(end + 4..).unwrap_or_default());
        bail!("the server answered {status:?} {body}");
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>())
    });
    let length = length.context("the answer has no Content-Length")??;
    Ok(Some(end + 4 + length))
}

/// Length of the reply, once all its values are there.
fn redis_length(bytes: &[u8], read: &mut usize, values_left: &mut usize) -> Result<Option<usize>> {
    while *values_left > 0 {
        let rest = bytes.get(*read..).unwrap_or_default();
        let Some(line_end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let line = std::str::from_utf8(rest.get(..line_end).unwrap_or_default())?;
        let (kind, value) = line
            .split_at_checked(1)
            .context("an empty line came from Redis")?;
        match kind {
            "+" => *read += line_end + 2,
            "$" => {
                let length: usize = value.parse().context("Redis has no such key")?;
                if rest.len() < line_end + 2 + length + 2 {
                    return Ok(None);
                }
                *read += line_end + 2 + length + 2;
            }
            "*" => {
                *values_left += value.parse::<usize>()?;
                *read += line_end + 2;
            }
            _ => bail!("Redis answered {line:?}"),
        }
        *values_left -= 1;
    }
    Ok(Some(*read))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds an answer byte by byte: it is whole at its last byte and not before.
    #[track_caller]
    fn whole(protocol: Protocol, answer: &[u8]) {
        let mut reply = Reply::new(protocol);
        for end in 0..answer.len() {
            assert!(!reply.is_whole(&answer[..end]).unwrap(), "at {end}");
        }
        assert!(reply.is_whole(answer).unwrap());
        let longer = [answer, b"x"].concat();
        assert!(reply.is_whole(&longer).is_err());
    }

    /// The end of an answer is found, however it is cut into pieces.
    #[test]
    fn answers_end_where_they_end() {
        whole(
            Protocol::Http,
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        );
        whole(
            Protocol::Http,
            b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length:5\r\n\r\nhello",
        );
        whole(Protocol::Redis, b"+OK\r\n");
        whole(Protocol::Redis, b"$7\r\na\r\nb\r\nc\r\n");
        whole(Protocol::Redis, b"*3\r\n$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n");
    }

    /// A batch of which one request was refused is an error.
    #[test]
    fn each_request_of_a_batch_is_answered() {
        let answer = |first| format!("{{\"status\":{first}}},{{\"status\":200}}").into_bytes();
        assert!(all_answered(&answer(200), 2).is_ok());
        assert!(all_answered(&answer(429), 2).is_err());
        assert!(all_answered(&answer(429), 0).is_ok());
    }

    /// A failure is never taken for an answer.
    #[test]
    fn failures_are_errors() {
        let check = |protocol, answer: &[u8]| {
            let outcome = Reply::new(protocol).is_whole(answer);
            assert!(outcome.is_err(), "{outcome:?}");
        };
        check(
            Protocol::Http,
            b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        );
        check(
            Protocol::Http,
            b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        );
        check(
            Protocol::Http,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        );
        check(Protocol::Redis, b"-ERR unknown command\r\n");
        check(Protocol::Redis, b"$-1\r\n");
    }
}

//! Every limit of the way to an endpoint, in one place. What is refused at a limit is said beside it.

use std::time::Duration;

use crate::engine::limits::POSTS_PER_HOST_MAX;

/// Characters of a notification URL: refused above. Browsers and proxies of old take no longer ones,
/// and the validation token has to fit beside it.
pub const URL_CHARS_MAX: usize = 2_048;

/// Time for one message, from the look-up of the name to the endpoint's status: timed out after
/// that (contract sections 4.4 and 4.9).
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time to look up a name and connect, within [`ANSWER_TIMEOUT`].
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of an endpoint's answer to a validation request: above, it is not the token.
pub const VALIDATION_BODY_BYTES_MAX: usize = 4 * 1024;

/// Bytes of an endpoint's answer to a notification that are read and thrown away, so that the
/// connection serves the next one. It ends above.
pub const DRAINED_BYTES_MAX: usize = 16 * 1024;

/// Time to read away such an answer. The connection ends after that.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Header fields of an endpoint's answer over HTTP/1.1: not understood above.
pub const ANSWER_HEADERS_MAX: usize = 64;

/// Bytes of the header of an endpoint's answer over HTTP/2: not understood above.
pub const ANSWER_HEAD_BYTES_MAX: u32 = 16 * 1024;

/// Bytes that an endpoint may send ahead on one HTTP/2 stream, and on one connection.
pub const ANSWER_WINDOW_BYTES: u32 = 64 * 1024;

/// Connections to one host that are kept for the next message: as many as there may be messages under
/// way to it. With fewer, most messages of a burst would pay for a connection of their own, and the
/// ports of those that were closed would run out.
pub const IDLE_CONNECTIONS_PER_HOST_MAX: usize = POSTS_PER_HOST_MAX;

/// Time without a sign of life, while an answer is waited for, after which an HTTP/2 connection is
/// asked for one. All messages to a host share such a connection: one that leads nowhere any more
/// has to end before it fails the next message too.
pub const PING_INTERVAL: Duration = Duration::from_secs(4);

/// Time for the answer to that. The connection ends after it, still within [`ANSWER_TIMEOUT`].
pub const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a connection is kept without a message. Shorter than what the usual servers allow, so
/// that few messages meet a closing connection.
pub const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(50);

/// Names that are being looked up at the same time for endpoints of one class; the next one waits,
/// within its [`ANSWER_TIMEOUT`]. A look-up takes a thread, and cannot be broken off.
pub const LOOKUPS_PER_CLASS_MAX: usize = 32;

/// Addresses of one name that are tried. The others are left.
pub const ADDRESSES_PER_NAME_MAX: usize = 16;

/// Bytes of a subscriber's certificate in DER: refused above. One with a key of 4,096 bits has about
/// 1,400.
pub const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

/// Bits of the key in a subscriber's certificate, at least (contract section 4.6).
pub const CERTIFICATE_KEY_BITS_MIN: usize = 2_048;

/// Bits of the key in a subscriber's certificate, at most (contract section 4.6).
pub const CERTIFICATE_KEY_BITS_MAX: usize = 4_096;

/// How long a validation token is valid (contract section 4.7: about eight hours).
pub const VALIDATION_TOKEN_LIFETIME: Duration = Duration::from_hours(8);

/// How long a validation token is used again before a new one is signed: a receiver always has hours
/// left to look at it, and signing costs forty times as much as encrypting.
pub const VALIDATION_TOKEN_REUSE: Duration = Duration::from_hours(1);

/// Validation tokens that are remembered; at the limit the remembered ones are forgotten and signed
/// again when they are needed.
pub const VALIDATION_TOKENS_MAX: usize = 10_000;

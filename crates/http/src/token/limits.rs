//! Every limit of the token check, in one place.

use std::time::Duration;

/// Bytes of one token. Entra's largest, with 200 groups in it, stay below; a longer one is refused
/// as [`Malformed`](super::TokenError::Malformed).
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// How far an issuer's clock may differ from ours: a token counts this long before `nbf` and after
/// `exp`.
pub const CLOCK_LEEWAY: Duration = Duration::from_mins(1);

/// Verified tokens that are remembered; at the limit the least used goes.
pub const VERIFIED_TOKENS_MAX: u64 = 10_000;

/// A remembered token counts as one for each of these bytes, so that large ones cannot take more
/// than `VERIFIED_TOKENS_MAX` times as much memory.
pub const VERIFIED_TOKEN_BYTES: usize = 4 * 1024;

/// Keys in one issuer's key set. Entra publishes about ten.
pub const KEYS_PER_ISSUER_MAX: usize = 100;

/// Bytes of a discovery document or a key set.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// Time to reach the issuer's server.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for one document of the issuer, from the first byte asked to the last byte read.
pub const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Least time between two fetches of a key set that is there already, however many unknown `kid`s
/// arrive.
pub const REFRESH_INTERVAL_MIN: Duration = Duration::from_secs(30);

/// Least time between two attempts to fetch a key set that was never had.
pub const FIRST_FETCH_INTERVAL_MIN: Duration = Duration::from_secs(5);

/// Age at which a key set is fetched again in the background, while it goes on serving.
pub const KEYS_AGE_MAX: Duration = Duration::from_hours(24);

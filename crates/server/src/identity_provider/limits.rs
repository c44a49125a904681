//! Every limit of the built-in identity provider, in one place.

use std::time::Duration;

/// Bytes of a form that is posted.
pub(super) const FORM_BYTES_MAX: usize = 64 * 1024;

/// Fields of a form or a query.
pub(super) const FIELDS_MAX: usize = 64;

/// Words in one `scope`.
pub(super) const SCOPES_MAX: usize = 50;

/// Characters of one permission in it. Graph's longest have some 60. With [`SCOPES_MAX`] of them, a
/// token still fits into a request's head.
pub(super) const PERMISSION_CHARS_MAX: usize = 128;

/// Characters of a redirect URI.
pub(super) const REDIRECT_URI_CHARS_MAX: usize = 2048;

/// Characters of a host that the provider writes into its own addresses (RFC 1035 §2.3.4 gives a
/// name 255; the port comes on top).
pub(super) const HOST_CHARS_MAX: usize = 261;

/// Characters that an error repeats of what was sent.
pub(super) const ECHO_CHARS_MAX: usize = 200;

/// Authorization codes, device codes, and refresh tokens, of each kind. The oldest goes first.
pub(super) const GRANTS_MAX: usize = 10_000;

/// Life of an access token and an id token: the average that Entra gives (contract section 7.1).
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_mins(75);

/// Life of an authorization code (contract section 7.4).
pub(super) const CODE_LIFETIME: Duration = Duration::from_mins(10);

/// Life of a device code (contract section 7.4).
pub(super) const DEVICE_CODE_LIFETIME: Duration = Duration::from_mins(15);

/// Life of a refresh token.
pub(super) const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// Time to leave between two questions after a device code (RFC 8628 §3.2).
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// What a question that comes too early adds to that time (RFC 8628 §3.5).
pub(super) const SLOW_DOWN: Duration = Duration::from_secs(5);

/// How much too early a question may come, since a client's timer is not ours.
pub(super) const POLL_TOLERANCE: Duration = Duration::from_secs(1);

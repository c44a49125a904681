//! Every limit of the rules, in one place.

use std::time::Duration;

/// Shortest life of a session (contract section 1.5).
pub const SESSION_LIFETIME_MIN: Duration = Duration::from_mins(5);

/// Longest life of a session (contract section 1.5).
pub const SESSION_LIFETIME_MAX: Duration = Duration::from_hours(4);

/// Life of a session whose setter names none (contract section 1.5).
pub const SESSION_LIFETIME_DEFAULT: Duration = SESSION_LIFETIME_MIN;

/// Age at which an Available session shows as `AvailableInactive` (contract section 3.3).
pub const FADE_TO_INACTIVE: Duration = Duration::from_mins(5);

/// Age at which an Available session shows as Away (contract section 3.3).
pub const FADE_TO_AWAY: Duration = Duration::from_mins(10);

/// Longest life of a preferred presence. Graph documents none; a year is longer than anybody means
/// and keeps every deadline far from overflow.
pub const PREFERRED_LIFETIME_MAX: Duration = Duration::from_hours(8784);

/// Life of a preferred Busy or `DoNotDisturb` whose setter names none (contract section 1.7).
pub const PREFERRED_LIFETIME_BUSY: Duration = Duration::from_hours(24);

/// Life of every other preferred presence whose setter names none (contract section 1.7).
pub const PREFERRED_LIFETIME_OTHER: Duration = Duration::from_hours(168);

/// Characters of a session id, printable ASCII, where the tenant allows other than client ids.
pub const SESSION_ID_CHARS_MAX: usize = 128;

/// Unexpired sessions of one user, where the tenant does not allow fewer. Far above one per device and
/// application, and small enough that a record stays a few kilobytes.
pub const SESSIONS_PER_USER_MAX: usize = 64;

/// Characters of a status message. Graph names no limit; its clients take 280.
pub const STATUS_MESSAGE_CHARS_MAX: usize = 280;

/// Characters of an out-of-office reply. Graph names no limit; a page of text is long for a reply.
pub const OUT_OF_OFFICE_CHARS_MAX: usize = 4096;

/// Characters of a place id; Graph's are GUIDs.
pub const PLACE_ID_CHARS_MAX: usize = 128;

/// Planned locations of one user: a fortnight of two a day.
pub const SCHEDULED_LOCATIONS_MAX: usize = 28;

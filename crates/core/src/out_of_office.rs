//! Whether the user has said to be out of office, and the text of the automatic reply.

use crate::limits::OUT_OF_OFFICE_CHARS_MAX;
use crate::status::BadText;
use crate::time::Timestamp;

/// The text of an automatic reply: at most [`OUT_OF_OFFICE_CHARS_MAX`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyText(Box<str>);

impl ReplyText {
    /// The text, if its length is in range.
    pub fn new(text: &str) -> Result<Self, BadText> {
        let in_range = !text.is_empty() && text.chars().count() <= OUT_OF_OFFICE_CHARS_MAX;
        if in_range {
            Ok(Self(text.into()))
        } else {
            Err(BadText)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A span of time out of office (contract section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfOffice {
    /// The automatic reply, if there is one.
    pub message: Option<ReplyText>,
    /// The first instant at which it counts.
    pub starts_at: Timestamp,
    /// The first instant at which it no longer counts; `None` for until further notice.
    pub ends_at: Option<Timestamp>,
}

impl OutOfOffice {
    /// Whether the user is out of office at `now`.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.starts_at <= now && self.is_live(now)
    }

    /// Whether it counts at `now` or will.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

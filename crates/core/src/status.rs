//! The note beside a presence.

use crate::limits::STATUS_MESSAGE_CHARS_MAX;
use crate::time::Timestamp;

/// The text of a status message: 1 to [`STATUS_MESSAGE_CHARS_MAX`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusText(Box<str>);

/// A text that is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is empty or longer than its limit")]
pub struct BadText;

impl StatusText {
    /// The text, if its length is in range.
    pub fn new(text: &str) -> Result<Self, BadText> {
        let in_range = !text.is_empty() && text.chars().count() <= STATUS_MESSAGE_CHARS_MAX;
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

/// A status message (contract section 1.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusMessage {
    /// What it says.
    pub text: StatusText,
    /// When it was set.
    pub published_at: Timestamp,
    /// The instant from which it no longer shows; `None` for one that stays.
    pub expires_at: Option<Timestamp>,
}

impl StatusMessage {
    /// Whether it still shows; at `expires_at` itself it is gone.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

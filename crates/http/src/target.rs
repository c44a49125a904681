//! Whose presence a path names.

use std::borrow::Cow;

use presenced_core::auth::Caller;
use presenced_core::id::UserId;

use crate::directory::Directory;
use crate::error::{ApiError, quoted};
use crate::limits::USER_ID_CHARS_MAX;
use crate::path::Place;

/// The version of the API that a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `v1.0`
    V1,
    /// `beta`
    Beta,
}

impl Version {
    /// Both. They have the same paths (contract section 1.1).
    const ALL: [Self; 2] = [Self::V1, Self::Beta];

    /// The version as a path segment.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }

    /// The version that a path segment names, in whatever case.
    pub(crate) fn named(segment: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|version| version.as_str().eq_ignore_ascii_case(segment))
    }
}

/// Which of the three ways to name a presence was taken (contract section 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `/me/presence`
    Me,
    /// `/users/{id}/presence`
    Users,
    /// `/communications/presences/{id}`
    Communications,
}

/// The presence that a path names.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// Below which root.
    pub(crate) version: Version,
    /// In which way.
    pub(crate) form: Form,
    /// The id, decoded. Empty for `/me`.
    id: Cow<'a, str>,
}

/// Whose presence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// A user's, or what may be one's.
    User(UserId),
    /// That of a user whom the tenant's directory, which is closed, does not know.
    Stranger(UserId),
    /// Nobody's: the id is none that a user can have.
    Nobody(&'a str),
}

impl<'a> Subject<'a> {
    /// Whom an id names.
    pub(crate) fn of(id: &'a str) -> Self {
        UserId::parse(id).map_or(Self::Nobody(id), Self::User)
    }

    /// The user that the id names, if it can name one. A stranger, too: what a caller may do depends
    /// on who is meant, not on whether they are known.
    pub(crate) const fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) | Self::Stranger(user) => Some(user),
            Self::Nobody(_) => None,
        }
    }

    /// The user of whom there may be a record to show.
    pub(crate) const fn shown(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Stranger(_) | Self::Nobody(_) => None,
        }
    }
}

impl<'a> Target<'a> {
    /// The presence that `place`, which `path` names, is one of or belongs to.
    pub(crate) fn of(place: &Place, path: &'a str) -> Self {
        Self {
            version: place.version,
            form: place.form,
            id: place.id(path),
        }
    }

    /// Whose presence is to be read. 400 for `/me` with an application's token (contract section
    /// 6.5), for an id that is too long to be echoed, and for a segment such as `$count`, which is
    /// OData's and nobody's id. A user principal name stands for the user of the caller's tenant who
    /// has it.
    pub(crate) fn to_read(
        &self,
        caller: &Caller,
        directory: &Directory,
    ) -> Result<Subject<'_>, ApiError> {
        if self.form == Form::Me {
            return me(caller).map(Subject::User);
        }
        within_limit("UserId", &self.id)?;
        if self.id.starts_with('$') {
            let segment = quoted(&self.id);
            return Err(ApiError::bad_request(format!(
                "Resource not found for the segment '{segment}'."
            )));
        }
        Ok(match Subject::of(&self.id) {
            Subject::Nobody(id) => directory
                .find(caller.tenant, id)
                .map_or(Subject::Nobody(id), Subject::User),
            known @ (Subject::User(_) | Subject::Stranger(_)) => known,
        })
    }

    /// Whose presence is to be set or cleared. 400 for `/me` with an application's token, and for
    /// an id that no user can have and no user of the caller's tenant is known by.
    pub(crate) fn to_write(
        &self,
        caller: &Caller,
        directory: &Directory,
    ) -> Result<UserId, ApiError> {
        if self.form == Form::Me {
            return me(caller);
        }
        named(caller, directory, &self.id)
    }
}

/// The user with this object id or user principal name; 400 where it is neither.
pub(crate) fn named(caller: &Caller, directory: &Directory, id: &str) -> Result<UserId, ApiError> {
    let user = UserId::parse(id).or_else(|| directory.find(caller.tenant, id));
    user.ok_or_else(|| {
        ApiError::invalid_argument(
            "UserId",
            format_args!(
                "'{}' is neither a user's object id, which is a GUID, nor a user principal name \
                 that is known here.",
                quoted(id)
            ),
        )
    })
}

/// 400 for an id of more characters than are echoed.
pub(crate) fn within_limit(field: &str, id: &str) -> Result<(), ApiError> {
    // Bytes first, which are at least as many as characters and cost nothing to count.
    if id.len() <= USER_ID_CHARS_MAX || id.chars().count() <= USER_ID_CHARS_MAX {
        return Ok(());
    }
    Err(ApiError::invalid_argument(
        field,
        format_args!("An id has at most {USER_ID_CHARS_MAX} characters."),
    ))
}

fn me(caller: &Caller) -> Result<UserId, ApiError> {
    caller.user().ok_or_else(|| {
        ApiError::bad_request("/me request is only valid with delegated authentication flow.")
    })
}

/// The text without its percent-encoding. What is no encoding stays, and what decodes to other than
/// UTF-8 becomes the replacement character, which no id contains.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let encoded = (*byte == b'%').then(|| encoded_byte(after)).flatten();
        let (byte, after) = encoded.unwrap_or((*byte, after));
        decoded.push(byte);
        rest = after;
    }
    Cow::Owned(
        String::from_utf8(decoded)
            .unwrap_or_else(|invalid| String::from_utf8_lossy(invalid.as_bytes()).into_owned()),
    )
}

/// The byte that two hexadecimal digits at the beginning stand for, and what follows them.
fn encoded_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], after) = text.split_first_chunk::<2>()?;
    Some(((hex(*high)? << 4) | hex(*low)?, after))
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percent-encoding is undone, and what is none is left as it is.
    #[test]
    fn percent_decoding() {
        let check = |text: &str, expect: &str| assert_eq!(percent_decoded(text), expect, "{text}");
        check("plain", "plain");
        check("a%40b", "a@b");
        check("%c3%A9", "é");
        check("%", "%");
        check("%4", "%4");
        check("%zz%41", "%zzA");
        check("%%41", "%A");
        check("%ff", "\u{fffd}");
        check("é%20", "é ");
    }
}

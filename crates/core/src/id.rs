//! Who is who: tenants, users, applications, subscriptions, and presence sessions.

use std::cmp::Ordering;
use std::fmt;

use uuid::Uuid;

use crate::limits::SESSION_ID_CHARS_MAX;

macro_rules! guid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The identifier with this value.
            pub const fn from_u128(value: u128) -> Self {
                Self(Uuid::from_u128(value))
            }

            /// The identifier's value.
            pub const fn as_u128(self) -> u128 {
                self.0.as_u128()
            }

            /// Reads a GUID in its hyphenated form of 36 characters, in either case.
            /// `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                parse_guid(text).map(Self)
            }
        }

        /// The hyphenated form in lower case.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_hyphenated())
            }
        }
    };
}

guid_id! {
    /// A tenant: one organisation. Nothing of one tenant is ever seen by another.
    TenantId
}
guid_id! {
    /// A user's object id, the `{id}` of `/users/{id}/presence`.
    UserId
}
guid_id! {
    /// An application's client id.
    ApplicationId
}
guid_id! {
    /// A subscription to change notifications. The server makes it at random.
    SubscriptionId
}

/// A user within its tenant: the key under which a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey {
    /// The tenant that the user belongs to.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
}

/// The name of a presence session within its user.
///
/// By default it is the client id of the application that owns the session (contract section 1.5);
/// where the tenant allows it, any text of 1 to 128 printable ASCII characters. A GUID is one
/// session in whatever case it is written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(Repr);

/// A GUID takes 16 bytes instead of 36, and nearly every session is named by one.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Guid(Uuid),
    Text(Box<str>),
}

/// A session id that is empty, too long, or not printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session id is 1 to {SESSION_ID_CHARS_MAX} printable ASCII characters")]
pub struct BadSessionId;

impl SessionId {
    /// Reads a session id as a client sent it.
    pub fn parse(text: &str) -> Result<Self, BadSessionId> {
        if let Some(guid) = parse_guid(text) {
            return Ok(Self(Repr::Guid(guid)));
        }
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.len() > SESSION_ID_CHARS_MAX || !printable {
            return Err(BadSessionId);
        }
        Ok(Self(Repr::Text(text.into())))
    }

    /// The session that is named by a GUID.
    pub const fn from_u128(value: u128) -> Self {
        Self(Repr::Guid(Uuid::from_u128(value)))
    }

    /// The session that an application owns under its client id.
    pub const fn of_application(application: ApplicationId) -> Self {
        Self(Repr::Guid(application.0))
    }

    /// The GUID that names this session, if one does.
    pub fn as_u128(&self) -> Option<u128> {
        match &self.0 {
            Repr::Guid(guid) => Some(guid.as_u128()),
            Repr::Text(_) => None,
        }
    }
}

/// A GUID in lower case, other text as it was given.
impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Guid(guid) => guid.as_hyphenated().fmt(f),
            Repr::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// By the text that `Display` writes, so that every node breaks a tie alike.
impl Ord for SessionId {
    fn cmp(&self, other: &Self) -> Ordering {
        let mut buffers = [Uuid::encode_buffer(), Uuid::encode_buffer()];
        let [mine, theirs] = &mut buffers;
        self.text(mine).cmp(other.text(theirs))
    }
}

impl PartialOrd for SessionId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl SessionId {
    fn text<'a>(&'a self, buffer: &'a mut [u8; 45]) -> &'a str {
        match &self.0 {
            Repr::Guid(guid) => guid.as_hyphenated().encode_lower(buffer),
            Repr::Text(text) => text,
        }
    }
}

/// Only the hyphenated form: the braced, URN and bare forms that the `uuid` crate also reads are
/// not GUIDs to Graph.
fn parse_guid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Identifiers are read in one form only, and print in lower case.
    #[test]
    fn guids_are_read_hyphenated_in_either_case() {
        let written = "FA8BF3DC-eca7-46b7-bad1-db199b62afc3";
        let user = UserId::parse(written).unwrap();
        assert_eq!(user.to_string(), written.to_lowercase());
        for wrong in [
            "",
            "adele@presenced.dev",
            "fa8bf3dceca746b7bad1db199b62afc3",
            "{fa8bf3dc-eca7-46b7-bad1-db199b62afc3}",
            "urn:uuid:fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
            "fa8bf3dc-eca7-46b7-bad1-db199b62afcg",
        ] {
            assert_eq!(UserId::parse(wrong), None, "{wrong}");
        }
    }

    /// A session id is 1 to 128 printable ASCII characters; a GUID is the same in either case.
    #[test]
    fn session_ids_have_limits() {
        let longest = "x".repeat(128);
        for right in ["a", " ", "~", "desk phone 7", longest.as_str()] {
            assert_eq!(SessionId::parse(right).unwrap().to_string(), right);
        }
        let too_long = "x".repeat(129);
        for wrong in ["", "caf\u{e9}", "tab\t", "\u{7f}", too_long.as_str()] {
            assert_eq!(SessionId::parse(wrong), Err(BadSessionId), "{wrong}");
        }
        assert_eq!(
            SessionId::parse("22553876-F5AB-4529-BFFB-CFE50AA89F87"),
            SessionId::parse("22553876-f5ab-4529-bffb-cfe50aa89f87"),
        );
    }

    /// Session ids order as their text does, also between a GUID and other text.
    #[test]
    fn session_ids_order_by_text() {
        let texts = [
            "00000000-0000-0000-0000-000000000001",
            "1",
            "22553876-f5ab-4529-bffb-cfe50aa89f87",
            "3",
            "fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
            "g",
        ];
        let mut ids: Vec<SessionId> = texts.iter().map(|t| SessionId::parse(t).unwrap()).collect();
        ids.reverse();
        ids.sort();
        let sorted: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, texts);
    }
}

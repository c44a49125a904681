//! The presence resource as JSON (contract section 2.4).

use bytes::BytesMut;
use presenced_core::id::UserId;
use presenced_core::presence::Presence;
use presenced_core::view::View;
use uuid::Uuid;

use super::push_escaped;
use crate::target::Subject;

/// Bytes that hold one presence of a user, with some room.
pub(crate) const PRESENCE_BYTES: usize = 384;

/// A set of the properties of a presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Select(u8);

/// The properties in the order in which they are written.
const PROPERTIES: [&str; 7] = [
    "id",
    "availability",
    "activity",
    "outOfOfficeSettings",
    "sequenceNumber",
    "statusMessage",
    "workLocation",
];

const ID: Select = Select(1);
const AVAILABILITY: Select = Select(1 << 1);
const ACTIVITY: Select = Select(1 << 2);
const OUT_OF_OFFICE: Select = Select(1 << 3);
const SEQUENCE: Select = Select(1 << 4);
const STATUS_MESSAGE: Select = Select(1 << 5);
const WORK_LOCATION: Select = Select(1 << 6);

impl Select {
    /// No property.
    pub(crate) const NONE: Self = Self(0);
    /// Every property: what a read without `$select` gives.
    pub(crate) const ALL: Self = Self(0b111_1111);

    /// The property of this name, without regard to case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let at = PROPERTIES
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))?;
        Some(Self(1 << at))
    }

    /// These properties and those.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, property: Self) -> bool {
        self.0 & property.0 != 0
    }

    /// `(id,activity)`, as it stands in a context URL; nothing where everything is selected.
    pub(crate) fn push_list(self, out: &mut BytesMut) {
        if self == Self::ALL {
            return;
        }
        let mut before: &[u8] = b"(";
        for (at, name) in PROPERTIES.iter().enumerate() {
            if self.has(Self(1 << at)) {
                out.extend_from_slice(before);
                out.extend_from_slice(name.as_bytes());
                before = b",";
            }
        }
        out.extend_from_slice(b")");
    }
}

/// Whose presence it is, and what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// Whose: what `id` says.
    pub(crate) subject: Subject<'a>,
    /// What is shown of them.
    pub(crate) view: View,
}

impl<'a> Shown<'a> {
    /// Nobody has this id: nothing can be said (contract section 3.6).
    pub(crate) const fn nobody(id: &'a str) -> Self {
        let view = View {
            presence: Presence::UNKNOWN,
            sequence: 0,
        };
        Self {
            subject: Subject::Nobody(id),
            view,
        }
    }
}

/// Writes the selected members of a presence, each followed by a comma; [`close`] ends the object.
/// A text between quotes here is either fixed, or of letters, digits and hyphens, or escaped.
pub(crate) fn push_members(out: &mut BytesMut, shown: Shown<'_>, select: Select) {
    let presence = shown.view.presence;
    if select.has(ID) {
        out.extend_from_slice(b"\"id\":\"");
        match shown.subject {
            Subject::User(user) => push_guid(out, user),
            Subject::Nobody(id) => push_escaped(out, id),
        }
        out.extend_from_slice(b"\",");
    }
    if select.has(AVAILABILITY) {
        out.extend_from_slice(b"\"availability\":\"");
        out.extend_from_slice(presence.availability.as_str().as_bytes());
        out.extend_from_slice(b"\",");
    }
    if select.has(ACTIVITY) {
        out.extend_from_slice(b"\"activity\":\"");
        out.extend_from_slice(presence.activity.as_str().as_bytes());
        out.extend_from_slice(b"\",");
    }
    if select.has(OUT_OF_OFFICE) {
        out.extend_from_slice(
            b"\"outOfOfficeSettings\":{\"message\":null,\"isOutOfOffice\":false},",
        );
    }
    if select.has(SEQUENCE) {
        out.extend_from_slice(b"\"sequenceNumber\":\"");
        push_sequence(out, shown.view.sequence);
        out.extend_from_slice(b"\",");
    }
    if select.has(STATUS_MESSAGE) {
        out.extend_from_slice(b"\"statusMessage\":null,");
    }
    if select.has(WORK_LOCATION) {
        out.extend_from_slice(
            b"\"workLocation\":{\"placeId\":null,\"source\":\"none\",\
              \"workLocationType\":\"unspecified\"},",
        );
    }
}

/// Ends an object or list whose last member is followed by a comma, or that is empty.
pub(crate) fn close(out: &mut BytesMut, with: u8) {
    if out.last() == Some(&b',') {
        out.truncate(out.len() - 1);
    }
    out.extend_from_slice(&[with]);
}

/// The user's id in lower case.
pub(crate) fn push_guid(out: &mut BytesMut, user: UserId) {
    let mut buffer = Uuid::encode_buffer();
    let text = Uuid::from_u128(user.as_u128())
        .as_hyphenated()
        .encode_lower(&mut buffer);
    out.extend_from_slice(text.as_bytes());
}

/// Twenty digits, so that the order of the texts is the order of the numbers (contract section
/// 2.1).
fn push_sequence(out: &mut BytesMut, sequence: u64) {
    let mut digits = [b'0'; 20];
    let mut rest = sequence;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ADELE: UserId = UserId::from_u128(0xfa8b_f3dc_eca7_46b7_bad1_db19_9b62_afc3);

    fn written(shown: Shown<'_>, select: Select) -> String {
        let mut out = BytesMut::from("{");
        push_members(&mut out, shown, select);
        close(&mut out, b'}');
        String::from_utf8(out.to_vec()).unwrap()
    }

    /// The template reads back as what it stands for.
    #[test]
    fn the_template_reads_back() {
        let view = View {
            presence: Presence::INACTIVE,
            sequence: 1_764_000_000_123,
        };
        let text = written(
            Shown {
                subject: Subject::User(ADELE),
                view,
            },
            Select::ALL,
        );
        let expect = json!({
            "id": "fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
            "availability": "Available",
            "activity": "AvailableInactive",
            "outOfOfficeSettings": { "message": null, "isOutOfOffice": false },
            "sequenceNumber": "00000001764000000123",
            "statusMessage": null,
            "workLocation": { "placeId": null, "source": "none", "workLocationType": "unspecified" },
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expect);
        assert!(text.len() <= PRESENCE_BYTES, "{}", text.len());
        let order = PROPERTIES.map(|name| text.find(&format!("\"{name}\":")).unwrap());
        assert!(order.is_sorted(), "{text}");
    }

    /// Each property is written when it is selected, and only then.
    #[test]
    fn each_property_can_be_selected() {
        let id = "adele\"\n";
        for name in PROPERTIES {
            let text = written(Shown::nobody(id), Select::named(name).unwrap());
            let read: Value = serde_json::from_str(&text).unwrap();
            let members: Vec<&String> = read.as_object().unwrap().keys().collect();
            assert_eq!(members, [name]);
        }
        let read: Value = serde_json::from_str(&written(Shown::nobody(id), Select::ALL)).unwrap();
        assert_eq!(read["id"], id);
        assert_eq!(read["availability"], "PresenceUnknown");
    }

    /// Sequence numbers have twenty digits, whatever they are.
    #[test]
    fn sequences_have_twenty_digits() {
        for sequence in [0, 1, 9, 10, 1_764_000_000_123, u64::MAX] {
            let mut out = BytesMut::new();
            push_sequence(&mut out, sequence);
            assert_eq!(out, format!("{sequence:020}"));
        }
    }

    /// A context names the selection in the order of the properties.
    #[test]
    fn selections_are_listed() {
        let list = |select: Select| {
            let mut out = BytesMut::new();
            select.push_list(&mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(list(Select::ALL), "");
        assert_eq!(list(ACTIVITY.and(ID)), "(id,activity)");
        assert_eq!(list(WORK_LOCATION), "(workLocation)");
    }
}

//! The presence resource as JSON (contract section 2.4).

use bytes::BytesMut;
use presenced_core::auth::Caller;
use presenced_core::id::UserId;
use presenced_core::location::{Location, LocationKind, LocationSource, PlaceId};
use presenced_core::out_of_office::{OutOfOffice, ReplyText};
use presenced_core::presence::Presence;
use presenced_core::record::Record;
use presenced_core::time::Timestamp;
use presenced_core::view::{View, view};
use uuid::Uuid;

use super::level::Level;
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
const WORK_LOCATION: Select = Select::WORK_LOCATION;

impl Select {
    /// No property.
    pub(crate) const NONE: Self = Self(0);
    /// Every property: what a read without `$select` gives.
    pub(crate) const ALL: Self = Self(0b111_1111);
    /// What a presence has in the clouds that have least of it.
    pub(crate) const SMALL: Self = ID.and(AVAILABILITY).and(ACTIVITY).and(STATUS_MESSAGE);
    /// `workLocation`
    pub(crate) const WORK_LOCATION: Self = Self(1 << 6);

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

    /// What is in both.
    pub(crate) const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
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
    pub(crate) view: View<'a>,
    /// Whether the reader is the user: others do not see when a status message was set and when it
    /// will end (contract section 2.2).
    own: bool,
}

impl<'a> Shown<'a> {
    /// What a subject's record shows at `now`. A user of whom nothing was ever set is Offline; of
    /// nobody nothing can be said (contract section 3.6).
    pub(crate) fn of(subject: Subject<'a>, record: Option<&'a Record>, now: Timestamp) -> Self {
        let view = match (subject, record) {
            (Subject::User(_), Some(record)) => view(record, now),
            (Subject::User(_), None) => View::NEVER_SET,
            (Subject::Stranger(_) | Subject::Nobody(_), _) => View {
                presence: Presence::UNKNOWN,
                ..View::NEVER_SET
            },
        };
        Self {
            subject,
            view,
            own: false,
        }
    }

    /// The same as its own user sees it, if this caller is that user.
    pub(crate) fn read_by(self, caller: &Caller) -> Self {
        let own = self.subject.user().is_some() && self.subject.user() == caller.user();
        Self { own, ..self }
    }
}

/// Writes the selected members of a presence, each followed by a comma; [`close`] ends the object.
/// A text between quotes here is either fixed, or of letters, digits and hyphens, or escaped.
pub(crate) fn push_members(out: &mut BytesMut, shown: Shown<'_>, select: Select, level: Level) {
    let presence = shown.view.presence;
    if select.has(ID) {
        out.extend_from_slice(b"\"id\":\"");
        match shown.subject {
            Subject::User(user) | Subject::Stranger(user) => push_guid(out, user),
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
        push_out_of_office(out, shown.view.out_of_office, level);
    }
    if select.has(SEQUENCE) {
        out.extend_from_slice(b"\"sequenceNumber\":\"");
        push_sequence(out, shown.view.sequence);
        out.extend_from_slice(b"\",");
    }
    if select.has(STATUS_MESSAGE) {
        push_status_message(out, shown, level);
    }
    if select.has(WORK_LOCATION) {
        push_work_location(out, shown.view.work_location, level);
    }
}

/// With full metadata, tells a type that the JSON itself does not tell: of the object in which it
/// stands, or of the member that follows (OData JSON format 4.0, section 4.5.3).
fn push_type(out: &mut BytesMut, level: Level, member: &str, name: &str) {
    if level == Level::Full {
        for text in ["\"", member, "@odata.type\":\"#", name, "\","] {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn push_out_of_office(out: &mut BytesMut, away: Option<&OutOfOffice>, level: Level) {
    out.extend_from_slice(b"\"outOfOfficeSettings\":{");
    push_type(out, level, "", "microsoft.graph.outOfOfficeSettings");
    out.extend_from_slice(b"\"message\":");
    push_text(
        out,
        away.and_then(|away| away.message.as_ref())
            .map(ReplyText::as_str),
    );
    out.extend_from_slice(b",\"isOutOfOffice\":");
    out.extend_from_slice(if away.is_some() { b"true" } else { b"false" });
    out.extend_from_slice(b"},");
}

fn push_status_message(out: &mut BytesMut, shown: Shown<'_>, level: Level) {
    out.extend_from_slice(b"\"statusMessage\":");
    let Some(message) = shown.view.status_message else {
        out.extend_from_slice(b"null,");
        return;
    };
    out.extend_from_slice(b"{");
    push_type(out, level, "", "microsoft.graph.presenceStatusMessage");
    out.extend_from_slice(b"\"message\":{");
    push_type(out, level, "", "microsoft.graph.itemBody");
    out.extend_from_slice(b"\"content\":");
    push_text(out, Some(message.text.as_str()));
    out.extend_from_slice(b",");
    push_type(out, level, "contentType", "microsoft.graph.bodyType");
    out.extend_from_slice(b"\"contentType\":\"text\"},");
    if shown.own {
        push_type(out, level, "publishedDateTime", "DateTimeOffset");
        out.extend_from_slice(b"\"publishedDateTime\":\"");
        push_time(out, message.published_at);
        out.extend_from_slice(b"Z\",");
        if let Some(end) = message.expires_at {
            out.extend_from_slice(b"\"expiryDateTime\":{");
            push_type(out, level, "", "microsoft.graph.dateTimeTimeZone");
            out.extend_from_slice(b"\"dateTime\":\"");
            push_time(out, end);
            out.extend_from_slice(b"\",\"timeZone\":\"UTC\"},");
        }
    }
    close(out, b'}');
    out.extend_from_slice(b",");
}

fn push_work_location(
    out: &mut BytesMut,
    location: Option<(LocationSource, &Location)>,
    level: Level,
) {
    let (source, kind, place) = match location {
        Some((source, location)) => (source, location.kind, location.place.as_ref()),
        None => (LocationSource::None, LocationKind::Unspecified, None),
    };
    out.extend_from_slice(b"\"workLocation\":{");
    push_type(out, level, "", "microsoft.graph.userWorkLocation");
    out.extend_from_slice(b"\"placeId\":");
    push_text(out, place.map(PlaceId::as_str));
    out.extend_from_slice(b",");
    push_type(out, level, "source", "microsoft.graph.workLocationSource");
    out.extend_from_slice(b"\"source\":\"");
    out.extend_from_slice(source.as_str().as_bytes());
    out.extend_from_slice(b"\",");
    push_type(
        out,
        level,
        "workLocationType",
        "microsoft.graph.workLocationType",
    );
    out.extend_from_slice(b"\"workLocationType\":\"");
    out.extend_from_slice(kind.as_str().as_bytes());
    out.extend_from_slice(b"\"},");
}

/// A JSON string, or `null`.
fn push_text(out: &mut BytesMut, text: Option<&str>) {
    match text {
        None => out.extend_from_slice(b"null"),
        Some(text) => {
            out.extend_from_slice(b"\"");
            push_escaped(out, text);
            out.extend_from_slice(b"\"");
        }
    }
}

/// UTC with seven fractional digits and no suffix (contract section 2.4). What lies beyond the
/// calendar's end is written as its end.
fn push_time(out: &mut BytesMut, at: Timestamp) {
    let text = date_time(at);
    out.extend_from_slice(text.trim_end_matches('Z').as_bytes());
}

/// The same with its suffix.
pub(crate) fn date_time(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.7}")
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
    use presenced_core::status::{StatusMessage, StatusText};
    use serde_json::{Value, json};

    const ADELE: UserId = UserId::from_u128(0xfa8b_f3dc_eca7_46b7_bad1_db19_9b62_afc3);

    fn written(shown: Shown<'_>, select: Select) -> String {
        written_at(Level::Minimal, shown, select)
    }

    fn written_at(level: Level, shown: Shown<'_>, select: Select) -> String {
        let mut out = BytesMut::from("{");
        push_members(&mut out, shown, select, level);
        close(&mut out, b'}');
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn adele(view: View<'_>) -> Shown<'_> {
        let subject = Subject::User(ADELE);
        Shown {
            subject,
            view,
            own: false,
        }
    }

    fn nobody(id: &str) -> Shown<'_> {
        Shown::of(Subject::Nobody(id), None, Timestamp::EPOCH)
    }

    /// What stands beside the presence reads back too, and its own user sees two times more.
    #[test]
    fn what_stands_beside_reads_back() {
        let at = Timestamp::from_millis(1_764_000_000_123);
        let message = StatusMessage {
            text: StatusText::new("Back \"soon\"\n\u{1F600}").unwrap(),
            published_at: at,
            expires_at: Some(Timestamp::from_millis(u64::MAX)),
        };
        let location = Location {
            kind: LocationKind::Office,
            place: Some(PlaceId::new("building \"7\"").unwrap()),
        };
        let away = OutOfOffice {
            message: Some(ReplyText::new("On leave.\tBack in May.").unwrap()),
            starts_at: at,
            ends_at: None,
        };
        let view = View {
            status_message: Some(&message),
            work_location: Some((LocationSource::Automatic, &location)),
            out_of_office: Some(&away),
            ..View::NEVER_SET
        };
        let read = |own| -> Value {
            let text = written(Shown { own, ..adele(view) }, Select::ALL);
            serde_json::from_str(&text).unwrap()
        };
        let (others, own) = (read(false), read(true));
        let full = written_at(
            Level::Full,
            Shown {
                own: true,
                ..adele(view)
            },
            Select::ALL,
        );
        let full: Value = serde_json::from_str(&full).unwrap();
        assert_eq!(
            full["statusMessage"]["message"]["@odata.type"],
            "#microsoft.graph.itemBody"
        );
        assert_eq!(
            full["statusMessage"]["publishedDateTime@odata.type"],
            "#DateTimeOffset"
        );
        assert_eq!(without_types(full), own);
        let content = json!({ "content": message.text.as_str(), "contentType": "text" });
        assert_eq!(others["statusMessage"], json!({ "message": content }));
        assert_eq!(
            own["statusMessage"],
            json!({
                "message": content,
                "publishedDateTime": "2025-11-24T16:00:00.1230000Z",
                "expiryDateTime": { "dateTime": "9999-12-30T22:00:00.9999999", "timeZone": "UTC" },
            })
        );
        assert_eq!(
            others["workLocation"],
            json!({ "placeId": "building \"7\"", "source": "automatic", "workLocationType": "office" })
        );
        assert_eq!(
            others["outOfOfficeSettings"],
            json!({ "message": "On leave.\tBack in May.", "isOutOfOffice": true })
        );
    }

    /// The same without what full metadata adds.
    fn without_types(value: Value) -> Value {
        let Value::Object(members) = value else {
            return value;
        };
        let kept = members
            .into_iter()
            .filter(|(name, _)| !name.ends_with("@odata.type"));
        Value::Object(
            kept.map(|(name, value)| (name, without_types(value)))
                .collect(),
        )
    }

    /// The template reads back as what it stands for.
    #[test]
    fn the_template_reads_back() {
        let view = View {
            presence: Presence::INACTIVE,
            sequence: 1_764_000_000_123,
            ..View::NEVER_SET
        };
        let text = written(adele(view), Select::ALL);
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
            let text = written(nobody(id), Select::named(name).unwrap());
            let read: Value = serde_json::from_str(&text).unwrap();
            let members: Vec<&String> = read.as_object().unwrap().keys().collect();
            assert_eq!(members, [name]);
        }
        let read: Value = serde_json::from_str(&written(nobody(id), Select::ALL)).unwrap();
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

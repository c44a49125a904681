//! A record as bytes: what the table holds and what the journal writes. The format is described in
//! the README, section "The record".

mod beside;

use presenced_core::id::SessionId;
use presenced_core::preferred::{Preferred, PreferredState};
use presenced_core::presence::{Activity, Availability};
use presenced_core::record::Record;
use presenced_core::session::{Session, SessionState};
use presenced_core::time::Timestamp;

use crate::limits::RECORD_BYTES_MAX;

/// The version of the encoding that this build writes, and the only one it reads.
const VERSION: u8 = 1;
/// Section: the sessions.
const TAG_SESSIONS: u8 = 1;
/// Section: the preferred presence.
const TAG_PREFERRED: u8 = 2;
/// In the place of a text's length: the session is named by a GUID.
const ID_IS_GUID: u8 = 0;

/// Bytes of a session that is named by a GUID and was set just now, for an hour or so.
const SESSION_BYTES_USUAL: usize = 22;

/// Bytes that are not what this build writes. The text says what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

const TOO_SHORT: Unreadable = Unreadable("it ends too early");
const NEWER: Unreadable = Unreadable("a newer presenced wrote it");

/// Appends the encoding of `record` to `out`. `None`, and `out` as it was, where it would be longer
/// than [`RECORD_BYTES_MAX`].
pub(crate) fn encode(record: &Record, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    out.push(VERSION);
    out.extend_from_slice(&record.as_of.as_millis().to_le_bytes());
    out.extend_from_slice(&record.sequence.to_le_bytes());
    if !record.sessions.is_empty() {
        section(out, TAG_SESSIONS, |out| {
            for session in &record.sessions {
                encode_session(session, record.as_of, out);
            }
        });
    }
    if let Some(preferred) = &record.preferred {
        section(out, TAG_PREFERRED, |out| {
            out.push(preferred_tag(preferred.state));
            out.extend_from_slice(&preferred.expires_at.as_millis().to_le_bytes());
        });
    }
    beside::encode(record, out);
    if out.len() - start > RECORD_BYTES_MAX {
        out.truncate(start);
        return None;
    }
    Some(())
}

/// Reads a record. No bytes at all are the empty record.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record, Unreadable> {
    if bytes.is_empty() {
        return Ok(Record::default());
    }
    let mut reader = Reader::new(bytes);
    if reader.u8()? != VERSION {
        return Err(NEWER);
    }
    let mut record = Record {
        as_of: Timestamp::from_millis(reader.u64()?),
        sequence: reader.u64()?,
        ..Record::default()
    };
    while !reader.is_empty() {
        let tag = reader.u8()?;
        let length = reader.u16()?;
        let mut body = Reader::new(reader.take(length.into())?);
        match tag {
            TAG_SESSIONS => {
                let sessions = usize::from(length) / SESSION_BYTES_USUAL;
                record.sessions.reserve_exact(sessions);
                while !body.is_empty() {
                    record
                        .sessions
                        .push(decode_session(&mut body, record.as_of)?);
                }
            }
            TAG_PREFERRED => {
                record.preferred = Some(Preferred {
                    state: preferred_of(body.u8()?)?,
                    expires_at: Timestamp::from_millis(body.u64()?),
                });
                body.end()?;
            }
            _ => beside::decode(tag, body, &mut record)?,
        }
    }
    Ok(record)
}

/// Writes a section: tag, length, body.
fn section(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let length_at = out.len();
    out.extend_from_slice(&[0; 2]);
    body(out);
    // A section longer than the field can say makes the record longer than its own limit, and
    // `encode` then refuses it whole.
    let length = u16::try_from(out.len() - length_at - 2).unwrap_or(u16::MAX);
    if let Some(field) = out.get_mut(length_at..length_at + 2) {
        field.copy_from_slice(&length.to_le_bytes());
    }
}

/// The two times of a session lie close to `as_of` and to each other: as differences they take two
/// to five bytes instead of sixteen. Wrapping arithmetic loses nothing, whatever the times are.
fn encode_session(session: &Session, as_of: Timestamp, out: &mut Vec<u8>) {
    if let Some(guid) = session.id.as_u128() {
        out.push(ID_IS_GUID);
        out.extend_from_slice(&guid.to_be_bytes());
    } else {
        let text = session.id.to_string();
        out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(text.as_bytes());
    }
    out.push(session_tag(session.state));
    let (set_at, expires_at) = (session.set_at.as_millis(), session.expires_at.as_millis());
    put_varint(out, as_of.as_millis().wrapping_sub(set_at));
    put_varint(out, expires_at.wrapping_sub(set_at));
}

fn decode_session(reader: &mut Reader<'_>, as_of: Timestamp) -> Result<Session, Unreadable> {
    let id = match reader.u8()? {
        ID_IS_GUID => SessionId::from_u128(reader.u128()?),
        length => {
            let text = std::str::from_utf8(reader.take(length.into())?).ok();
            text.and_then(|text| SessionId::parse(text).ok())
                .ok_or(Unreadable("it has a session id that cannot be"))?
        }
    };
    let state = session_of(reader.u8()?)?;
    let set_at = as_of.as_millis().wrapping_sub(reader.varint()?);
    let expires_at = set_at.wrapping_add(reader.varint()?);
    Ok(Session {
        id,
        state,
        set_at: Timestamp::from_millis(set_at),
        expires_at: Timestamp::from_millis(expires_at),
    })
}

const fn session_tag(state: SessionState) -> u8 {
    match state {
        SessionState::Available => 1,
        SessionState::InACall => 2,
        SessionState::InAConferenceCall => 3,
        SessionState::Away => 4,
        SessionState::Presenting => 5,
    }
}

const fn session_of(tag: u8) -> Result<SessionState, Unreadable> {
    Ok(match tag {
        1 => SessionState::Available,
        2 => SessionState::InACall,
        3 => SessionState::InAConferenceCall,
        4 => SessionState::Away,
        5 => SessionState::Presenting,
        _ => return Err(NEWER),
    })
}

const fn preferred_tag(state: PreferredState) -> u8 {
    match state {
        PreferredState::Available => 1,
        PreferredState::Busy => 2,
        PreferredState::DoNotDisturb => 3,
        PreferredState::BeRightBack => 4,
        PreferredState::Away => 5,
        PreferredState::OffWork => 6,
    }
}

fn preferred_of(tag: u8) -> Result<PreferredState, Unreadable> {
    let mut all = PreferredState::ALL.into_iter();
    all.find(|state| preferred_tag(*state) == tag).ok_or(NEWER)
}

const AVAILABILITIES: [(u8, Availability); 7] = [
    (1, Availability::Available),
    (2, Availability::Away),
    (3, Availability::BeRightBack),
    (4, Availability::Busy),
    (5, Availability::DoNotDisturb),
    (6, Availability::Offline),
    (7, Availability::PresenceUnknown),
];

const ACTIVITIES: [(u8, Activity); 12] = [
    (1, Activity::Available),
    (2, Activity::AvailableInactive),
    (3, Activity::Away),
    (4, Activity::BeRightBack),
    (5, Activity::Busy),
    (6, Activity::DoNotDisturb),
    (7, Activity::InACall),
    (8, Activity::InAConferenceCall),
    (9, Activity::OffWork),
    (10, Activity::Offline),
    (11, Activity::PresenceUnknown),
    (12, Activity::Presenting),
];

/// The tag of an availability; `None` for one that this table has not learnt yet.
pub(crate) fn availability_tag(value: Availability) -> Option<u8> {
    let mut table = AVAILABILITIES.into_iter();
    table.find(|(_, one)| *one == value).map(|(tag, _)| tag)
}

pub(crate) fn availability_of(tag: u8) -> Result<Availability, Unreadable> {
    let mut table = AVAILABILITIES.into_iter();
    let found = table.find(|(one, _)| *one == tag);
    found.map(|(_, value)| value).ok_or(NEWER)
}

/// The tag of an activity; `None` for one that this table has not learnt yet.
pub(crate) fn activity_tag(value: Activity) -> Option<u8> {
    let mut table = ACTIVITIES.into_iter();
    table.find(|(_, one)| *one == value).map(|(tag, _)| tag)
}

pub(crate) fn activity_of(tag: u8) -> Result<Activity, Unreadable> {
    let mut table = ACTIVITIES.into_iter();
    let found = table.find(|(one, _)| *one == tag);
    found.map(|(_, value)| value).ok_or(NEWER)
}

/// LEB128: seven bits a byte, the lowest first, the top bit set on all but the last.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7F).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Takes integers and slices off the front of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may be left.
    fn end(self) -> Result<(), Unreadable> {
        if self.is_empty() { Ok(()) } else { Err(NEWER) }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TOO_SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TOO_SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Unreadable> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_le_bytes)
    }

    /// Identifiers are the only big-endian integers, so that a dump shows them as people write them.
    pub(crate) fn u128(&mut self) -> Result<u128, Unreadable> {
        self.array().map(u128::from_be_bytes)
    }

    fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Unreadable("it has a number that is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_time() -> impl Strategy<Value = Timestamp> {
        prop_oneof![any::<u64>(), 1_700_000_000_000..1_800_000_000_000_u64]
            .prop_map(Timestamp::from_millis)
    }

    fn any_session() -> impl Strategy<Value = Session> {
        let id = prop_oneof![
            any::<u128>().prop_map(SessionId::from_u128),
            "[ -~]{1,128}".prop_map(|text| SessionId::parse(&text).unwrap()),
        ];
        let state = proptest::sample::select(SessionState::ALL.to_vec());
        (id, state, any_time(), any_time()).prop_map(|(id, state, set_at, expires_at)| Session {
            id,
            state,
            set_at,
            expires_at,
        })
    }

    fn any_record() -> impl Strategy<Value = Record> {
        let sessions = proptest::collection::vec(any_session(), 0..=64);
        let state = proptest::sample::select(PreferredState::ALL.to_vec());
        let preferred = proptest::option::of(
            (state, any_time()).prop_map(|(state, expires_at)| Preferred { state, expires_at }),
        );
        let beside = beside::tests::any_beside();
        (any_time(), any::<u64>(), sessions, preferred, beside).prop_map(
            |(as_of, sequence, sessions, preferred, beside)| Record {
                as_of,
                sequence,
                sessions,
                preferred,
                status_message: beside.0,
                locations: beside.1,
                out_of_office: beside.2,
            },
        )
    }

    proptest! {
        /// Whatever record is written, the same is read back.
        #[test]
        fn a_record_comes_back_as_it_was(record in any_record()) {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes).unwrap();
            prop_assert_eq!(decode(&bytes), Ok(record));
        }

        /// Bytes that nobody wrote are read or refused, and never panic.
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read_or_refused = decode(&bytes);
        }

        /// A record that was damaged in one byte is read or refused, and never panics.
        #[test]
        fn a_damaged_record_is_survived(record in any_record(), at in any::<usize>(), xor in 1..=255_u8) {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= xor;
            let _read_or_refused = decode(&bytes);
            let _read_or_refused = decode(&bytes[..at]);
        }
    }

    /// The usual record, one session named by a GUID and set just now, is small.
    #[test]
    fn the_usual_record_takes_42_bytes() {
        let as_of = Timestamp::from_millis(1_760_000_000_000);
        let record = Record {
            as_of,
            sequence: 1_760_000_000_000,
            sessions: vec![Session {
                id: SessionId::from_u128(7),
                state: SessionState::Available,
                set_at: as_of,
                expires_at: Timestamp::from_millis(1_760_000_300_000),
            }],
            ..Record::default()
        };
        let mut bytes = Vec::new();
        encode(&record, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 42);
    }

    /// A version or section that this build does not know is refused as what it is: newer.
    #[test]
    fn a_newer_record_is_refused() {
        let mut bytes = Vec::new();
        encode(&Record::default(), &mut bytes).unwrap();
        let mut version = bytes.clone();
        version[0] = VERSION + 1;
        assert_eq!(decode(&version), Err(NEWER));
        bytes.extend_from_slice(&[9, 0, 0]);
        assert_eq!(decode(&bytes), Err(NEWER));
    }

    /// Every value that can be shown has a tag of its own.
    #[test]
    fn tags_are_distinct() {
        for (tag, value) in AVAILABILITIES {
            assert_eq!(availability_tag(value), Some(tag));
            assert_eq!(availability_of(tag), Ok(value));
        }
        for (tag, value) in ACTIVITIES {
            assert_eq!(activity_tag(value), Some(tag));
            assert_eq!(activity_of(tag), Ok(value));
        }
    }
}

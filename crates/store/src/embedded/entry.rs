//! What stands inside a frame: entries. The format is described in the README, section "Entries".

use presenced_core::decide::Change;
use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::presence::Presence;
use presenced_core::time::Timestamp;

use crate::codec::{
    Reader, Unreadable, activity_of, activity_tag, availability_of, availability_tag,
};
use crate::contract::{Cursor, DocumentKey, DocumentKind, FeedChange, Revision};

const RECORD: u8 = 1;
const RECORD_CHANGED: u8 = 2;
const PUT_DOCUMENT: u8 = 3;
const DELETE_DOCUMENT: u8 = 4;
const FEED_CHANGE: u8 = 5;
const SNAPSHOT_END: u8 = 6;
const TIME: u8 = 7;

/// One entry, its bytes borrowed from the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// The record of a user from now on.
    Record {
        user: UserKey,
        /// Whether watchers are told; what they are told is the record's view at its `as_of`.
        changed: bool,
        /// The record as [`crate::codec::encode`] wrote it.
        bytes: &'a [u8],
    },
    /// A document from now on.
    PutDocument {
        key: DocumentKey,
        revision: Revision,
        body: &'a [u8],
    },
    /// The end of a document.
    DeleteDocument { key: DocumentKey },
    /// That it was this time, whatever else was written.
    Time(Timestamp),
    /// In snapshots only: a change that the feed still kept.
    Change(FeedChange),
    /// In snapshots only, and there the last.
    SnapshotEnd(SnapshotEnd),
}

/// The last entry of a snapshot, by which a whole one is known from one that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotEnd {
    /// How many entries stand before this one.
    pub(crate) entries: u64,
    /// The last commit that the snapshot is certain to hold.
    pub(crate) commit: u64,
    /// Changes up to here, this one included, are not in the snapshot.
    pub(crate) feed_floor: Cursor,
}

impl<'a> Entry<'a> {
    /// Appends this entry to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Record {
                user,
                changed,
                bytes,
            } => {
                out.push(if *changed { RECORD_CHANGED } else { RECORD });
                write_user(*user, out);
                // `encode` has seen to it that the length fits.
                let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(bytes);
            }
            Self::PutDocument {
                key,
                revision,
                body,
            } => {
                out.push(PUT_DOCUMENT);
                write_key(key, out);
                out.extend_from_slice(&revision.0.to_le_bytes());
                // `Documents` has seen to it that the length fits.
                let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(body);
            }
            Self::DeleteDocument { key } => {
                out.push(DELETE_DOCUMENT);
                write_key(key, out);
            }
            Self::Time(now) => {
                out.push(TIME);
                out.extend_from_slice(&now.as_millis().to_le_bytes());
            }
            Self::Change(change) => write_change(change, out),
            Self::SnapshotEnd(end) => {
                out.push(SNAPSHOT_END);
                out.extend_from_slice(&end.entries.to_le_bytes());
                out.extend_from_slice(&end.commit.to_le_bytes());
                out.extend_from_slice(&end.feed_floor.0.to_le_bytes());
            }
        }
    }

    /// Takes the next entry off `reader`.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Unreadable> {
        Ok(match reader.u8()? {
            kind @ (RECORD | RECORD_CHANGED) => {
                let user = read_user(reader)?;
                let length = reader.u16()?;
                Self::Record {
                    user,
                    changed: kind == RECORD_CHANGED,
                    bytes: reader.take(length.into())?,
                }
            }
            PUT_DOCUMENT => {
                let key = read_key(reader)?;
                let revision = Revision(reader.u64()?);
                let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
                Self::PutDocument {
                    key,
                    revision,
                    body: reader.take(length)?,
                }
            }
            DELETE_DOCUMENT => Self::DeleteDocument {
                key: read_key(reader)?,
            },
            TIME => Self::Time(Timestamp::from_millis(reader.u64()?)),
            FEED_CHANGE => Self::Change(read_change(reader)?),
            SNAPSHOT_END => Self::SnapshotEnd(SnapshotEnd {
                entries: reader.u64()?,
                commit: reader.u64()?,
                feed_floor: Cursor(reader.u64()?),
            }),
            _ => return Err(Unreadable("a newer presenced wrote it")),
        })
    }
}

fn write_user(user: UserKey, out: &mut Vec<u8>) {
    out.extend_from_slice(&user.tenant.as_u128().to_be_bytes());
    out.extend_from_slice(&user.user.as_u128().to_be_bytes());
}

fn read_user(reader: &mut Reader<'_>) -> Result<UserKey, Unreadable> {
    Ok(UserKey {
        tenant: TenantId::from_u128(reader.u128()?),
        user: UserId::from_u128(reader.u128()?),
    })
}

fn write_key(key: &DocumentKey, out: &mut Vec<u8>) {
    out.push(match key.kind {
        DocumentKind::Subscription => 1,
        DocumentKind::Delivery => 2,
        DocumentKind::User => 3,
        DocumentKind::Application => 4,
        DocumentKind::Feed => 5,
    });
    out.extend_from_slice(&key.tenant.as_u128().to_be_bytes());
    out.extend_from_slice(&key.id.to_be_bytes());
}

fn read_key(reader: &mut Reader<'_>) -> Result<DocumentKey, Unreadable> {
    let kind = match reader.u8()? {
        1 => DocumentKind::Subscription,
        2 => DocumentKind::Delivery,
        3 => DocumentKind::User,
        4 => DocumentKind::Application,
        5 => DocumentKind::Feed,
        _ => return Err(Unreadable("a newer presenced wrote it")),
    };
    Ok(DocumentKey {
        kind,
        tenant: TenantId::from_u128(reader.u128()?),
        id: reader.u128()?,
    })
}

fn write_change(change: &FeedChange, out: &mut Vec<u8>) {
    let presence = change.change.presence;
    out.push(FEED_CHANGE);
    out.extend_from_slice(&change.cursor.0.to_le_bytes());
    write_user(change.user, out);
    // Tag 0 is read as unknown: the tests hold the tables to know every value.
    out.push(availability_tag(presence.availability).unwrap_or(0));
    out.push(activity_tag(presence.activity).unwrap_or(0));
    out.extend_from_slice(&change.change.sequence.to_le_bytes());
    out.extend_from_slice(&change.change.at.as_millis().to_le_bytes());
}

fn read_change(reader: &mut Reader<'_>) -> Result<FeedChange, Unreadable> {
    let cursor = Cursor(reader.u64()?);
    let user = read_user(reader)?;
    let presence = Presence::new(availability_of(reader.u8()?)?, activity_of(reader.u8()?)?);
    let change = Change {
        presence,
        sequence: reader.u64()?,
        at: Timestamp::from_millis(reader.u64()?),
    };
    Ok(FeedChange {
        cursor,
        user,
        change,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of entry comes back as it was written, and none is read from less than all of it.
    #[test]
    fn entries_come_back_as_they_were() {
        let user = UserKey {
            tenant: TenantId::from_u128(1),
            user: UserId::from_u128(2),
        };
        let key_of = |kind| DocumentKey {
            kind,
            tenant: user.tenant,
            id: 3,
        };
        let key = key_of(DocumentKind::Subscription);
        let change = Change {
            presence: Presence::INACTIVE,
            sequence: 4,
            at: Timestamp::from_millis(5),
        };
        let entries = [
            Entry::Record {
                user,
                changed: false,
                bytes: b"record",
            },
            Entry::Record {
                user,
                changed: true,
                bytes: b"",
            },
            Entry::PutDocument {
                key,
                revision: Revision(6),
                body: b"body",
            },
            Entry::DeleteDocument { key },
            Entry::DeleteDocument {
                key: key_of(DocumentKind::Delivery),
            },
            Entry::DeleteDocument {
                key: key_of(DocumentKind::User),
            },
            Entry::DeleteDocument {
                key: key_of(DocumentKind::Application),
            },
            Entry::DeleteDocument {
                key: key_of(DocumentKind::Feed),
            },
            Entry::Time(Timestamp::from_millis(11)),
            Entry::Change(FeedChange {
                cursor: Cursor(7),
                user,
                change,
            }),
            Entry::SnapshotEnd(SnapshotEnd {
                entries: 8,
                commit: 9,
                feed_floor: Cursor(10),
            }),
        ];
        for entry in entries {
            let mut bytes = Vec::new();
            entry.write(&mut bytes);
            assert_eq!(Entry::read(&mut Reader::new(&bytes)), Ok(entry));
            for length in 0..bytes.len() {
                assert!(Entry::read(&mut Reader::new(&bytes[..length])).is_err());
            }
        }
    }
}

//! The name of a place in a stream, by which a client that was cut off goes on.

use std::fmt;

use presenced_core::id::TenantId;
use presenced_store::Cursor;

use super::Watched;

/// A place in a stream: everything before it was told. As text it is what a client repeats in
/// `Last-Event-ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The place in the change feed.
    pub(super) cursor: Cursor,
    /// Of which feed, and of a stream that watches whom.
    pub(super) seal: Seal,
}

/// Tells streams apart whose places must not be taken for each other's: of another [life](super::Lives),
/// of another tenant, or of other users. A stream with another seal starts with the whole state. It
/// keeps nothing secret and protects nothing but clients from their own confusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal(u64);

/// What a stream watches, of which each life of the feed has a seal of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope(Fnv);

impl Scope {
    /// The users are in order, each of them once.
    pub(super) fn of(tenant: TenantId, watched: &Watched) -> Self {
        let mut hash = Fnv::new();
        hash.write(&tenant.as_u128().to_be_bytes());
        if let Watched::Users(users) = watched {
            for user in users {
                hash.write(&user.as_u128().to_be_bytes());
            }
        }
        Self(hash)
    }

    /// The seal of its places in the life of this number.
    pub(super) fn in_life(self, number: u64) -> Seal {
        let mut hash = self.0;
        hash.write(&number.to_be_bytes());
        Seal(hash.0)
    }
}

/// FNV-1a with 64 bits: the same on every machine and in every version, unlike the standard
/// library's hashers.
#[derive(Clone, Copy, Debug)]
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl EventId {
    /// Reads an id as [`Display`](fmt::Display) writes it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (cursor, seal) = text.split_once('.')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if seal.len() != 16 || !digits(seal) || !cursor.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            cursor: Cursor(cursor.parse().ok()?),
            seal: Seal(u64::from_str_radix(seal, 16).ok()?),
        })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}", self.cursor.0, self.seal.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presenced_core::id::UserId;

    const TENANT: TenantId = TenantId::from_u128(1);

    /// An id reads back as it was written.
    #[test]
    fn ids_read_back() {
        for cursor in [0, 1, 4_711, u64::MAX] {
            let id = EventId {
                cursor: Cursor(cursor),
                seal: Scope::of(TENANT, &Watched::Tenant).in_life(cursor),
            };
            assert_eq!(EventId::parse(&id.to_string()), Some(id));
        }
    }

    /// Anything else is no id.
    #[test]
    fn other_texts_are_no_ids() {
        let seal = "0123456789abcdef";
        assert!(EventId::parse(&format!("7.{seal}")).is_some());
        for text in [
            "",
            "7",
            ".",
            "7.",
            &format!(".{seal}"),
            &format!("+7.{seal}"),
            &format!("-7.{seal}"),
            &format!("7.{seal}0"),
            "7.+123456789abcde",
            "7.0123456789abcdeg",
            "7.é123456789abcde",
            &format!("99999999999999999999.{seal}"),
        ] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }

    /// Whatever makes two streams different makes two seals.
    #[test]
    fn seals_differ() {
        let users = |ids: &[u128]| {
            let ids = ids.iter().map(|id| UserId::from_u128(*id));
            Watched::users(ids.collect())
        };
        let seals = [
            Scope::of(TENANT, &Watched::Tenant).in_life(0),
            Scope::of(TENANT, &Watched::Tenant).in_life(1),
            Scope::of(TenantId::from_u128(2), &Watched::Tenant).in_life(0),
            Scope::of(TENANT, &users(&[1])).in_life(0),
            Scope::of(TENANT, &users(&[2])).in_life(0),
            Scope::of(TENANT, &users(&[1, 2])).in_life(0),
        ];
        for (at, one) in seals.iter().enumerate() {
            assert!(!seals[..at].contains(one), "{at}");
        }
        let again = Scope::of(TENANT, &users(&[2, 1, 2])).in_life(0);
        assert_eq!(again, seals[5], "order and repetition do not matter");
    }
}

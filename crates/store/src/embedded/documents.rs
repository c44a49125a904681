//! The documents: small, and of each kind no more than there may be.

use std::collections::BTreeMap;
use std::ops::Bound;

use parking_lot::Mutex;
use presenced_core::id::TenantId;

use crate::contract::{Document, DocumentKey, DocumentKind, Revision, StoreError};
use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENTS_MAX};

/// All documents, by key.
pub(crate) struct Documents {
    held: Mutex<Held>,
    /// How many there may be of each kind.
    most: usize,
}

/// The documents, and how many there are of each kind.
#[derive(Default)]
struct Held {
    map: BTreeMap<DocumentKey, Document>,
    counts: BTreeMap<DocumentKind, usize>,
}

impl Held {
    fn count(&self, kind: DocumentKind) -> usize {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    fn insert(&mut self, key: DocumentKey, document: Document) {
        if self.map.insert(key, document).is_none() {
            *self.counts.entry(key.kind).or_default() += 1;
        }
    }

    fn remove(&mut self, key: &DocumentKey) {
        if self.map.remove(key).is_some() {
            let count = self.counts.get_mut(&key.kind);
            *count.expect("what was inserted was counted") -= 1;
        }
    }
}

impl Documents {
    /// No documents yet; at most this many of each kind. What one kind has takes nothing from another:
    /// a full directory must not keep notifications from being delivered.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            held: Mutex::default(),
            most: most.min(DOCUMENTS_MAX),
        }
    }

    pub(crate) fn get(&self, key: &DocumentKey) -> Option<Document> {
        self.held.lock().map.get(key).cloned()
    }

    /// Those of a kind, in one tenant or all, in the order of their keys.
    pub(crate) fn list(
        &self,
        kind: DocumentKind,
        tenant: Option<TenantId>,
    ) -> Vec<(DocumentKey, Document)> {
        let least = tenant.unwrap_or(TenantId::from_u128(0));
        let most = tenant.unwrap_or(TenantId::from_u128(u128::MAX));
        let key = |tenant, id| DocumentKey { kind, tenant, id };
        let held = self.held.lock();
        let found = held.map.range(key(least, 0)..=key(most, u128::MAX));
        found
            .map(|(key, document)| (*key, document.clone()))
            .collect()
    }

    /// Writes a document if its revision is the expected one. `commit` sees the document that is
    /// replaced, and gives the new revision or prevents the write.
    pub(crate) fn put(
        &self,
        key: DocumentKey,
        expected: Option<Revision>,
        body: &[u8],
        commit: impl FnOnce(Option<&Document>) -> Result<Revision, StoreError>,
    ) -> Result<Revision, StoreError> {
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(StoreError::LimitReached("a document is at most 64 KiB"));
        }
        let mut held = self.held.lock();
        let old = held.map.get(&key);
        if old.map(|old| old.revision) != expected {
            return Err(StoreError::Conflict);
        }
        if old.is_none() && held.count(key.kind) >= self.most {
            return Err(StoreError::LimitReached(
                "the store holds as many documents of this kind as it may",
            ));
        }
        let revision = commit(old)?;
        let body = body.to_vec();
        held.insert(key, Document { revision, body });
        Ok(revision)
    }

    /// Removes a document, if there is one and `commit` agrees.
    pub(crate) fn delete(
        &self,
        key: DocumentKey,
        commit: impl FnOnce(&Document) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let mut held = self.held.lock();
        let Some(old) = held.map.get(&key) else {
            return Ok(false);
        };
        commit(old)?;
        held.remove(&key);
        Ok(true)
    }

    /// Puts a document, or its absence, where it was, or where the journal says.
    pub(crate) fn restore(&self, key: DocumentKey, document: Option<Document>) {
        let mut held = self.held.lock();
        match document {
            Some(document) => held.insert(key, document),
            None => held.remove(&key),
        }
    }

    /// The first documents after a key, at most `at_most`: a walk in small steps.
    pub(crate) fn after(
        &self,
        key: Option<DocumentKey>,
        at_most: usize,
    ) -> Vec<(DocumentKey, Document)> {
        let start = key.map_or(Bound::Unbounded, Bound::Excluded);
        let held = self.held.lock();
        let found = held.map.range((start, Bound::Unbounded)).take(at_most);
        found
            .map(|(key, document)| (*key, document.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: DocumentKind, id: u128) -> DocumentKey {
        let tenant = TenantId::from_u128(id % 2);
        DocumentKey { kind, tenant, id }
    }

    /// What is full of one kind has room for the others, over all tenants, and again for its own once
    /// one was removed; a replacement needs none.
    #[test]
    fn each_kind_has_its_own_room() {
        let documents = Documents::new(2);
        let put = |kind, id, expected: Option<u64>, revision| {
            let commit = |_: Option<&Document>| Ok(Revision(revision));
            documents.put(key(kind, id), expected.map(Revision), b"{}", commit)
        };
        let (user, delivery) = (DocumentKind::User, DocumentKind::Delivery);
        put(user, 1, None, 1).unwrap();
        documents.restore(
            key(user, 2),
            Some(Document {
                revision: Revision(2),
                body: Vec::new(),
            }),
        );
        let full = |outcome| matches!(outcome, Err(StoreError::LimitReached(_)));
        assert!(full(put(user, 3, None, 3)));
        put(user, 1, Some(1), 4).unwrap();
        put(delivery, 1, None, 5).unwrap();
        put(delivery, 2, None, 6).unwrap();
        assert!(full(put(delivery, 3, None, 7)));

        assert!(documents.delete(key(user, 1), |_| Ok(())).unwrap());
        assert!(!documents.delete(key(user, 1), |_| Ok(())).unwrap());
        put(user, 3, None, 8).unwrap();
        assert!(full(put(user, 4, None, 9)));
        documents.restore(key(user, 3), None);
        documents.restore(key(user, 3), None);
        put(user, 4, None, 10).unwrap();
        assert!(full(put(user, 5, None, 11)));
    }
}

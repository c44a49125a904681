//! The documents: few, small, rarely written.

use std::collections::BTreeMap;
use std::ops::Bound;

use parking_lot::Mutex;
use presenced_core::id::TenantId;

use crate::contract::{Document, DocumentKey, DocumentKind, Revision, StoreError};
use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENTS_MAX};

/// All documents, by key.
pub(crate) struct Documents {
    map: Mutex<BTreeMap<DocumentKey, Document>>,
    most: usize,
}

impl Documents {
    /// No documents yet; at most this many.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            map: Mutex::default(),
            most: most.min(DOCUMENTS_MAX),
        }
    }

    pub(crate) fn get(&self, key: &DocumentKey) -> Option<Document> {
        self.map.lock().get(key).cloned()
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
        let map = self.map.lock();
        let found = map.range(key(least, 0)..=key(most, u128::MAX));
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
        let mut map = self.map.lock();
        let old = map.get(&key);
        if old.map(|old| old.revision) != expected {
            return Err(StoreError::Conflict);
        }
        if old.is_none() && map.len() >= self.most {
            return Err(StoreError::LimitReached(
                "the store holds as many documents as it may",
            ));
        }
        let revision = commit(old)?;
        let body = body.to_vec();
        map.insert(key, Document { revision, body });
        Ok(revision)
    }

    /// Removes a document, if there is one and `commit` agrees.
    pub(crate) fn delete(
        &self,
        key: DocumentKey,
        commit: impl FnOnce(&Document) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let mut map = self.map.lock();
        let Some(old) = map.get(&key) else {
            return Ok(false);
        };
        commit(old)?;
        map.remove(&key);
        Ok(true)
    }

    /// Puts a document, or its absence, where it was, or where the journal says.
    pub(crate) fn restore(&self, key: DocumentKey, document: Option<Document>) {
        let mut map = self.map.lock();
        match document {
            Some(document) => map.insert(key, document),
            None => map.remove(&key),
        };
    }

    /// The first documents after a key, at most `at_most`: a walk in small steps.
    pub(crate) fn after(
        &self,
        key: Option<DocumentKey>,
        at_most: usize,
    ) -> Vec<(DocumentKey, Document)> {
        let start = key.map_or(Bound::Unbounded, Bound::Excluded);
        let map = self.map.lock();
        let found = map.range((start, Bound::Unbounded)).take(at_most);
        found
            .map(|(key, document)| (*key, document.clone()))
            .collect()
    }
}

//! The lives of the change feed, by which a place in it is known to lie in this store's past.
//!
//! Cursors go on from what the store holds when it starts. Where that is less than what was told once
//! (the directory was emptied, or put back from a backup; the power failed before the last writes were
//! on the device), other changes get the same cursors. So each start begins a life with a number of
//! its own, places name the life they are of, and the store keeps where each life began.

use std::sync::Arc;

use presenced_core::id::TenantId;
use presenced_store::{DocumentKey, DocumentKind, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::event_id::{EventId, Scope};
use super::limits::LIVES_KEPT_MAX;

/// Where the lives are kept. They are of no tenant.
const KEY: DocumentKey = DocumentKey {
    kind: DocumentKind::Feed,
    tenant: TenantId::from_u128(0),
    id: 0,
};

/// The lives of a feed, up to the present one. Clones are the same lives.
#[derive(Clone, Debug)]
pub struct Lives(Arc<[Life]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Life {
    number: u64,
    /// The cursor of the newest change when it began: places of the life before it that lie beyond
    /// are of changes that were lost.
    after: u64,
}

/// What is stored.
#[derive(Default, Serialize, Deserialize)]
struct Body {
    lives: Vec<Life>,
}

impl Lives {
    /// One life, which is kept nowhere.
    pub fn only(number: u64) -> Self {
        Self([Life { number, after: 0 }].into())
    }

    /// Begins another life of this store's feed, of a random number, and stores that. To be called
    /// before anything else is committed.
    pub async fn begin(store: &dyn Store, number: u64) -> Result<Self, StoreError> {
        let (revision, body) = match store.get_document(&KEY).await? {
            Some(document) => (Some(document.revision), document.body),
            None => (None, Vec::new()),
        };
        // What another version wrote differently is as good as nothing: whoever comes back is told
        // the whole state.
        let Body { mut lives } = serde_json::from_slice(&body).unwrap_or_default();
        let surplus = lives.len().saturating_sub(LIVES_KEPT_MAX - 1);
        lives.drain(..surplus);
        let after = store.newest().await?.0;
        lives.push(Life { number, after });
        let body = Body { lives };
        let bytes = serde_json::to_vec(&body).expect("numbers can be written as JSON");
        store.put_document(&KEY, revision, &bytes).await?;
        Ok(Self(body.lives.into()))
    }

    /// The number of the present one.
    pub(super) fn present(&self) -> u64 {
        self.0.last().map_or(0, |life| life.number)
    }

    /// Whether this place of a stream lies in the past of the present life, or in the present one.
    pub(super) fn know(&self, place: EventId, scope: Scope) -> bool {
        let mut ends = self.0.iter().skip(1).map(|next| next.after);
        self.0.iter().any(|life| {
            let end = ends.next();
            place.seal == scope.in_life(life.number) && end.is_none_or(|end| place.cursor.0 <= end)
        })
    }
}

#[cfg(test)]
mod tests {
    use presenced_store::{Cursor, Limits, StoreConfig, open};

    use super::super::Watched;
    use super::*;

    const TENANT: TenantId = TenantId::from_u128(1);

    fn memory() -> Arc<dyn Store> {
        open(StoreConfig::Memory(Limits::default())).unwrap()
    }

    /// A place of the whole tenant.
    fn place(life: u64, cursor: u64) -> EventId {
        EventId {
            cursor: Cursor(cursor),
            seal: scope().in_life(life),
        }
    }

    fn scope() -> Scope {
        Scope::of(TENANT, &Watched::Tenant)
    }

    /// A place is known in its own life, and in later ones up to where these went on from; a place of
    /// another store never is, whatever its cursor.
    #[tokio::test]
    async fn places_outlive_a_restart_but_not_a_loss() {
        let store = memory();
        let know = |lives: &Lives, life, cursor| lives.know(place(life, cursor), scope());
        let first = Lives::begin(&*store, 1).await.unwrap();
        assert!(know(&first, 1, 0) && know(&first, 1, 500));
        assert!(!know(&first, 2, 0));
        // The store holds no change: those of the first life are lost.
        let second = Lives::begin(&*store, 2).await.unwrap();
        assert!(know(&second, 1, 0) && know(&second, 2, 500));
        assert!(!know(&second, 1, 1), "it was lost");
        let third = Lives::begin(&*store, 3).await.unwrap();
        assert!(know(&third, 1, 0) && know(&third, 2, 0) && know(&third, 3, 1));
        assert!(!know(&third, 1, 1) && !know(&third, 2, 1));
        assert_eq!(third.present(), 3);
        let other = Lives::begin(&*memory(), 4).await.unwrap();
        assert!(!know(&other, 3, 0), "another store");
    }

    /// Of many lives the oldest are forgotten.
    #[tokio::test]
    async fn so_many_lives_are_kept() {
        let store = memory();
        let most = u64::try_from(LIVES_KEPT_MAX).unwrap();
        let mut lives = Lives::only(0);
        for number in 1..=most + 1 {
            lives = Lives::begin(&*store, number).await.unwrap();
        }
        assert_eq!(lives.0.len(), LIVES_KEPT_MAX);
        assert!(!lives.know(place(1, 0), scope()));
        assert!(lives.know(place(2, 0), scope()));
    }
}

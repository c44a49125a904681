//! Where the tests keep their data.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use presenced_core::id::{TenantId, UserId};
use presenced_core::record::Record;
use presenced_core::time::Timestamp;
use presenced_store::testkit::{Backend, Faults};
use presenced_store::{
    Changes, Cursor, Document, DocumentKey, DocumentKind, Durability, EmbeddedConfig, FeedChange,
    Limits, Pending, Store, StoreConfig, StoreError, open,
};
use tempfile::TempDir;

/// The store in memory only.
pub(crate) struct Memory;

impl Backend for Memory {
    fn open(&self) -> Pending<'_, Arc<dyn Store>> {
        let store = open(StoreConfig::Memory(Limits::default()));
        Box::pin(async { store.expect("memory can always be opened") })
    }

    fn survives(&self) -> bool {
        false
    }
}

/// The store in a directory that is removed with this value.
pub(crate) struct Place {
    directory: TempDir,
    below: Option<&'static str>,
    durability: Durability,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
}

impl Place {
    pub(crate) fn new(durability: Durability) -> Self {
        Self {
            directory: tempfile::tempdir().expect("there is room for a directory"),
            below: None,
            durability,
            limits: Limits::default(),
            faults: Faults::default(),
        }
    }

    /// With a snapshot every few writes.
    pub(crate) fn compacting(durability: Durability) -> Self {
        let mut place = Self::new(durability);
        place.limits.compact_after_bytes = 600;
        place
    }

    /// With its data in a directory that does not exist yet.
    pub(crate) const fn below(mut self, name: &'static str) -> Self {
        self.below = Some(name);
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(self.below.unwrap_or_default())
    }

    /// The names of all data files that begin so, in order.
    pub(crate) fn files(&self, start: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the directory is there");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
        let names = names.map(|name| name.expect("names are plain text"));
        let mut names: Vec<_> = names.filter(|name| name.starts_with(start)).collect();
        names.sort();
        names
    }

    pub(crate) fn snapshots(&self) -> Vec<String> {
        self.files("snapshot-")
    }

    pub(crate) fn try_open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let mut config = EmbeddedConfig::new(self.path(), self.durability);
        config.limits = self.limits;
        open(StoreConfig::Embedded(config.with_faults(&self.faults)))
    }
}

/// Opens a directory that already is as it shall be, with the default limits.
pub(crate) fn open_directory(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    open(StoreConfig::Embedded(EmbeddedConfig::new(
        path,
        Durability::Process,
    )))
}

impl Backend for Place {
    fn open(&self) -> Pending<'_, Arc<dyn Store>> {
        let store = self.try_open().expect("the directory can be opened");
        Box::pin(async { store })
    }

    fn survives(&self) -> bool {
        true
    }
}

/// Waits, at most a minute, until something is so that other threads bring about.
pub(crate) async fn wait_until(is_so: impl Fn() -> bool + Send + Sync) {
    let looking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        while !is_so() {
            ticks.tick().await;
        }
    };
    let minute = Duration::from_mins(1);
    let seen = tokio::time::timeout(minute, looking).await;
    seen.expect("what is waited for comes within a minute");
}

/// Everything that can be read from a store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Everything {
    pub(crate) records: Vec<Option<Record>>,
    pub(crate) documents: Vec<(DocumentKey, Document)>,
    pub(crate) changes: Vec<FeedChange>,
    pub(crate) newest: Cursor,
    pub(crate) latest: Timestamp,
}

pub(crate) async fn everything(store: &dyn Store) -> Everything {
    let ids: Vec<UserId> = (0..8).map(UserId::from_u128).collect();
    let changes = match store.changes(Cursor(0), 10_000).await.unwrap() {
        Changes::Batch(batch) => batch,
        Changes::Gap { resume } => panic!("a gap, resume at {resume:?}"),
    };
    let documents = store.list_documents(DocumentKind::Subscription, None);
    Everything {
        records: store.list(TenantId::from_u128(1), &ids).await.unwrap(),
        documents: documents.await.unwrap(),
        changes,
        newest: store.newest().await.unwrap(),
        latest: store.latest_time(),
    }
}

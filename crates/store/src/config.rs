//! What a store is opened with.

use std::path::PathBuf;

use crate::faults::FaultPoint;
use crate::limits::{COMPACT_AFTER_BYTES_DEFAULT, DOCUMENTS_MAX, FEED_CHANGES_DEFAULT};

/// Which store to open.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    /// In memory only: nothing survives the process.
    Memory(Limits),
    /// In memory, with a journal and snapshots in a directory.
    Embedded(EmbeddedConfig),
}

/// The embedded store's settings.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// Where the data files are. Made if it does not exist; locked against a second process.
    pub directory: PathBuf,
    /// What an answered write survives.
    pub durability: Durability,
    /// How much of what.
    pub limits: Limits,
    pub(crate) faults: FaultPoint,
}

impl EmbeddedConfig {
    /// A store in this directory, with the default limits.
    pub fn new(directory: impl Into<PathBuf>, durability: Durability) -> Self {
        Self {
            directory: directory.into(),
            durability,
            limits: Limits::default(),
            faults: FaultPoint::default(),
        }
    }

    /// Lets the files fail as `faults` says.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub fn with_faults(mut self, faults: &crate::testkit::Faults) -> Self {
        self.faults = faults.clone();
        self
    }
}

/// What an answered write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, by `kill -9` too: the write was handed to the operating system.
    #[default]
    Process,
    /// The loss of power as well: the write was synced to the device.
    Disk,
}

/// How much a store keeps, and when it compacts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Changes that the feed keeps in memory.
    pub feed_changes_max: usize,
    /// Documents of one kind that may exist; at most [`DOCUMENTS_MAX`].
    pub documents_max: usize,
    /// Journal bytes after which a snapshot is written, unless the last snapshot was larger.
    pub compact_after_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            feed_changes_max: FEED_CHANGES_DEFAULT,
            documents_max: DOCUMENTS_MAX,
            compact_after_bytes: COMPACT_AFTER_BYTES_DEFAULT,
        }
    }
}

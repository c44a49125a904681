//! The embedded store: a memory table, and where a directory is given, a journal with snapshots.

mod compaction;
mod deadlines;
mod directory;
mod documents;
pub(crate) mod entry;
mod expiry;
mod feed;
pub(crate) mod frame;
mod group;
mod journal;
mod packed;
mod recovery;
mod replay;
mod signal;
mod state;
mod store;
mod table;

pub(crate) use store::Embedded;

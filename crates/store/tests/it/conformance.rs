//! The suite and the model that every backend passes.

use presenced_store::Durability;
use presenced_store::testkit::{Backend, conformance, model};

use crate::places::{Memory, Place};

/// The store in memory keeps every promise but to survive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    conformance(&|| Box::new(Memory)).await;
}

/// The store in a directory keeps every promise, with answers that survive the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_durability_conforms() {
    conformance(&|| Box::new(Place::new(Durability::Process))).await;
}

/// And with answers that survive a loss of power.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_durability_conforms() {
    conformance(&|| Box::new(Place::new(Durability::Disk))).await;
}

/// And while snapshots are made all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compacting_store_conforms() {
    conformance(&|| Box::new(Place::compacting(Durability::Process))).await;
}

/// The store in memory does what the model does.
#[test]
fn memory_follows_the_model() {
    model::check(&|| Box::new(Memory), 300, 42);
}

/// The journal gives back what the model holds, through any number of restarts.
#[test]
fn the_journal_follows_the_model() {
    let new = || -> Box<dyn Backend> { Box::new(Place::new(Durability::Process)) };
    model::check(&new, 300, 43);
}

/// And so do snapshots.
#[test]
fn snapshots_follow_the_model() {
    let new = || -> Box<dyn Backend> { Box::new(Place::compacting(Durability::Process)) };
    model::check(&new, 200, 44);
}

/// And the journal that is synced by a thread of its own.
#[test]
fn the_synced_journal_follows_the_model() {
    let new = || -> Box<dyn Backend> { Box::new(Place::compacting(Durability::Disk)) };
    model::check(&new, 60, 45);
}

//! Data that earlier releases wrote is read by this build.
//!
//! `testdata/vX.Y` is what release X.Y wrote when it ran [`write_sample`]; it is never written anew.
//! A release adds its own: see the README, "Versions".

use std::path::{Path, PathBuf};

use presenced_core::decide::Command;
use presenced_core::id::SessionId;
use presenced_core::preferred::PreferredState;
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_store::testkit::{Backend, MINUTE, at, clear, set, user};
use presenced_store::{DocumentKey, DocumentKind, Durability, Store};

use crate::places::{Memory, Place, everything, open_directory, wait_until};

fn document(id: u128) -> DocumentKey {
    DocumentKey {
        kind: DocumentKind::Subscription,
        tenant: user(1, 0).tenant,
        id,
    }
}

/// The older half of the sample, which ends up in the snapshot: every state, a session named by
/// text, an ended user, documents.
async fn write_older(store: &dyn Store) {
    for (number, state) in (0..).zip(SessionState::ALL) {
        // Apart in time: which of two that are due at one instant comes first is left open.
        let now = at(u64::try_from(number).unwrap());
        store
            .apply(user(1, number), set(number, state, 60), now)
            .await
            .unwrap();
    }
    let named = Command::SetSession {
        session: SessionId::parse("desk phone 7").unwrap(),
        state: SessionState::Presenting,
        lifetime: SessionLifetime::default(),
        sessions_max: SessionsMax::default(),
    };
    store.apply(user(1, 0), named, at(10)).await.unwrap();
    store
        .apply(user(1, 6), set(1, SessionState::Away, 5), at(11))
        .await
        .unwrap();
    store.apply(user(1, 6), clear(1), at(12)).await.unwrap();
    store
        .put_document(&document(1), None, b"first")
        .await
        .unwrap();
    store
        .put_document(&document(2), None, b"second")
        .await
        .unwrap();
}

/// The newer half, which stays in the journal: preferred states, a keep-alive, ticks, another
/// tenant, a document replaced and one removed.
async fn write_newer(store: &dyn Store) {
    for (number, state) in (0..).zip(PreferredState::ALL) {
        let lifetime = state.default_lifetime();
        let command = Command::SetPreferred { state, lifetime };
        store
            .apply(user(1, number), command, at(MINUTE))
            .await
            .unwrap();
    }
    let again = set(1, SessionState::InACall, 60);
    store
        .apply(user(1, 1), again, at(2 * MINUTE))
        .await
        .unwrap();
    store
        .apply(user(1, 0), Command::ClearPreferred, at(2 * MINUTE))
        .await
        .unwrap();
    store
        .apply(user(2, 0), set(9, SessionState::Away, 240), at(3 * MINUTE))
        .await
        .unwrap();
    store.expire_due(at(8 * MINUTE), 100).await.unwrap();
    let first = store.get_document(&document(1)).await.unwrap().unwrap();
    store
        .put_document(&document(1), Some(first.revision), b"first again")
        .await
        .unwrap();
    assert!(store.delete_document(&document(2)).await.unwrap());
}

/// Writes the sample with a snapshot in its middle.
async fn write_sample(place: &mut Place) {
    place.limits.compact_after_bytes = 100;
    let store = place.try_open().unwrap();
    write_older(&*store).await;
    wait_until(|| !place.snapshots().is_empty()).await;
    drop(store);
    place.limits.compact_after_bytes = 1 << 20;
    let store = place.try_open().unwrap();
    write_newer(&*store).await;
}

async fn assert_is_the_sample(directory: &Path) {
    let memory = Memory.open().await;
    write_older(&*memory).await;
    write_newer(&*memory).await;
    let store = open_directory(directory).unwrap();
    assert_eq!(everything(&*store).await, everything(&*memory).await);
    let (other, in_memory) = (store.get(user(2, 0)), memory.get(user(2, 0)));
    assert_eq!(other.await.unwrap(), in_memory.await.unwrap());
    let later = at(500 * MINUTE);
    let ended = store.expire_due(later, 100).await.unwrap().ticked;
    assert_eq!(ended, memory.expire_due(later, 100).await.unwrap().ticked);
    assert_eq!(everything(&*store).await, everything(&*memory).await);
}

/// What this build writes, this build reads. With `PRESENCED_WRITE_TESTDATA` set to a directory, the
/// sample is also left there: that is how a release makes its own.
#[tokio::test]
async fn the_sample_of_this_build_is_read() {
    let mut place = Place::new(Durability::Process);
    write_sample(&mut place).await;
    if let Some(target) = std::env::var_os("PRESENCED_WRITE_TESTDATA") {
        let target = PathBuf::from(target);
        std::fs::create_dir(&target).unwrap();
        copy_files(&place.path(), &target);
    }
    assert_is_the_sample(&place.path()).await;
}

/// What each release wrote, this build reads.
#[tokio::test]
async fn the_samples_of_all_releases_are_read() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut count = 0;
    for sample in std::fs::read_dir(samples).unwrap() {
        let copy = tempfile::tempdir().unwrap();
        copy_files(&sample.unwrap().path(), copy.path());
        assert_is_the_sample(copy.path()).await;
        count += 1;
    }
    assert!(count >= 1);
}

/// All data files; the lock holds nothing.
fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

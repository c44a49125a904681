//! What becomes of writes that the disk does not take.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use presenced_core::decide::Change;
use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_core::session::SessionState;
use presenced_store::testkit::{
    FailingWrite, MINUTE, Random, all_changes, at, clear, poll_once, set, user,
};
use presenced_store::{
    ApplyError, Cursor, DocumentKey, DocumentKind, Durability, Store, StoreError,
};

use crate::places::{Place, wait_until};

const BUSY: SessionState = SessionState::InACall;

fn document(id: u128) -> DocumentKey {
    DocumentKey {
        kind: DocumentKind::Subscription,
        tenant: TenantId::from_u128(1),
        id,
    }
}

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(answer: Result<T, ApplyError>, kind: ErrorKind) {
    match answer {
        Err(ApplyError::Store(StoreError::Unavailable { source, .. })) => {
            assert_eq!(source.kind(), kind, "{source}");
        }
        other => panic!("it should be unavailable, and is {other:?}"),
    }
}

async fn records(store: &dyn Store, users: u128) -> Vec<Option<Record>> {
    let ids: Vec<UserId> = (0..users).map(UserId::from_u128).collect();
    store.list(TenantId::from_u128(1), &ids).await.unwrap()
}

/// Writes at random while the disk is full at random; each task has a user of its own. Whatever was
/// refused is gone from memory and feed, whatever was answered is there, now and after a restart.
async fn a_disk_that_is_full_now_and_then(durability: Durability, seed: u64) {
    let mut place = Place::compacting(durability);
    place.limits.compact_after_bytes = 3000;
    let store = place.try_open().unwrap();
    let tasks: Vec<_> = (0..6_u128)
        .map(|number| {
            let (store, faults) = (Arc::clone(&store), place.faults.clone());
            tokio::spawn(async move {
                let mut random = Random::new(seed + u64::try_from(number).unwrap());
                let (who, mut last, mut told, mut refused) = (user(1, number), None, Vec::new(), 0);
                for step in 0..120 {
                    if random.below(15) == 0 {
                        faults.fail_writes(FailingWrite {
                            skip: random.below(3),
                            times: 1 + random.below(2),
                            kept: usize::try_from(random.below(300)).unwrap(),
                        });
                    }
                    let command = match random.below(3) {
                        0 => clear(1),
                        1 => set(1, BUSY, 60),
                        _ => set(1, SessionState::Away, 60),
                    };
                    match store.apply(who, command, at(step)).await {
                        Ok(applied) => {
                            last = Some(applied.record);
                            told.extend(applied.change.map(|change| (who, change)));
                        }
                        Err(ApplyError::Refused(_)) => {}
                        answer => {
                            refused += 1;
                            assert_unavailable(answer, ErrorKind::StorageFull);
                        }
                    }
                    assert_eq!(store.get(who).await.unwrap(), last, "seed {seed}");
                }
                (last, told, refused)
            })
        })
        .collect();
    let (mut expected, mut told, mut refused) = (Vec::new(), Vec::new(), 0);
    for task in tasks {
        let (last, changes, count) = task.await.unwrap();
        expected.push(last);
        told.extend(changes);
        refused += count;
    }
    assert!(refused > 0 && place.faults.failed() > 0);
    told.sort_by_key(|(user, change)| (*user, change.sequence));
    place.faults.heal();
    check(&*store, &expected, &told, seed).await;
    drop(store);
    check(&*place.try_open().unwrap(), &expected, &told, seed).await;
}

async fn check(
    store: &dyn Store,
    expected: &[Option<Record>],
    told: &[(UserKey, Change)],
    seed: u64,
) {
    assert_eq!(records(store, 6).await, expected, "seed {seed}");
    let mut feed = all_changes(store, Cursor(0)).await;
    assert!(feed.is_sorted_by(|a, b| a.cursor < b.cursor));
    feed.sort_by_key(|one| (one.user, one.change.sequence));
    let feed: Vec<_> = feed.iter().map(|one| (one.user, one.change)).collect();
    assert_eq!(feed, told, "seed {seed}");
}

/// Refused is gone and answered is there, where the journal is handed to the system.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_that_was_answered() {
    for seed in 0..40 {
        a_disk_that_is_full_now_and_then(Durability::Process, seed).await;
    }
}

/// And where it is synced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_synced_disk_loses_nothing_that_was_answered() {
    for seed in 100..110 {
        a_disk_that_is_full_now_and_then(Durability::Disk, seed).await;
    }
}

/// A store whose disk is full says that it is not ready, and finds out by itself when there is room.
#[tokio::test]
async fn readiness_follows_the_disk() {
    for durability in [Durability::Process, Durability::Disk] {
        let place = Place::new(durability);
        let store = place.try_open().unwrap();
        store.ready().await.unwrap();
        place.faults.fail_writes(FailingWrite {
            skip: 0,
            times: 3,
            kept: 7,
        });
        let refused = store.apply(user(1, 0), set(1, BUSY, 5), at(0)).await;
        assert_unavailable(refused, ErrorKind::StorageFull);
        for _ in 0..2 {
            let not_ready = store.ready().await;
            assert_unavailable(not_ready.map_err(ApplyError::Store), ErrorKind::StorageFull);
        }
        store.ready().await.unwrap();
        store
            .apply(user(1, 0), set(1, BUSY, 5), at(0))
            .await
            .unwrap();
        drop(store);
        let store = place.try_open().unwrap();
        assert_eq!(all_changes(&*store, Cursor(0)).await.len(), 1);
    }
}

/// Where what was written in part cannot be cut off, no write follows it; reads go on, and a restart
/// finds everything that was answered and nothing that was refused.
#[tokio::test]
async fn a_journal_that_cannot_be_cut_is_written_no_more() {
    let place = Place::new(Durability::Process);
    let store = place.try_open().unwrap();
    store
        .apply(user(1, 0), set(1, BUSY, 5), at(0))
        .await
        .unwrap();
    place.faults.fail_writes(FailingWrite {
        skip: 0,
        times: 1,
        kept: 50,
    });
    place.faults.fail_truncates(1);
    let before = records(&*store, 2).await;
    for _ in 0..2 {
        let refused = store.apply(user(1, 1), set(1, BUSY, 5), at(1)).await;
        assert_unavailable(refused, ErrorKind::StorageFull);
        assert!(store.ready().await.is_err());
        assert_eq!(records(&*store, 2).await, before);
    }
    drop(store);
    let store = place.try_open().unwrap();
    assert_eq!(records(&*store, 2).await, before);
    store
        .apply(user(1, 1), set(1, BUSY, 5), at(2))
        .await
        .unwrap();
}

/// After a failed sync nothing that the system says of that file is believed: no write is taken
/// until a restart, which finds what was answered and nothing else.
#[tokio::test]
async fn a_failed_sync_ends_writing() {
    let place = Place::new(Durability::Disk);
    let store = place.try_open().unwrap();
    store
        .apply(user(1, 0), set(1, BUSY, 5), at(0))
        .await
        .unwrap();
    let before = records(&*store, 2).await;
    place.faults.fail_syncs(1);
    for _ in 0..2 {
        let refused = store.apply(user(1, 1), set(1, BUSY, 5), at(1)).await;
        assert_unavailable(refused, ErrorKind::Other);
        assert!(store.ready().await.is_err());
    }
    assert_eq!(records(&*store, 2).await, before);
    drop(store);
    let store = place.try_open().unwrap();
    assert_eq!(records(&*store, 2).await, before);
    assert_eq!(all_changes(&*store, Cursor(0)).await.len(), 1);
}

/// Where a batch that was refused stands whole in the file and cannot be cut off at once, each look
/// at readiness tries again, and so does the end: a restart does not find it.
#[tokio::test]
async fn what_was_refused_is_cut_off_later() {
    for (looks, closes) in [(2, false), (0, false), (0, true)] {
        let place = Place::new(Durability::Disk);
        let store = place.try_open().unwrap();
        store
            .apply(user(1, 0), set(1, BUSY, 5), at(0))
            .await
            .unwrap();
        let before = records(&*store, 2).await;
        place.faults.fail_syncs(1);
        place.faults.fail_truncates(1 + looks / 2);
        let refused = store.apply(user(1, 1), set(1, BUSY, 5), at(1)).await;
        assert_unavailable(refused, ErrorKind::Other);
        for _ in 0..looks {
            assert!(store.ready().await.is_err());
        }
        if looks > 0 {
            // By now it is done: the end could not do it.
            place.faults.fail_truncates(u64::MAX);
        }
        if closes {
            store.close().await.unwrap();
        }
        drop(store);
        place.faults.heal();
        let store = place.try_open().unwrap();
        assert_eq!(records(&*store, 2).await, before);
        assert_eq!(all_changes(&*store, Cursor(0)).await.len(), 1);
    }
}

/// Where it cannot be cut off to the end, the end says so, and lets go of the directory all the same.
#[tokio::test]
async fn what_cannot_be_cut_off_is_told_at_the_end() {
    let place = Place::new(Durability::Disk);
    let store = place.try_open().unwrap();
    place.faults.fail_syncs(1);
    place.faults.fail_truncates(2);
    let refused = store.apply(user(1, 1), set(1, BUSY, 5), at(1)).await;
    assert_unavailable(refused, ErrorKind::Other);
    let closed = store.close().await;
    assert!(matches!(closed, Err(StoreError::Unavailable { .. })));
    place.try_open().unwrap();
}

/// An answer that rests on a write which is then taken back is not given: neither a refusal, nor
/// that there was nothing to do, nor that a document is not there.
#[tokio::test]
async fn no_answer_rests_on_what_is_taken_back() {
    let place = Place::new(Durability::Process);
    let store = place.try_open().unwrap();
    let who = user(1, 0);
    store.apply(who, set(1, BUSY, 60), at(0)).await.unwrap();
    store.put_document(&document(1), None, b"").await.unwrap();
    place.faults.fail_writes(FailingWrite {
        skip: 0,
        times: 1,
        kept: 0,
    });
    let key = document(1);
    let (first, second, removed, again) = tokio::join!(
        store.apply(who, clear(1), at(1)),
        store.apply(who, clear(1), at(2)),
        store.delete_document(&key),
        store.delete_document(&key),
    );
    assert_unavailable(first, ErrorKind::StorageFull);
    assert_unavailable(second, ErrorKind::StorageFull);
    assert!(removed.is_err() && again.is_err());
    store.apply(who, clear(1), at(3)).await.unwrap();
    assert!(store.delete_document(&key).await.unwrap());
}

/// A caller that goes away in the middle leaves its write to be made, with nobody else coming by.
#[tokio::test]
async fn a_caller_may_go_away() {
    for durability in [Durability::Process, Durability::Disk] {
        let place = Place::new(durability);
        let store = place.try_open().unwrap();
        {
            let going = pin!(store.apply(user(1, 0), set(1, BUSY, 5), at(0)));
            assert!(poll_once(going).is_pending());
        }
        let waiting = store.wait_for_change(Cursor(0));
        let written = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        written.expect("the write is made though nobody waits for it");
        assert_eq!(all_changes(&*store, Cursor(0)).await.len(), 1);
        drop(store);
        let store = place.try_open().unwrap();
        assert!(store.get(user(1, 0)).await.unwrap().is_some());
    }
}

/// A deadline whose tick cannot be written is not lost: it comes once the disk has room, once.
#[tokio::test]
async fn deadlines_outlive_a_full_disk() {
    let place = Place::new(Durability::Process);
    let store = place.try_open().unwrap();
    for number in 0..20 {
        store
            .apply(user(1, number), set(1, BUSY, 5), at(0))
            .await
            .unwrap();
    }
    let newest = store.newest().await.unwrap();
    let before = records(&*store, 20).await;
    place.faults.fail_writes(FailingWrite {
        skip: 0,
        times: 2,
        kept: 9,
    });
    for _ in 0..2 {
        assert!(store.expire_due(at(6 * MINUTE), 15).await.is_err());
        assert_eq!(records(&*store, 20).await, before);
    }
    assert_eq!(
        store.expire_due(at(6 * MINUTE), 15).await.unwrap().ticked,
        15
    );
    let rest = store.expire_due(at(6 * MINUTE), 15).await.unwrap();
    assert_eq!((rest.ticked, rest.next), (5, None));
    assert_eq!(all_changes(&*store, newest).await.len(), 20);
}

/// What waits for the disk is bounded: beyond the limit a write is answered at once, and those that
/// wait are made.
#[tokio::test]
async fn what_may_wait_is_bounded() {
    let place = Place::new(Durability::Process);
    let store = place.try_open().unwrap();
    let body = vec![1; presenced_store::limits::DOCUMENT_BYTES_MAX];
    let most = presenced_store::limits::PENDING_BYTES_MAX / body.len();
    let keys: Vec<_> = (0..most as u128).map(document).collect();
    let mut waiting = Vec::new();
    for key in &keys {
        let mut put = store.put_document(key, None, &body);
        assert!(poll_once(pin!(&mut put)).is_pending());
        waiting.push(put);
    }
    let refused = store.apply(user(1, 0), set(1, BUSY, 5), at(0));
    assert_unavailable(refused.await, ErrorKind::WouldBlock);
    for put in waiting {
        put.await.unwrap();
    }
    store
        .apply(user(1, 0), set(1, BUSY, 5), at(0))
        .await
        .unwrap();
}

/// A snapshot that cannot be written costs nothing but space: the next attempt succeeds, and nothing
/// is lost on the way.
#[tokio::test]
async fn a_failing_snapshot_is_made_later() {
    let place = Place::compacting(Durability::Process);
    let store = place.try_open().unwrap();
    place.faults.fail_snapshot_writes(3);
    let mut step = 0;
    while place.snapshots().is_empty() {
        store
            .apply(user(1, step % 5), set(1, BUSY, 5), at(0))
            .await
            .unwrap();
        step += 1;
        wait_until(|| place.faults.failed() > 0 || step < 10).await;
    }
    assert_eq!(place.faults.failed(), 3);
    let before = records(&*store, 5).await;
    drop(store);
    assert_eq!(records(&*place.try_open().unwrap(), 5).await, before);
}

/// A second process, here a second store, is told that the directory is in use, and by what name.
#[tokio::test]
async fn a_directory_has_one_owner() {
    let place = Place::new(Durability::Process);
    let store = place.try_open().unwrap();
    let refused = place.try_open().map(drop).unwrap_err();
    let StoreError::Unavailable { operation, source } = refused else {
        panic!("it should be unavailable, and is {refused:?}");
    };
    assert_eq!(operation, "open the data directory");
    assert_eq!(source.kind(), ErrorKind::ResourceBusy);
    assert!(
        source
            .to_string()
            .contains(&place.path().display().to_string())
    );
    drop(store);
    place.try_open().unwrap();
}

/// What is written is for the owner's eyes only.
#[cfg(unix)]
#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::compacting(Durability::Process).below("data");
    let store = place.try_open().unwrap();
    for step in 0..40 {
        store
            .apply(user(1, step), set(1, BUSY, 5), at(0))
            .await
            .unwrap();
    }
    wait_until(|| !place.snapshots().is_empty()).await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.path()), 0o700);
    drop(store);
    for entry in std::fs::read_dir(place.path()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

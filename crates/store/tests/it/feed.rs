//! The feed's bounds, through snapshots and restarts.

use presenced_core::session::SessionState;
use presenced_store::testkit::{all_changes, at, set, user};
use presenced_store::{Changes, Cursor, Durability};

use crate::places::{Place, wait_until};

/// A reader whose cursor is older than what is kept is told so, before and after a restart, and so is
/// one whose cursor was never handed out; a cursor that is still kept is good in both.
#[tokio::test]
async fn a_gap_is_told() {
    let mut place = Place::compacting(Durability::Process);
    place.limits.feed_changes_max = 5;
    let mut store = place.try_open().unwrap();
    for step in 0..40 {
        let command = set(1, SessionState::ALL[step % 5], 60);
        let now = at(u64::try_from(step).unwrap());
        store.apply(user(1, 1), command, now).await.unwrap();
    }
    wait_until(|| !place.snapshots().is_empty()).await;
    let newest = store.newest().await.unwrap();
    assert_eq!(newest, Cursor(40));
    for _ in 0..3 {
        let gap = Changes::Gap { resume: newest };
        for lost in [0, 1, 34, 41, u64::MAX] {
            assert_eq!(store.changes(Cursor(lost), 10).await.unwrap(), gap);
        }
        for kept in 35..=40 {
            let rest = all_changes(&*store, Cursor(kept)).await;
            let cursors: Vec<u64> = rest.iter().map(|one| one.cursor.0).collect();
            assert_eq!(cursors, (kept + 1..=40).collect::<Vec<_>>());
        }
        // Who waits at a place that never was is not left waiting.
        store.wait_for_change(Cursor(41)).await;
        drop(store);
        store = place.try_open().unwrap();
    }
}

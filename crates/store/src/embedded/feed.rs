//! The change feed: the newest changes in commit order, in memory.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::contract::{Changes, Cursor, FeedChange};
use crate::limits::CHANGES_PER_BATCH_MAX;

/// The feed. Only what is committed ever gets here.
pub(crate) struct Feed {
    kept: Mutex<Kept>,
    /// The cursor of the newest change, for those who wait.
    newest: watch::Sender<Cursor>,
}

struct Kept {
    changes: VecDeque<FeedChange>,
    /// Changes up to here, this one included, are not kept.
    floor: Cursor,
    most: usize,
}

impl Feed {
    /// An empty feed that will keep at most this many changes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            kept: Mutex::new(Kept {
                changes: VecDeque::new(),
                floor: Cursor(0),
                most,
            }),
            newest: watch::Sender::new(Cursor(0)),
        }
    }

    /// Adds committed changes, in commit order, and wakes those who wait.
    pub(crate) fn publish(&self, changes: &[FeedChange]) {
        let Some(last) = changes.last() else { return };
        let mut kept = self.kept.lock();
        for change in changes {
            kept.push(*change);
        }
        // Under the lock, so that the newest cursor never goes back.
        self.newest.send_replace(last.cursor);
    }

    /// Begins an empty feed at `floor`, as a snapshot says.
    pub(crate) fn begin_at(&self, floor: Cursor) {
        let mut kept = self.kept.lock();
        kept.floor = floor;
        kept.changes.clear();
        self.newest.send_replace(floor);
    }

    /// The changes after `after`. A cursor that lies ahead of the newest change was not handed out
    /// by this feed's past (the data directory was replaced by an older one), so that it too is a
    /// gap: waiting for the feed to catch up with it would skip changes silently.
    pub(crate) fn after(&self, after: Cursor, at_most: usize) -> Changes {
        let kept = self.kept.lock();
        let newest = kept.newest();
        if after < kept.floor || after > newest {
            return Changes::Gap { resume: newest };
        }
        let start = kept.changes.partition_point(|one| one.cursor <= after);
        let batch = kept.changes.range(start..);
        Changes::Batch(
            batch
                .take(at_most.min(CHANGES_PER_BATCH_MAX))
                .copied()
                .collect(),
        )
    }

    /// How many changes it keeps.
    pub(crate) fn most(&self) -> usize {
        self.kept.lock().most
    }

    /// The cursor of the newest change.
    pub(crate) fn newest(&self) -> Cursor {
        self.kept.lock().newest()
    }

    /// Resolves once the newest change is not `after`.
    pub(crate) async fn wait(&self, after: Cursor) {
        let mut newest = self.newest.subscribe();
        // The sender lives as long as `self`, so that this cannot fail.
        let _closed = newest.wait_for(|newest| *newest != after).await;
    }

    /// The newest changes up to `commit`, at most `at_most`, and the floor below them.
    pub(crate) fn tail(&self, commit: u64, at_most: usize) -> (Cursor, Vec<FeedChange>) {
        let kept = self.kept.lock();
        let end = kept.changes.partition_point(|one| one.cursor.0 <= commit);
        let start = end.saturating_sub(at_most);
        let below = start.checked_sub(1).and_then(|at| kept.changes.get(at));
        let floor = below.map_or(kept.floor, |change| change.cursor);
        (floor, kept.changes.range(start..end).copied().collect())
    }
}

impl Kept {
    fn newest(&self) -> Cursor {
        self.changes.back().map_or(self.floor, |last| last.cursor)
    }

    fn push(&mut self, change: FeedChange) {
        if self.changes.len() >= self.most {
            let Some(oldest) = self.changes.pop_front() else {
                // Room for none at all.
                self.floor = change.cursor;
                return;
            };
            self.floor = oldest.cursor;
        }
        self.changes.push_back(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presenced_core::decide::Change;
    use presenced_core::id::{TenantId, UserId, UserKey};
    use presenced_core::presence::Presence;
    use presenced_core::time::Timestamp;

    fn change(cursor: u64) -> FeedChange {
        FeedChange {
            cursor: Cursor(cursor),
            user: UserKey {
                tenant: TenantId::from_u128(1),
                user: UserId::from_u128(1),
            },
            change: Change {
                presence: Presence::AWAY,
                sequence: cursor,
                at: Timestamp::from_millis(cursor),
            },
        }
    }

    fn cursors(changes: &Changes) -> Vec<u64> {
        match changes {
            Changes::Batch(batch) => batch.iter().map(|one| one.cursor.0).collect(),
            Changes::Gap { resume } => panic!("a gap, resume at {resume:?}"),
        }
    }

    /// A feed keeps its newest changes; a cursor from before them, or from a future that never was,
    /// is told so.
    #[test]
    fn what_is_not_kept_is_a_gap() {
        let feed = Feed::new(3);
        assert_eq!(feed.after(Cursor(0), 9), Changes::Batch(Vec::new()));
        feed.publish(&[change(2), change(5)]);
        assert_eq!(cursors(&feed.after(Cursor(0), 9)), [2, 5]);
        feed.publish(&[change(6), change(9)]);
        let gap = Changes::Gap { resume: Cursor(9) };
        assert_eq!(feed.after(Cursor(1), 9), gap);
        assert_eq!(cursors(&feed.after(Cursor(2), 2)), [5, 6]);
        assert_eq!(cursors(&feed.after(Cursor(9), 2)), [0; 0]);
        assert_eq!(feed.after(Cursor(10), 9), gap);
        assert_eq!(feed.newest(), Cursor(9));
    }

    /// The tail for a snapshot ends at the asked commit and begins where its floor says.
    #[test]
    fn the_tail_knows_its_floor() {
        let feed = Feed::new(9);
        feed.publish(&[change(2), change(5), change(6), change(9)]);
        assert_eq!(feed.tail(6, 2), (Cursor(2), vec![change(5), change(6)]));
        assert_eq!(feed.tail(7, 9).0, Cursor(0));
        assert_eq!(feed.tail(1, 9), (Cursor(0), Vec::new()));
    }
}

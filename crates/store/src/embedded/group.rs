//! Commits that go to the journal together.

use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use presenced_core::decide::Change;
use presenced_core::id::UserKey;
use presenced_core::time::Timestamp;
use tokio::sync::Notify;

use crate::contract::{Cursor, Document, DocumentKey, FeedChange, StoreError};
use crate::embedded::entry::Entry;
use crate::embedded::frame::begin_frame;

/// What became of a group. Each caller whose write is in it holds one.
#[derive(Default)]
pub(crate) struct Group {
    outcome: OnceLock<Result<(), Arc<io::Error>>>,
    decided: Notify,
}

impl Group {
    /// Says what became of it and wakes all who wait.
    pub(crate) fn decide(&self, outcome: Result<(), Arc<io::Error>>) {
        // A group is decided once, by the thread that holds the writer.
        let _first = self.outcome.set(outcome);
        self.decided.notify_waiters();
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// The outcome, as an answer for one of the callers; `None` while there is none.
    pub(crate) fn outcome(&self) -> Option<Result<(), StoreError>> {
        let outcome = self.outcome.get()?;
        Some(
            outcome
                .as_ref()
                .copied()
                .map_err(|error| unavailable(error)),
        )
    }

    /// Waits for the outcome.
    pub(crate) async fn wait(&self) -> Result<(), StoreError> {
        loop {
            // Made before the look at the outcome, so that no wake-up falls in between.
            let decided = self.decided.notified();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            decided.await;
        }
    }
}

/// The answer for a write that the journal did not take. Several callers share one cause, which
/// `io::Error` cannot be cloned for.
pub(crate) fn unavailable(error: &io::Error) -> StoreError {
    let source = match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    };
    StoreError::Unavailable {
        operation: "write the journal",
        source,
    }
}

/// A record to be written.
pub(crate) struct RecordWrite<'a> {
    pub(crate) user: UserKey,
    pub(crate) old: &'a [u8],
    pub(crate) new: &'a [u8],
    pub(crate) change: Option<Change>,
    pub(crate) as_of: Timestamp,
}

impl RecordWrite<'_> {
    /// What the feed is told, if anything, once this is commit number `commit`.
    pub(crate) fn change_at(&self, commit: u64) -> Option<FeedChange> {
        self.change.map(|change| FeedChange {
            cursor: Cursor(commit),
            user: self.user,
            change,
        })
    }
}

/// What a group would have to take back should it not be written: the old states, in the order in
/// which they were replaced. One buffer holds the bytes of all, so that a write costs a copy and no
/// allocation.
#[derive(Default)]
pub(crate) struct Undo {
    steps: Vec<Step>,
    bytes: Vec<u8>,
}

enum Step {
    Record(UserKey, Range<usize>),
    Document(DocumentKey, Option<Document>),
}

/// One state to put back.
pub(crate) enum UndoStep<'a> {
    /// The record of a user, as bytes; none where there was no record.
    Record(UserKey, &'a [u8]),
    /// A document, or that there was none.
    Document(DocumentKey, Option<Document>),
}

impl Undo {
    pub(crate) fn push_record(&mut self, user: UserKey, old: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(old);
        self.steps.push(Step::Record(user, start..self.bytes.len()));
    }

    pub(crate) fn push_document(&mut self, key: DocumentKey, old: Option<Document>) {
        self.steps.push(Step::Document(key, old));
    }

    /// Hands out the steps, the last first.
    pub(crate) fn run(self, mut each: impl FnMut(UndoStep<'_>)) {
        for step in self.steps.into_iter().rev() {
            match step {
                Step::Record(user, range) => {
                    each(UndoStep::Record(
                        user,
                        self.bytes.get(range).unwrap_or_default(),
                    ));
                }
                Step::Document(key, old) => each(UndoStep::Document(key, old)),
            }
        }
    }

    fn clear(&mut self) {
        self.steps.clear();
        self.bytes.clear();
    }
}

/// The contents of a group while it is filled and written.
pub(crate) struct Batch {
    /// Its number among those who wait.
    pub(crate) group: Arc<Group>,
    /// The frame: room for the header, then the entries.
    pub(crate) frame: Vec<u8>,
    /// How many entries it has.
    pub(crate) entries: u64,
    /// The commit number of its first entry.
    pub(crate) first: u64,
    /// How to take it back.
    pub(crate) undo: Undo,
    /// What the feed is told once it is written.
    pub(crate) changes: Vec<FeedChange>,
    /// The latest time in it.
    pub(crate) latest: Timestamp,
}

impl Batch {
    /// An empty batch whose entries will be counted from `first`.
    pub(crate) fn new(first: u64) -> Self {
        let mut batch = Self {
            group: Arc::default(),
            frame: Vec::new(),
            entries: 0,
            first,
            undo: Undo::default(),
            changes: Vec::new(),
            latest: Timestamp::EPOCH,
        };
        batch.reset(first);
        batch
    }

    /// Empties this batch for its next use, and keeps its memory.
    pub(crate) fn reset(&mut self, first: u64) {
        self.group = Arc::default();
        self.frame.clear();
        begin_frame(&mut self.frame);
        self.entries = 0;
        self.first = first;
        self.undo.clear();
        self.changes.clear();
        self.latest = Timestamp::EPOCH;
    }

    /// Adds a record, its change, and how to take it back.
    pub(crate) fn add_record(&mut self, write: &RecordWrite<'_>) {
        self.changes.extend(write.change_at(self.next()));
        self.latest = self.latest.max(write.as_of);
        self.undo.push_record(write.user, write.old);
        self.add(&Entry::Record {
            user: write.user,
            changed: write.change.is_some(),
            bytes: write.new,
        });
    }

    /// Adds an entry by itself.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        entry.write(&mut self.frame);
        self.entries += 1;
    }

    /// The number of the next entry.
    pub(crate) const fn next(&self) -> u64 {
        self.first + self.entries
    }
}

//! Reading the data directory back. The rules are described in the README, section "Recovery".

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::codec::{Reader, Unreadable};
use crate::contract::{Cursor, Document, StoreError};
use crate::embedded::compaction::remove_superseded;
use crate::embedded::directory::{Directory, Listing, cannot_open};
use crate::embedded::entry::{Entry, SnapshotEnd};
use crate::embedded::frame::{BadFile, FileKind, Found, FrameReader, Salt};
use crate::embedded::journal::Start;
use crate::embedded::replay::{Share, in_shares};
use crate::embedded::state::State;
use crate::limits::{JOURNAL_FILES_MAX, SNAPSHOT_BYTES_PER_USER};

const RESTORE: &str = "restore the directory from a backup";
const RESTORE_OR_CUT: &str = "restore the directory from a backup; or, to go on without anything \
     that was written from there on, cut the file there (truncate -s OFFSET FILE) and move away the \
     journals with higher numbers";

/// What a start found.
pub(crate) struct Recovered {
    /// Where the journal goes on.
    pub(crate) start: Start,
    /// The commit of the snapshot that was read; 0 where there was none.
    pub(crate) snapshot: u64,
    /// Whether there are so many journals that a snapshot is due.
    pub(crate) many_journals: bool,
}

/// Reads snapshot and journals into `state`, cuts off what a crash left half-written, and begins
/// the journal that this process writes.
pub(crate) fn recover(
    directory: &Directory,
    state: &State,
    compact_after_bytes: u64,
) -> Result<Recovered, StoreError> {
    let failed = |error| cannot_open(directory.path(), &error);
    let listing = directory.list().map_err(failed)?;
    for path in &listing.unfinished {
        std::fs::remove_file(path).map_err(|error| cannot_open(path, &error))?;
    }
    let snapshot = listing.snapshots.last().copied().unwrap_or(0);
    let snapshot_path = directory.path_of(FileKind::Snapshot, snapshot);
    if snapshot > 0 {
        let found = std::fs::metadata(&snapshot_path);
        let bytes = found.map_err(|error| cannot_open(&snapshot_path, &error))?;
        let users = bytes.len() / SNAPSHOT_BYTES_PER_USER;
        state.table.expect_users(users);
    }
    let read = in_shares(state, directory.path(), |share| {
        let mut replay = Replay {
            share,
            next: 1,
            totals: Totals::default(),
        };
        let mut snapshot_bytes = 0;
        if snapshot > 0 {
            snapshot_bytes = replay.snapshot(&snapshot_path, snapshot)?;
        }
        let journals = replay.journals(directory, &listing, snapshot)?;
        Ok((snapshot_bytes, journals, replay.next, replay.totals))
    })?;
    let (snapshot_bytes, (journals, journal_bytes, newest), next, totals) = read;
    remove_superseded(directory, snapshot).map_err(failed)?;
    let start = begin_journal(directory, newest, next).map_err(failed)?;
    totals.log(directory);
    Ok(Recovered {
        start: Start {
            since_snapshot: journal_bytes,
            compact_at: compact_after_bytes.max(snapshot_bytes),
            ..start
        },
        snapshot,
        many_journals: journals >= JOURNAL_FILES_MAX,
    })
}

/// The newest journal, as far as it is good.
struct Newest {
    number: u64,
    salt: Salt,
    length: u64,
}

/// Cuts the newest journal to its good part. A journal that holds no commit is written on, since a
/// new one would have its name; otherwise a new one is begun, so that a file is only ever torn at
/// the end of one process.
fn begin_journal(
    directory: &Directory,
    newest: Option<Newest>,
    next: u64,
) -> std::io::Result<Start> {
    let mut cut = None;
    if let Some(newest) = newest {
        let file = directory.go_on(newest.number, newest.salt, newest.length)?;
        // Before anything follows it: a torn end in an older journal would be refused.
        file.sync()?;
        cut = Some((file, newest.number));
    }
    let (file, first) = match cut {
        Some((file, number)) if number == next => (file, number),
        _ => {
            let mut file = directory.begin(FileKind::Journal)?;
            file.sync()?;
            directory.publish(&mut file, next)?;
            (file, next)
        }
    };
    Ok(Start {
        file,
        first,
        next,
        since_snapshot: 0,
        compact_at: 0,
    })
}

/// The reading of all files, for one share of what stands in them.
struct Replay<'a, 'b> {
    share: &'a mut Share<'b>,
    /// The number of the next commit.
    next: u64,
    totals: Totals,
}

/// What is logged about a start.
#[derive(Default)]
struct Totals {
    entries: u64,
    frames: u64,
    bytes: u64,
    torn: u64,
}

impl Totals {
    fn log(&self, directory: &Directory) {
        tracing::info!(
            directory = %directory.path().display(),
            entries = self.entries,
            frames = self.frames,
            bytes = self.bytes,
            "read the stored data"
        );
        if self.torn > 0 {
            tracing::warn!(
                directory = %directory.path().display(),
                bytes = self.torn,
                "cut off a write that was never completed, and so never answered"
            );
        }
    }
}

impl Replay<'_, '_> {
    /// Reads a snapshot, and returns its length.
    fn snapshot(&mut self, path: &Path, number: u64) -> Result<u64, StoreError> {
        let mut reader = open(path, FileKind::Snapshot)?;
        let mut changes = Vec::new();
        let mut entries = 0;
        let mut end: Option<SnapshotEnd> = None;
        loop {
            let at = Place(path, reader.offset());
            let payload = match reader.next().map_err(|error| cannot_open(path, &error))? {
                Found::End => break,
                Found::Damage { problem, .. } => return Err(at.corrupt(problem, RESTORE)),
                Found::Frame { first, .. } if first != entries || end.is_some() => {
                    return Err(at.corrupt("a part of the snapshot is missing", RESTORE));
                }
                Found::Frame { payload, .. } => payload,
            };
            let mut payload = Reader::new(payload);
            while !payload.is_empty() {
                match Entry::read(&mut payload).map_err(|error| at.unreadable(error))? {
                    Entry::SnapshotEnd(last) if last.entries == entries => end = Some(last),
                    Entry::SnapshotEnd(_) => {
                        return Err(at.corrupt("a part of the snapshot is missing", RESTORE));
                    }
                    Entry::Change(change) => changes.push(change),
                    entry @ (Entry::Record { .. }
                    | Entry::Time(_)
                    | Entry::PutDocument { .. }
                    | Entry::DeleteDocument { .. }) => {
                        self.entry(entry).map_err(|error| at.unreadable(error))?;
                    }
                }
                entries += 1;
            }
            self.end_frame();
        }
        let at = Place(path, reader.offset());
        let Some(end) = end.filter(|end| end.commit == number) else {
            return Err(at.corrupt("the end of the snapshot is missing", RESTORE));
        };
        if let Some(state) = self.share.state() {
            state.feed.begin_at(end.feed_floor);
            state.feed.publish(&changes);
        }
        self.next = number + 1;
        self.totals.entries += entries;
        self.totals.bytes += reader.offset();
        Ok(reader.offset())
    }

    /// Reads all journals after the snapshot: how many they are, their bytes, and the newest.
    fn journals(
        &mut self,
        directory: &Directory,
        listing: &Listing,
        snapshot: u64,
    ) -> Result<(usize, u64, Option<Newest>), StoreError> {
        let after = listing.journals.iter().filter(|number| **number > snapshot);
        let numbers: Vec<u64> = after.copied().collect();
        let mut bytes = 0;
        let mut newest = None;
        for (index, number) in numbers.iter().copied().enumerate() {
            let path = directory.path_of(FileKind::Journal, number);
            if number != self.next {
                return Err(self.missing(&path, number));
            }
            let last = index + 1 == numbers.len();
            let mut reader = open(&path, FileKind::Journal)?;
            let length = self.journal(&path, &mut reader, last)?;
            bytes += length;
            newest = Some(Newest {
                number,
                salt: reader.salt(),
                length,
            });
        }
        // The journal that was begun with the snapshot must be there: without it, everything that
        // was committed since would be missing without a trace.
        if snapshot > 0 && numbers.is_empty() {
            let path = directory.path_of(FileKind::Journal, snapshot + 1);
            return Err(self.missing(&path, snapshot + 1));
        }
        Ok((numbers.len(), bytes, newest))
    }

    fn missing(&self, path: &Path, number: u64) -> StoreError {
        StoreError::Corrupt {
            place: path.display().to_string(),
            problem: format!(
                "commits {} to {} are missing: a journal or a snapshot is not there",
                self.next,
                number.max(self.next + 1) - 1
            ),
            remedy: RESTORE,
        }
    }

    /// Reads one journal, and returns how much of it is good. Only the newest may have a torn end.
    fn journal(
        &mut self,
        path: &Path,
        reader: &mut FrameReader,
        newest: bool,
    ) -> Result<u64, StoreError> {
        let io = |error| cannot_open(path, &error);
        loop {
            let at = Place(path, reader.offset());
            let (offset, problem) = match reader.next().map_err(io)? {
                Found::End => break,
                Found::Damage { offset, problem } => (offset, problem),
                Found::Frame { first, payload, .. } if first == self.next => {
                    self.frame(payload).map_err(|error| at.unreadable(error))?;
                    continue;
                }
                Found::Frame { .. } => {
                    return Err(at.corrupt("a part of the journal is missing", RESTORE_OR_CUT));
                }
            };
            if !newest || reader.whole_frame_after(offset).map_err(io)? {
                return Err(at.corrupt(problem, RESTORE_OR_CUT));
            }
            let length = std::fs::metadata(path).map_err(io)?.len();
            self.totals.torn += length.saturating_sub(offset);
            break;
        }
        self.totals.bytes += reader.offset();
        Ok(reader.offset())
    }

    fn frame(&mut self, payload: &[u8]) -> Result<(), Unreadable> {
        let mut payload = Reader::new(payload);
        while !payload.is_empty() {
            self.entry(Entry::read(&mut payload)?)?;
            self.next += 1;
            self.totals.entries += 1;
        }
        self.end_frame();
        Ok(())
    }

    fn end_frame(&mut self) {
        self.share.end_frame();
        self.totals.frames += 1;
    }

    /// Carries out one entry, as far as it belongs to the share.
    fn entry(&mut self, entry: Entry<'_>) -> Result<(), Unreadable> {
        match entry {
            Entry::Record {
                user,
                changed,
                bytes,
            } => {
                let told = changed.then_some(Cursor(self.next));
                self.share.put(user, bytes, told)?;
            }
            Entry::PutDocument {
                key,
                revision,
                body,
            } => {
                if let Some(state) = self.share.state() {
                    let body = body.to_vec();
                    let document = Document { revision, body };
                    state.documents.restore(key, Some(document));
                }
            }
            Entry::DeleteDocument { key } => {
                if let Some(state) = self.share.state() {
                    state.documents.restore(key, None);
                }
            }
            Entry::Time(now) => self.share.meet(now),
            Entry::Change(_) | Entry::SnapshotEnd(_) => {
                return Err(Unreadable("it has an entry that belongs elsewhere"));
            }
        }
        Ok(())
    }
}

fn open(path: &Path, kind: FileKind) -> Result<FrameReader, StoreError> {
    let file = File::open(path).map_err(|error| cannot_open(path, &error))?;
    FrameReader::new(file, kind).map_err(|bad| match bad {
        BadFile::Header(problem) => Place(path, 0).corrupt(problem, RESTORE),
        BadFile::Io(error) => cannot_open(path, &error),
    })
}

/// A place in a file, for a message.
pub(crate) struct Place<'a>(pub(crate) &'a Path, pub(crate) u64);

impl Place<'_> {
    fn corrupt(&self, problem: &str, remedy: &'static str) -> StoreError {
        let path: PathBuf = self.0.into();
        StoreError::Corrupt {
            place: format!("{} at offset {}", path.display(), self.1),
            problem: problem.to_owned(),
            remedy,
        }
    }

    /// The checksum is right, so that this is what somebody wrote: not damage but another version.
    pub(crate) fn unreadable(&self, unreadable: Unreadable) -> StoreError {
        self.corrupt(
            unreadable.0,
            "start the version of presenced that wrote it, or restore the directory from a backup",
        )
    }
}

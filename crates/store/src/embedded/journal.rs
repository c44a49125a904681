//! Group commit: many writes, one append.
//!
//! A write joins the pending batch while it holds its user's lock, so that the journal's order is
//! the order of decisions, and changes memory at once. Whoever comes first to the writer takes the
//! whole batch and appends it in one system call; everybody else finds the work done. Memory is
//! thus ahead of the journal by one batch at most; if that batch cannot be written, it is taken
//! back, and with it what was decided on top of it.
//!
//! Locks, in the order in which they may be taken: the writer; a shard or the documents; the
//! pending batch; feed and deadlines.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};
use presenced_core::time::Timestamp;

use crate::config::Durability;
use crate::contract::{Document, DocumentKey, Revision, StoreError};
use crate::embedded::directory::{DataFile, Directory};
use crate::embedded::entry::Entry;
use crate::embedded::frame::{FileKind, seal_frame};
use crate::embedded::group::{Batch, Group, RecordWrite, unavailable};
use crate::embedded::signal::Signal;
use crate::embedded::state::State;
use crate::limits::{PENDING_BYTES_MAX, SPARE_BYTES_MAX};

/// The journal.
pub(crate) struct Journal {
    state: Arc<State>,
    durability: Durability,
    pending: Mutex<Pending>,
    /// Wakes the thread that writes in `disk` durability.
    work: Condvar,
    writer: Mutex<Writer>,
    /// How many batches could not be written: a snapshot that was begun before one may hold what
    /// was taken back.
    failures: AtomicU64,
    /// Asks for a snapshot.
    pub(crate) compaction: Signal,
}

struct Pending {
    batch: Batch,
    /// The batch that is being written.
    in_flight: Option<Arc<Group>>,
    /// Why no write is taken just now.
    refusal: Option<Arc<io::Error>>,
    /// An empty frame is to be written, to see whether that works again.
    probe: bool,
    closed: bool,
}

struct Writer {
    file: DataFile,
    /// The number of the first commit that this file can hold.
    first: u64,
    /// A used batch, for its memory.
    spare: Option<Batch>,
    /// Why the last write failed, if it did.
    last_error: Option<Arc<io::Error>>,
    /// Whether a sync has failed or the file could not be cut back: it is never written to again.
    broken: bool,
    /// Whether what was refused may still stand in the file, where a restart would find it.
    uncut: bool,
    /// Journal bytes since the last snapshot.
    since_snapshot: u64,
    /// How many of them ask for the next one.
    compact_at: u64,
}

/// Where a journal begins to write.
pub(crate) struct Start {
    pub(crate) file: DataFile,
    /// The number that the file's name says.
    pub(crate) first: u64,
    /// The number of the next commit.
    pub(crate) next: u64,
    pub(crate) since_snapshot: u64,
    pub(crate) compact_at: u64,
}

/// What [`Journal::rotate`] left behind.
pub(crate) struct Rotated {
    /// The last commit before the file that is now written to.
    pub(crate) commit: u64,
    /// The finished file, if there is one, still to be synced.
    pub(crate) finished: Option<std::fs::File>,
    /// Journal bytes that a snapshot of this commit makes superfluous.
    pub(crate) covered: u64,
}

impl Journal {
    pub(crate) fn new(state: Arc<State>, durability: Durability, start: Start) -> Self {
        Self {
            state,
            durability,
            pending: Mutex::new(Pending {
                batch: Batch::new(start.next),
                in_flight: None,
                refusal: None,
                probe: false,
                closed: false,
            }),
            work: Condvar::new(),
            writer: Mutex::new(Writer {
                file: start.file,
                first: start.first,
                spare: None,
                last_error: None,
                broken: false,
                uncut: false,
                since_snapshot: start.since_snapshot,
                compact_at: start.compact_at,
            }),
            failures: AtomicU64::new(0),
            compaction: Signal::default(),
        }
    }

    /// Puts records into the pending batch, all or none. The caller holds their users' lock and
    /// changes memory right afterwards.
    pub(crate) fn append_records(
        &self,
        writes: &[RecordWrite<'_>],
    ) -> Result<Arc<Group>, StoreError> {
        let mut pending = self.admit()?;
        for write in writes {
            pending.batch.add_record(write);
        }
        Ok(self.join(&pending))
    }

    /// Puts a document into the pending batch: its revision is the number of the commit, so that it
    /// grows also when a document is removed and made anew.
    pub(crate) fn append_document(
        &self,
        key: DocumentKey,
        old: Option<&Document>,
        body: &[u8],
    ) -> Result<(Revision, Arc<Group>), StoreError> {
        let mut pending = self.admit()?;
        let revision = Revision(pending.batch.next());
        pending.batch.undo.push_document(key, old.cloned());
        pending.batch.add(&Entry::PutDocument {
            key,
            revision,
            body,
        });
        Ok((revision, self.join(&pending)))
    }

    /// Puts the end of a document into the pending batch.
    pub(crate) fn append_delete(
        &self,
        key: DocumentKey,
        old: &Document,
    ) -> Result<Arc<Group>, StoreError> {
        let mut pending = self.admit()?;
        pending.batch.undo.push_document(key, Some(old.clone()));
        pending.batch.add(&Entry::DeleteDocument { key });
        Ok(self.join(&pending))
    }

    /// Puts a time into the pending batch. Should the batch be taken back, there is nothing to put
    /// as it was: the time counts from the moment it is written.
    pub(crate) fn append_time(&self, now: Timestamp) -> Result<Arc<Group>, StoreError> {
        let mut pending = self.admit()?;
        pending.batch.latest = pending.batch.latest.max(now);
        pending.batch.add(&Entry::Time(now));
        Ok(self.join(&pending))
    }

    /// The group that an answer has to wait for which was decided on what is in memory now: the
    /// newest that is not written yet. Without it, "there is no such session" could be said because
    /// of a removal that is taken back a moment later.
    pub(crate) fn unsettled(&self) -> Option<Arc<Group>> {
        let pending = self.pending.lock();
        if pending.batch.entries > 0 {
            return Some(Arc::clone(&pending.batch.group));
        }
        pending.in_flight.clone()
    }

    /// Makes sure that the group is written, or found out not to be.
    pub(crate) async fn settle(&self, group: Arc<Group>) -> Result<(), StoreError> {
        match self.durability {
            Durability::Disk => group.wait().await,
            Durability::Process => {
                let promise = Promise {
                    journal: self,
                    group,
                };
                // Lets the other requests that this worker has ready join the batch.
                tokio::task::yield_now().await;
                self.write_group(&promise.group);
                promise.group.wait().await
            }
        }
    }

    fn write_group(&self, group: &Group) {
        if !group.is_decided() {
            let mut writer = self.writer.lock();
            // Whoever had the writer before may have written this group; if not, it is pending.
            if !group.is_decided() {
                self.write_pending(&mut writer);
            }
        }
    }

    /// Writes whatever is pending, on this thread. When it returns, nothing is in flight.
    pub(crate) fn flush(&self) {
        self.write_pending(&mut self.writer.lock());
    }

    /// Writes batch after batch, on a thread of its own, until the journal is closed: a sync takes
    /// far too long for a thread that serves requests.
    pub(crate) fn run_writer(&self) {
        loop {
            let mut pending = self.pending.lock();
            while !pending.has_work() {
                if pending.closed {
                    return;
                }
                self.work.wait(&mut pending);
            }
            drop(pending);
            self.flush();
        }
    }

    /// Whether writes are taken. After a failed write this tries an empty one, so that a disk that
    /// has got room is found out though nobody sends writes to a server that is not ready.
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        if self.writer_error().is_some() {
            let group = {
                let mut pending = self.admit()?;
                pending.probe = true;
                Arc::clone(&pending.batch.group)
            };
            self.work.notify_one();
            self.settle(group).await?;
        }
        self.admit().map(drop)
    }

    fn writer_error(&self) -> Option<Arc<io::Error>> {
        let mut writer = self.writer.lock();
        // Where it fails again there is nothing new to say; the next look, or the end, tries anew.
        let _cut = writer.cut_again();
        writer.last_error.clone()
    }

    /// Takes no more writes, and writes and syncs what there is. A file that is not trusted any more
    /// is only cut back, if that is still to do.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.pending.lock().closed = true;
        self.work.notify_all();
        let mut writer = self.writer.lock();
        self.write_pending(&mut writer);
        if writer.broken {
            writer.cut_again()
        } else {
            writer.file.sync()
        }
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Acquire)
    }

    /// Goes over to a new journal file, so that a snapshot can take the place of those before it.
    pub(crate) fn rotate(&self, directory: &Directory) -> io::Result<Rotated> {
        let mut file = directory.begin(FileKind::Journal)?;
        file.sync()?;
        let mut writer = self.writer.lock();
        let next = self.pending.lock().batch.first;
        let mut rotated = Rotated {
            commit: next - 1,
            finished: None,
            covered: writer.since_snapshot,
        };
        if writer.broken {
            return Err(io::Error::other("the journal cannot be written"));
        }
        if next == writer.first {
            return Ok(rotated);
        }
        directory.publish(&mut file, next)?;
        rotated.finished = Some(writer.file.second_handle()?);
        writer.file = file;
        writer.first = next;
        Ok(rotated)
    }

    /// A snapshot was made: so many journal bytes need no longer be read at a start.
    pub(crate) fn compacted(&self, covered: u64, compact_at: u64) {
        let mut writer = self.writer.lock();
        writer.since_snapshot = writer.since_snapshot.saturating_sub(covered);
        writer.compact_at = compact_at;
    }

    /// No snapshot could be made: tries again after as many bytes more.
    pub(crate) fn put_off_compaction(&self, by: u64) {
        let mut writer = self.writer.lock();
        writer.compact_at = writer.since_snapshot.saturating_add(by);
    }

    fn admit(&self) -> Result<MutexGuard<'_, Pending>, StoreError> {
        let pending = self.pending.lock();
        if let Some(error) = &pending.refusal {
            return Err(unavailable(error));
        }
        if pending.closed {
            return Err(StoreError::Unavailable {
                operation: "write the journal",
                source: io::Error::other("the store is closed"),
            });
        }
        if pending.batch.frame.len() >= PENDING_BYTES_MAX {
            return Err(StoreError::Unavailable {
                operation: "queue the write",
                source: io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "the disk is slower than the writes, and as many as may wait are waiting",
                ),
            });
        }
        Ok(pending)
    }

    /// The group that what has just been added belongs to.
    fn join(&self, pending: &Pending) -> Arc<Group> {
        if self.durability == Durability::Disk {
            self.work.notify_one();
        }
        Arc::clone(&pending.batch.group)
    }

    fn write_pending(&self, writer: &mut Writer) {
        let mut batch = {
            let mut pending = self.pending.lock();
            if !pending.has_work() {
                return;
            }
            pending.probe = false;
            let next = pending.batch.next();
            let mut fresh = writer.spare.take().unwrap_or_else(|| Batch::new(next));
            fresh.reset(next);
            pending.in_flight = Some(Arc::clone(&pending.batch.group));
            std::mem::replace(&mut pending.batch, fresh)
        };
        match self.write_batch(writer, &mut batch) {
            Ok(()) => {
                self.state.publish(&batch.changes, batch.latest);
                self.pending.lock().in_flight = None;
                batch.group.decide(Ok(()));
                writer.last_error = None;
                if writer.since_snapshot >= writer.compact_at {
                    self.compaction.ask();
                }
                if batch.frame.capacity() <= SPARE_BYTES_MAX {
                    writer.spare = Some(batch);
                }
            }
            Err(error) => self.take_back(writer, batch, error),
        }
    }

    fn write_batch(&self, writer: &mut Writer, batch: &mut Batch) -> io::Result<()> {
        seal_frame(&mut batch.frame, batch.first, writer.file.salt());
        let before = writer.file.length();
        writer.file.append(&batch.frame)?;
        if self.durability == Durability::Disk
            && let Err(error) = writer.file.sync()
        {
            // The system may have dropped the pages it could not write and call the next sync a
            // success, so that nothing this file is told from now on can be trusted. What was
            // synced before is safe: a restart reads that and begins a new file.
            writer.broken = true;
            writer.file.forget_behind(before);
            return Err(error);
        }
        writer.since_snapshot += batch.frame.len() as u64;
        Ok(())
    }

    /// The batch could not be written: puts memory back as it was before it and before everything
    /// that was decided on top of it.
    fn take_back(&self, writer: &mut Writer, batch: Batch, error: io::Error) {
        tracing::error!(
            file = %writer.file.path().display(),
            error = &error as &dyn std::error::Error,
            "the journal cannot be written; the writes that waited for it are answered unavailable"
        );
        let error = Arc::new(error);
        let joined = {
            let mut pending = self.pending.lock();
            // From here until memory is as it was, no write may build on what goes away.
            pending.refusal = Some(Arc::clone(&error));
            std::mem::replace(&mut pending.batch, Batch::new(batch.first))
        };
        self.failures.fetch_add(1, Ordering::AcqRel);
        if let Err(error) = writer.file.cut_back() {
            writer.broken = true;
            writer.uncut = true;
            tracing::error!(
                file = %writer.file.path().display(),
                error = &error as &dyn std::error::Error,
                "nor can what was written be cut off; no write is taken until a restart"
            );
        }
        self.state.undo(joined.undo);
        self.state.undo(batch.undo);
        {
            let mut pending = self.pending.lock();
            pending.in_flight = None;
            if !writer.broken {
                pending.refusal = None;
            }
        }
        writer.last_error = Some(Arc::clone(&error));
        batch.group.decide(Err(Arc::clone(&error)));
        joined.group.decide(Err(error));
    }
}

impl Pending {
    const fn has_work(&self) -> bool {
        self.batch.entries > 0 || self.probe
    }
}

impl Writer {
    /// Tries again to cut off what could not be cut off when it was refused.
    fn cut_again(&mut self) -> io::Result<()> {
        if self.uncut {
            self.file.cut_back()?;
            self.uncut = false;
            tracing::info!(
                file = %self.file.path().display(),
                "what was refused could be cut off after all"
            );
        }
        Ok(())
    }
}

/// A write that stands in a batch and whose caller waits for it. Should the caller go away, the
/// write is made all the same: nobody else may come by who would make it.
struct Promise<'a> {
    journal: &'a Journal,
    group: Arc<Group>,
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        self.journal.write_group(&self.group);
    }
}

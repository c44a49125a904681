//! The embedded store behind the contract.

use std::future::ready;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use presenced_core::decide::{Command, Decision, decide};
use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_core::time::Timestamp;

use crate::config::{Durability, EmbeddedConfig, Limits};
use crate::contract::{
    Applied, ApplyError, Changes, Cursor, Document, DocumentKey, DocumentKind, Expired, Pending,
    Revision, Store, StoreError, UserPlace, Users,
};
use crate::embedded::compaction::Compactor;
use crate::embedded::directory::{Directory, DirectoryLock, cannot_open};
use crate::embedded::expiry::Due;
use crate::embedded::group::{Group, RecordWrite};
use crate::embedded::journal::Journal;
use crate::embedded::recovery::recover;
use crate::embedded::state::State;
use crate::embedded::table::Place;

/// The store: memory, and a log of what is done to it.
pub(crate) struct Embedded {
    pub(crate) state: Arc<State>,
    log: Log,
    /// Held during a round of ticks, so that two rounds do not take each other's deadlines.
    pub(crate) expiry: Mutex<Due>,
}

/// Where commits get their numbers, and whether they are written down.
enum Log {
    /// Nowhere: the number of the next commit is all there is.
    Memory(Mutex<u64>),
    /// In files.
    Journal(Running),
}

/// The journal with its threads.
struct Running {
    journal: Arc<Journal>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    lock: Arc<Mutex<Option<DirectoryLock>>>,
}

/// An answer, and the group that must be written before it may be given.
struct Staged<T> {
    answer: T,
    group: Option<Arc<Group>>,
}

impl Embedded {
    /// A store in memory only.
    pub(crate) fn in_memory(limits: &Limits) -> Self {
        Self {
            state: Arc::new(State::new(limits.feed_changes_max, limits.documents_max)),
            log: Log::Memory(Mutex::new(1)),
            expiry: Mutex::default(),
        }
    }

    /// The store in a directory, with everything that was committed there.
    pub(crate) fn in_directory(config: EmbeddedConfig) -> Result<Self, StoreError> {
        let limits = config.limits;
        let (directory, lock) = Directory::open(config.directory, config.faults)?;
        let state = Arc::new(State::new(limits.feed_changes_max, limits.documents_max));
        let recovered = recover(&directory, &state, limits.compact_after_bytes)?;
        let journal = Journal::new(Arc::clone(&state), config.durability, recovered.start);
        let journal = Arc::new(journal);
        let directory = Arc::new(directory);
        if recovered.many_journals {
            journal.compaction.ask();
        }
        let running = Running {
            journal: Arc::clone(&journal),
            threads: Arc::default(),
            lock: Arc::new(Mutex::new(Some(lock))),
        };
        let failed = |error| cannot_open(directory.path(), &error);
        let compactor = Compactor {
            journal: Arc::clone(&journal),
            state: Arc::clone(&state),
            directory: Arc::clone(&directory),
            last: recovered.snapshot,
            after_bytes: limits.compact_after_bytes,
        };
        running
            .spawn("presenced-snap", move || compactor.run())
            .map_err(failed)?;
        if config.durability == Durability::Disk {
            running
                .spawn("presenced-jrnl", move || journal.run_writer())
                .map_err(failed)?;
        }
        Ok(Self {
            state,
            log: Log::Journal(running),
            expiry: Mutex::default(),
        })
    }

    /// Decides and writes a command to memory and into the pending batch.
    fn stage(
        &self,
        user: UserKey,
        command: &Command,
        now: Timestamp,
    ) -> Result<Staged<Result<Applied, ApplyError>>, StoreError> {
        self.state.table.at(user, |place| {
            let record = place.record()?;
            let answer = match decide(&record, command, now) {
                Ok(Some(decision)) => {
                    let group = self.write(user, place, &decision)?;
                    let Decision { record, change } = decision;
                    return Ok(Staged {
                        answer: Ok(Applied { record, change }),
                        group,
                    });
                }
                Ok(None) => Ok(Applied {
                    record,
                    change: None,
                }),
                Err(refusal) => Err(ApplyError::Refused(refusal)),
            };
            Ok(Staged {
                answer,
                group: self.unsettled(),
            })
        })
    }

    /// Commits a decision: the pending batch first, which may refuse it, then memory. The caller
    /// waits for the group, outside of the lock.
    fn write(
        &self,
        user: UserKey,
        place: &mut Place<'_>,
        decision: &Decision,
    ) -> Result<Option<Arc<Group>>, StoreError> {
        let Decision { record, change } = decision;
        let mut group = None;
        let (slot_ref, slot) = place.replace(record, |old, new| {
            group = self.log(&[RecordWrite {
                user,
                old,
                new,
                change: *change,
                as_of: record.as_of,
            }])?;
            Ok(())
        })?;
        self.state.index(slot_ref, slot, record);
        Ok(group)
    }

    /// Gives records their commit numbers, and puts them into the pending batch where there is a
    /// journal: all of them or none.
    pub(crate) fn log(&self, writes: &[RecordWrite<'_>]) -> Result<Option<Arc<Group>>, StoreError> {
        match &self.log {
            Log::Memory(next) => {
                let mut next = next.lock();
                for write in writes {
                    let change = write.change_at(*next);
                    self.state.publish(change.as_slice(), write.as_of);
                    *next += 1;
                }
                Ok(None)
            }
            Log::Journal(running) => running.journal.append_records(writes).map(Some),
        }
    }

    fn unsettled(&self) -> Option<Arc<Group>> {
        match &self.log {
            Log::Memory(_) => None,
            Log::Journal(running) => running.journal.unsettled(),
        }
    }

    async fn settle(&self, group: Option<Arc<Group>>) -> Result<(), StoreError> {
        match (&self.log, group) {
            (Log::Journal(running), Some(group)) => running.journal.settle(group).await,
            (Log::Journal(_), None) | (Log::Memory(_), _) => Ok(()),
        }
    }

    fn stage_put(
        &self,
        key: DocumentKey,
        expected: Option<Revision>,
        body: &[u8],
    ) -> Staged<Result<Revision, StoreError>> {
        let mut group = None;
        let answer = self
            .state
            .documents
            .put(key, expected, body, |old| match &self.log {
                Log::Memory(next) => {
                    let mut next = next.lock();
                    let revision = Revision(*next);
                    *next += 1;
                    Ok(revision)
                }
                Log::Journal(running) => {
                    let (revision, joined) = running.journal.append_document(key, old, body)?;
                    group = Some(joined);
                    Ok(revision)
                }
            });
        Staged {
            group: group.or_else(|| self.unsettled()),
            answer,
        }
    }

    fn stage_delete(&self, key: DocumentKey) -> Staged<Result<bool, StoreError>> {
        let mut group = None;
        let answer = self.state.documents.delete(key, |old| {
            match &self.log {
                Log::Memory(next) => *next.lock() += 1,
                Log::Journal(running) => {
                    group = Some(running.journal.append_delete(key, old)?);
                }
            }
            Ok(())
        });
        Staged {
            group: group.or_else(|| self.unsettled()),
            answer,
        }
    }

    fn stage_time(&self, now: Timestamp) -> Result<Option<Arc<Group>>, StoreError> {
        match &self.log {
            Log::Memory(next) => {
                *next.lock() += 1;
                self.state.publish(&[], now);
                Ok(None)
            }
            Log::Journal(running) => running.journal.append_time(now).map(Some),
        }
    }

    fn read_all(
        &self,
        tenant: TenantId,
        users: &[UserId],
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let mut records = Vec::with_capacity(users.len());
        for user in users.iter().copied() {
            records.push(self.state.table.record(UserKey { tenant, user })?);
        }
        Ok(records)
    }
}

impl Store for Embedded {
    fn apply(
        &self,
        user: UserKey,
        command: Command,
        now: Timestamp,
    ) -> Pending<'_, Result<Applied, ApplyError>> {
        Box::pin(async move {
            let staged = self.stage(user, &command, now).map_err(ApplyError::Store)?;
            self.settle(staged.group).await.map_err(ApplyError::Store)?;
            staged.answer
        })
    }

    fn get(&self, user: UserKey) -> Pending<'_, Result<Option<Record>, StoreError>> {
        Box::pin(ready(self.state.table.record(user)))
    }

    fn list<'a>(
        &'a self,
        tenant: TenantId,
        users: &'a [UserId],
    ) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        Box::pin(ready(self.read_all(tenant, users)))
    }

    fn expire_due(
        &self,
        now: Timestamp,
        at_most: usize,
    ) -> Pending<'_, Result<Expired, StoreError>> {
        Box::pin(async move {
            let round = self.tick_due(now, at_most);
            self.settle(round.group).await?;
            match round.stopped_by {
                Some(error) if round.ticked == 0 => Err(error),
                // What was ticked is committed; the rest is still due and asks for another call.
                _ => Ok(Expired {
                    ticked: round.ticked,
                    next: round.next,
                }),
            }
        })
    }

    fn users(
        &self,
        tenant: TenantId,
        from: UserPlace,
        at_most: usize,
    ) -> Pending<'_, Result<Users, StoreError>> {
        Box::pin(ready(Ok(self.state.table.users_of(tenant, from, at_most))))
    }

    fn changes(&self, after: Cursor, at_most: usize) -> Pending<'_, Result<Changes, StoreError>> {
        Box::pin(ready(Ok(self.state.feed.after(after, at_most))))
    }

    fn newest(&self) -> Pending<'_, Result<Cursor, StoreError>> {
        Box::pin(ready(Ok(self.state.feed.newest())))
    }

    fn wait_for_change(&self, after: Cursor) -> Pending<'_, ()> {
        Box::pin(self.state.feed.wait(after))
    }

    fn put_document<'a>(
        &'a self,
        key: &'a DocumentKey,
        expected: Option<Revision>,
        body: &'a [u8],
    ) -> Pending<'a, Result<Revision, StoreError>> {
        Box::pin(async move {
            let staged = self.stage_put(*key, expected, body);
            self.settle(staged.group).await?;
            staged.answer
        })
    }

    fn get_document<'a>(
        &'a self,
        key: &'a DocumentKey,
    ) -> Pending<'a, Result<Option<Document>, StoreError>> {
        Box::pin(ready(Ok(self.state.documents.get(key))))
    }

    fn list_documents(
        &self,
        kind: DocumentKind,
        tenant: Option<TenantId>,
    ) -> Pending<'_, Result<Vec<(DocumentKey, Document)>, StoreError>> {
        Box::pin(ready(Ok(self.state.documents.list(kind, tenant))))
    }

    fn delete_document<'a>(
        &'a self,
        key: &'a DocumentKey,
    ) -> Pending<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let staged = self.stage_delete(*key);
            self.settle(staged.group).await?;
            staged.answer
        })
    }

    fn mark_time(&self, now: Timestamp) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if now <= self.state.latest() {
                return Ok(());
            }
            let group = self.stage_time(now)?;
            self.settle(group).await
        })
    }

    fn latest_time(&self) -> Timestamp {
        self.state.latest()
    }

    fn ready(&self) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match &self.log {
                Log::Memory(_) => Ok(()),
                Log::Journal(running) => running.journal.ready().await,
            }
        })
    }

    fn close(&self) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let Log::Journal(running) = &self.log else {
                return Ok(());
            };
            let running = running.share();
            let (done, closed) = tokio::sync::oneshot::channel();
            // A sync may take long; it is not for a thread that serves requests.
            let spawned = thread::Builder::new().spawn(move || {
                // Nobody listens if the caller has gone away.
                let _listened = done.send(running.close());
            });
            let outcome = match spawned {
                Ok(_handle) => closed.await.unwrap_or(Ok(())),
                Err(error) => Err(error),
            };
            outcome.map_err(|source| StoreError::Unavailable {
                operation: "close the store",
                source,
            })
        })
    }
}

impl Running {
    fn share(&self) -> Self {
        Self {
            journal: Arc::clone(&self.journal),
            threads: Arc::clone(&self.threads),
            lock: Arc::clone(&self.lock),
        }
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        self.threads.lock().push(handle);
        Ok(())
    }

    /// Writes what is left, ends the threads, and gives the directory free. A second call finds
    /// nothing more to do.
    fn close(&self) -> std::io::Result<()> {
        self.journal.compaction.stop();
        let closed = self.journal.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        for handle in threads {
            if handle.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
        self.lock.lock().take();
        closed
    }
}

/// A store that is dropped without [`Store::close`] ends its threads and gives the directory free
/// all the same.
impl Drop for Embedded {
    fn drop(&mut self) {
        if let Log::Journal(running) = &self.log
            && let Err(error) = running.close()
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the journal could not be synced or cut back while the store was closed"
            );
        }
    }
}

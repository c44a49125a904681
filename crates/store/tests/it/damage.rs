//! What becomes of files that are not as they were written: a torn end is cut off, anything else is
//! refused, and nothing is ever lost without a word.

use std::fs;
use std::path::Path;

use presenced_core::id::TenantId;
use presenced_core::session::SessionState;
use presenced_store::testkit::{Random, at, clear, set, user};
use presenced_store::{DocumentKey, DocumentKind, Durability, Store, StoreError};
use tempfile::TempDir;

use crate::places::{Everything, Place, everything, open_directory, wait_until};

/// A directory with a snapshot and three journals that hold commits, each commit a frame of its
/// own, and what the store held after each.
struct Written {
    place: Place,
    /// After each commit of the newest journal, the first being before any of them.
    states: Vec<Everything>,
}

async fn write(store: &dyn Store, step: u64) {
    let who = user(1, u128::from(step % 4));
    let command = match step % 3 {
        0 => set(1, SessionState::Available, 60),
        1 => set(2, SessionState::InACall, 5),
        _ => set(1, SessionState::Away, 60),
    };
    store.apply(who, command, at(step)).await.unwrap();
    if step.is_multiple_of(5) {
        let key = DocumentKey {
            kind: DocumentKind::Subscription,
            tenant: TenantId::from_u128(1),
            id: step.into(),
        };
        let body = format!("document {step}");
        store
            .put_document(&key, None, body.as_bytes())
            .await
            .unwrap();
    }
}

async fn written() -> Written {
    let mut place = Place::compacting(Durability::Process);
    let store = place.try_open().unwrap();
    for step in 0..12 {
        write(&*store, step).await;
    }
    wait_until(|| !place.snapshots().is_empty()).await;
    drop(store);
    place.limits.compact_after_bytes = 1 << 20;
    for start in [20, 30] {
        let store = place.try_open().unwrap();
        for step in start..start + 6 {
            write(&*store, step).await;
        }
    }
    let store = place.try_open().unwrap();
    let mut states = vec![everything(&*store).await];
    for step in [41, 42, 43, 44, 46, 47] {
        write(&*store, step).await;
        states.push(everything(&*store).await);
    }
    store.apply(user(1, 3), clear(1), at(50)).await.unwrap();
    states.push(everything(&*store).await);
    drop(store);
    assert!(place.snapshots().len() == 1 && place.files("journal-").len() >= 3);
    Written { place, states }
}

impl Written {
    fn newest(&self) -> String {
        self.place.files("journal-").pop().unwrap()
    }

    /// A copy of the directory in which one file has other contents.
    fn with(&self, file: &str, contents: &[u8]) -> TempDir {
        let copy = quick_directory();
        for name in self.place.files("") {
            fs::copy(self.place.path().join(&name), copy.path().join(&name)).unwrap();
        }
        fs::write(copy.path().join(file), contents).unwrap();
        copy
    }

    fn contents(&self, file: &str) -> Vec<u8> {
        fs::read(self.place.path().join(file)).unwrap()
    }

    /// Where each frame of the newest journal begins, and where the last ends. It has one frame for
    /// each state.
    fn frames(&self) -> Vec<usize> {
        let contents = self.contents(&self.newest());
        let mut at = 24;
        let mut frames = vec![at];
        while let Some(length) = contents.get(at..at + 4) {
            at += 20 + usize::try_from(u32::from_le_bytes(length.try_into().unwrap())).unwrap();
            frames.push(at);
        }
        assert_eq!((at, frames.len()), (contents.len(), self.states.len()));
        frames
    }
}

/// A directory in memory where the system has one: there are thousands of these, and nothing here
/// is about what survives a loss of power.
fn quick_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    directory.unwrap()
}

/// What opening a directory came to: everything in it, or the words of the refusal.
async fn open(path: &Path) -> Result<Everything, String> {
    match open_directory(path) {
        Ok(store) => Ok(everything(&*store).await),
        Err(error @ StoreError::Corrupt { .. }) => Err(error.to_string()),
        Err(error) => panic!("{error:?}"),
    }
}

/// Any one byte of any file changed: where it stands in the last commit of the newest journal, that
/// commit alone is missing, as after a torn write; everywhere else the start is refused.
#[tokio::test]
async fn a_changed_byte_is_never_believed() {
    let written = written().await;
    let newest = written.newest();
    let frames = written.frames();
    let last_frame = frames[frames.len() - 2];
    let all_but_one = written.states.iter().nth_back(1);
    let mut random = Random::new(42);
    let mut counts = [0, 0];
    for file in written.place.files("") {
        let contents = written.contents(&file);
        for offset in 0..contents.len() {
            let mut changed = contents.clone();
            changed[offset] ^= u8::try_from(1 + random.below(255)).unwrap();
            let copy = written.with(&file, &changed);
            let place = format!("{file} at {offset}");
            match open(copy.path()).await {
                Ok(found) => {
                    assert!(
                        file == newest && offset >= last_frame,
                        "{place} was believed"
                    );
                    assert_eq!(Some(&found), all_but_one, "{place}");
                    counts[0] += 1;
                }
                Err(message) => {
                    assert!(message.contains(&file), "{message}");
                    assert!(message.contains("at offset "), "{message}");
                    assert!(message.contains("backup"), "{message}");
                    counts[1] += 1;
                }
            }
        }
    }
    let length = written.contents(&newest).len() - last_frame;
    assert_eq!(counts[0], length, "each byte of the last frame");
    assert!(counts[1] > 1000);
}

/// The newest journal cut anywhere gives exactly the commits that are whole, and the store goes on
/// from there; any other file cut anywhere is refused.
#[tokio::test]
async fn a_cut_file_gives_a_prefix_or_nothing() {
    let written = written().await;
    let newest = written.newest();
    let frames = written.frames();
    for file in written.place.files("") {
        let contents = written.contents(&file);
        for length in 0..contents.len() {
            let copy = written.with(&file, &contents[..length]);
            let found = open(copy.path()).await;
            if file != newest || length < 24 {
                assert!(found.is_err(), "{file} cut to {length}");
                continue;
            }
            let whole = frames.iter().filter(|end| **end <= length).count() - 1;
            assert_eq!(
                found.as_ref(),
                Ok(&written.states[whole]),
                "cut to {length}"
            );
            if length % 7 > 0 {
                continue;
            }
            let store = open_directory(copy.path()).unwrap();
            write(&*store, 100).await;
            let now = everything(&*store).await;
            drop(store);
            assert_eq!(open(copy.path()).await, Ok(now));
        }
    }
}

/// A torn end is what no whole frame follows, whatever it is: zeros, as a file system may leave
/// them, or the beginning of anything.
#[tokio::test]
async fn a_torn_end_may_be_anything() {
    let written = written().await;
    let newest = written.newest();
    let contents = written.contents(&newest);
    let frames = written.frames();
    let mut random = Random::new(7);
    for length in [1, 19, 20, 21, 500, 5000] {
        let noise = (0..length).map(|_| u8::try_from(random.below(256)).unwrap());
        let mut start_again = contents[frames[0]..].to_vec();
        start_again.truncate(frames[1] - frames[0] - 1);
        for tail in [vec![0; length], noise.collect(), start_again] {
            let torn = [contents.as_slice(), &tail].concat();
            let copy = written.with(&newest, &torn);
            assert_eq!(
                open(copy.path()).await.as_ref(),
                Ok(written.states.last().unwrap())
            );
        }
    }
}

/// A file that is missing is noticed, but for the newest journal, of which nothing else knows.
#[tokio::test]
async fn a_missing_file_is_noticed() {
    let written = written().await;
    let newest = written.newest();
    for file in written.place.files("") {
        let copy = written.with(&file, b"");
        fs::remove_file(copy.path().join(&file)).unwrap();
        let found = open(copy.path()).await;
        if file == newest {
            assert_eq!(found.as_ref(), Ok(&written.states[0]));
        } else if file != "LOCK" {
            let message = found.unwrap_err();
            assert!(message.contains(" are missing"), "{file}: {message}");
        }
    }
}

/// The refusal names file, offset, what is wrong and what to do.
#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let written = written().await;
    let newest = written.newest();
    let mut contents = written.contents(&newest);
    let second = written.frames()[1];
    contents[second + 30] ^= 1;
    let copy = written.with(&newest, &contents);
    let expected = format!(
        "{} at offset {second}: the checksum of a frame is wrong; restore the directory from a \
         backup; or, to go on without anything that was written from there on, cut the file there \
         (truncate -s OFFSET FILE) and move away the journals with higher numbers",
        copy.path().join(&newest).display()
    );
    assert_eq!(open(copy.path()).await, Err(expected));
    // And doing it helps.
    contents.truncate(second);
    let copy = written.with(&newest, &contents);
    assert_eq!(open(copy.path()).await.as_ref(), Ok(&written.states[1]));
}

//! A writer process is killed at any moment, again and again, and nothing that it was answered is
//! missing afterwards.
//!
//! The writer is this test binary itself, started with the name of one test and a directory in the
//! environment. It says on its standard output what it tries and what it was answered; the test
//! makes up the same commands from the same seed, and so knows what must be in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use presenced_core::decide::{Command, decide};
use presenced_core::id::UserKey;
use presenced_core::preferred::{PreferredLifetime, PreferredState};
use presenced_core::record::Record;
use presenced_core::session::SessionState;
use presenced_core::time::Timestamp;
use presenced_core::view::next_change;
use presenced_store::testkit::{Random, START, clear, set, user};
use presenced_store::{
    ApplyError, Changes, Cursor, DocumentKey, DocumentKind, Durability, EmbeddedConfig, Store,
    StoreConfig, open,
};

const TASKS: u64 = 4;
const USERS_PER_TASK: u64 = 3;
const STEPS: u64 = 20_000;
/// Small, so that many kills fall into a snapshot or the change of journals.
const COMPACT_AFTER_BYTES: u64 = 6_000;

/// What the writer is told, in its environment.
struct Orders {
    directory: PathBuf,
    durability: Durability,
    seed: u64,
}

impl Orders {
    fn of_environment() -> Option<Self> {
        let text = |name| env::var_os(name).and_then(|text| text.into_string().ok());
        Some(Self {
            directory: text("PRESENCED_KILL_DIRECTORY")?.into(),
            durability: match text("PRESENCED_KILL_DURABILITY")?.as_str() {
                "disk" => Durability::Disk,
                _ => Durability::Process,
            },
            seed: text("PRESENCED_KILL_SEED")?.parse().ok()?,
        })
    }

    fn open(&self) -> Arc<dyn Store> {
        let mut config = EmbeddedConfig::new(&self.directory, self.durability);
        config.limits.compact_after_bytes = COMPACT_AFTER_BYTES;
        open(StoreConfig::Embedded(config)).unwrap()
    }

    /// The first instant of this round: later than any of the round before.
    fn base(&self) -> Timestamp {
        START.plus(Duration::from_hours(self.seed))
    }

    /// What a task does in its step: for whom, what, when. The same in the writer and in the test.
    fn step(&self, task: u64, step: u64) -> (UserKey, Command, Timestamp) {
        let mut random = Random::new(self.seed << 32 ^ task << 24 ^ step);
        let who = user(
            1,
            (task * USERS_PER_TASK + random.below(USERS_PER_TASK)).into(),
        );
        let session = random.below(3).into();
        let state = SessionState::ALL[usize::try_from(random.below(5)).unwrap()];
        let lifetime = PreferredLifetime::new(Duration::from_millis(1 + random.below(200_000)));
        let command = match random.below(8) {
            0 | 1 => clear(session),
            2 => Command::SetPreferred {
                state: PreferredState::ALL[usize::try_from(random.below(6)).unwrap()],
                lifetime: lifetime.unwrap(),
            },
            3 => Command::ClearPreferred,
            _ => set(session, state, 5 + random.below(30)),
        };
        (
            who,
            command,
            self.base().plus(Duration::from_millis(step * 100)),
        )
    }
}

/// The time that a task marks in its step, if it does: a little later than any command of that step,
/// so that nothing else has it.
fn marked(now: Timestamp, step: u64) -> Option<Timestamp> {
    step.is_multiple_of(3)
        .then(|| now.plus(Duration::from_millis(50)))
}

fn document_of(task: u64) -> DocumentKey {
    DocumentKey {
        kind: DocumentKind::Subscription,
        tenant: user(1, 0).tenant,
        id: task.into(),
    }
}

/// One line to the parent, in one piece and at once.
fn say(word: &str, task: u64, step: u64) {
    let line = format!("{word} {task} {step}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

async fn write_steps(store: Arc<dyn Store>, orders: Arc<Orders>, task: u64, steps: u64) {
    let key = document_of(task);
    let document = store.get_document(&key).await.unwrap();
    let mut revision = document.map(|document| document.revision);
    for step in 0..steps {
        let (who, command, now) = orders.step(task, step);
        say("try", task, step);
        match store.apply(who, command, now).await {
            Ok(_) | Err(ApplyError::Refused(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        if step % 8 == 0 {
            // Before its answer, so that "did" means both.
            let body = format!("{} {step}", orders.seed);
            let written = store.put_document(&key, revision, body.as_bytes()).await;
            revision = Some(written.unwrap());
        }
        if let Some(marked) = marked(now, step) {
            store.mark_time(marked).await.unwrap();
        }
        say("did", task, step);
        if step % 5 == task {
            // Only what was due when the round began: the test does the same on its side.
            store.expire_due(orders.base(), 3).await.unwrap();
        }
    }
}

async fn write_all(orders: Orders, steps: u64) {
    // The test harness has begun a line of its own.
    std::io::stdout().write_all(b"\n").unwrap();
    say("open", 0, 0);
    let store = orders.open();
    say("opened", 0, 0);
    let orders = Arc::new(orders);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, orders) = (Arc::clone(&store), Arc::clone(&orders));
            tokio::spawn(write_steps(store, orders, task, steps))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// The writer that the tests below kill. Called by itself it writes a few steps and must be able to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writer() {
    if let Some(orders) = Orders::of_environment() {
        write_all(orders, STEPS).await;
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let orders = Orders {
        directory: directory.path().to_owned(),
        durability: Durability::Process,
        seed: 1,
    };
    write_all(orders, 40).await;
    let store = crate::places::open_directory(directory.path()).unwrap();
    assert!(store.latest_time() > START);
}

/// What the test knows of the data.
#[derive(Default)]
struct Known {
    records: BTreeMap<UserKey, Record>,
    documents: BTreeMap<u64, String>,
}

/// How far each task got, by what the writer said.
#[derive(Default)]
struct Said {
    tried: BTreeMap<u64, u64>,
    done: BTreeMap<u64, u64>,
}

impl Said {
    /// Takes in one line, and says whether it is an answer.
    fn hear(&mut self, line: &str) -> bool {
        let mut words = line.split(' ');
        let (word, task) = (words.next(), words.next());
        let step = words.next().and_then(|step| step.parse().ok());
        let (Some(task), Some(step)) = (task.and_then(|task| task.parse().ok()), step) else {
            return false;
        };
        match word {
            Some("try") => {
                self.tried.insert(task, step);
                false
            }
            Some("did") => {
                self.done.insert(task, step);
                true
            }
            _ => word == Some("open") || word == Some("opened"),
        }
    }
}

fn start(orders: &Orders) -> Child {
    let mut process = Process::new(env::current_exe().unwrap());
    process.args(["--exact", "kill::the_writer", "--nocapture"]);
    process.env("PRESENCED_KILL_DIRECTORY", &orders.directory);
    process.env("PRESENCED_KILL_SEED", orders.seed.to_string());
    process.env(
        "PRESENCED_KILL_DURABILITY",
        match orders.durability {
            Durability::Disk => "disk",
            Durability::Process => "process",
        },
    );
    process.stdout(Stdio::piped()).stderr(Stdio::piped());
    process.stdin(Stdio::null());
    process.spawn().unwrap()
}

/// Starts the writer, kills it after so many answers, and returns what it said.
fn run_and_kill(orders: &Orders, answers: u64) -> Said {
    let mut child = start(orders);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Said::default();
    let mut heard = 0;
    while heard < answers {
        match lines.next() {
            Some(line) => heard += u64::from(said.hear(&line.unwrap())),
            None => break,
        }
    }
    child.kill().unwrap();
    for line in lines.map_while(Result::ok) {
        said.hear(&line);
    }
    let mut errors = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut errors).unwrap();
    child.wait().unwrap();
    assert!(
        !errors.contains("panicked"),
        "seed {}: {errors}",
        orders.seed
    );
    said
}

/// The record after everything that time brings up to `now`.
fn ticked(record: Record, now: Timestamp) -> Record {
    let mut record = record;
    while let Some(due) = next_change(&record, record.as_of).filter(|due| *due <= now) {
        let decision = decide(&record, &Command::Tick, due).unwrap().unwrap();
        record = decision.record;
    }
    record
}

/// Whether two records are the same from the later one on. A tick may have written down what time
/// had brought before a command did, or the command itself: that shows in `as_of` and in what has
/// expired, and in nothing that counts.
fn same(one: &Record, other: &Record) -> bool {
    let now = one.as_of.max(other.as_of);
    let essence = |record: &Record| {
        let mut record = ticked(record.clone(), now);
        record.sessions.retain(|session| session.is_live(now));
        record.preferred = record.preferred.filter(|preferred| preferred.is_live(now));
        record.as_of = now;
        record
    };
    essence(one) == essence(other)
}

impl Known {
    /// Does what the writer did, as far as it was answered, and compares: each user is as after the
    /// last answered step, or after the one that was still waiting for its answer.
    async fn compare(&mut self, orders: &Orders, said: &Said, store: &dyn Store, from: Cursor) {
        let seed = orders.seed;
        let feed = feed_of(store, from).await;
        let base = orders.base();
        for task in 0..TASKS {
            let done = said.done.get(&task).map_or(0, |step| step + 1);
            let tried = said.tried.get(&task).map_or(0, |step| step + 1);
            assert!(tried == done || tried == done + 1);
            for step in 0..done {
                let (who, command, now) = orders.step(task, step);
                let marked = marked(now, step).unwrap_or_default();
                assert!(store.latest_time() >= marked, "seed {seed}: {marked:?}");
                let record = self.records.entry(who).or_default();
                *record = ticked(std::mem::take(record), base);
                let Ok(Some(decision)) = decide(record, &command, now) else {
                    continue;
                };
                *record = decision.record;
                if let Some(change) = decision.change {
                    let there = feed.contains(&(who, change.sequence));
                    assert!(
                        there,
                        "seed {seed}: the feed lacks {change:?} of step {step}"
                    );
                }
            }
            let waiting = (tried > done).then(|| orders.step(task, done));
            for number in 0..USERS_PER_TASK {
                let who = user(1, (task * USERS_PER_TASK + number).into());
                let found = store.get(who).await.unwrap().unwrap_or_default();
                let known = self.records.remove(&who).unwrap_or_default();
                if !same(&found, &known) {
                    let (waiting_for, command, now) = waiting.as_ref().unwrap();
                    assert_eq!(
                        who, *waiting_for,
                        "seed {seed}: {found:?} instead of {known:?}"
                    );
                    let next = decide(&known, command, *now).unwrap().unwrap().record;
                    assert!(
                        same(&found, &next),
                        "seed {seed}: {found:?} instead of {next:?}"
                    );
                }
                self.records.insert(who, found);
            }
            self.compare_document(orders, task, done, tried, store)
                .await;
        }
    }

    async fn compare_document(
        &mut self,
        orders: &Orders,
        task: u64,
        done: u64,
        tried: u64,
        store: &dyn Store,
    ) {
        let body = |steps: u64| {
            let last = steps.checked_sub(1).map(|step| step / 8 * 8);
            last.map(|step| format!("{} {step}", orders.seed))
        };
        let before = self.documents.get(&task).cloned();
        let document = store.get_document(&document_of(task)).await.unwrap();
        let found = document.map(|document| String::from_utf8(document.body).unwrap());
        let known = body(done).or(before);
        if found != known {
            assert_eq!(found, body(tried), "seed {}: was {known:?}", orders.seed);
        }
        self.documents.extend(found.map(|found| (task, found)));
    }
}

/// The changes after a cursor, each user's in growing order.
async fn feed_of(store: &dyn Store, from: Cursor) -> BTreeSet<(UserKey, u64)> {
    let mut found = BTreeSet::new();
    let mut last = BTreeMap::new();
    let mut after = from;
    loop {
        let Changes::Batch(batch) = store.changes(after, 1000).await.unwrap() else {
            panic!("the feed has a gap after {after:?}");
        };
        let Some(newest) = batch.last() else {
            return found;
        };
        after = newest.cursor;
        for one in batch {
            let before = last.insert(one.user, one.change.sequence);
            assert!(before < Some(one.change.sequence));
            found.insert((one.user, one.change.sequence));
        }
    }
}

async fn kill_again_and_again(durability: Durability, rounds: u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut known = Known::default();
    let mut random = Random::new(42);
    let mut newest = Cursor(0);
    let mut answered = 0;
    for seed in 1..=rounds {
        let orders = Orders {
            directory: directory.path().to_owned(),
            durability,
            seed,
        };
        // Some are killed while they start, most in the middle of their work.
        let answers = match random.below(8) {
            0 => 1,
            1 => 2,
            _ => 3 + random.below(300),
        };
        let said = run_and_kill(&orders, answers);
        answered += said.done.values().sum::<u64>();
        let store = orders.open();
        known.compare(&orders, &said, &*store, newest).await;
        newest = store.newest().await.unwrap();
    }
    assert!(
        answered > rounds * 20,
        "the writer hardly got to write: {answered}"
    );
    assert_all_parts_were_used(directory.path());
}

/// The kills fell into a life with snapshots and several journals, not into an empty one.
fn assert_all_parts_were_used(directory: &Path) {
    let names = std::fs::read_dir(directory).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let snapshots = names
        .iter()
        .filter(|name| name.to_string_lossy().starts_with("snapshot-"));
    assert!(snapshots.count() > 0, "{names:?}");
}

/// `process` durability: what was answered survives SIGKILL.
#[tokio::test]
async fn answered_writes_survive_kills() {
    kill_again_and_again(Durability::Process, 200).await;
}

/// `disk` durability survives at least as much.
#[tokio::test]
async fn synced_writes_survive_kills() {
    kill_again_and_again(Durability::Disk, 120).await;
}

/// The operating system's own limit on the size of a file, in place of a full disk: writes are
/// refused, everything answered before is there, and the store writes again where there is room.
#[cfg(unix)]
#[tokio::test]
async fn the_systems_limit_is_survived() {
    let directory = tempfile::tempdir().unwrap();
    let orders = Orders {
        directory: directory.path().to_owned(),
        durability: Durability::Process,
        seed: 1,
    };
    // 16 blocks of 512 bytes: as much as the journal takes before it is compacted, and less.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact kill::the_writer --nocapture";
    let output = Process::new("sh")
        .args(["-c", script])
        .arg(env::current_exe().unwrap())
        .env("PRESENCED_KILL_DIRECTORY", &orders.directory)
        .env("PRESENCED_KILL_SEED", "1")
        .env("PRESENCED_KILL_DURABILITY", "process")
        .output()
        .unwrap();
    let mut said = Said::default();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        said.hear(line);
    }
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("FileTooLarge"), "{errors}");
    assert!(!said.done.is_empty());
    let store = orders.open();
    Known::default()
        .compare(&orders, &said, &*store, Cursor(0))
        .await;
    store
        .apply(user(1, 0), set(1, SessionState::Away, 5), orders.base())
        .await
        .unwrap();
}

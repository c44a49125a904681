//! Random operations, on a store and on a model that is too simple to be wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use presenced_core::decide::{Command, decide};
use presenced_core::id::{SessionId, UserKey};
use presenced_core::location::{
    Location, LocationKind, LocationLayer, PlaceId, Schedule, ScheduledLocation,
};
use presenced_core::out_of_office::{OutOfOffice, ReplyText};
use presenced_core::preferred::{PreferredLifetime, PreferredState};
use presenced_core::record::Record;
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::status::StatusText;
use presenced_core::time::Timestamp;
use presenced_core::view::next_change;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::time::Duration;

use super::{Backend, MINUTE, START, all_changes, user};
use crate::{
    ApplyError, Cursor, Document, DocumentKey, DocumentKind, FeedChange, Revision, Store,
    StoreError,
};

const TENANTS: u128 = 2;
const USERS: u128 = 3;
const DOCUMENTS: u128 = 3;
const OPERATIONS_MAX: usize = 60;

/// Runs `cases` sequences of random operations, each on new data. The sequences are those of
/// `seed`, and a failing one is shortened before it is shown.
///
/// # Panics
///
/// Where the store does something else than the model.
pub fn check(new: &dyn Fn() -> Box<dyn Backend>, cases: u32, seed: u8) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let operations = proptest::collection::vec(operation(), 1..OPERATIONS_MAX);
    let outcome = runner.run(&operations, |operations| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build();
        let runtime = runtime.expect("a runtime can be built");
        runtime.block_on(run(&*new(), operations));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("seed {seed}: {error}");
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Apply(UserKey, Command),
    /// Moves the clock on, by milliseconds.
    Advance(u64),
    /// Moves the clock back, as a wall clock may do.
    JumpBack(u64),
    Expire {
        at_most: usize,
    },
    PutDocument {
        key: DocumentKey,
        /// Whether with the revision that is right.
        right: bool,
        length: usize,
    },
    DeleteDocument(DocumentKey),
    MarkTime,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = (0..TENANTS, 0..DOCUMENTS).prop_map(|(tenant, id)| DocumentKey {
        kind: DocumentKind::Subscription,
        tenant: user(tenant, 0).tenant,
        id,
    });
    let who = (0..TENANTS, 0..USERS).prop_map(|(tenant, number)| user(tenant, number));
    prop_oneof![
        12 => (who, command()).prop_map(|(who, command)| Operation::Apply(who, command)),
        4 => prop_oneof![0..5_u64, 0..6 * MINUTE, 0..300 * MINUTE].prop_map(Operation::Advance),
        1 => (0..20 * MINUTE).prop_map(Operation::JumpBack),
        4 => prop_oneof![1..4_usize, Just(usize::MAX)]
            .prop_map(|at_most| Operation::Expire { at_most }),
        2 => (key.clone(), prop::bool::weighted(0.8), 0..50_usize)
            .prop_map(|(key, right, length)| Operation::PutDocument { key, right, length }),
        1 => key.prop_map(Operation::DeleteDocument),
        1 => Just(Operation::MarkTime),
        1 => Just(Operation::Reopen),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let session = prop_oneof![
        (0..3_u128).prop_map(SessionId::from_u128),
        "[a-c]".prop_map(|text| SessionId::parse(&text).expect("a letter is a session id")),
    ];
    let lifetime = prop_oneof![Just(5_u64), 5..=240_u64].prop_map(|minutes| {
        SessionLifetime::new(Duration::from_mins(minutes)).expect("5 to 240 minutes")
    });
    let set = (session.clone(), select(&SessionState::ALL[..]), lifetime).prop_map(
        |(session, state, lifetime)| Command::SetSession {
            session,
            state,
            lifetime,
            sessions_max: SessionsMax::default(),
        },
    );
    let lifetime = prop_oneof![1..200_u64, 1..100 * MINUTE]
        .prop_map(|millis| PreferredLifetime::new(Duration::from_millis(millis)))
        .prop_map(|lifetime| lifetime.expect("more than nothing, less than a year"));
    let prefer = (select(&PreferredState::ALL[..]), lifetime)
        .prop_map(|(state, lifetime)| Command::SetPreferred { state, lifetime });
    prop_oneof![
        6 => set,
        2 => session.prop_map(|session| Command::ClearSession { session }),
        2 => prefer,
        1 => Just(Command::ClearPreferred),
        4 => beside(),
        1 => Just(Command::Tick),
    ]
}

/// Commands about what stands beside the presence. Their instants lie around the first hours of a
/// story; the clock is moved past them.
fn beside() -> impl Strategy<Value = Command> {
    let instant = || (0..300 * MINUTE).prop_map(|by| START.plus(Duration::from_millis(by)));
    let place = proptest::option::of("[!-~]{1,8}").prop_map(|text| {
        text.map(|text| PlaceId::new(&text).expect("printable ASCII is a place id"))
    });
    let location =
        (select(&LocationKind::ALL[..]), place).prop_map(|(kind, place)| Location { kind, place });
    let note = ("\\PC{1,20}", proptest::option::of(instant())).prop_map(|(text, expires_at)| {
        let text = StatusText::new(&text).expect("a short text");
        Command::SetStatusMessage { text, expires_at }
    });
    let layer = select(&[LocationLayer::Manual, LocationLayer::Automatic][..]);
    let day = (layer, location.clone(), instant()).prop_map(|(layer, location, expires_at)| {
        Command::SetLocation {
            layer,
            location,
            expires_at,
        }
    });
    let planned =
        (location, instant(), 1..200 * MINUTE).prop_map(|(location, starts_at, lasts)| {
            ScheduledLocation {
                location,
                starts_at,
                ends_at: starts_at.plus(Duration::from_millis(lasts)),
            }
        });
    let schedule = proptest::collection::vec(planned, 0..4).prop_map(|entries| {
        Command::SetSchedule(Schedule::new(entries).expect("few entries, each with a length"))
    });
    let reply = proptest::option::of("\\PC{1,20}");
    let away = (reply, instant(), proptest::option::of(instant()));
    let away = proptest::option::of(away).prop_map(|away| {
        let away = away.map(|(reply, starts_at, ends_at)| OutOfOffice {
            message: reply.map(|text| ReplyText::new(&text).expect("a short text")),
            starts_at,
            ends_at,
        });
        Command::SetOutOfOffice(away)
    });
    prop_oneof![
        3 => note,
        1 => Just(Command::ClearStatusMessage),
        3 => day,
        1 => Just(Command::ClearLocation),
        1 => Just(Command::ClearAutomaticLocation),
        2 => schedule,
        2 => away,
    ]
}

/// What the store should hold.
struct Model {
    now: Timestamp,
    records: BTreeMap<UserKey, Record>,
    feed: Vec<FeedChange>,
    documents: BTreeMap<DocumentKey, Document>,
    /// The greatest revision that was ever seen of a document.
    revisions: BTreeMap<DocumentKey, Revision>,
    latest: Timestamp,
}

async fn run(backend: &dyn Backend, operations: Vec<Operation>) {
    let mut store = backend.open().await;
    let mut model = Model {
        now: START,
        records: BTreeMap::new(),
        feed: Vec::new(),
        documents: BTreeMap::new(),
        revisions: BTreeMap::new(),
        latest: Timestamp::EPOCH,
    };
    for operation in operations {
        match operation {
            Operation::Apply(who, command) => model.apply(&*store, who, command).await,
            Operation::Advance(millis) => model.now = model.now.plus(Duration::from_millis(millis)),
            Operation::JumpBack(millis) => {
                let back = model.now.as_millis().saturating_sub(millis);
                model.now = Timestamp::from_millis(back);
            }
            Operation::Expire { at_most } => model.expire(&*store, at_most).await,
            Operation::PutDocument { key, right, length } => {
                model.put_document(&*store, key, right, length).await;
            }
            Operation::DeleteDocument(key) => {
                let was_there = model.documents.remove(&key).is_some();
                let removed = store.delete_document(&key).await;
                assert_eq!(removed.expect("a removal"), was_there);
            }
            Operation::MarkTime => {
                let marked = store.mark_time(model.now).await;
                marked.expect("the time is written down");
                model.latest = model.latest.max(model.now);
                assert_eq!(store.latest_time(), model.latest);
            }
            Operation::Reopen => {
                model.compare(&store).await;
                if backend.survives() {
                    drop(store);
                    store = backend.open().await;
                    model.compare(&store).await;
                }
            }
        }
        model.compare_feed_end(&*store).await;
    }
    model.compare(&store).await;
}

impl Model {
    fn record(&self, who: UserKey) -> Record {
        self.records.get(&who).cloned().unwrap_or_default()
    }

    fn newest(&self) -> Cursor {
        self.feed.last().map_or(Cursor(0), |last| last.cursor)
    }

    fn decided(&mut self, who: UserKey, record: Record) {
        self.latest = self.latest.max(record.as_of);
        self.records.insert(who, record);
    }

    async fn apply(&mut self, store: &dyn Store, who: UserKey, command: Command) {
        let before = self.record(who);
        let expected = decide(&before, &command, self.now);
        let answer = store.apply(who, command, self.now).await;
        let decision = match (expected, answer) {
            (Err(expected), Err(ApplyError::Refused(refusal))) => {
                assert_eq!(refusal, expected);
                None
            }
            (Ok(None), Ok(applied)) => {
                assert_eq!((applied.record, applied.change), (before, None));
                None
            }
            (Ok(Some(decision)), Ok(applied)) => {
                assert_eq!(applied.record, decision.record);
                assert_eq!(applied.change, decision.change);
                Some(decision)
            }
            (expected, answer) => panic!("{expected:?} was to be answered, and was: {answer:?}"),
        };
        if let Some(decision) = decision {
            self.decided(who, decision.record);
            if let Some(change) = decision.change {
                let mut new = all_changes(store, self.newest()).await;
                let found = new.pop().map(|one| (one.user, one.change));
                assert_eq!((found, new.len()), (Some((who, change)), 0));
            }
            self.take_feed(store).await;
        }
        assert_eq!(
            store.get(who).await.expect("a read"),
            self.records.get(&who).cloned()
        );
    }

    /// The store says by its feed whom it ticked; the model checks that each was the next, and does
    /// the same. Which of two that are due at one instant comes first is the store's to choose.
    async fn expire(&mut self, store: &dyn Store, at_most: usize) {
        let expired = store.expire_due(self.now, at_most).await;
        let expired = expired.expect("deadlines are carried out");
        assert!(expired.ticked <= at_most);
        let changes = all_changes(store, self.newest()).await;
        assert_eq!(changes.len(), expired.ticked);
        for one in &changes {
            let at = one.change.at;
            assert_eq!(self.next_deadline(), Some(at), "the earliest comes first");
            assert!(at <= self.now);
            let decision = decide(&self.record(one.user), &Command::Tick, at);
            let decision = decision.expect("a tick is not refused");
            let decision = decision.expect("the tick of a deadline changes something");
            assert_eq!(decision.change, Some(one.change));
            self.decided(one.user, decision.record);
        }
        self.feed.extend(changes);
        let truth = self.next_deadline();
        match (expired.next, truth) {
            (Some(next), Some(truth)) => assert!(next <= truth, "{next:?} is too late"),
            (None, Some(truth)) => panic!("somebody is due at {truth:?}"),
            (_, None) => {}
        }
        if expired.next.is_none_or(|next| next > self.now) {
            let due = truth.is_some_and(|truth| truth <= self.now);
            assert!(!due, "the store rests though {truth:?} has come");
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let records = self.records.values();
        records
            .filter_map(|record| next_change(record, record.as_of))
            .min()
    }

    async fn put_document(
        &mut self,
        store: &dyn Store,
        key: DocumentKey,
        right: bool,
        length: usize,
    ) {
        let truth = self.documents.get(&key).map(|document| document.revision);
        let expected = if right {
            truth
        } else {
            Some(truth.map_or(Revision(0), |truth| Revision(truth.0 + 1)))
        };
        let body = vec![b'x'; length];
        match store.put_document(&key, expected, &body).await {
            Ok(revision) => {
                assert!(right);
                let before = self.revisions.insert(key, revision);
                assert!(before.is_none_or(|before| before < revision));
                self.documents.insert(key, Document { revision, body });
            }
            Err(StoreError::Conflict) => assert!(!right),
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn take_feed(&mut self, store: &dyn Store) {
        let new = all_changes(store, self.newest()).await;
        self.feed.extend(new);
    }

    /// The feed ends where the model's does.
    async fn compare_feed_end(&self, store: &dyn Store) {
        assert_eq!(store.newest().await.expect("a cursor"), self.newest());
    }

    /// Everything there is.
    async fn compare(&self, store: &Arc<dyn Store>) {
        for tenant in 0..TENANTS {
            let users: Vec<_> = (0..USERS).map(|number| user(tenant, number)).collect();
            let ids: Vec<_> = users.iter().map(|user| user.user).collect();
            let listed = store.list(user(tenant, 0).tenant, &ids).await;
            let expected = users.iter().map(|user| self.records.get(user).cloned());
            let expected: Vec<_> = expected.collect();
            assert_eq!(listed.expect("a listing"), expected);
        }
        assert_eq!(all_changes(&**store, Cursor(0)).await, self.feed);
        let kind = DocumentKind::Subscription;
        let listed = store.list_documents(kind, None).await.expect("a listing");
        let documents = self.documents.clone().into_iter().collect::<Vec<_>>();
        assert_eq!(listed, documents);
        assert_eq!(store.latest_time(), self.latest);
    }
}

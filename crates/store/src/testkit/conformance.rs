//! The suite: each check is one promise of the contract.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use presenced_core::decide::{Command, Refusal};
use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::preferred::PreferredState;
use presenced_core::session::SessionState;
use presenced_core::time::Timestamp;
use presenced_core::view::view;

use super::{Backend, MINUTE, Random, all_changes, at, clear, poll_once, set, user};
use crate::{
    Applied, ApplyError, Cursor, DocumentKey, DocumentKind, Expired, Revision, Store, StoreError,
    UserPlace,
};

/// Checks every promise of [`Store`], each on data of its own that `new` makes.
///
/// # Panics
///
/// Where a promise is broken.
pub async fn conformance(new: &(dyn Fn() -> Box<dyn Backend> + Sync)) {
    an_empty_store_is_empty(&*new().open().await).await;
    what_is_applied_is_there(&*new().open().await).await;
    a_refused_command_changes_nothing(&*new().open().await).await;
    tenants_are_apart(&*new().open().await).await;
    users_are_found_again(&*new().open().await).await;
    the_feed_tells_each_change_once(&*new().open().await).await;
    who_waits_is_woken(&*new().open().await).await;
    deadlines_tick_in_their_order(&*new().open().await).await;
    a_deadline_that_moves_is_followed(&*new().open().await).await;
    a_storm_comes_in_pieces(&*new().open().await).await;
    time_can_be_marked(&*new().open().await).await;
    documents_have_revisions(&*new().open().await).await;
    documents_have_limits(&*new().open().await).await;
    nobody_is_decided_upon_twice(new().open().await).await;
    let backend = new();
    if backend.survives() {
        everything_survives(&*backend).await;
        marked_time_survives(&*new()).await;
        a_dropped_write_is_whole_or_not_at_all(&*new()).await;
        nothing_is_lost_by_closing(&*new()).await;
    }
}

async fn apply(store: &dyn Store, user: UserKey, command: Command, now: Timestamp) -> Applied {
    let applied = store.apply(user, command, now).await;
    applied.expect("the command is carried out")
}

async fn expire(store: &dyn Store, now: Timestamp) -> Expired {
    let expired = store.expire_due(now, usize::MAX).await;
    expired.expect("deadlines are carried out")
}

/// Expires until nothing is due any more, and counts the ticks.
async fn expire_all(store: &dyn Store, now: Timestamp) -> usize {
    let mut ticked = 0;
    loop {
        let expired = expire(store, now).await;
        ticked += expired.ticked;
        if expired.next.is_none_or(|next| next > now) {
            return ticked;
        }
    }
}

/// Nothing is found where nothing was put, and looking puts nothing there.
async fn an_empty_store_is_empty(store: &dyn Store) {
    for _ in 0..2 {
        assert_eq!(store.get(user(1, 1)).await.unwrap_or_default(), None);
        let users = [UserId::from_u128(1), UserId::from_u128(1)];
        let listed = store.list(TenantId::from_u128(1), &users).await;
        assert_eq!(listed.expect("a listing"), [None, None]);
        assert!(all_changes(store, Cursor(0)).await.is_empty());
        assert_eq!(store.newest().await.expect("a cursor"), Cursor(0));
        assert_eq!(store.latest_time(), Timestamp::EPOCH);
        let nothing = Expired {
            ticked: 0,
            next: None,
        };
        assert_eq!(expire(store, at(0)).await, nothing);
        store.ready().await.expect("a new store is ready");
        // A command that comes to nothing leaves nothing behind either.
        let applied = apply(store, user(1, 1), Command::ClearPreferred, at(0)).await;
        assert_eq!(applied.change, None);
    }
}

/// What an answer says is what a reader finds, alone and in a listing, in the order asked for.
async fn what_is_applied_is_there(store: &dyn Store) {
    let first = apply(
        store,
        user(1, 1),
        set(1, SessionState::Available, 60),
        at(5),
    )
    .await;
    let second = apply(store, user(1, 2), set(2, SessionState::InACall, 5), at(3)).await;
    assert!(first.change.is_some() && second.change.is_some());
    let found = store.get(user(1, 1)).await.expect("a read");
    assert_eq!(found.as_ref(), Some(&first.record));
    let users = [2, 9, 1, 2].map(UserId::from_u128);
    let listed = store.list(TenantId::from_u128(1), &users).await;
    let expected = [
        Some(second.record.clone()),
        None,
        Some(first.record),
        Some(second.record),
    ];
    assert_eq!(listed.expect("a listing"), expected);
    assert_eq!(store.latest_time(), at(5));
}

/// Whoever something was set of is found under its tenant, once, and nobody else.
async fn users_are_found_again(store: &dyn Store) {
    let users_of = |tenant: u128| async move {
        let (mut found, mut from) = (Vec::new(), Some(UserPlace::default()));
        while let Some(place) = from {
            let users = store.users(TenantId::from_u128(tenant), place, 7).await;
            let users = users.expect("some of the users");
            assert!(users.users.len() <= 7);
            assert!(users.next.is_none_or(|next| next > place));
            found.extend(users.users);
            from = users.next;
        }
        found.sort_unstable();
        found
    };
    assert_eq!(users_of(1).await, []);
    for number in 0..500 {
        let command = set(1, SessionState::Available, 60);
        apply(store, user(1 + number % 2, number), command, at(0)).await;
    }
    let refused = store.apply(user(1, 999), clear(1), at(0)).await;
    assert!(refused.is_err());
    for tenant in [1, 2] {
        let expected = (0..500).filter(|number| 1 + number % 2 == tenant);
        let expected: Vec<_> = expected.map(UserId::from_u128).collect();
        assert_eq!(users_of(tenant).await, expected);
    }
    assert_eq!(users_of(3).await, []);
}

/// A refusal is told as such; record and feed are as they were.
async fn a_refused_command_changes_nothing(store: &dyn Store) {
    let applied = apply(store, user(1, 1), set(1, SessionState::Away, 5), at(0)).await;
    let newest = store.newest().await.expect("a cursor");
    match store.apply(user(1, 1), clear(2), at(1)).await {
        Err(ApplyError::Refused(Refusal::NoSuchSession)) => {}
        other => panic!("there is no such session, and the answer was {other:?}"),
    }
    let found = store.get(user(1, 1)).await.expect("a read");
    assert_eq!(found, Some(applied.record));
    assert_eq!(store.newest().await.expect("a cursor"), newest);
}

/// The same user id in another tenant is somebody else.
async fn tenants_are_apart(store: &dyn Store) {
    apply(store, user(1, 7), set(1, SessionState::InACall, 60), at(0)).await;
    assert_eq!(store.get(user(2, 7)).await.expect("a read"), None);
    let same_id = [UserId::from_u128(7)];
    let listed = store.list(TenantId::from_u128(2), &same_id).await;
    assert_eq!(listed.expect("a listing"), [None]);
    match store.apply(user(2, 7), clear(1), at(1)).await {
        Err(ApplyError::Refused(Refusal::NoSuchSession)) => {}
        other => panic!("that session is in another tenant, and the answer was {other:?}"),
    }
    store
        .put_document(&key(1, 1), None, b"one's")
        .await
        .expect("a write");
    assert_eq!(store.get_document(&key(2, 1)).await.expect("a read"), None);
    let listed = store.list_documents(DocumentKind::Subscription, Some(TenantId::from_u128(2)));
    assert_eq!(listed.await.expect("a listing"), []);
}

/// Visible changes stand in the feed once, in order, and a reader may stop and go on anywhere. A
/// keep-alive is no change.
async fn the_feed_tells_each_change_once(store: &dyn Store) {
    let mut told = Vec::new();
    for minute in 0..30 {
        let who = user(1, u128::from(minute % 3));
        let state = match minute % 4 {
            0 | 1 => SessionState::Available,
            2 => SessionState::InACall,
            _ => SessionState::Away,
        };
        let applied = apply(store, who, set(1, state, 60), at(minute)).await;
        told.extend(applied.change.map(|change| (who, change)));
        let again = apply(store, who, set(1, state, 60), at(minute)).await;
        assert_eq!(again.change, None, "a keep-alive is no change");
    }
    let all = all_changes(store, Cursor(0)).await;
    let found: Vec<_> = all.iter().map(|one| (one.user, one.change)).collect();
    assert_eq!(found, told);
    assert!(all.is_sorted_by(|a, b| a.cursor < b.cursor));
    assert_eq!(
        store.newest().await.ok(),
        all.last().map(|last| last.cursor)
    );
    for (index, one) in all.iter().enumerate() {
        let rest = all_changes(store, one.cursor).await;
        assert_eq!(Some(rest.as_slice()), all.get(index + 1..));
    }
    match store.changes(Cursor(0), 2).await.expect("the feed is read") {
        crate::Changes::Batch(batch) => assert_eq!(batch.len(), 2),
        crate::Changes::Gap { .. } => panic!("nothing is missing yet"),
    }
}

/// Who waits for a change goes on waiting while there is none, and is woken by one; who is behind
/// does not wait at all.
async fn who_waits_is_woken(store: &dyn Store) {
    let newest = store.newest().await.expect("a cursor");
    let mut waiting = pin!(store.wait_for_change(newest));
    assert!(poll_once(waiting.as_mut()).is_pending());
    apply(store, user(1, 1), set(1, SessionState::Away, 5), at(0)).await;
    let minute = Duration::from_mins(1);
    let woken = tokio::time::timeout(minute, waiting).await;
    woken.expect("the change wakes the waiter");
    let behind = tokio::time::timeout(minute, store.wait_for_change(newest)).await;
    behind.expect("who is behind does not wait");
}

/// Each user is ticked at the instants at which its presence changes by itself, in the order of
/// these instants among all users, once.
async fn deadlines_tick_in_their_order(store: &dyn Store) {
    apply(
        store,
        user(1, 1),
        set(1, SessionState::Available, 60),
        at(2),
    )
    .await;
    apply(store, user(1, 2), set(1, SessionState::InACall, 7), at(1)).await;
    apply(store, user(2, 1), set(1, SessionState::Away, 5), at(3)).await;
    let newest = store.newest().await.expect("a cursor");
    let next = expire(store, at(5 * MINUTE)).await.next;
    assert!(next.is_some_and(|next| next <= at(5 * MINUTE + 2)));
    let told = |minutes: u64, more: u64| at(minutes * MINUTE + more);
    let expected = [
        (user(1, 1), told(5, 2), "Available/AvailableInactive"),
        (user(2, 1), told(5, 3), "Offline/Offline"),
        (user(1, 2), told(7, 1), "Offline/Offline"),
        (user(1, 1), told(10, 2), "Away/Away"),
        (user(1, 1), told(60, 2), "Offline/Offline"),
    ];
    assert_eq!(expire_all(store, told(10, 2)).await, 4);
    assert_eq!(expire_all(store, told(60, 1)).await, 0);
    assert_eq!(expire_all(store, told(999, 0)).await, 1);
    assert_eq!(expire_all(store, told(999, 0)).await, 0);
    assert_eq!(expire(store, told(999, 0)).await.next, None);
    let found: Vec<_> = all_changes(store, newest)
        .await
        .into_iter()
        .map(|one| (one.user, one.change.at, one.change.presence.to_string()))
        .collect();
    let expected = expected.map(|(user, at, presence)| (user, at, presence.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(store.latest_time(), told(60, 2));
}

/// A renewal puts a deadline off, a shorter one brings it forward, and a user without deadline is
/// not ticked.
async fn a_deadline_that_moves_is_followed(store: &dyn Store) {
    let who = user(1, 1);
    for minute in 0..20 {
        let now = at(minute * MINUTE);
        apply(store, who, set(1, SessionState::InACall, 10), now).await;
        assert_eq!(expire_all(store, now).await, 0);
    }
    apply(
        store,
        who,
        set(1, SessionState::InACall, 5),
        at(19 * MINUTE),
    )
    .await;
    assert_eq!(expire_all(store, at(24 * MINUTE - 1)).await, 0);
    let preferred = Command::SetPreferred {
        state: PreferredState::Busy,
        lifetime: PreferredState::Busy.default_lifetime(),
    };
    apply(store, who, preferred, at(20 * MINUTE)).await;
    assert_eq!(expire_all(store, at(24 * MINUTE)).await, 1);
    apply(store, who, set(2, SessionState::Away, 5), at(25 * MINUTE)).await;
    apply(store, who, clear(2), at(26 * MINUTE)).await;
    assert_eq!(expire_all(store, at(999 * MINUTE)).await, 0);
}

/// Many deadlines at once come in as many pieces as are asked for, and none is forgotten between
/// them.
async fn a_storm_comes_in_pieces(store: &dyn Store) {
    let users = 300;
    for number in 0..users {
        let who = user(1, number.into());
        apply(store, who, set(1, SessionState::Away, 5), at(number % 7)).await;
    }
    let newest = store.newest().await.expect("a cursor");
    let now = at(6 * MINUTE);
    let mut left = 300;
    while left > 0 {
        let expired = store.expire_due(now, 40).await.expect("a piece");
        assert!((1..=40).contains(&expired.ticked), "{expired:?}");
        left -= expired.ticked;
        let more = expired.next.is_some_and(|next| next <= now);
        assert!(more || left == 0, "{left} are left and {expired:?}");
    }
    assert_eq!(expire_all(store, now).await, 0);
    let changes = all_changes(store, newest).await;
    assert_eq!(changes.len(), 300);
    assert!(changes.is_sorted_by(|a, b| a.change.at <= b.change.at));
}

/// A time that is marked is the latest, and it alone: the feed does not tell it, no record has it,
/// and an earlier one changes nothing.
async fn time_can_be_marked(store: &dyn Store) {
    mark(store, at(7)).await;
    assert_eq!(store.latest_time(), at(7));
    assert_eq!(store.newest().await.expect("a cursor"), Cursor(0));
    let first = apply(store, user(1, 1), set(1, SessionState::Away, 5), at(3)).await;
    assert_eq!(first.record.as_of, at(3));
    assert_eq!(store.latest_time(), at(7));
    let newest = store.newest().await.expect("a cursor");
    mark(store, at(9)).await;
    mark(store, at(8)).await;
    mark(store, at(9)).await;
    assert_eq!(store.latest_time(), at(9));
    assert_eq!(store.newest().await.expect("a cursor"), newest);
    let second = apply(store, user(1, 1), set(1, SessionState::InACall, 5), at(11)).await;
    assert_eq!(store.latest_time(), at(11));
    let told: Vec<_> = all_changes(store, Cursor(0)).await;
    let told: Vec<_> = told.iter().map(|one| Some(one.change)).collect();
    assert_eq!(told, [first.change, second.change]);
}

async fn mark(store: &dyn Store, now: Timestamp) {
    let marked = store.mark_time(now).await;
    marked.expect("the time is written down");
}

fn key(tenant: u128, id: u128) -> DocumentKey {
    DocumentKey {
        kind: DocumentKind::Subscription,
        tenant: TenantId::from_u128(tenant),
        id,
    }
}

/// A document is written only by who knows its newest revision; revisions grow, also for a document
/// that was removed and made anew.
async fn documents_have_revisions(store: &dyn Store) {
    let first = store.put_document(&key(1, 5), None, b"a").await;
    let first = first.expect("a new document");
    for wrong in [None, Some(Revision(first.0 + 1))] {
        let refused = store.put_document(&key(1, 5), wrong, b"b").await;
        assert!(matches!(refused, Err(StoreError::Conflict)));
    }
    let missing = store.put_document(&key(1, 6), Some(first), b"b").await;
    assert!(matches!(missing, Err(StoreError::Conflict)));
    let second = store.put_document(&key(1, 5), Some(first), b"c").await;
    let second = second.expect("the revision is right");
    assert!(second > first);
    let found = store.get_document(&key(1, 5)).await.expect("a read");
    let found = found.map(|document| (document.revision, document.body));
    assert_eq!(found, Some((second, b"c".to_vec())));
    for (tenant, id) in [(2, 1), (1, 9), (1, 2)] {
        let put = store.put_document(&key(tenant, id), None, b"").await;
        put.expect("a new document");
    }
    let listed = |tenant: Option<u128>| async move {
        let tenant = tenant.map(TenantId::from_u128);
        let listed = store
            .list_documents(DocumentKind::Subscription, tenant)
            .await;
        let keys = listed.expect("a listing").into_iter().map(|(key, _)| key);
        keys.collect::<Vec<_>>()
    };
    let all = [key(1, 2), key(1, 5), key(1, 9), key(2, 1)];
    assert_eq!(listed(None).await, all);
    assert_eq!(listed(Some(2)).await, [key(2, 1)]);
    let removed = store.delete_document(&key(1, 5)).await;
    assert!(removed.expect("it is there"));
    let removed = store.delete_document(&key(1, 5)).await;
    assert!(!removed.expect("it is no longer there"));
    let anew = store.put_document(&key(1, 5), None, b"d").await;
    assert!(anew.expect("a new document") > second);
}

/// A document that is too large is refused for good, and the largest is not.
async fn documents_have_limits(store: &dyn Store) {
    let body = vec![7; crate::limits::DOCUMENT_BYTES_MAX + 1];
    match store.put_document(&key(1, 1), None, &body).await {
        Err(error @ StoreError::LimitReached(_)) => assert!(!error.is_retryable()),
        other => panic!("it is too large, and the answer was {other:?}"),
    }
    let (_, body) = body.split_at(1);
    let put = store.put_document(&key(1, 1), None, body).await;
    put.expect("it is just small enough");
}

/// Many tasks at once, some of them at the same users: every command counts, each user's sequence
/// numbers grow, and the feed tells every change once.
async fn nobody_is_decided_upon_twice(store: Arc<dyn Store>) {
    let (tasks, commands, users) = (8, 60, 5);
    let running: Vec<_> = (0..tasks)
        .map(|task: u64| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut random = Random::new(task);
                let mut told = Vec::new();
                for number in 0..commands {
                    let who = user(1, random.below(users).into());
                    let state = match random.below(3) {
                        0 => SessionState::InACall,
                        1 => SessionState::Presenting,
                        _ => SessionState::Available,
                    };
                    let command = set(task.into(), state, 60);
                    let applied = apply(&*store, who, command, at(number)).await;
                    told.extend(applied.change.map(|change| (who, change)));
                }
                told
            })
        })
        .collect();
    let mut answered = BTreeMap::new();
    for task in running {
        for (user, change) in task.await.expect("the task ends well") {
            let twice = answered.insert((user, change.sequence), change);
            assert_eq!(twice, None, "a sequence number was given twice");
        }
    }
    let feed = all_changes(&*store, Cursor(0)).await;
    let mut last = BTreeMap::new();
    for one in &feed {
        let before = last.insert(one.user, one.change.sequence);
        assert!(before.is_none_or(|before| before < one.change.sequence));
        let answer = answered.remove(&(one.user, one.change.sequence));
        assert_eq!(answer, Some(one.change));
    }
    assert_eq!(answered, BTreeMap::new(), "the feed does not tell these");
    for (user, sequence) in last {
        let record = store.get(user).await.expect("a read").expect("a record");
        assert_eq!(view(&record, record.as_of).sequence, sequence);
    }
}

/// Whatever was answered is there after the store was dropped and opened again: records, documents,
/// feed, deadlines, and the latest time.
async fn everything_survives(backend: &dyn Backend) {
    let mut store = backend.open().await;
    let mut seen = Vec::new();
    for round in 0..3_u64 {
        for number in 0..20_u128 {
            let now = at(round * 1000);
            apply(
                &*store,
                user(1, number),
                set(round.into(), SessionState::Away, 5),
                now,
            )
            .await;
        }
        let revision = store
            .put_document(&key(1, round.into()), None, b"kept")
            .await;
        revision.expect("a new document");
        let changes = all_changes(&*store, Cursor(0)).await;
        assert_eq!(changes.get(..seen.len()), Some(seen.as_slice()));
        seen = changes;
        let record = store.get(user(1, 3)).await.expect("a read");
        let documents = store.list_documents(DocumentKind::Subscription, None).await;
        let documents = documents.expect("a listing");
        let (latest, newest) = (store.latest_time(), store.newest().await.ok());
        drop(store);
        store = backend.open().await;
        assert_eq!(store.get(user(1, 3)).await.expect("a read"), record);
        let found = store.list_documents(DocumentKind::Subscription, None).await;
        assert_eq!(found.expect("a listing"), documents);
        assert_eq!(
            (store.latest_time(), store.newest().await.ok()),
            (latest, newest)
        );
        assert_eq!(all_changes(&*store, Cursor(0)).await, seen);
    }
    // The sessions end at three instants, the presence only at the last.
    assert_eq!(expire_all(&*store, at(2000 + 5 * MINUTE)).await, 20);
    drop(store);
    let store = backend.open().await;
    assert_eq!(expire_all(&*store, at(9 * MINUTE)).await, 0);
    assert_eq!(all_changes(&*store, Cursor(0)).await.len(), seen.len() + 20);
}

/// A marked time is there after the store was opened again, also where nothing else ever was, and
/// with it the feed goes on where it was.
async fn marked_time_survives(backend: &dyn Backend) {
    let store = backend.open().await;
    mark(&*store, at(5)).await;
    drop(store);
    let store = backend.open().await;
    assert_eq!(store.latest_time(), at(5));
    let mut seen = Vec::new();
    // Long enough that a backend which compacts does so in between, and again at the end with
    // nothing but marks since.
    for (minute, state) in (1..40).zip(SessionState::ALL.into_iter().cycle()) {
        let now = at(minute * MINUTE);
        if minute < 20 {
            let applied = apply(&*store, user(1, 1), set(1, state, 60), now).await;
            seen.extend(applied.change);
        }
        mark(&*store, now.plus(Duration::from_secs(30))).await;
    }
    let last = at(39 * MINUTE + 30_000);
    drop(store);
    for _ in 0..2 {
        let store = backend.open().await;
        assert_eq!(store.latest_time(), last);
        let told = all_changes(&*store, Cursor(0)).await;
        let told: Vec<_> = told.iter().map(|one| one.change).collect();
        assert_eq!(told, seen);
        drop(store);
    }
}

/// A write whose future is dropped, before it was polled or after, is committed or without effect,
/// and which of the two does not change any more: not by the next command, nor by a restart.
async fn a_dropped_write_is_whole_or_not_at_all(backend: &dyn Backend) {
    let store = backend.open().await;
    let mut seen = Vec::new();
    for number in 0..24_u128 {
        let who = user(1, number);
        {
            let mut write = store.apply(who, set(1, SessionState::InACall, 60), at(1));
            let key = key(1, number);
            let mut document = store.put_document(&key, None, b"whole");
            for _ in 0..number % 3 {
                if poll_once(write.as_mut()).is_ready() | poll_once(document.as_mut()).is_ready() {
                    break;
                }
            }
        }
        // Away is hidden by the call: what is told says which of the two happened.
        let second = apply(&*store, who, set(2, SessionState::Away, 60), at(2)).await;
        let (sessions, first) = match second.change {
            None => (2, Some("Busy/InACall")),
            Some(_) => (1, Some("Away/Away")),
        };
        assert_eq!(second.record.sessions.len(), sessions);
        let told = changes_of(&*store, who).await;
        assert_eq!((told.first().map(String::as_str), told.len()), (first, 1));
        let document = store.get_document(&key(1, number)).await.expect("a read");
        let body = document.map(|document| document.body);
        assert!(body.is_none() || body.as_deref() == Some(b"whole"));
        seen.push((who, second.record, told, body));
    }
    drop(store);
    let store = backend.open().await;
    for (number, (who, record, told, body)) in (0..).zip(seen) {
        assert_eq!(store.get(who).await.expect("a read"), Some(record));
        assert_eq!(changes_of(&*store, who).await, told);
        let document = store.get_document(&key(1, number)).await.expect("a read");
        assert_eq!(document.map(|document| document.body), body);
    }
}

/// What the feed tells of one user.
async fn changes_of(store: &dyn Store, who: UserKey) -> Vec<String> {
    let all = all_changes(store, Cursor(0)).await.into_iter();
    let own = all.filter(|one| one.user == who);
    own.map(|one| one.change.presence.to_string()).collect()
}

/// After a close the data can be opened again while the closed store still exists, and is whole.
async fn nothing_is_lost_by_closing(backend: &dyn Backend) {
    let store = backend.open().await;
    let applied = apply(&*store, user(1, 1), set(1, SessionState::Away, 5), at(0)).await;
    store.close().await.expect("it closes");
    store.close().await.expect("closing twice is no error");
    let again = backend.open().await;
    let found = again.get(user(1, 1)).await.expect("a read");
    assert_eq!(found, Some(applied.record));
}

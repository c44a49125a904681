//! What is sent when, and what is made of the answers.

use std::collections::HashMap;
use std::time::Duration;

use presenced_core::id::{SubscriptionId, UserId};
use presenced_core::session::SessionState;
use presenced_notify::engine::limits::{
    AUDIENCE_RETRY, GIVE_UP_AFTER, RETRY_LONGEST, WAITING_PER_SUBSCRIPTION_MAX,
};
use presenced_notify::engine::{DeliveryState, DeliveryStatus, Message, TestError};
use presenced_notify::subscription::Resource;
use presenced_store::testkit::{clear, poll_once, user};

use crate::world::{Manner, Received, TENANT, UNWRITABLE, World, until_hanging, within};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);
const A: &str = "https://a/";
const B: &str = "https://b/";

fn status(world: &World, id: SubscriptionId) -> DeliveryStatus {
    let status = world.notifier.status(TENANT, id);
    status.expect("the subscription exists")
}

/// Whoever watches a user is told each change, once, in order; whoever does not is told nothing.
#[tokio::test]
async fn changes_are_told_to_those_who_watch() {
    let world = World::new().await;
    world.set(1, SessionState::Away).await;
    let a = world.subscribe("a", &[1, 2]).await;
    let b = world.subscribe("b", &[2]).await;
    world.set(1, SessionState::InACall).await;
    world.endpoints.until_at(A, 1).await;
    world.set(1, SessionState::InACall).await;
    world.set(3, SessionState::InACall).await;
    world.set(1, SessionState::Away).await;
    world.endpoints.until_at(A, 2).await;
    world.set(2, SessionState::Presenting).await;
    world.endpoints.until_at(A, 3).await;
    world.endpoints.until_at(B, 1).await;
    world.until_quiet(a).await;
    world.until_quiet(b).await;
    let shown = |url| -> Vec<_> {
        let received = world.endpoints.received_at(url);
        received.iter().flat_map(Received::shown).collect()
    };
    let expected = [(1, "Busy"), (1, "Away"), (2, "DoNotDisturb")];
    let expected = expected.map(|(user, shown)| (user, shown.to_owned()));
    assert_eq!(shown(A), expected);
    assert_eq!(shown(B), expected[2..]);
    let status = status(&world, a);
    assert_eq!(status.state, DeliveryState::Active);
    let last = status.last_attempt.unwrap();
    assert_eq!(last.message, Message::Notification);
    assert_eq!(last.result.unwrap().answer, Ok(202));
}

/// While one message is under way, what changes is collected, and goes out in one message with the
/// newest state of each user.
#[tokio::test]
async fn what_changes_meanwhile_is_conflated() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1, 2, 3]).await;
    world.endpoints.set(A, Manner::Hangs);
    world.set(1, SessionState::Available).await;
    until_hanging(&world, 1).await;
    for state in [
        SessionState::Away,
        SessionState::InACall,
        SessionState::Presenting,
    ] {
        world.set(2, state).await;
        world.set(1, state).await;
    }
    world.notifier.settle().await.unwrap();
    assert_eq!(status(&world, id).waiting, 3);
    world.endpoints.set(A, Manner::Answers(200));
    let received = world.endpoints.until_at(A, 2).await;
    assert_eq!(received[0].shown(), [(1, "Available".into())]);
    let both = [(2, "DoNotDisturb".into()), (1, "DoNotDisturb".into())];
    assert_eq!(received[1].shown(), both);
    world.until_quiet(id).await;
}

/// A message that is not taken is sent again after a while, and longer and longer after that; then
/// with what is newest. As soon as it is taken all is as before.
#[tokio::test]
async fn failures_are_retried_with_the_newest_state() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1, 2]).await;
    world.endpoints.set(A, Manner::Answers(503));
    world.set(1, SessionState::Away).await;
    world.endpoints.until_at(A, 1).await;
    let mut waits = Vec::new();
    for tries in 1..=10 {
        let settled = async {
            while status(&world, id).failures_in_a_row < tries {
                tokio::task::yield_now().await;
            }
        };
        within(settled).await;
        let status = status(&world, id);
        assert_eq!(status.state, DeliveryState::Failing);
        let wait = status.next_attempt_at.unwrap().since(world.now());
        world.advance(wait.saturating_sub(TICK)).await;
        let before = world.endpoints.received_at(A).len();
        assert_eq!(before, tries as usize);
        world.advance(TICK).await;
        world.endpoints.until_at(A, before + 1).await;
        waits.push(wait);
    }
    assert!(waits[0] >= SECOND / 2 && waits[0] <= SECOND, "{waits:?}");
    assert!(waits[5] > 8 * SECOND, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= RETRY_LONGEST), "{waits:?}");

    world.endpoints.set(A, Manner::IsGone);
    world.set(2, SessionState::Away).await;
    world.set(1, SessionState::Presenting).await;
    world.advance(RETRY_LONGEST).await;
    world.endpoints.until_at(A, 12).await;
    world.endpoints.set(A, Manner::Answers(200));
    world.set(1, SessionState::InACall).await;
    let recovered = async {
        while status(&world, id).state != DeliveryState::Active {
            world.advance(SECOND).await;
            tokio::task::yield_now().await;
        }
    };
    within(recovered).await;
    let received = world.endpoints.received_at(A);
    let last = received.last().unwrap();
    assert_eq!(last.shown(), [(1, "Busy".into()), (2, "Away".into())]);
    world.set(2, SessionState::InACall).await;
    world.endpoints.until_at(A, received.len() + 1).await;
}

/// After four hours of failures the subscriber is told that notifications were left out; and when
/// its endpoint is back, it gets the newest state all the same.
#[tokio::test]
async fn after_four_hours_the_newest_state_is_kept() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.lifecycle_notification_url = Some(B.into());
    draft.expires_at = world.now().plus(8 * Duration::from_hours(1));
    draft.authorized_until = draft.expires_at;
    let id = world.notifier.create(draft).await.unwrap().id;
    world.endpoints.set(A, Manner::IsGone);
    world.set(1, SessionState::Away).await;
    world.endpoints.until_at(A, 1).await;
    world.advance(GIVE_UP_AFTER.saturating_sub(SECOND)).await;
    world.endpoints.until_at(A, 2).await;
    assert_eq!(world.endpoints.received_at(B), []);
    world.set(1, SessionState::InACall).await;
    world.advance(RETRY_LONGEST + SECOND).await;
    let lifecycle = world.endpoints.until_at(B, 1).await;
    assert_eq!(lifecycle[0].event(), Some("missed"));
    assert_eq!(status(&world, id).state, DeliveryState::GivenUp);

    world.endpoints.set(A, Manner::Answers(200));
    let taken = async {
        while !world.endpoints.received_at(A).iter().any(|one| one.taken) {
            world.advance(RETRY_LONGEST).await;
            tokio::task::yield_now().await;
        }
    };
    within(taken).await;
    let received = world.endpoints.received_at(A);
    assert_eq!(received.last().unwrap().shown(), [(1, "Busy".into())]);
    world.until_quiet(id).await;
    assert_eq!(status(&world, id).state, DeliveryState::Active);
    assert_eq!(world.endpoints.received_at(B).len(), 1);
}

/// An endpoint that is often slow is told ten seconds later; one that is slow most of the time is
/// told nothing for some minutes, and then the newest state of each user.
#[tokio::test]
async fn slow_endpoints_are_spared() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1]).await;
    let mut sent = 0;
    let mut state = [SessionState::Away, SessionState::InACall]
        .into_iter()
        .cycle();
    for slow in [89, 11] {
        let took = if slow == 11 { 11 * SECOND } else { SECOND };
        world.endpoints.set(A, Manner::TakesItsTime(took));
        for _ in 0..slow {
            world.set(1, state.next().unwrap()).await;
            sent += 1;
            world.endpoints.until_at(A, sent).await;
        }
    }
    world.until_quiet(id).await;
    assert_eq!(status(&world, id).state, DeliveryState::Slow);
    world.set(1, state.next().unwrap()).await;
    world.advance((10 * SECOND).saturating_sub(TICK)).await;
    assert_eq!(world.endpoints.received_at(A).len(), sent);
    world.advance(TICK).await;
    sent += 1;
    world.endpoints.until_at(A, sent).await;

    while status(&world, id).state != DeliveryState::Held {
        world.set(1, state.next().unwrap()).await;
        world.advance(10 * SECOND).await;
        sent += 1;
        world.endpoints.until_at(A, sent).await;
        world.until_quiet(id).await;
    }
    world.set(1, SessionState::Available).await;
    world.set(1, SessionState::Presenting).await;
    world.advance(30 * SECOND).await;
    assert_eq!(world.endpoints.received_at(A).len(), sent);
    assert_eq!(status(&world, id).waiting, 1);
    world.advance(Duration::from_mins(10)).await;
    let received = world.endpoints.until_at(A, sent + 1).await;
    assert_eq!(received[sent].shown(), [(1, "DoNotDisturb".into())]);
}

/// Nothing is sent once the token behind a subscription has ended; what waits is sent when the
/// subscription is reauthorized.
#[tokio::test]
async fn without_authorization_changes_wait() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.authorized_until = world.now().plus(10 * SECOND);
    let id = world.notifier.create(draft).await.unwrap().id;
    world.advance(10 * SECOND).await;
    world.set(1, SessionState::Away).await;
    world.set(1, SessionState::InACall).await;
    world.advance(60 * SECOND).await;
    assert_eq!(world.endpoints.received(), []);
    assert_eq!(status(&world, id).state, DeliveryState::Unauthorized);
    let tested = world.notifier.send_test(TENANT, id).await;
    assert!(matches!(tested, Err(TestError::Unauthorized)), "{tested:?}");
    let until = world.now().plus(Duration::from_hours(1));
    world.notifier.reauthorize(TENANT, id, until).await.unwrap();
    let received = world.endpoints.until_at(A, 1).await;
    assert_eq!(received[0].shown(), [(1, "Busy".into())]);
}

/// Where changes are no longer kept that were still to be told, the present state of everybody is
/// told instead, and that something was left out.
#[tokio::test]
async fn after_a_gap_the_present_state_is_told() {
    let limits = presenced_store::Limits {
        feed_changes_max: 16,
        ..presenced_store::Limits::default()
    };
    let world = World::with_limits(presenced_notify::engine::Settings::default(), limits).await;
    let users: Vec<u128> = (0..300).collect();
    let mut draft = world.draft("a", &users);
    draft.lifecycle_notification_url = Some(B.into());
    let id = world.notifier.create(draft).await.unwrap().id;
    let mut tenant = world.draft("tenant", &[]);
    tenant.resource = Resource::Tenant;
    let tenant = world.notifier.create(tenant).await.unwrap().id;
    let mut sets: Vec<_> = (0..250)
        .map(|one| Box::pin(world.set(one, SessionState::Away)))
        .collect();
    // All are committed before the engine can look once: there is one thread.
    for set in &mut sets {
        let polled = poll_once(set.as_mut());
        assert!(polled.is_ready());
    }
    world.until_quiet(id).await;
    world.until_quiet(tenant).await;
    for url in [A, "https://tenant/"] {
        let received = world.endpoints.received_at(url);
        let mut told: Vec<u128> = received
            .iter()
            .flat_map(Received::shown)
            .map(|(user, shown)| {
                assert_eq!(shown, "Away");
                user
            })
            .collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told, (0..250).collect::<Vec<_>>(), "{url}");
        assert!(received.len() <= 250 / 50 + 2, "{}", received.len());
    }
    let lifecycle = world.endpoints.until_at(B, 1).await;
    assert_eq!(lifecycle[0].event(), Some("missed"));
}

/// A test is sent at once, also while tries fail, and never beside another message; one that is
/// taken lets what waits follow.
#[tokio::test]
async fn a_test_takes_its_turn() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1]).await;
    world.endpoints.set(A, Manner::Hangs);
    world.set(1, SessionState::Away).await;
    until_hanging(&world, 1).await;
    let mut test = Box::pin(world.notifier.send_test(TENANT, id));
    assert!(poll_once(test.as_mut()).is_pending());
    let second = world.notifier.send_test(TENANT, id).await;
    assert!(matches!(second, Err(TestError::Busy)), "{second:?}");
    world.endpoints.set(A, Manner::Answers(500));
    let attempt = test.await.unwrap();
    assert_eq!(attempt.answer, Ok(500));
    assert_eq!(
        world.endpoints.until_at(A, 2).await[1].shown(),
        [(1, "Away".into())]
    );

    world.endpoints.set(A, Manner::Answers(202));
    let attempt = world.notifier.send_test(TENANT, id).await.unwrap();
    assert!(attempt.is_delivered());
    world.endpoints.until_at(A, 4).await;
    world.until_quiet(id).await;
    let nobody = SubscriptionId::from_u128(1);
    let tested = world.notifier.send_test(TENANT, nobody).await;
    assert!(matches!(tested, Err(TestError::NotFound)));
}

/// Many users go out in parts, oldest change first, and what ends by itself is told like anything
/// else.
#[tokio::test]
async fn messages_have_a_size() {
    let world = World::new().await;
    let users: Vec<u128> = (0..250).collect();
    let id = world.subscribe("a", &users).await;
    world.endpoints.set(A, Manner::Hangs);
    world.set(0, SessionState::Away).await;
    until_hanging(&world, 1).await;
    for user in &users {
        world.set(*user, SessionState::InACall).await;
    }
    world.endpoints.set(A, Manner::Answers(202));
    world.until_quiet(id).await;
    let received = world.endpoints.received_at(A);
    let sizes: Vec<usize> = received.iter().map(|one| one.items().len()).collect();
    assert_eq!(sizes, [1, 100, 100, 50]);
    let told: Vec<u128> = received[1..]
        .iter()
        .flat_map(Received::shown)
        .map(|(user, _)| user)
        .collect();
    assert_eq!(told, users);

    let key = user(1, 7);
    world.store.apply(key, clear(1), world.now()).await.unwrap();
    let received = world.endpoints.until_at(A, 5).await;
    assert_eq!(received[4].items()[0].0, UserId::from_u128(7).as_u128());
}

/// A subscription to a tenant in which more changes than may wait is told the present state of
/// everybody instead, once its endpoint is back, and what changes meanwhile.
#[tokio::test]
async fn too_many_changes_become_one_reading() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[]);
    draft.resource = Resource::Tenant;
    draft.lifecycle_notification_url = Some(B.into());
    let id = world.notifier.create(draft).await.unwrap().id;
    world.endpoints.set(A, Manner::Hangs);
    let users = u128::try_from(WAITING_PER_SUBSCRIPTION_MAX).unwrap() + 200;
    world.set(0, SessionState::Away).await;
    until_hanging(&world, 1).await;
    for number in 0..users {
        world.set(number, SessionState::InACall).await;
    }
    world.notifier.settle().await.unwrap();
    let now = status(&world, id);
    assert!(now.is_rereading);
    assert!(now.waiting <= 201, "{}", now.waiting);
    world.endpoints.set(A, Manner::Answers(202));
    world.endpoints.until_at(A, 3).await;
    world.set(5, SessionState::Presenting).await;
    world.until_quiet(id).await;
    let mut told: HashMap<u128, (String, u64)> = HashMap::new();
    for (number, shown, sequence) in world
        .endpoints
        .received_at(A)
        .iter()
        .flat_map(Received::items)
    {
        let before = told.insert(number, (shown, sequence));
        assert!(before.is_none_or(|before| before.1 <= sequence), "{number}");
    }
    assert_eq!(told.len() as u128, users);
    let (presenting, rest): (Vec<_>, Vec<_>) = told.iter().partition(|(number, _)| **number == 5);
    assert_eq!(presenting[0].1.0, "DoNotDisturb");
    assert!(rest.iter().all(|(_, (shown, _))| shown == "Busy"));
    let lifecycle = world.endpoints.until_at(B, 1).await;
    assert_eq!(lifecycle[0].event(), Some("missed"));
}

/// A message that cannot be written counts as not delivered, says why, and is tried again.
#[tokio::test]
async fn what_cannot_be_written_waits() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.client_state = Some(UNWRITABLE.into());
    let id = world.notifier.create(draft).await.unwrap().id;
    world.set(1, SessionState::Away).await;
    within(async {
        while status(&world, id).failures_in_a_row == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let last = status(&world, id).last_attempt.unwrap().result.unwrap();
    let why = last.answer.unwrap_err();
    assert_eq!(why, "the notification cannot be written: it is a test");
    assert_eq!(status(&world, id).waiting, 1);
    let tested = world.notifier.send_test(TENANT, id).await.unwrap();
    assert!(!tested.is_delivered());
    assert_eq!(world.endpoints.received(), []);
}

/// Where nobody watches, changes may be forgotten unread; whoever comes then hears of what changes
/// from then on, and not that something was missed.
#[tokio::test]
async fn the_first_subscription_begins_now() {
    let limits = presenced_store::Limits {
        feed_changes_max: 4,
        ..presenced_store::Limits::default()
    };
    let world = World::with_limits(presenced_notify::engine::Settings::default(), limits).await;
    for round in 0..3 {
        for number in 0..20 {
            world
                .set(
                    number,
                    [SessionState::Away, SessionState::InACall][round % 2],
                )
                .await;
        }
        world.notifier.settle().await.unwrap();
        let mut draft = world.draft("a", &[1, 2]);
        draft.lifecycle_notification_url = Some(B.into());
        let id = world.notifier.create(draft).await.unwrap().id;
        world.set(2, SessionState::Presenting).await;
        let received = world.endpoints.until_at(A, round + 1).await;
        assert_eq!(received[round].shown(), [(2, "DoNotDisturb".into())]);
        world.until_quiet(id).await;
        let by = presenced_notify::engine::RemovedBy::Subscriber;
        assert!(world.notifier.delete(TENANT, id, by).await.unwrap());
    }
    assert_eq!(world.endpoints.received_at(B), []);
}

/// Of whom nobody may be told any more, nobody is, whatever waits; and an application that may not
/// be told anything hears the newest state as soon as it may again.
#[tokio::test]
async fn the_audience_is_heeded() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1, 2]).await;
    world.endpoints.hide(1);
    world.set(1, SessionState::Away).await;
    world.set(2, SessionState::Away).await;
    let first = world.endpoints.until_at(A, 1).await;
    assert_eq!(first[0].shown(), [(2, "Away".into())]);
    world.until_quiet(id).await;

    world.endpoints.disable(true);
    let test = world.notifier.send_test(TENANT, id).await;
    assert!(matches!(test, Err(TestError::Disabled)), "{test:?}");
    world.set(2, SessionState::InACall).await;
    world.advance(AUDIENCE_RETRY).await;
    world.set(2, SessionState::Available).await;
    world.advance(AUDIENCE_RETRY).await;
    world.endpoints.disable(false);
    world.advance(AUDIENCE_RETRY).await;
    let all = world.endpoints.until_at(A, 2).await;
    assert_eq!(all[1].shown(), [(2, "Available".into())]);
    world.until_quiet(id).await;
    assert_eq!(world.endpoints.received().len(), 2);
}

/// Whoever waits for a test when the server stops is told that, and so is whoever comes then.
#[tokio::test]
async fn a_stop_ends_the_wait_for_a_test() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1]).await;
    world.endpoints.set(A, Manner::Hangs);
    world.set(1, SessionState::Away).await;
    until_hanging(&world, 1).await;
    let mut waits = Box::pin(world.notifier.send_test(TENANT, id));
    assert!(poll_once(waits.as_mut()).is_pending());
    world.stop.cancel();
    let told = within(waits).await;
    assert!(matches!(told, Err(TestError::Stopped)), "{told:?}");
    let told = world.notifier.send_test(TENANT, id).await;
    assert!(matches!(told, Err(TestError::Stopped)), "{told:?}");
    world.endpoints.set(A, Manner::Answers(202));
    world.end().await;
}

//! Lifecycle notifications.

use std::time::Duration;

use presenced_core::session::SessionState;
use presenced_notify::engine::limits::{FIRST_POSTS_PER_HOST_MAX, RETRY_LONGEST};
use presenced_notify::engine::{Changes, RemovedBy};

use crate::world::{Manner, TENANT, World, documents_left, until_hanging};

const MINUTE: Duration = Duration::from_mins(1);
const L: &str = "https://l/";

/// Before a subscription or its token ends the subscriber is asked to do something about it: once,
/// until it has been done, and again before the next end.
#[tokio::test]
async fn the_end_is_announced_once() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.lifecycle_notification_url = Some(L.into());
    draft.expires_at = world.now().plus(90 * MINUTE);
    let id = world.notifier.create(draft).await.unwrap().id;
    let silent = world.subscribe("silent", &[1]).await;
    world.advance(44 * MINUTE).await;
    assert_eq!(world.endpoints.received(), []);
    world.endpoints.set(L, Manner::IsGone);
    world.advance(MINUTE).await;
    world.endpoints.until_at(L, 1).await;
    world.endpoints.set(L, Manner::Answers(202));
    world.advance(RETRY_LONGEST).await;
    let received = world.endpoints.until_at(L, 2).await;
    assert_eq!(received[1].event(), Some("reauthorizationRequired"));
    world.advance(10 * MINUTE).await;
    assert_eq!(world.endpoints.received().len(), 2);

    let until = world.now().plus(60 * MINUTE);
    let changes = Changes {
        expires_at: Some(until),
        authorized_until: Some(until),
        ..Changes::default()
    };
    world.notifier.change(TENANT, id, changes).await.unwrap();
    world.advance(44 * MINUTE).await;
    assert_eq!(world.endpoints.received().len(), 2);
    world.advance(MINUTE).await;
    world.endpoints.until_at(L, 3).await;
    assert!(world.notifier.get(TENANT, silent).is_none());
}

/// A lifecycle URL that does not answer, or is in line behind others that do not, keeps no
/// notification waiting; and the other way round.
#[tokio::test]
async fn two_endpoints_do_not_wait_for_each_other() {
    let world = World::new().await;
    world.endpoints.set(L, Manner::Hangs);
    let crowd = FIRST_POSTS_PER_HOST_MAX + 1;
    for number in 0..crowd {
        let mut draft = world.draft(&format!("a{number}"), &[1]);
        draft.lifecycle_notification_url = Some(L.into());
        world.notifier.create(draft).await.unwrap();
    }
    world.advance(45 * MINUTE).await;
    until_hanging(&world, crowd - 1).await;
    world.set(1, SessionState::Away).await;
    world.endpoints.until(|all| all.len() == crowd).await;
    for number in 0..crowd {
        let url = format!("https://a{number}/");
        world.endpoints.until_at(&url, 1).await;
        world.endpoints.set(&url, Manner::Hangs);
    }
    world.set(1, SessionState::InACall).await;
    until_hanging(&world, 2 * crowd - 1).await;
    world.endpoints.set(L, Manner::Answers(202));
    world.endpoints.until_at(L, crowd).await;
}

/// A subscriber whose subscription an administrator removes is told, until it has heard; from the
/// removal on the subscription does not exist and nothing else is sent.
#[tokio::test]
async fn a_removal_is_told() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.lifecycle_notification_url = Some(L.into());
    let id = world.notifier.create(draft.clone()).await.unwrap().id;
    world.endpoints.set(L, Manner::Answers(500));
    let by = RemovedBy::Administrator;
    assert!(world.notifier.delete(TENANT, id, by).await.unwrap());
    assert!(world.notifier.get(TENANT, id).is_none());
    assert!(!world.notifier.delete(TENANT, id, by).await.unwrap());
    world.set(1, SessionState::Away).await;
    world.endpoints.until_at(L, 1).await;
    world.endpoints.set(L, Manner::Answers(202));
    world.advance(RETRY_LONGEST).await;
    let received = world.endpoints.until_at(L, 2).await;
    assert_eq!(received[1].event(), Some("subscriptionRemoved"));
    documents_left(world.store.as_ref(), 0).await;
    assert_eq!(world.endpoints.received().len(), 2);

    // Where nobody wants to hear of it, and where the subscriber does it itself, nothing is said.
    draft.lifecycle_notification_url = None;
    let id = world.notifier.create(draft.clone()).await.unwrap().id;
    assert!(world.notifier.delete(TENANT, id, by).await.unwrap());
    draft.lifecycle_notification_url = Some(L.into());
    let id = world.notifier.create(draft).await.unwrap().id;
    let by = RemovedBy::Subscriber;
    assert!(world.notifier.delete(TENANT, id, by).await.unwrap());
    world.advance(MINUTE).await;
    documents_left(world.store.as_ref(), 0).await;
    assert_eq!(world.endpoints.received().len(), 2);
}

/// A subscriber that never hears of the removal is not tried for ever.
#[tokio::test]
async fn a_removal_is_not_told_for_ever() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.lifecycle_notification_url = Some(L.into());
    let id = world.notifier.create(draft).await.unwrap().id;
    world.endpoints.set(L, Manner::IsGone);
    let by = RemovedBy::Administrator;
    assert!(world.notifier.delete(TENANT, id, by).await.unwrap());
    for tries in 1..=3 {
        world.endpoints.until_at(L, tries).await;
        world.advance(2 * 60 * MINUTE).await;
    }
    documents_left(world.store.as_ref(), 0).await;
}

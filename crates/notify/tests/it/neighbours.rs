//! Who waits for whom: nobody for an endpoint that is not its own any more, or never was.

use std::time::Duration;

use presenced_core::id::SubscriptionId;
use presenced_core::session::SessionState;
use presenced_notify::engine::limits::{
    FIRST_POSTS_PER_HOST_MAX, RETRY_LONGEST, SLOW_POSTS_PER_HOST_MAX,
};
use presenced_notify::engine::{Changes, DeliveryState};

use crate::world::{Manner, Received, TENANT, World, until_hanging};

const SECOND: Duration = Duration::from_secs(1);
const A: &str = "https://a/";
const B: &str = "https://b/";

/// Endpoints that hang, however many, delay nobody else.
#[tokio::test]
async fn hanging_endpoints_delay_nobody() {
    let world = World::new().await;
    let hanging = 1000;
    for number in 0..hanging {
        // Half of them on one host.
        let name = if number % 2 == 0 {
            format!("h{number}")
        } else {
            format!("crowd/{number}")
        };
        world
            .endpoints
            .set(&format!("https://{name}/"), Manner::Hangs);
        world.subscribe(&name, &[1]).await;
    }
    world.set(1, SessionState::Away).await;
    until_hanging(&world, hanging / 2 + FIRST_POSTS_PER_HOST_MAX).await;
    let good = world.subscribe("a", &[1]).await;
    world.set(1, SessionState::InACall).await;
    world.endpoints.until_at(A, 1).await;
    world.until_quiet(good).await;
    assert_eq!(world.endpoints.received().len(), 1);

    // And all of them are told when they come round.
    for number in 0..hanging {
        let name = if number % 2 == 0 {
            format!("h{number}")
        } else {
            format!("crowd/{number}")
        };
        world
            .endpoints
            .set(&format!("https://{name}/"), Manner::Answers(202));
    }
    let busy = |one: &Received| one.shown() == [(1, "Busy".to_owned())];
    let all = |all: &[Received]| all.iter().filter(|one| busy(one)).count();
    world
        .endpoints
        .until(|received| all(received) == hanging + 1)
        .await;
}

/// Endpoints that take what they are sent, but take nine seconds for it, and those that hang from the
/// start delay none that is quick, however many they are and also where all are on one host.
#[tokio::test]
async fn slow_endpoints_delay_nobody() {
    let world = World::new().await;
    let set = |prefix: &str, count: usize, manner: &Manner| {
        for number in 0..count {
            let url = format!("https://crowd/{prefix}{number}/");
            world.endpoints.set(&url, manner.clone());
        }
    };
    let mut ids = Vec::new();
    for (prefix, count, user) in [("quick", 10, 1), ("slow", 200, 2)] {
        for number in 0..count {
            let name = format!("crowd/{prefix}{number}");
            ids.push(world.subscribe(&name, &[user]).await);
        }
    }
    set("slow", 200, &Manner::TakesItsTime(9 * SECOND));
    for user in [1, 2] {
        world.set(user, SessionState::Away).await;
    }
    world.endpoints.until(|all| all.len() == 210).await;
    for id in ids {
        world.until_quiet(id).await;
    }

    set("slow", 200, &Manner::Hangs);
    set("new", 100, &Manner::Hangs);
    for number in 0..100 {
        world.subscribe(&format!("crowd/new{number}"), &[3]).await;
    }
    for user in [2, 3] {
        world.set(user, SessionState::InACall).await;
    }
    until_hanging(&world, SLOW_POSTS_PER_HOST_MAX + FIRST_POSTS_PER_HOST_MAX).await;
    world.set(1, SessionState::InACall).await;
    let received = world.endpoints.until(|all| all.len() == 220).await;
    assert!(
        received[210..]
            .iter()
            .all(|one| one.shown() == [(1, "Busy".to_owned())])
    );

    // Each of the others has its turn.
    set("slow", 200, &Manner::TakesItsTime(9 * SECOND));
    set("new", 100, &Manner::Answers(202));
    world.endpoints.until(|all| all.len() == 520).await;
}

/// A subscription whose endpoint is exchanged while tries fail is tried at the new one at once.
#[tokio::test]
async fn another_endpoint_starts_afresh() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1]).await;
    world.endpoints.set(A, Manner::IsGone);
    world.set(1, SessionState::Away).await;
    for tries in 1..6 {
        world.endpoints.until_at(A, tries).await;
        world.advance(RETRY_LONGEST).await;
    }
    let changes = Changes {
        notification_url: Some(B.into()),
        ..Changes::default()
    };
    world.notifier.change(TENANT, id, changes).await.unwrap();
    let received = world.endpoints.until_at(B, 1).await;
    assert_eq!(received[0].shown(), [(1, "Away".into())]);
}

/// A subscription whose endpoint is exchanged while the old one is waited for, or is in line for it,
/// is told at the new one at once; what becomes of the old one does not matter any more.
#[tokio::test]
async fn another_endpoint_does_not_wait() {
    let world = World::new().await;
    let crowd = 2 * FIRST_POSTS_PER_HOST_MAX;
    let mut ids = Vec::new();
    for number in 0..crowd {
        let name = format!("old/{number}");
        let url = format!("https://{name}/");
        world.endpoints.set(&url, Manner::Hangs);
        ids.push(world.subscribe(&name, &[1]).await);
    }
    world.set(1, SessionState::Away).await;
    until_hanging(&world, FIRST_POSTS_PER_HOST_MAX).await;
    // First those in line, while all others go on hanging; then these.
    let is_in_line = |id: &SubscriptionId| {
        let status = world.notifier.status(TENANT, *id).unwrap();
        status.last_attempt.is_none()
    };
    let (in_line, under_way): (Vec<_>, Vec<_>) = ids.iter().copied().partition(is_in_line);
    assert_eq!(in_line.len(), FIRST_POSTS_PER_HOST_MAX);
    let mut told = 0;
    for some in [in_line, under_way] {
        for id in &some {
            let changes = Changes {
                notification_url: Some(format!("https://new{told}/").into()),
                ..Changes::default()
            };
            world.notifier.change(TENANT, *id, changes).await.unwrap();
            told += 1;
        }
        let received = world.endpoints.until(|all| all.len() == told).await;
        assert!(
            received
                .iter()
                .all(|one| one.url.starts_with("https://new"))
        );
        until_hanging(&world, crowd - told).await;
    }
    for id in ids {
        world.until_quiet(id).await;
        let status = world.notifier.status(TENANT, id).unwrap();
        assert_eq!(
            (status.state, status.failures_in_a_row),
            (DeliveryState::Active, 0)
        );
    }
    assert_eq!(world.endpoints.hanging(), 0);
}

//! What is left of it all when the process ends.

use std::path::Path;
use std::sync::Arc;

use presenced_core::session::SessionState;
use presenced_notify::engine::Settings;
use presenced_store::{Durability, EmbeddedConfig, Store, StoreConfig};

use crate::world::{Manner, TENANT, World};

const A: &str = "https://a/";

fn open(directory: &Path) -> Arc<dyn Store> {
    let config = EmbeddedConfig::new(directory, Durability::Process);
    presenced_store::open(StoreConfig::Embedded(config)).unwrap()
}

async fn reopened(world: World, directory: &Path) -> World {
    let (clock, endpoints) = world.end().await;
    World::open(open(directory), clock, endpoints, Settings::default()).await
}

/// Subscriptions, what waits for them, and how their tries stood survive a restart; what was taken
/// is not sent again after one in good order.
#[tokio::test]
async fn a_restart_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let memory = World::new().await;
    let (clock, endpoints) = memory.end().await;
    let world = World::open(
        open(directory.path()),
        clock,
        endpoints,
        Settings::default(),
    )
    .await;
    let id = world.subscribe("a", &[1, 2]).await;
    let subscription = world.notifier.get(TENANT, id).unwrap();
    world.set(1, SessionState::Away).await;
    world.endpoints.until_at(A, 1).await;
    world.until_quiet(id).await;
    let world = reopened(world, directory.path()).await;
    assert_eq!(world.notifier.get(TENANT, id).unwrap(), subscription);

    world.endpoints.set(A, Manner::Answers(503));
    world.set(2, SessionState::InACall).await;
    world.endpoints.until_at(A, 2).await;
    let world = reopened(world, directory.path()).await;
    let status = world.notifier.status(TENANT, id).unwrap();
    assert_eq!(status.failures_in_a_row, 1);
    assert_eq!(status.last_attempt.unwrap().result.unwrap().answer, Ok(503));
    world.endpoints.set(A, Manner::Answers(200));
    world.advance(std::time::Duration::from_mins(2)).await;
    world.until_quiet(id).await;
    let received = world.endpoints.received_at(A);
    assert_eq!(received.last().unwrap().shown(), [(2, "Busy".into())]);
    let taken = received.iter().filter(|one| one.taken).count();
    assert_eq!(taken, 2);
}

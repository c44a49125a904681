//! Making, changing and ending subscriptions.

use std::time::Duration;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId};
use presenced_core::session::SessionState;
use presenced_notify::courier::EndpointFault;
use presenced_notify::engine::limits::{CHECKS_PER_HOST_MAX, Limits, WAITING_PER_SUBSCRIPTION_MAX};
use presenced_notify::engine::{ChangeError, Changes, CreateError, Endpoint, RemovedBy, Settings};
use presenced_notify::subscription::{Creator, Resource};

use crate::world::{APPLICATION, Manner, Received, TENANT, World, documents_left, within};

const HOUR: Duration = Duration::from_hours(1);

/// Both endpoints are asked before a subscription is made, each by itself also where they are the
/// same; one that does not pass prevents it, and is named.
#[tokio::test]
async fn endpoints_are_checked_first() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.lifecycle_notification_url = Some("https://a/".into());
    world.notifier.create(draft.clone()).await.unwrap();
    assert_eq!(world.endpoints.checked(), ["https://a/", "https://a/"]);

    draft.lifecycle_notification_url = Some("https://l/".into());
    world
        .endpoints
        .refuse("https://l/", EndpointFault::Status(403));
    let error = world.notifier.create(draft).await.unwrap_err();
    let CreateError::Endpoint { which, fault } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (which, fault),
        (Endpoint::Lifecycle, EndpointFault::Status(403))
    );
    let all = world.notifier.list(TENANT, None, 9, &|_| true);
    assert_eq!((all.subscriptions.len(), all.more), (1, false));
}

/// Where there is no room for a subscription, nobody's endpoint is troubled for it.
#[tokio::test]
async fn nobody_is_asked_in_vain() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.creator.user = Some(UserId::from_u128(7));
    world.notifier.create(draft.clone()).await.unwrap();
    draft.notification_url = "https://b/".into();
    let error = world.notifier.create(draft).await.unwrap_err();
    assert!(matches!(error, CreateError::Exists), "{error:?}");
    assert_eq!(world.endpoints.checked(), ["https://a/"]);
}

/// However many subscriptions are wanted at one host, it is asked so many times at once and no more.
/// Others do not wait for it; whoever waits too long is told so; and the place of whoever hangs up,
/// inside or in line, is another's.
#[tokio::test(start_paused = true)]
async fn a_host_is_asked_by_few_at_once() {
    let world = World::new().await;
    let silent = Manner::IsSilentAtFirst;
    world.endpoints.set("https://silent/", silent);
    let create = |name: &str| {
        let (notifier, draft) = (world.notifier.clone(), world.draft(name, &[1]));
        tokio::spawn(async move { notifier.create(draft).await })
    };
    let asked = async |count: usize| {
        while world.endpoints.checked().len() < count {
            tokio::task::yield_now().await;
        }
    };
    let wanted: Vec<_> = (0..CHECKS_PER_HOST_MAX + 2)
        .map(|_| create("silent"))
        .collect();
    within(asked(CHECKS_PER_HOST_MAX)).await;
    create("other").await.unwrap().unwrap();
    let error = create("silent").await.unwrap().unwrap_err();
    assert!(matches!(error, CreateError::Busy), "{error:?}");
    assert_eq!(world.endpoints.checked().len(), CHECKS_PER_HOST_MAX + 1);
    for one in &wanted {
        one.abort();
    }
    for one in wanted {
        assert!(!matches!(one.await, Ok(Ok(_))));
    }
    let again: Vec<_> = (0..CHECKS_PER_HOST_MAX).map(|_| create("silent")).collect();
    within(asked(2 * CHECKS_PER_HOST_MAX + 1)).await;
    world.endpoints.set("https://silent/", Manner::Answers(200));
    for one in again {
        one.await.unwrap().unwrap();
    }
}

/// An application has one subscription for a signed-in user, and as many as the limits allow
/// without one; what is deleted makes room.
#[tokio::test]
async fn one_for_each_user_and_application() {
    let limits = Limits {
        per_application: 3,
        per_tenant: 4,
        total: 5,
        watched: 9,
    };
    let world = World::with_limits(Settings { limits }, presenced_store::Limits::default()).await;
    let create = |tenant: u128, application: u128, user: Option<u128>, watched: u128| {
        let watched: Vec<u128> = (0..watched).collect();
        let mut draft = world.draft("a", &watched);
        draft.tenant = TenantId::from_u128(tenant);
        draft.creator = Creator {
            application: ApplicationId::from_u128(application),
            user: user.map(UserId::from_u128),
        };
        world.notifier.create(draft)
    };
    let first = create(1, 1, Some(7), 1).await.unwrap();
    let again = create(1, 1, Some(7), 1).await.unwrap_err();
    assert!(matches!(again, CreateError::Exists), "{again:?}");
    create(1, 1, Some(8), 1).await.unwrap();
    create(1, 1, None, 1).await.unwrap();
    let full = |error: CreateError, what: &str| {
        let error = error.to_string();
        assert!(error.contains(what), "{error}");
    };
    full(create(1, 1, None, 1).await.unwrap_err(), "application");
    create(1, 2, None, 1).await.unwrap();
    full(create(1, 3, None, 1).await.unwrap_err(), "this tenant");
    full(create(2, 1, None, 6).await.unwrap_err(), "watch");
    create(2, 1, Some(7), 5).await.unwrap();
    full(create(3, 1, None, 0).await.unwrap_err(), "server");

    let by = RemovedBy::Subscriber;
    assert!(
        !world
            .notifier
            .delete(TenantId::from_u128(2), first.id, by)
            .await
            .unwrap()
    );
    assert!(world.notifier.delete(TENANT, first.id, by).await.unwrap());
    assert!(!world.notifier.delete(TENANT, first.id, by).await.unwrap());
    create(1, 1, Some(7), 1).await.unwrap();
}

/// A subscription is seen in its tenant only, and page by page.
#[tokio::test]
async fn subscriptions_are_listed_by_tenant() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.subscribe("a", &[1]).await);
    }
    ids.sort();
    let other = TenantId::from_u128(2);
    assert!(world.notifier.get(TENANT, ids[0]).is_some());
    assert!(world.notifier.get(other, ids[0]).is_none());
    assert_eq!(
        world.notifier.list(other, None, 9, &|_| true),
        <_>::default()
    );

    let mut seen: Vec<SubscriptionId> = Vec::new();
    loop {
        let page = world
            .notifier
            .list(TENANT, seen.last().copied(), 2, &|_| true);
        seen.extend(page.subscriptions.iter().map(|one| one.id));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ids);
    let wanted = ids[3];
    let one = world
        .notifier
        .list(TENANT, None, 9, &|one| one.id == wanted);
    assert_eq!(one.subscriptions.len(), 1);
}

/// A change is seen at once; another URL is checked first, and what waited goes there.
#[tokio::test]
async fn a_subscription_can_be_changed() {
    let world = World::new().await;
    let id = world.subscribe("old", &[1]).await;
    let until = world.now().plus(HOUR * 2);
    let wanted = Changes {
        expires_at: Some(until),
        notification_url: Some("https://new/".into()),
        authorized_until: Some(until),
        encryption: None,
    };
    world
        .endpoints
        .refuse("https://bad/", EndpointFault::TimedOut);
    let bad = Changes {
        notification_url: Some("https://bad/".into()),
        ..wanted.clone()
    };
    let error = world.notifier.change(TENANT, id, bad).await.unwrap_err();
    assert!(matches!(
        error,
        ChangeError::Endpoint(EndpointFault::TimedOut)
    ));
    let changed = world.notifier.change(TENANT, id, wanted).await.unwrap();
    assert_eq!(changed.expires_at, until);
    assert_eq!(world.notifier.get(TENANT, id).unwrap(), changed);
    world.set(1, SessionState::InACall).await;
    world.endpoints.until_at("https://new/", 1).await;

    let nobody = SubscriptionId::from_u128(1);
    let missing = world.notifier.reauthorize(TENANT, nobody, until).await;
    assert!(matches!(missing, Err(ChangeError::NotFound)));
}

/// A reauthorization lengthens what was granted, and one with an older token takes nothing back.
#[tokio::test]
async fn an_older_token_shortens_nothing() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1]).await;
    let granted = world.now().plus(HOUR * 2);
    let older = world.now().plus(HOUR / 2);
    for until in [granted, older] {
        let changed = world.notifier.reauthorize(TENANT, id, until).await;
        assert_eq!(changed.unwrap().authorized_until, granted);
    }
}

/// At its end a subscription is gone: it cannot be read, changed or deleted, nothing is sent, and no
/// document is left of it.
#[tokio::test]
async fn a_subscription_ends() {
    let world = World::new().await;
    let id = world.subscribe("a", &[1]).await;
    world.set(1, SessionState::InACall).await;
    world.endpoints.until_at("https://a/", 1).await;
    world.until_quiet(id).await;
    world.clock.advance(HOUR);
    assert!(world.notifier.get(TENANT, id).is_none());
    assert!(world.notifier.status(TENANT, id).is_none());
    let changed = world
        .notifier
        .reauthorize(TENANT, id, world.now().plus(HOUR));
    assert!(matches!(changed.await, Err(ChangeError::NotFound)));
    let deleted = world.notifier.delete(TENANT, id, RemovedBy::Subscriber);
    assert!(!deleted.await.unwrap());

    world.set(1, SessionState::Away).await;
    world.advance(HOUR).await;
    let (store, endpoints) = (world.store.clone(), world.endpoints.clone());
    world.stop.cancel();
    documents_left(store.as_ref(), 0).await;
    assert_eq!(endpoints.received().len(), 1);
}

/// Where the clock jumps over the end of a subscription, what changed before the end is told, and
/// nothing that changed after it; meanwhile the subscription is gone for everybody else.
#[tokio::test]
async fn what_came_before_the_end_is_told() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1, 2]);
    draft.creator.user = Some(UserId::from_u128(7));
    world.notifier.create(draft.clone()).await.unwrap();
    let failing = world.subscribe("failing", &[1]).await;
    world.endpoints.set("https://failing/", Manner::IsGone);
    world.set(1, SessionState::Away).await;
    world.endpoints.until_at("https://failing/", 1).await;
    world.endpoints.until_at("https://a/", 1).await;
    world.endpoints.set("https://a/", Manner::Hangs);
    world.set(1, SessionState::InACall).await;
    world.clock.advance(HOUR);
    world.set(2, SessionState::Away).await;
    world.advance(HOUR).await;
    assert!(
        world
            .notifier
            .list(TENANT, None, 9, &|_| true)
            .subscriptions
            .is_empty()
    );
    assert!(world.notifier.status(TENANT, failing).is_none());
    draft.expires_at = world.now().plus(HOUR);
    draft.notification_url = "https://next/".into();
    world.notifier.create(draft).await.unwrap();

    world.endpoints.set("https://a/", Manner::Answers(202));
    let received = world.endpoints.until_at("https://a/", 2).await;
    assert_eq!(received[1].shown(), [(1, "Busy".into())]);
    documents_left(world.store.as_ref(), 1).await;
    assert_eq!(world.endpoints.received().len(), 3);
}

/// One that has ended stands in nobody's way, from the very moment of its end.
#[tokio::test]
async fn what_has_ended_makes_room() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[1]);
    draft.creator.user = Some(UserId::from_u128(7));
    world.notifier.create(draft.clone()).await.unwrap();
    world.clock.advance(HOUR);
    draft.expires_at = world.now().plus(HOUR);
    world.notifier.create(draft).await.unwrap();
    documents_left(world.store.as_ref(), 1).await;
}

/// However many subscriptions end at the same time, nothing is kept of any of them.
#[tokio::test]
async fn many_end_at_once() {
    let world = World::new().await;
    for number in 0..700 {
        world.subscribe(&format!("a{number}"), &[1]).await;
    }
    world.set(1, SessionState::Away).await;
    world.endpoints.until(|all| all.len() == 700).await;
    documents_left(world.store.as_ref(), 1400).await;
    world.advance(HOUR).await;
    documents_left(world.store.as_ref(), 0).await;
}

/// A subscription to a whole tenant hears of everybody in it, and of nobody else.
#[tokio::test]
async fn a_tenant_can_be_watched() {
    let world = World::new().await;
    let mut draft = world.draft("a", &[]);
    draft.resource = Resource::Tenant;
    draft.creator.application = APPLICATION;
    world.notifier.create(draft).await.unwrap();
    world
        .set_of(presenced_store::testkit::user(2, 5), SessionState::InACall)
        .await;
    world.set(5, SessionState::InACall).await;
    world.set(6, SessionState::Away).await;
    let all = world
        .endpoints
        .until(|all| all.iter().map(|one| one.items().len()).sum::<usize>() >= 2);
    let shown: Vec<_> = all.await.iter().flat_map(Received::shown).collect();
    assert_eq!(shown, [(5, "Busy".into()), (6, "Away".into())]);
}

/// A subscription to a whole tenant takes the room that may wait for it, and gives it back.
#[tokio::test]
async fn a_tenant_takes_its_room() {
    let limits = Limits {
        watched: WAITING_PER_SUBSCRIPTION_MAX + 1,
        ..Limits::default()
    };
    let world = World::with_limits(Settings { limits }, presenced_store::Limits::default()).await;
    let mut wide = world.draft("a", &[]);
    wide.resource = Resource::Tenant;
    let first = world.notifier.create(wide.clone()).await.unwrap();
    let error = world.notifier.create(wide.clone()).await.unwrap_err();
    assert!(matches!(error, CreateError::LimitReached(_)), "{error:?}");
    world.subscribe("b", &[1]).await;
    let by = RemovedBy::Subscriber;
    assert!(world.notifier.delete(TENANT, first.id, by).await.unwrap());
    let error = world.notifier.create(wide.clone()).await;
    assert!(error.is_ok(), "{error:?}");
}

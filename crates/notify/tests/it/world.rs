//! A store, a clock, endpoints, and the engine between them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use presenced_core::decide::Command;
use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId, UserKey};
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::time::{Clock, Timestamp};
use presenced_notify::audience::Audience;
use presenced_notify::compose::{Compose, ComposeError, Item, LifecycleEvent};
use presenced_notify::courier::{Attempt, Class, Courier, EndpointFault, Pending};
use presenced_notify::engine::{Draft, Notifier, Seams, Settings};
use presenced_notify::subscription::{Creator, Resource, Subscription};
use presenced_store::testkit::{START, user};
use presenced_store::{Limits, Store, StoreConfig};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take that does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const TENANT: TenantId = TenantId::from_u128(1);
pub(crate) const APPLICATION: ApplicationId = ApplicationId::from_u128(0xa);

/// A clock that is moved by hand.
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn start() -> Self {
        Self(AtomicU64::new(START.as_millis()))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What an endpoint does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers at once with this status.
    Answers(u16),
    /// Answers 202, and that is said to have taken so long.
    TakesItsTime(Duration),
    /// Cannot be reached.
    IsGone,
    /// Says nothing to messages until its manner changes.
    Hangs,
    /// Says nothing until its manner changes when it is asked whether it wants any; else as usual.
    IsSilentAtFirst,
}

/// A message that reached an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Received {
    pub(crate) url: String,
    pub(crate) body: Value,
    /// Whether the endpoint took it.
    pub(crate) taken: bool,
}

impl Received {
    /// Its items: user, availability, sequence number.
    pub(crate) fn items(&self) -> Vec<(u128, String, u64)> {
        let items = self.body["items"].as_array().cloned().unwrap_or_default();
        let item = |item: &Value| {
            let user = UserId::parse(item["user"].as_str().unwrap()).unwrap();
            let shown = item["availability"].as_str().unwrap().to_owned();
            (user.as_u128(), shown, item["sequence"].as_u64().unwrap())
        };
        items.iter().map(item).collect()
    }

    /// Users and what they show.
    pub(crate) fn shown(&self) -> Vec<(u128, String)> {
        let items = self.items().into_iter();
        items.map(|(user, shown, _)| (user, shown)).collect()
    }

    pub(crate) fn event(&self) -> Option<&str> {
        self.body["event"].as_str()
    }
}

/// The endpoints, all of them.
pub(crate) struct Endpoints {
    manners: watch::Sender<HashMap<String, Manner>>,
    received: watch::Sender<Vec<Received>>,
    checked: Mutex<Vec<String>>,
    refusing: Mutex<HashMap<String, EndpointFault>>,
    /// Subscriptions to which a message is under way, and whether it is one of their lifecycle.
    under_way: Mutex<HashSet<String>>,
    /// Users of whom nobody may be told.
    hidden: Mutex<HashSet<UserId>>,
    /// Applications that may not be told anything.
    disabled: Mutex<HashSet<ApplicationId>>,
    /// How often chance was asked. Kept here because endpoints outlive the engine.
    chance: AtomicU64,
}

impl Endpoints {
    pub(crate) fn new() -> Self {
        Self {
            manners: watch::Sender::new(HashMap::new()),
            received: watch::Sender::new(Vec::new()),
            checked: Mutex::default(),
            refusing: Mutex::default(),
            under_way: Mutex::default(),
            hidden: Mutex::default(),
            disabled: Mutex::default(),
            chance: AtomicU64::new(0),
        }
    }

    /// From now on this endpoint does so. All others answer 202.
    pub(crate) fn set(&self, url: &str, manner: Manner) {
        self.manners.send_modify(|manners| {
            manners.insert(url.to_owned(), manner);
        });
    }

    /// From now on this endpoint does not pass the check.
    pub(crate) fn refuse(&self, url: &str, fault: EndpointFault) {
        self.refusing.lock().insert(url.to_owned(), fault);
    }

    /// From now on nobody may be told of this user.
    pub(crate) fn hide(&self, user: u128) {
        self.hidden.lock().insert(UserId::from_u128(user));
    }

    /// From now on the application may not be told anything, or may again.
    pub(crate) fn disable(&self, is_disabled: bool) {
        let mut disabled = self.disabled.lock();
        disabled.clear();
        disabled.extend(is_disabled.then_some(APPLICATION));
    }

    pub(crate) fn checked(&self) -> Vec<String> {
        self.checked.lock().clone()
    }

    /// Everything that was received up to now.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// The same, and forgets it.
    pub(crate) fn take(&self) -> Vec<Received> {
        self.received.send_replace(Vec::new())
    }

    pub(crate) fn received_at(&self, url: &str) -> Vec<Received> {
        let all = self.received().into_iter();
        all.filter(|one| one.url == url).collect()
    }

    /// How many messages hang now.
    pub(crate) fn hanging(&self) -> usize {
        self.under_way.lock().len()
    }

    /// Waits until what was received is as wanted.
    pub(crate) async fn until(
        &self,
        wanted: impl Fn(&[Received]) -> bool + Send + Sync,
    ) -> Vec<Received> {
        let mut received = self.received.subscribe();
        let there = received.wait_for(|received| wanted(received));
        let there = tokio::time::timeout(PATIENCE, there).await.ok();
        let Some(Ok(received)) = there else {
            panic!("not received: {}", summary(&self.received()));
        };
        received.clone()
    }

    /// Waits until so many messages reached an endpoint.
    pub(crate) async fn until_at(&self, url: &str, count: usize) -> Vec<Received> {
        let at = |all: &[Received]| all.iter().filter(|one| one.url == url).count();
        self.until(|all| at(all) >= count).await;
        self.received_at(url)
    }
}

impl Courier for Endpoints {
    fn check<'a>(&'a self, url: &'a str) -> Pending<'a, Result<(), EndpointFault>> {
        Box::pin(async move {
            self.checked.lock().push(url.to_owned());
            let mut manners = self.manners.subscribe();
            let silent = Some(&Manner::IsSilentAtFirst);
            let speaks = manners.wait_for(|manners| manners.get(url) != silent);
            drop(speaks.await);
            let fault = self.refusing.lock().get(url).cloned();
            fault.map_or(Ok(()), Err)
        })
    }

    fn post<'a>(&'a self, url: &'a str, body: Bytes, _: Class) -> Pending<'a, Attempt> {
        Box::pin(async move {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let subscription = body["subscription"].as_str().unwrap().to_owned();
            // A lifecycle notification may be under way beside another message.
            let subscription = format!("{subscription} {}", body["event"].is_string());
            assert!(
                self.under_way.lock().insert(subscription.clone()),
                "two messages are under way to {subscription}"
            );
            let guard = UnderWay(self, subscription);
            let mut manners = self.manners.subscribe();
            let manner = manners.wait_for(|manners| manners.get(url) != Some(&Manner::Hangs));
            let manner = manner.await.unwrap().get(url).cloned();
            let (answer, took) = match manner.unwrap_or(Manner::Answers(202)) {
                Manner::Answers(status) => (Ok(status), Duration::from_millis(1)),
                Manner::IsSilentAtFirst => (Ok(202), Duration::from_millis(1)),
                Manner::TakesItsTime(took) => (Ok(202), took),
                Manner::IsGone => {
                    let fault = EndpointFault::Unreachable("connection refused".into());
                    (Err(fault), Duration::ZERO)
                }
                Manner::Hangs => unreachable!("waited for"),
            };
            let attempt = Attempt { answer, took };
            drop(guard);
            self.received.send_modify(|received| {
                received.push(Received {
                    url: url.to_owned(),
                    body,
                    taken: attempt.is_delivered(),
                });
            });
            attempt
        })
    }
}

impl Audience for Endpoints {
    fn may_be_told(&self, _: TenantId, application: ApplicationId) -> bool {
        !self.disabled.lock().contains(&application)
    }

    fn may_be_shown(&self, _: TenantId, user: UserId) -> bool {
        !self.hidden.lock().contains(&user)
    }
}

struct UnderWay<'a>(&'a Endpoints, String);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().remove(&self.1);
    }
}

/// The secret of a subscription whose messages cannot be written.
pub(crate) const UNWRITABLE: &str = "unwritable";

/// Writes messages so that tests can read them.
struct PlainComposer;

impl Compose for PlainComposer {
    fn notification(
        &self,
        subscription: &Subscription,
        items: &[Item],
    ) -> Result<Bytes, ComposeError> {
        if subscription.client_state == Some(UNWRITABLE.into()) {
            return Err(ComposeError("it is a test".into()));
        }
        let item = |item: &Item| {
            json!({
                "user": item.user.to_string(),
                "availability": item.presence.availability.as_str(),
                "sequence": item.sequence,
            })
        };
        let body = json!({
            "subscription": subscription.id.to_string(),
            "items": items.iter().map(item).collect::<Vec<_>>(),
        });
        Ok(Bytes::from(body.to_string()))
    }

    fn lifecycle(
        &self,
        subscription: &Subscription,
        event: LifecycleEvent,
    ) -> Result<Bytes, ComposeError> {
        let body = json!({
            "subscription": subscription.id.to_string(),
            "event": event.as_str(),
        });
        Ok(Bytes::from(body.to_string()))
    }
}

/// What the engine works with here.
pub(crate) fn seams(
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    endpoints: Arc<Endpoints>,
) -> Seams {
    let counted = Arc::clone(&endpoints);
    let chance = move || {
        let count = counted.chance.fetch_add(1, Ordering::SeqCst) + 1;
        u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    };
    Seams {
        store,
        clock,
        courier: endpoints.clone(),
        audience: endpoints,
        composer: Arc::new(PlainComposer),
        chance: Arc::new(chance),
    }
}

/// The engine and everything around it.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) notifier: Notifier,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    /// With an empty store in memory.
    pub(crate) async fn new() -> Self {
        Self::with_limits(Settings::default(), Limits::default()).await
    }

    pub(crate) async fn with_limits(settings: Settings, limits: Limits) -> Self {
        let store = presenced_store::open(StoreConfig::Memory(limits)).unwrap();
        let clock = Arc::new(ManualClock::start());
        Self::open(store, clock, Arc::new(Endpoints::new()), settings).await
    }

    /// With what is there.
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        endpoints: Arc<Endpoints>,
        settings: Settings,
    ) -> Self {
        let seams = seams(Arc::clone(&store), clock.clone(), endpoints.clone());
        let notifier = Notifier::open(seams, settings).await.unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (notifier, stop) = (notifier.clone(), stop.clone());
            async move { notifier.run(stop).await }
        });
        Self {
            store,
            clock,
            endpoints,
            notifier,
            stop,
            task,
        }
    }

    /// Stops in good order; what is left can be opened again.
    pub(crate) async fn end(self) -> (Arc<ManualClock>, Arc<Endpoints>) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
        self.store.close().await.unwrap();
        (self.clock, self.endpoints)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock, and does what is due then.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.notifier.clock_moved();
        self.notifier.settle().await.unwrap();
    }

    /// Sets what a user shows.
    pub(crate) async fn set(&self, number: u128, state: SessionState) {
        self.set_of(user(1, number), state).await;
    }

    pub(crate) async fn set_of(&self, user: UserKey, state: SessionState) {
        let command = Command::SetSession {
            session: presenced_core::id::SessionId::from_u128(1),
            state,
            lifetime: SessionLifetime::new(Duration::from_hours(4)).unwrap(),
            sessions_max: SessionsMax::default(),
        };
        self.store.apply(user, command, self.now()).await.unwrap();
    }

    /// A draft for these users, at `https://NAME/`, without a signed-in user, for an hour.
    pub(crate) fn draft(&self, name: &str, users: &[u128]) -> Draft {
        let hour = self.now().plus(Duration::from_hours(1));
        let users = users.iter().copied().map(UserId::from_u128);
        Draft {
            tenant: TENANT,
            creator: Creator {
                application: APPLICATION,
                user: None,
            },
            resource: Resource::Users(users.collect()),
            resource_text: "communications/presences".into(),
            notification_url: format!("https://{name}/").into(),
            lifecycle_notification_url: None,
            client_state: None,
            encryption: None,
            latest_supported_tls_version: None,
            notification_url_app_id: None,
            expires_at: hour,
            authorized_until: hour,
        }
    }

    /// A subscription to these users at `https://NAME/`.
    pub(crate) async fn subscribe(&self, name: &str, users: &[u128]) -> SubscriptionId {
        let draft = self.draft(name, users);
        self.notifier.create(draft).await.unwrap().id
    }

    /// Waits until nothing waits for this subscription and nothing is under way.
    pub(crate) async fn until_quiet(&self, id: SubscriptionId) {
        let quiet = async {
            loop {
                self.notifier.settle().await.unwrap();
                let status = self.notifier.status(TENANT, id).unwrap();
                if status.waiting == 0 && !status.is_rereading {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        within(quiet).await;
    }
}

/// What comes of something that does not hang.
pub(crate) async fn within<T>(waited: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, waited).await;
    waited.expect("it does not hang")
}

/// Waits until so many messages hang at endpoints.
pub(crate) async fn until_hanging(world: &World, count: usize) {
    within(async {
        while world.endpoints.hanging() < count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What was received, a line each.
fn summary(received: &[Received]) -> String {
    let line = |one: &Received| {
        let (url, taken) = (&one.url, one.taken);
        format!("\n  {url} {taken} {:?} {:?}", one.event(), one.items())
    };
    received.iter().map(line).collect()
}

/// Waits until so many documents are left of subscriptions and deliveries, the common place aside.
pub(crate) async fn documents_left(store: &dyn Store, count: usize) {
    use presenced_store::DocumentKind::{Delivery, Subscription};
    let left = async {
        loop {
            let subscriptions = store.list_documents(Subscription, None).await.unwrap();
            let deliveries = store.list_documents(Delivery, None).await.unwrap();
            let deliveries = deliveries.iter().filter(|(key, _)| key.id != 0).count();
            if subscriptions.len() + deliveries == count {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within(left).await;
}

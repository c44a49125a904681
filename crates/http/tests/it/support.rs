//! An application under test: the real routes over the real memory store, with a clock that is
//! moved by hand and tokens that are names.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, request};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use presenced_core::auth::{Caller, Grant, Permissions};
use presenced_core::id::{ApplicationId, SubscriptionId, TenantId, UserId};
use presenced_core::time::{Clock, Timestamp};
use presenced_http::directory::{DisplayName, Fixed, PrincipalName, User};
use presenced_http::token::{Authenticate, TokenError};
use presenced_http::{Api, Directory, Foundations, Front, Settings};
use presenced_notify::audience::Everybody;
use presenced_notify::compose::{Compose, ComposeError, Item, LifecycleEvent};
use presenced_notify::courier::{self, Attempt, Courier, EndpointFault};
use presenced_notify::engine::{self as notify, Notifier, Seams};
use presenced_notify::subscription::Subscription;
use presenced_store::{Limits, Store, StoreConfig};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const TENANT: TenantId = TenantId::from_u128(0x7e3f_2b1c_5f0a_4d3e_9a41_0c6d_1b8e_2f50);
pub(crate) const OTHER_TENANT: TenantId = TenantId::from_u128(0x0bad);
pub(crate) const APPLICATION: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";
pub(crate) const APPLICATION_2: &str = "5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21";
pub(crate) const APPLICATION_ADMIN: &str = "4d7e9c02-8a35-4f61-b0d8-2e6a1c95f374";
pub(crate) const ADELE: &str = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
pub(crate) const ALEX: &str = "66825e03-7ef5-42da-9069-724602c31f6b";

/// 2026-09-01T00:00:00Z
pub(crate) const START: u64 = 1_788_220_800_000;

/// A clock that stands still until it is moved.
#[derive(Default)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Tokens that are names of callers, or of what is wrong with them.
struct Names {
    callers: HashMap<&'static str, Arc<Caller>>,
    /// How often `short-lived` was accepted: it is so once.
    short_lived: AtomicU64,
}

impl Names {
    fn new() -> Self {
        let application = |id: &str, tenant, roles: &str| Caller {
            tenant,
            application: ApplicationId::parse(id).unwrap(),
            grant: Grant::Application {
                roles: roles.split(' ').collect(),
            },
        };
        let signed_in = |application: &str, user: &str, scopes: &str| Caller {
            tenant: TENANT,
            application: ApplicationId::parse(application).unwrap(),
            grant: Grant::Delegated {
                user: UserId::parse(user).unwrap(),
                scopes: scopes.split(' ').collect::<Permissions>(),
            },
        };
        let delegated = |scopes: &str| signed_in(APPLICATION, ADELE, scopes);
        let all = "Presence.ReadWrite.All Presence.Read.All";
        let others = "Subscription.Read.All";
        let callers = [
            ("app", application(APPLICATION, TENANT, all)),
            ("app-2", application(APPLICATION_2, TENANT, all)),
            (
                "app-reads",
                application(APPLICATION, TENANT, "Presence.Read.All"),
            ),
            ("app-without-roles", application(APPLICATION, TENANT, "")),
            (
                "app-reads-subscriptions",
                application(APPLICATION, TENANT, others),
            ),
            ("short-lived", application(APPLICATION, TENANT, all)),
            ("app-elsewhere", application(APPLICATION, OTHER_TENANT, all)),
            (
                "admin",
                application(APPLICATION_ADMIN, TENANT, "Presenced.Admin"),
            ),
            (
                "app-administers",
                application(APPLICATION, TENANT, "Presenced.Admin"),
            ),
            (
                "admin-elsewhere",
                application(APPLICATION_ADMIN, OTHER_TENANT, "Presenced.Admin"),
            ),
            ("adele-as-admin", delegated("Presenced.Admin")),
            ("adele", delegated("Presence.ReadWrite Presence.Read.All")),
            ("adele-reads-own", delegated("Presence.Read")),
            ("adele-writes-own", delegated("Presence.ReadWrite")),
            ("adele-without-scopes", delegated("User.Read")),
            ("adele-reads-subscriptions", delegated(others)),
            (
                "adele-sees-all",
                delegated("Presence.Read.All Subscription.Read.All"),
            ),
            (
                "adele-by-app-2",
                signed_in(APPLICATION_2, ADELE, "Presence.Read.All"),
            ),
            ("alex", signed_in(APPLICATION, ALEX, "Presence.Read.All")),
            ("app-sees-all", application(APPLICATION_2, TENANT, others)),
        ];
        Self {
            callers: callers
                .map(|(name, caller)| (name, Arc::new(caller)))
                .into(),
            short_lived: AtomicU64::new(0),
        }
    }

    fn refused(name: &str) -> TokenError {
        match name {
            "bad-algorithm" => TokenError::Algorithm,
            "bad-issuer" => TokenError::Issuer,
            "unknown-key" => TokenError::UnknownKey,
            "bad-signature" => TokenError::Signature,
            "bad-audience" => TokenError::Audience,
            "expired" | "short-lived" => TokenError::Expired,
            "not-yet-valid" => TokenError::NotYetValid,
            "bad-claim" => TokenError::Claim("tid".to_owned()),
            "personal" => TokenError::PersonalAccount,
            "keys-unavailable" => TokenError::KeysUnavailable("10.0.0.9 refused".into()),
            _ => TokenError::Malformed,
        }
    }
}

impl Authenticate for Names {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>> {
        let caller = self.callers.get(token).cloned();
        let ended = token == "short-lived" && self.short_lived.fetch_add(1, Ordering::SeqCst) > 0;
        let caller = caller.filter(|_| !ended);
        Box::pin(async move { caller.ok_or_else(|| Self::refused(token)) })
    }
}

/// The API with nothing before it.
pub(crate) struct TestApp {
    pub(crate) api: Api,
    pub(crate) front: Front,
    pub(crate) clock: Arc<ManualClock>,
    notifier: Option<Notifier>,
}

impl TestApp {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::beside(settings, faults())
    }

    pub(crate) fn over(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self::made_of(store, settings, faults())
    }

    /// With these routes beside the API's own.
    pub(crate) fn beside(settings: Settings, routes: Router) -> Self {
        let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
        Self::made_of(store, settings, routes)
    }

    /// With subscriptions, whose endpoints are `endpoints`.
    pub(crate) async fn notifying(settings: Settings, endpoints: Arc<Endpoints>) -> Self {
        let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
        let clock = Self::clock();
        let seams = Seams {
            store: Arc::clone(&store),
            clock: clock.clone(),
            courier: endpoints.clone(),
            composer: endpoints,
            audience: Arc::new(Everybody),
            chance: Arc::new(|| Uuid::new_v4().as_u128()),
        };
        let notifier = Notifier::open(seams, notify::Settings::default()).await;
        let notifier = notifier.unwrap();
        let foundations = Foundations {
            notifier: Some(notifier.clone()),
            ..Foundations::new(store, clock.clone(), Arc::new(Names::new()))
        };
        let api = Api::new(foundations, settings);
        let front = Front::new(api.clone(), faults());
        // It ends with the runtime of the test.
        let running = notifier.clone();
        tokio::spawn(async move { running.run(CancellationToken::new()).await });
        Self {
            api,
            front,
            clock,
            notifier: Some(notifier),
        }
    }

    /// Moves the clock; what ends on the way has ended when this answers.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        if let Some(notifier) = &self.notifier {
            notifier.clock_moved();
            notifier.settle().await.unwrap();
        }
    }

    /// The subscription of this id, which must be there.
    #[track_caller]
    pub(crate) fn subscription(&self, id: &str) -> Arc<Subscription> {
        let notifier = self.notifier.as_ref().unwrap();
        let id = SubscriptionId::parse(id).unwrap();
        notifier.get(TENANT, id).unwrap()
    }

    fn clock() -> Arc<ManualClock> {
        let clock = Arc::new(ManualClock::default());
        clock.advance(Duration::from_millis(START));
        clock
    }

    /// With Adele as the one entry of the configured directory.
    pub(crate) async fn with_adele(settings: Settings) -> Self {
        let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
        Self::with_adele_over(store, settings).await
    }

    /// The same over this store.
    pub(crate) async fn with_adele_over(store: Arc<dyn Store>, settings: Settings) -> Self {
        let mut fixed = Fixed::default();
        let adele = User {
            principal_name: Some(PrincipalName::new("Adele@presenced.dev").unwrap()),
            display_name: Some(DisplayName::new("Adele Brandt").unwrap()),
        };
        let id = UserId::parse(ADELE).unwrap();
        fixed.add_user(TENANT, id, adele).unwrap();
        let directory = Directory::open(store.clone(), fixed).await.unwrap();
        Self::of(store, settings, faults(), Some(directory))
    }

    fn made_of(store: Arc<dyn Store>, settings: Settings, routes: Router) -> Self {
        Self::of(store, settings, routes, None)
    }

    fn of(
        store: Arc<dyn Store>,
        settings: Settings,
        routes: Router,
        directory: Option<Directory>,
    ) -> Self {
        let clock = Self::clock();
        let mut foundations = Foundations::new(store, clock.clone(), Arc::new(Names::new()));
        if let Some(directory) = directory {
            foundations.directory = directory;
        }
        let api = Api::new(foundations, settings);
        let front = Front::new(api.clone(), routes);
        Self {
            api,
            front,
            clock,
            notifier: None,
        }
    }

    /// Sends a request as it is. The length of the answer is told as a connection of HTTP/1.1 would tell
    /// it, which does not know that of content that was left out for HEAD. HTTP/2 tells none where there
    /// is no content at all: the end of the stream says so (RFC 9113 §8.1.1).
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let is_head = request.method() == Method::HEAD;
        let (mut parts, body) = self.front.answer(request).await.into_parts();
        if let Some(length) = body.size_hint().exact()
            && parts.status != StatusCode::NO_CONTENT
            && !is_head
        {
            let length = HeaderValue::from(length);
            parts.headers.entry(CONTENT_LENGTH).or_insert(length);
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(
            request(Method::GET, token, path)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        let request = request(Method::POST, token, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(crate) async fn put(&self, token: &str, path: &str, body: &Value) -> Answer {
        let request = request(Method::PUT, token, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: &Value) -> Answer {
        let request = request(Method::PATCH, token, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Answer {
        let request = request(Method::DELETE, token, path);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Posts this text as JSON, whatever it is.
    pub(crate) async fn post_text(&self, token: &str, path: &str, body: &str) -> Answer {
        let request = request(Method::POST, token, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// Sets the session of application 1, which must succeed.
    #[track_caller]
    pub(crate) fn set(&self, user: &str, pair: &str) -> impl Future<Output = ()> {
        let (availability, activity) = pair.split_once('/').unwrap();
        let body = json!({
            "sessionId": APPLICATION, "availability": availability, "activity": activity,
            "expirationDuration": "PT1H",
        });
        let path = format!("/v1.0/users/{user}/presence/setPresence");
        async move {
            let answer = self.post("app", &path, &body).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        }
    }

    /// What is shown of a user: `Busy/InACall`.
    pub(crate) async fn pair(&self, user: &str) -> String {
        self.get("app", &format!("/v1.0/users/{user}/presence"))
            .await
            .pair()
    }
}

/// The endpoints of subscribers: what they answer is in their URLs. Everything that comes to them is
/// kept.
#[derive(Default)]
pub(crate) struct Endpoints {
    pub(crate) checked: Mutex<Vec<String>>,
    pub(crate) posted: Mutex<Vec<(String, String)>>,
}

impl Courier for Endpoints {
    fn check<'a>(&'a self, url: &'a str) -> courier::Pending<'a, Result<(), EndpointFault>> {
        self.checked.lock().unwrap().push(url.to_owned());
        let answer = match url.split(['/', '?']).nth(2).unwrap() {
            "private.test" => Err(EndpointFault::Refused(
                "the address of its name is no public address but private".to_owned(),
            )),
            "slow.test" => Err(EndpointFault::TimedOut),
            "gone.test" => Err(EndpointFault::Unreachable("no such name".to_owned())),
            "forbidden.test" => Err(EndpointFault::Status(403)),
            "odd.test" => Err(EndpointFault::Status(299)),
            "wrong.test" => Err(EndpointFault::Token),
            _ => Ok(()),
        };
        Box::pin(async { answer })
    }

    fn post<'a>(
        &'a self,
        url: &'a str,
        body: Bytes,
        _: courier::Class,
    ) -> courier::Pending<'a, Attempt> {
        let body = String::from_utf8(body.to_vec()).unwrap();
        self.posted.lock().unwrap().push((url.to_owned(), body));
        let took = Duration::from_millis(7);
        let answer = if url.contains("failing") {
            Ok(503)
        } else {
            Ok(202)
        };
        let is_silent = url.contains("silent");
        Box::pin(async move {
            if is_silent {
                std::future::pending::<()>().await;
            }
            Attempt { answer, took }
        })
    }
}

/// What is sent is told in a word: how it is written is for the composer's own tests.
impl Compose for Endpoints {
    fn notification(&self, _: &Subscription, items: &[Item]) -> Result<Bytes, ComposeError> {
        let told = items
            .iter()
            .map(|item| format!("{} {}", item.user, item.presence));
        Ok(told.collect::<Vec<String>>().join("\n").into())
    }

    fn lifecycle(&self, _: &Subscription, event: LifecycleEvent) -> Result<Bytes, ComposeError> {
        Ok(event.as_str().into())
    }
}

/// Routes that fail, merged beside the API's own as the binary merges its development routes.
fn faults() -> Router {
    Router::new()
        .route("/beside/panic", axum::routing::get(panicking))
        .route("/beside/fault", axum::routing::get(faulty))
}

async fn panicking() {
    panic!("a secret thing went wrong");
}

async fn faulty() -> presenced_http::ApiError {
    presenced_http::ApiError::internal("a secret thing went wrong")
}

/// A request with this token (none where it is empty) to a host.
pub(crate) fn request(method: Method, token: &str, path: &str) -> request::Builder {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "presence.test");
    if token.is_empty() {
        return request;
    }
    request.header(AUTHORIZATION, format!("Bearer {token}"))
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn pair(&self) -> String {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        format!("{}/{}", text("availability"), text("activity"))
    }

    /// Status, code and message of an error: `400 InvalidArgument: …`.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        let text = |name: &str| json["error"][name].as_str().unwrap().to_owned();
        format!(
            "{} {}: {}",
            self.status.as_u16(),
            text("code"),
            text("message")
        )
    }

    /// Status, headers and body, without what is different each time.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", self.status);
        let mut names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        for name in names {
            writeln!(text, "{name}: {}", self.header(name)).unwrap();
        }
        text += "\n";
        text += &String::from_utf8_lossy(&self.body);
        match self.header("request-id") {
            "" => text,
            id => text.replace(id, "[request-id]"),
        }
    }
}

//! What the handlers stand on: store, clock, tokens and settings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use presenced_core::auth::Caller;
use presenced_core::decide::Command;
use presenced_core::effect::{Aim, Shadow};
use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_core::session::SessionsMax;
use presenced_core::time::{Clock, Timestamp};
use presenced_notify::engine::Notifier;
use presenced_notify::live::{Hub, LiveSettings, Lives};
use presenced_store::Store;

use crate::auth;
use crate::body::BodyLimits;
use crate::cors::AllowedOrigins;
use crate::directory::{Directory, Fixed};
use crate::error::{ApiError, Code};
use crate::fault_log::FaultLog;
use crate::limits::{SUBSCRIPTION_LIFE_MAX, TOKEN_LIFE_ASSUMED};
use crate::path::Place;
use crate::profile::Profile;
use crate::target::{Subject, Target};
use crate::throttle::{
    Category, Limits, Standing, TenantThrottling, Throttle, Throttled, Throttling,
};
use crate::token::{Authenticate, TokenError};
use crate::wire::context::PublicUrl;
use crate::zone::Zone;

/// The Graph presence API: what its handlers need. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn Authenticate>,
    directory: Directory,
    settings: Settings,
    throttle: Throttle,
    live: Hub,
    /// Whether the directory of any tenant is closed. Where none is, nobody is looked up.
    any_closed: bool,
    /// Who makes and delivers subscriptions; without it there are none.
    notifier: Option<Notifier>,
    faults: Arc<FaultLog>,
}

/// What the API is built on. Others may hold the same: what they change, the API sees.
pub struct Foundations {
    /// Where presence is kept.
    pub store: Arc<dyn Store>,
    /// What everything goes by.
    pub clock: Arc<dyn Clock>,
    /// Who says whom a token speaks for.
    pub tokens: Arc<dyn Authenticate>,
    /// Who there is.
    pub directory: Directory,
    /// What the store's change feed has lived through: where places of live streams are known from.
    pub lives: Lives,
    /// Who makes and delivers subscriptions; without it there are none.
    pub notifier: Option<Notifier>,
}

impl Foundations {
    /// These three, with a directory that has no entries yet, the only life of the feed, and without
    /// subscriptions.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        tokens: Arc<dyn Authenticate>,
    ) -> Self {
        Self {
            directory: Directory::new(Arc::clone(&store), Fixed::default()),
            lives: Lives::only(0),
            store,
            clock,
            tokens,
            notifier: None,
        }
    }
}

/// What an operator decides about the API.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which session ids are accepted, where the tenant says nothing else.
    pub sessions: SessionPolicy,
    /// How many sessions a user may have, where the tenant says nothing else.
    pub sessions_max: SessionsMax,
    /// Where a day ends at midnight, where the tenant says nothing else: a work location holds until
    /// then.
    pub time_zone: Zone,
    /// Whom there is to ask about, where the tenant says nothing else.
    pub directory: DirectoryPolicy,
    /// The longest life of a subscription, where the tenant says nothing else; `None`: an hour, as
    /// with Graph.
    pub subscription_life_max: Option<Duration>,
    /// What differs for single tenants. A tenant that is not here has the defaults; which tenants
    /// are served at all is decided by the issuers of their tokens.
    pub tenants: HashMap<TenantId, TenantSettings>,
    /// Where clients reach this server, if it is not where it sees itself: behind a proxy.
    pub public_url: Option<PublicUrl>,
    /// How much of a request's body is read, and for how long.
    pub body: BodyLimits,
    /// The web pages that may call the API from a browser.
    pub allowed_origins: AllowedOrigins,
    /// Whether what goes beyond Graph is served.
    pub extensions: Extensions,
    /// Which of Graph's clouds the API is that of, where the tenant says nothing else.
    pub cloud: Profile,
    /// How many requests are let through. No limit unless it is set.
    pub throttling: Throttling,
    /// How many live streams there may be.
    pub live: LiveSettings,
    /// Who says what an application's own token permits.
    pub roles_from: RolesFrom,
}

/// Who says what an application's own token permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RolesFrom {
    /// Whoever gives the tokens out. The directory has no say.
    #[default]
    Issuer,
    /// The directory, which the issuer of the tokens asks: in development.
    Directory,
}

/// Whether what goes beyond Graph is served: `explain`, live streams, the `presenced-effect`
/// header, and the administrative API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extensions {
    /// Yes. A client that knows Graph alone never meets it.
    #[default]
    On,
    /// No, as if it had never been built.
    Off,
}

/// What differs for one tenant.
#[derive(Clone, Debug, Default)]
pub struct TenantSettings {
    /// Which session ids are accepted.
    pub sessions: Option<SessionPolicy>,
    /// How many sessions a user may have.
    pub sessions_max: Option<SessionsMax>,
    /// Where a day ends at midnight.
    pub time_zone: Option<Zone>,
    /// Which of Graph's clouds the API is that of.
    pub cloud: Option<Profile>,
    /// How many requests of certain kinds are let through.
    pub throttling: Option<TenantThrottling>,
    /// Whom there is to ask about.
    pub directory: Option<DirectoryPolicy>,
    /// The longest life of a subscription.
    pub subscription_life_max: Option<Duration>,
}

/// Whom there is to ask about in a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirectoryPolicy {
    /// Every GUID is a user, Offline until something is set.
    #[default]
    Open,
    /// The users of the tenant's directory. Of others nothing is known, and nothing can be set.
    Closed,
}

/// Which session ids an application may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionPolicy {
    /// Its own client id and nothing else, as Graph has it (contract section 1.5).
    #[default]
    OwnApplication,
    /// Any id, so that there can be a session for each device or source. The ids of a user are one
    /// room: two applications that use the same id share the session.
    Any,
}

impl Api {
    /// The API on these foundations.
    pub fn new(foundations: Foundations, settings: Settings) -> Self {
        let Foundations {
            store,
            clock,
            tokens,
            directory,
            lives,
            notifier,
        } = foundations;
        let closed = |policy| policy == DirectoryPolicy::Closed;
        let mut tenants = settings.tenants.values();
        let any_closed = closed(settings.directory)
            || tenants.any(|tenant| tenant.directory.is_some_and(closed));
        Self(Arc::new(Inner {
            live: Hub::new(Arc::clone(&store), lives, settings.live),
            store,
            clock,
            tokens,
            directory,
            settings,
            throttle: Throttle::new(),
            any_closed,
            notifier,
            faults: Arc::default(),
        }))
    }

    /// Who sends this request; 401 for nobody who is known, and 403 for an application that is
    /// switched off.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, ApiError> {
        let caller = auth::caller(self.0.tokens.as_ref(), headers).await?;
        if self.disables(&caller) {
            let message = format!(
                "The application {} is disabled in the directory of this tenant.",
                caller.application
            );
            return Err(ApiError::new(Code::Forbidden, message));
        }
        Ok(caller)
    }

    /// Whether the caller's application is switched off in the directory.
    pub(crate) fn disables(&self, caller: &Caller) -> bool {
        self.0.directory.disables(caller.tenant, caller.application)
    }

    /// Who there is.
    pub(crate) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Whose presence is to be read.
    pub(crate) fn subject<'a>(
        &self,
        caller: &Caller,
        target: &'a Target<'_>,
    ) -> Result<Subject<'a>, ApiError> {
        let subject = target.to_read(caller, &self.0.directory)?;
        Ok(self.looked_up(caller, subject))
    }

    /// The same subject, or a stranger where the caller's tenant has no such user.
    pub(crate) fn looked_up<'a>(&self, caller: &Caller, subject: Subject<'a>) -> Subject<'a> {
        match subject {
            Subject::User(user) if !self.has(caller.tenant, user) => Subject::Stranger(user),
            Subject::User(_) | Subject::Stranger(_) | Subject::Nobody(_) => subject,
        }
    }

    /// Whose presence is to be set or cleared. Whether there is such a user is a matter of state, and
    /// comes last.
    pub(crate) fn user(
        &self,
        caller: &Caller,
        place: &Place,
        uri: &Uri,
    ) -> Result<UserId, ApiError> {
        Target::of(place, uri.path()).to_write(caller, &self.0.directory)
    }

    /// What a tenant has set of its own, if anything.
    fn own<'a, T>(
        &'a self,
        tenant: TenantId,
        pick: impl FnOnce(&'a TenantSettings) -> Option<T>,
    ) -> Option<T> {
        self.0.settings.tenants.get(&tenant).and_then(pick)
    }

    /// Whether the tenant has this user: in an open directory it always has.
    fn has(&self, tenant: TenantId, user: UserId) -> bool {
        if !self.0.any_closed {
            return true;
        }
        let own = self.own(tenant, |own| own.directory);
        match own.unwrap_or(self.0.settings.directory) {
            DirectoryPolicy::Open => true,
            DirectoryPolicy::Closed => self.0.directory.knows(tenant, user),
        }
    }

    /// 404 for a user whom the caller's tenant does not have.
    pub(crate) fn must_have(&self, caller: &Caller, user: UserId) -> Result<(), ApiError> {
        if self.has(caller.tenant, user) {
            return Ok(());
        }
        let message = format!("The directory of this tenant does not know the user {user}.");
        Err(ApiError::new(Code::NotFound, message))
    }

    /// Counts a request of a caller; how the caller stands then, where anything limits it. 429 for
    /// one too many.
    pub(crate) fn count(
        &self,
        caller: &Caller,
        category: Category,
    ) -> Result<Option<Standing>, Throttled> {
        let settings = &self.0.settings;
        let own = self.own(caller.tenant, |own| own.throttling.as_ref());
        let tenant = own.unwrap_or(&settings.throttling.tenant);
        let limits = Limits::of(settings.throttling.requests, tenant, caller, category);
        if limits.is_empty() {
            // Not worth asking the time.
            return Ok(None);
        }
        self.0.throttle.count(limits, self.now())
    }

    /// Which of Graph's clouds the API is that of for the caller.
    pub(crate) fn profile(&self, caller: &Caller) -> Profile {
        let own = self.own(caller.tenant, |own| own.cloud);
        own.unwrap_or(self.0.settings.cloud)
    }

    /// The live streams. Whoever serves the API lets the hub run, and ends it when it stops: an open
    /// stream would hold up the draining of connections for as long as that may take.
    pub fn live(&self) -> &Hub {
        &self.0.live
    }

    /// Whom a token speaks for, which was taken from a request before.
    pub(crate) async fn caller_of(&self, token: &str) -> Result<Arc<Caller>, TokenError> {
        auth::caller_of(self.0.tokens.as_ref(), token.as_bytes()).await
    }

    /// How long a token still counts, if that is known.
    pub(crate) fn token_remaining(&self, token: &str) -> Option<Duration> {
        self.0.tokens.remaining(token)
    }

    /// Which session ids the caller may use.
    pub(crate) fn session_policy(&self, caller: &Caller) -> SessionPolicy {
        let own = self.own(caller.tenant, |own| own.sessions);
        own.unwrap_or(self.0.settings.sessions)
    }

    /// How many sessions a user of the caller's tenant may have.
    pub(crate) fn sessions_max(&self, caller: &Caller) -> SessionsMax {
        let own = self.own(caller.tenant, |own| own.sessions_max);
        own.unwrap_or(self.0.settings.sessions_max)
    }

    /// Whose midnight ends the day of the caller's tenant.
    pub(crate) fn time_zone(&self, caller: &Caller) -> &Zone {
        let own = self.own(caller.tenant, |own| own.time_zone.as_ref());
        own.unwrap_or(&self.0.settings.time_zone)
    }

    /// Who makes and delivers subscriptions, where there are any.
    pub(crate) fn notifier(&self) -> Option<&Notifier> {
        self.0.notifier.as_ref()
    }

    /// The longest life of a subscription in the caller's tenant. More than an hour is an extension.
    pub(crate) fn subscription_life_max(&self, caller: &Caller) -> Duration {
        let settings = &self.0.settings;
        if settings.extensions == Extensions::Off {
            return SUBSCRIPTION_LIFE_MAX;
        }
        self.own(caller.tenant, |own| own.subscription_life_max)
            .or(settings.subscription_life_max)
            .unwrap_or(SUBSCRIPTION_LIFE_MAX)
    }

    /// Until when the caller's subscription that ends at `expires_at` may be delivered. That of a
    /// signed-in user: as long as the token of this request, which was accepted, counts, on the
    /// clock that everything goes by, which in development is not that of tokens. An application
    /// was let in by an administrator, and not for an hour: its own lives to its end, unless it is
    /// deleted or the application disabled.
    pub(crate) async fn authorized_until(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        expires_at: Timestamp,
    ) -> Result<Timestamp, ApiError> {
        if caller.user().is_none() {
            return Ok(expires_at);
        }
        let remaining = auth::remaining(self.0.tokens.as_ref(), headers).await?;
        Ok(self.now().plus(remaining.unwrap_or(TOKEN_LIFE_ASSUMED)))
    }

    /// Where clients reach this server, if that is configured.
    pub(crate) fn public_url(&self) -> Option<&PublicUrl> {
        self.0.settings.public_url.as_ref()
    }

    /// Whether what goes beyond Graph is served.
    pub(crate) fn extensions(&self) -> Extensions {
        self.0.settings.extensions
    }

    /// Who says what an application's own token permits.
    pub(crate) fn roles_from(&self) -> RolesFrom {
        self.0.settings.roles_from
    }

    /// How much of a body is read, and for how long.
    pub(crate) fn body_limits(&self) -> BodyLimits {
        self.0.settings.body
    }

    /// The web pages that may call the API from a browser.
    pub(crate) fn allowed_origins(&self) -> &AllowedOrigins {
        &self.0.settings.allowed_origins
    }

    /// Where faults of the server are logged: one log, so that there is one bound on it.
    pub(crate) fn faults(&self) -> &FaultLog {
        &self.0.faults
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Carries out a command on a user of the caller's tenant, and on no other: the key is made
    /// here and nowhere else. Answers what hides the thing that was set, which is told where
    /// extensions are on.
    ///
    /// This is the one write of its request, and the store does it wholly or not at all, also when
    /// the client hangs up and this future is dropped on its way. So it needs no task of its own; a
    /// handler with several writes would.
    pub(crate) async fn apply(
        &self,
        caller: &Caller,
        user: UserId,
        command: Command,
    ) -> Result<Option<Shadow>, ApiError> {
        self.apply_at(caller, user, command, self.now()).await
    }

    /// The same at a time that was asked for before: one request, one `now`, where the command
    /// depends on it too. 404 for a user whom the tenant does not have.
    pub(crate) async fn apply_at(
        &self,
        caller: &Caller,
        user: UserId,
        command: Command,
        now: Timestamp,
    ) -> Result<Option<Shadow>, ApiError> {
        self.must_have(caller, user)?;
        let aim = match self.extensions() {
            Extensions::On => Aim::of(&command),
            Extensions::Off => Aim::Unhidden,
        };
        let applied = self.0.store.apply(key(caller, user), command, now).await?;
        Ok(aim.shadow(&applied.record, applied.change.is_some()))
    }

    /// The record of one subject of the caller's tenant; none for nobody. Creates nothing.
    pub(crate) async fn record(
        &self,
        caller: &Caller,
        subject: Subject<'_>,
    ) -> Result<Option<Record>, ApiError> {
        let Some(user) = subject.shown() else {
            return Ok(None);
        };
        Ok(self.0.store.get(key(caller, user)).await?)
    }

    /// The records of several users of the caller's tenant, in their order. Creates nothing.
    pub(crate) async fn records(
        &self,
        caller: &Caller,
        users: &[UserId],
    ) -> Result<Vec<Option<Record>>, ApiError> {
        Ok(self.0.store.list(caller.tenant, users).await?)
    }

    /// Whether the store can take a write; 503 otherwise.
    pub(crate) async fn ready(&self) -> Result<(), ApiError> {
        Ok(self.0.store.ready().await?)
    }
}

/// The key of a user of the caller's tenant: made here and nowhere else.
pub(crate) fn key(caller: &Caller, user: UserId) -> UserKey {
    UserKey {
        tenant: caller.tenant,
        user,
    }
}

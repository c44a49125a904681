//! `presenced serve`: production, as a configuration says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::anyhow;
use axum::Router;
use presenced_core::id::TenantId;
use presenced_core::time::Timestamp;
use presenced_http::directory::Audience;
use presenced_http::token::{Issuer, TokenVerifier};
use presenced_http::{Api, BodyLimits, Front, TenantSettings};
use presenced_notify::engine::Notifier;
use presenced_notify::webhook::address::AddressPolicy;
use presenced_notify::webhook::validation_token::TokenSettings;
use presenced_store::{EmbeddedConfig, Store, StoreConfig};

use crate::cli::ServeArgs;
use crate::clock::SystemClock;
use crate::config::{self, Durability, Settings, Tenant};
use crate::deadlines::Deadlines;
use crate::exit::Failure;
use crate::lifecycle::{self, Server};
use crate::notifications::{self, Foundations};
use crate::tls::Certificate;
use crate::{log, output, root, signing_key, validation_keys};

/// What is said at `/`. No version: that is nobody's business but the operator's.
const ROOT: &str = "presenced: a presence server that answers the Microsoft Graph presence API, \
                    below /v1.0 and /beta.\n";

/// Runs until a signal says stop.
pub(crate) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let settings = config::load(Some(&args.config), config::environment());
    let mut settings = settings.map_err(|faults| Failure::Usage(faults.into()))?;
    let fixed = std::mem::take(&mut settings.directory);
    let level = args.log.unwrap_or_else(|| settings.log.level.clone());
    log::start(level, settings.log.format);

    let certificate = certificate(&settings)?;
    let tokens = Arc::new(verifier(&settings)?);
    let setting = "server.listen in the configuration";
    let bound = lifecycle::bind(&settings.listen, &settings.listener, setting).await?;
    let (store, lives) = lifecycle::open_store(store_config(&settings)).await?;
    let clock = Arc::new(SystemClock::start(store.latest_time()));

    let api_settings = presenced_http::Settings {
        subscription_life_max: Some(settings.subscriptions.life_max),
        tenants: tenants(&settings),
        public_url: settings.public_url.clone(),
        allowed_origins: settings.allowed_origins.clone(),
        extensions: settings.extensions,
        throttling: settings.throttling,
        live: settings.live,
        body: BodyLimits {
            read_timeout: settings.body_timeout,
            ..BodyLimits::default()
        },
        ..presenced_http::Settings::default()
    };
    let verifier = Arc::clone(&tokens);
    let directory = lifecycle::open_directory(&store, fixed).await?;
    let audience = Audience::new(directory.clone(), &api_settings);
    let beside = root::router(ROOT.to_owned());
    let (beside, notifier) = match subscriptions(&settings, &store, &clock, audience).await? {
        None => (beside, None),
        Some((notifier, keys)) => (beside.merge(keys), Some(notifier)),
    };
    let foundations = presenced_http::Foundations {
        store: Arc::clone(&store),
        clock: clock.clone(),
        tokens: verifier,
        directory,
        lives,
        notifier: notifier.clone(),
    };
    let api = Api::new(foundations, api_settings);
    let live = api.live().clone();
    let deadlines = Deadlines::new(Arc::clone(&store), clock);
    let deadlines = deadlines.in_step_with(
        live.clone(),
        notifier.clone(),
        settings.store.feed_changes_max,
    );
    let front = Front::new(api, beside);
    let server = Server {
        deadlines: Arc::new(deadlines),
        store,
        notifier,
        live,
        front,
        certificate,
    };
    let addresses = bound.addresses();
    warn_of_clear_text(&settings, &addresses);
    output::print(&banner(&settings, &addresses));
    let warm_up = tokio::spawn(async move { tokens.warm_up().await });
    let ended = lifecycle::run(server, bound).await;
    warm_up.abort();
    ended
}

/// Who delivers the notifications of subscriptions, where there are any, and the routes by which
/// receivers find the key of their validation tokens.
async fn subscriptions(
    settings: &Settings,
    store: &Arc<dyn Store>,
    clock: &Arc<SystemClock>,
    audience: Audience,
) -> Result<Option<(Notifier, Router)>, Failure> {
    let own = &settings.subscriptions;
    if !own.enabled {
        return Ok(None);
    }
    let key = signing_key::load_or_make(&settings.store.directory).map_err(Failure::CannotStart)?;
    let public_url = settings.public_url.clone();
    let issuer = validation_keys::issuer_name(public_url.as_ref());
    let keys = validation_keys::router(&key, issuer.clone(), public_url);
    let notifier = notifications::notifier(Foundations {
        store: Arc::clone(store),
        clock: clock.clone(),
        audience,
        policy: AddressPolicy {
            networks: own.networks.clone(),
            plain_http: own.plain_http,
            ports: Vec::new(),
        },
        roots: notifications::roots(own.ca_file.as_deref())?,
        tokens: TokenSettings {
            issuer,
            key: Arc::new(key),
            publisher: own.publisher,
            clock: clock.clone(),
        },
    })
    .await?;
    Ok(Some((notifier, keys)))
}

/// What a start looks at before it touches data or network.
pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
    certificate(settings)?;
    verifier(settings)?;
    notifications::roots(settings.subscriptions.ca_file.as_deref())?;
    Ok(())
}

fn certificate(settings: &Settings) -> Result<Option<Arc<Certificate>>, Failure> {
    let load = |files| Certificate::load(files).map(Arc::new);
    let loaded = settings.tls.clone().map(load).transpose();
    loaded.map_err(|error| {
        Failure::CannotStart(error.context("the settings of [tls] cannot be used"))
    })
}

/// Issuers know the real time only, whatever the data says.
fn verifier(settings: &Settings) -> Result<TokenVerifier, Failure> {
    let clock = Arc::new(SystemClock::start(Timestamp::EPOCH));
    TokenVerifier::new(settings.issuers.clone(), clock)
        .map_err(|error| Failure::Usage(anyhow!(error).context("the [[issuers]] cannot be used")))
}

/// A bearer token that crosses a network in clear belongs to whoever sees it pass.
fn warn_of_clear_text(settings: &Settings, addresses: &[SocketAddr]) {
    let open = addresses.iter().find(|bound| !bound.ip().is_loopback());
    if let (Some(address), None) = (open, &settings.tls) {
        tracing::warn!(
            %address,
            "tokens cross the network in clear; set [tls], or listen on a loopback address behind \
             a proxy that speaks TLS"
        );
    }
}

fn store_config(settings: &Settings) -> StoreConfig {
    let store = &settings.store;
    let mut config = EmbeddedConfig::new(&store.directory, store.durability.into());
    config.limits.compact_after_bytes = store.compaction_bytes;
    config.limits.feed_changes_max = store.feed_changes_max;
    StoreConfig::Embedded(config)
}

fn tenants(settings: &Settings) -> HashMap<TenantId, TenantSettings> {
    let own = |tenant: &Tenant| {
        let settings = TenantSettings {
            sessions: Some(tenant.sessions.into()),
            sessions_max: Some(tenant.sessions_max),
            time_zone: Some(tenant.time_zone.clone()),
            cloud: Some(tenant.cloud),
            throttling: Some(tenant.throttling),
            directory: Some(tenant.directory.into()),
            subscription_life_max: tenant.subscription_life_max,
        };
        (tenant.id, settings)
    };
    settings.tenants.iter().map(own).collect()
}

/// What is running, where, and how.
fn banner(settings: &Settings, addresses: &[SocketAddr]) -> String {
    let scheme = if settings.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let addresses: Vec<String> = addresses
        .iter()
        .map(|address| format!("{scheme}://{address}"))
        .collect();
    let durability = match settings.store.durability {
        Durability::Process => "an answered write survives the end of the program",
        Durability::Disk => "an answered write survives the loss of power",
    };
    let issuers: Vec<String> = settings.issuers.iter().map(issuer_line).collect();
    format!(
        "presenced {version} serves {addresses}\n  \
         data     {data}; {durability}\n  \
         issuers  {issuers}\n",
        version = env!("CARGO_PKG_VERSION"),
        addresses = addresses.join(" "),
        data = settings.store.directory.display(),
        issuers = issuers.join("\n           "),
    )
}

fn issuer_line(issuer: &Issuer) -> String {
    match issuer {
        Issuer::Entra(entra) => {
            let tenants: Vec<String> = entra.tenants.iter().map(ToString::to_string).collect();
            format!("Microsoft Entra ID, tenants {}", tenants.join(" "))
        }
        Issuer::Oidc(oidc) => format!("{}, tenant {}", oidc.issuer, oidc.tenant),
        Issuer::BuiltIn(built_in) => format!("built in, tenant {}", built_in.tenant),
    }
}

//! `presenced dev`: everything in one process, with fixed defaults, so that the example of Graph's
//! documentation runs as it is written.

mod banner;
mod certificate;
mod clock;
mod guard;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use presenced_core::time::Timestamp;
use presenced_http::cors::AllowedOrigins;
use presenced_http::directory::Audience;
use presenced_http::listener::ListenerSettings;
use presenced_http::token::TokenVerifier;
use presenced_http::{Api, Front, RolesFrom, Throttling};
use presenced_notify::webhook::address::{AddressPolicy, PlainHttp};
use presenced_notify::webhook::client::Roots;
use presenced_notify::webhook::validation_token::{GRAPH_PUBLISHER, IssuerName, TokenSettings};
use presenced_store::{EmbeddedConfig, Limits, StoreConfig};
use uuid::Uuid;

use crate::cli::DevArgs;
use crate::clock::{SystemClock, TestClock};
use crate::config::{LogFormat, TlsFiles, read_bounded};
use crate::deadlines::Deadlines;
use crate::exit::Failure;
use crate::identity_provider::{self, IdentityProvider, Scheme};
use crate::lifecycle::{self, Server};
use crate::notifications::{self, Foundations};
use crate::root::{self, method_not_allowed};
use crate::tls::{Certificate, make_or_reuse};
use crate::{log, output};
use clock::ClockRoutes;
use guard::Guard;

/// A certificate authority's file is not larger than this.
const AUTHORITY_BYTES_MAX: u64 = 64 * 1024;

/// Runs until a signal says stop.
pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    log::start(args.log.clone(), LogFormat::Text);
    let tls = DevTls::prepare(&args).map_err(Failure::CannotStart)?;
    let bound = lifecycle::bind(&[args.listen], &ListenerSettings::default(), "--listen").await?;
    let (store, lives) = lifecycle::open_store(store_config(&args)).await?;

    // Two clocks: what is stored may lie ahead, where the test clock was moved before. Tokens go
    // by the real time only.
    let system = Arc::new(SystemClock::start(Timestamp::EPOCH));
    let clock = Arc::new(TestClock::start(Arc::clone(&system), store.latest_time()));
    let fixed = identity_provider::directory::fixed();
    let directory = lifecycle::open_directory(&store, fixed).await?;
    let provider = IdentityProvider::new(identity_provider::Settings {
        clock: system.clone(),
        directory: directory.clone(),
        scheme: match tls.certificate {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        },
        public_url: args.public_url.clone(),
    })
    .map_err(Failure::Unexpected)?;
    let notifier = notifications::notifier(Foundations {
        store: Arc::clone(&store),
        clock: clock.clone(),
        audience: Audience::new(directory.clone(), &api_settings(&args)),
        policy: address_policy(&args),
        roots: Roots::System,
        tokens: TokenSettings {
            issuer: IssuerName::new(identity_provider::issuer()),
            key: provider.key(),
            publisher: GRAPH_PUBLISHER,
            clock: system.clone(),
        },
    })
    .await?;
    let verifier = TokenVerifier::new(vec![provider.issuer()], system)
        .context("the built-in identity provider cannot be used")
        .map_err(Failure::Unexpected)?;

    let foundations = presenced_http::Foundations {
        store: Arc::clone(&store),
        clock: clock.clone(),
        tokens: Arc::new(verifier),
        directory,
        lives,
        notifier: Some(notifier.clone()),
    };
    let api = Api::new(foundations, api_settings(&args));
    let deadlines = Deadlines::new(Arc::clone(&store), clock.clone());
    let deadlines = Arc::new(deadlines.in_step_with(
        api.live().clone(),
        Some(notifier.clone()),
        Limits::default().feed_changes_max,
    ));
    let greeting = banner::banner(&args, &tls, &bound.addresses());
    let guard = Guard::new(args.public_url.clone());
    let clock_routes = ClockRoutes::new(clock, Arc::clone(&deadlines), notifier.clone()).router();
    let of_dev = clock_routes.merge(certificate::router(tls.authority_pem()?));
    let beside = guard
        .known_pages(of_dev)
        .merge(provider.router())
        .merge(root::router(greeting.clone()));
    let server = Server {
        store,
        live: api.live().clone(),
        deadlines,
        notifier: Some(notifier),
        front: Front::new(api, guard.known_hosts(beside)),
        certificate: tls.certificate.clone(),
    };
    output::print(&greeting);
    lifecycle::run(server, bound).await
}

/// What the command line says of the API.
fn api_settings(args: &DevArgs) -> presenced_http::Settings {
    presenced_http::Settings {
        sessions: args.sessions.into(),
        public_url: args.public_url.clone(),
        allowed_origins: AllowedOrigins::Loopback,
        time_zone: args.time_zone.clone(),
        cloud: args.cloud,
        throttling: args.throttling.unwrap_or(Throttling::OFF),
        directory: args.directory.into(),
        roles_from: RolesFrom::Directory,
        ..presenced_http::Settings::default()
    }
}

/// The `--tls` of this run.
struct DevTls {
    certificate: Option<Arc<Certificate>>,
    /// The file to trust, where the certificate was made here.
    authority: Option<PathBuf>,
    /// The directory that was made for this run alone, to be removed with it.
    temporary: Option<PathBuf>,
}

impl DevTls {
    fn prepare(args: &DevArgs) -> anyhow::Result<Self> {
        let mut tls = Self {
            certificate: None,
            authority: None,
            temporary: None,
        };
        let files = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            _ if args.tls => {
                let directory = match &args.data {
                    Some(data) => data.join("tls"),
                    None => tls.temporary.insert(temporary_directory()).clone(),
                };
                let made = make_or_reuse(&directory, args.listen.ip())?;
                tls.authority = Some(absolute(made.authority));
                made.files
            }
            _ => return Ok(tls),
        };
        tls.certificate = Some(Arc::new(Certificate::load(files)?));
        Ok(tls)
    }

    fn authority_pem(&self) -> Result<Option<Vec<u8>>, Failure> {
        let read = |path: &PathBuf| read_bounded(path, AUTHORITY_BYTES_MAX);
        let read = self.authority.as_ref().map(read).transpose();
        read.context("cannot read the certificate authority that was made")
            .map_err(Failure::CannotStart)
    }
}

/// The certificate goes with the run that it was made for.
impl Drop for DevTls {
    fn drop(&mut self) {
        if let Some(directory) = &self.temporary {
            // Left behind, it is small and does no harm: its authority's key is gone.
            std::fs::remove_dir_all(directory).unwrap_or_default();
        }
    }
}

/// A name that nobody can guess, for a directory that is made for its owner alone.
fn temporary_directory() -> PathBuf {
    std::env::temp_dir().join(format!("presenced-{}", Uuid::new_v4().as_simple()))
}

/// A path that is good in every directory, for people to copy.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Where notifications may go: to the public internet, to this machine also in clear, and to the
/// networks that were asked for.
fn address_policy(args: &DevArgs) -> AddressPolicy {
    let mut policy = AddressPolicy::dev();
    if !args.notify_network.is_empty() {
        policy.networks.extend(&args.notify_network);
        policy.plain_http = PlainHttp::Allowed;
    }
    policy
}

fn store_config(args: &DevArgs) -> StoreConfig {
    match &args.data {
        None => StoreConfig::Memory(Limits::default()),
        Some(directory) => {
            let durability = args.durability.into();
            StoreConfig::Embedded(EmbeddedConfig::new(directory, durability))
        }
    }
}

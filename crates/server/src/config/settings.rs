//! The settings, typed and checked.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use presenced_core::id::TenantId;
use presenced_core::limits::SESSIONS_PER_USER_MAX;
use presenced_core::session::SessionsMax;
use presenced_http::cors::{AllowedOrigins, Origin};
use presenced_http::directory::Fixed;
use presenced_http::listener::ListenerSettings;
use presenced_http::token::settings::Issuer;
use presenced_http::{
    DirectoryPolicy, Extensions, Profile, PublicUrl, SessionPolicy, TenantThrottling, Throttling,
    Zone,
};
use presenced_notify::live::LiveSettings;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::directory::read_directory;
use super::fault::Fault;
use super::issuers::{read_issuer, serves};
use super::layers::Layers;
use super::reader::Reader;
use super::subscriptions::{SubscriptionSettings, read_life_max, read_subscriptions};
use super::throttling::{read_tenant_throttling, read_throttling};

/// Longest time that any timeout can be set to: an hour.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

/// Most users that all live streams together can be allowed to name.
const WATCHES_MAX: u64 = 1_000_000_000;

/// Most connections that can be asked for.
const CONNECTIONS_MAX: u64 = 1_000_000;

/// How many sessions a user may be allowed.
const SESSIONS_MAX: RangeInclusive<u64> = 1..=SESSIONS_PER_USER_MAX as u64;

const TIME_ZONE_REMEDY: &str = "must be the IANA name of a time zone, as in \"Europe/Berlin\"";

/// Everything that `presenced serve` can be told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<SocketAddr>,
    /// Where clients reach this server, if it is not what requests say.
    pub(crate) public_url: Option<PublicUrl>,
    /// The web pages that may call the API from a browser.
    pub(crate) allowed_origins: AllowedOrigins,
    /// Whether what goes beyond Graph is served.
    pub(crate) extensions: Extensions,
    /// How many live streams there may be.
    pub(crate) live: LiveSettings,
    pub(crate) tls: Option<TlsFiles>,
    /// What a client is granted.
    pub(crate) listener: ListenerSettings,
    /// How long a client may take to send the whole body of a request.
    pub(crate) body_timeout: Duration,
    /// How many requests are let through.
    pub(crate) throttling: Throttling,
    pub(crate) store: StoreSettings,
    pub(crate) log: LogSettings,
    /// Whether there are subscriptions, and where their notifications may go.
    pub(crate) subscriptions: SubscriptionSettings,
    /// The tenants that have rules of their own.
    pub(crate) tenants: Vec<Tenant>,
    /// The users and applications that are always there.
    pub(crate) directory: Fixed,
    pub(crate) issuers: Vec<Issuer>,
}

/// What differs for one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    /// How its sessions are named.
    pub(crate) sessions: Sessions,
    /// How many sessions a user may have.
    pub(crate) sessions_max: SessionsMax,
    /// Where its days end at midnight.
    pub(crate) time_zone: Zone,
    /// Which of Graph's clouds its API is that of.
    pub(crate) cloud: Profile,
    /// How many requests of certain kinds are let through, its own numbers over those of all.
    pub(crate) throttling: TenantThrottling,
    /// Whether it has other users than those of its directory.
    pub(crate) directory: DirectoryKind,
    /// How long its subscriptions live at most, if it has a rule of its own.
    pub(crate) subscription_life_max: Option<Duration>,
}

/// A certificate chain and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What an answered write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Durability {
    /// The end of the program at any moment.
    #[default]
    Process,
    /// Also the loss of power.
    Disk,
}

/// How the sessions of a tenant are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sessions {
    /// By the client id of the application that sets them, as with Microsoft Graph.
    #[default]
    Own,
    /// By any text, for a session per device or source.
    Any,
}

/// Whom there is to ask about in a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DirectoryKind {
    /// Every GUID is a user.
    #[default]
    Open,
    /// The users of the directory.
    Closed,
}

impl From<DirectoryKind> for DirectoryPolicy {
    fn from(kind: DirectoryKind) -> Self {
        match kind {
            DirectoryKind::Open => Self::Open,
            DirectoryKind::Closed => Self::Closed,
        }
    }
}

impl From<Durability> for presenced_store::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Process => Self::Process,
            Durability::Disk => Self::Disk,
        }
    }
}

impl From<Sessions> for SessionPolicy {
    fn from(sessions: Sessions) -> Self {
        match sessions {
            Sessions::Own => Self::OwnApplication,
            Sessions::Any => Self::Any,
        }
    }
}

/// Where the data is, and how safely it is kept.
#[derive(Clone, Debug)]
pub(crate) struct StoreSettings {
    pub(crate) directory: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) compaction_bytes: u64,
    pub(crate) feed_changes_max: usize,
}

/// What is logged, and in what form.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// A level, or a list of targets with levels.
    pub(crate) level: Targets,
    pub(crate) format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl Settings {
    /// Takes the settings out of the merged layers. What is wrong is added to `faults`, and `None`
    /// is answered only if something is.
    pub(super) fn read(layers: Layers, faults: &mut Vec<Fault>) -> Option<Self> {
        Reader::read(layers.values, &layers.origins, faults, read_settings)
    }
}

fn read_settings(root: &mut Reader<'_>) -> Option<Settings> {
    let server = root.section("server", |server| {
        let listen = read_listen(server);
        let remedy = "must be scheme, host and perhaps port and path, as in \
                      \"https://presence.example.org\"";
        let public_url = server.parsed("public_url", remedy, |text| PublicUrl::parse(text).ok());
        let extensions = server.flag("extensions");
        let drain = server.number("drain_timeout_ms", 0..=TIMEOUT_MS_MAX);
        (listen, public_url, extensions, drain)
    });
    let allowed_origins = root.section("http", |http| {
        let remedy = "must be an origin as browsers send it, as in \"https://board.example.org\": \
                      scheme and host in lower case, no slash at the end, a port only where it is \
                      not the usual one";
        http.texts("allowed_origins", remedy, |text| Origin::parse(text).ok())
    });
    let (files, handshake) = root.section("tls", |tls| {
        let handshake = tls.number("handshake_timeout_ms", 1..=TIMEOUT_MS_MAX);
        (read_tls_files(tls), handshake)
    });
    let limits = root.section("limits", read_limits);
    let store = root.section("store", read_store);
    let log = root.section("log", read_log);
    let subscriptions = root.section("subscriptions", read_subscriptions);
    let throttling = read_throttling(root);
    let before = root.fault_count();
    let (issuers, tenants) = read_identity(root, throttling.tenant);
    let sound = root.fault_count() == before;
    let directory = read_directory(root, sound.then_some(issuers.as_slice()));

    let (listen, public_url, extensions, drain) = server;
    let limits = limits?;
    Some(Settings {
        listen,
        public_url,
        allowed_origins: if allowed_origins.is_empty() {
            AllowedOrigins::None
        } else {
            AllowedOrigins::Listed(allowed_origins)
        },
        extensions: if extensions? {
            Extensions::On
        } else {
            Extensions::Off
        },
        live: limits.live,
        tls: files,
        listener: ListenerSettings {
            tls_handshake_timeout: Duration::from_millis(handshake?),
            drain_timeout: Duration::from_millis(drain?),
            ..limits.listener
        },
        body_timeout: limits.body_timeout,
        throttling,
        store: store?,
        log: log?,
        subscriptions: subscriptions?,
        tenants,
        directory,
        issuers,
    })
}

/// What stands under `[limits]`.
struct Limits {
    /// All but what other sections say of it.
    listener: ListenerSettings,
    body_timeout: Duration,
    live: LiveSettings,
}

fn read_limits(limits: &mut Reader<'_>) -> Option<Limits> {
    let connections = limits.number("connections_max", 1..=CONNECTIONS_MAX);
    let per_address = limits.number("connections_per_address_max", 1..=CONNECTIONS_MAX);
    let mut timeout = |name| {
        let millis = limits.number(name, 1..=TIMEOUT_MS_MAX);
        millis.map(Duration::from_millis)
    };
    let head = timeout("request_head_timeout_ms");
    let body = timeout("body_timeout_ms");
    let idle = timeout("idle_timeout_ms");
    let stall = timeout("stall_timeout_ms");
    let live = read_live(limits);
    Some(Limits {
        listener: ListenerSettings {
            connections_max: usize::try_from(connections?).ok()?,
            connections_per_address_max: usize::try_from(per_address?).ok()?,
            request_head_timeout: head?,
            idle_timeout: idle?,
            stall_timeout: stall?,
            ..ListenerSettings::default()
        },
        body_timeout: body?,
        live: live?,
    })
}

fn read_live(limits: &mut Reader<'_>) -> Option<LiveSettings> {
    let streams = limits.number("live_streams_max", 0..=CONNECTIONS_MAX);
    let per_application = limits.number("live_streams_per_application_max", 0..=CONNECTIONS_MAX);
    let users = limits.number("live_watched_users_max", 0..=WATCHES_MAX);
    Some(LiveSettings {
        streams_max: usize::try_from(streams?).ok()?,
        streams_per_application_max: usize::try_from(per_application?).ok()?,
        watches_max: usize::try_from(users?).ok()?,
    })
}

fn read_listen(server: &mut Reader<'_>) -> Vec<SocketAddr> {
    server.texts_required("listen", LISTEN_REMEDY, parse_listen)
}

/// What an address to listen on looks like.
pub(crate) const LISTEN_REMEDY: &str =
    "must be an IP address or localhost, with port, as in 127.0.0.1:8080 or [::]:8080";

/// An address to listen on. `localhost` is a loopback address by definition (RFC 6761 §6.3), so it
/// needs nobody to be asked. Other names are not looked up: whoever answers for them would decide
/// where this server listens.
pub(crate) fn parse_listen(text: &str) -> Option<SocketAddr> {
    match text.split_once(':') {
        Some((name, port)) if name.eq_ignore_ascii_case("localhost") => Some(SocketAddr::new(
            Ipv4Addr::LOCALHOST.into(),
            port.parse().ok()?,
        )),
        Some(_) | None => text.parse().ok(),
    }
}

fn read_tls_files(tls: &mut Reader<'_>) -> Option<TlsFiles> {
    let certificate = tls.text("certificate_file");
    let key = tls.text("key_file");
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
        }),
        (Some(_), None) => {
            tls.fault("key_file", None, "must be set where certificate_file is");
            None
        }
        (None, Some(_)) => {
            tls.fault("certificate_file", None, "must be set where key_file is");
            None
        }
        (None, None) => None,
    }
}

fn read_store(store: &mut Reader<'_>) -> Option<StoreSettings> {
    let remedy = "must name the directory to keep the data in, as in \"/var/lib/presenced\"";
    let directory = store.required("directory", remedy, |text| Some(PathBuf::from(text)));
    let choices = [("process", Durability::Process), ("disk", Durability::Disk)];
    let durability = store.choice("durability", &choices);
    let compaction_bytes = store.number("compaction_bytes", 65_536..=1 << 40);
    let feed_changes_max = store.number("feed_changes_max", 1..=1 << 26);
    Some(StoreSettings {
        directory: directory?,
        durability: durability?,
        compaction_bytes: compaction_bytes?,
        feed_changes_max: usize::try_from(feed_changes_max?).ok()?,
    })
}

fn read_log(log: &mut Reader<'_>) -> Option<LogSettings> {
    let remedy = "must be error, warn, info, debug or trace, or targets with levels as in \
                  \"info,presenced_store=debug\"";
    let level = log.required("level", remedy, parse_level);
    let choices = [
        ("auto", LogFormat::Auto),
        ("text", LogFormat::Text),
        ("json", LogFormat::Json),
    ];
    let format = log.choice("format", &choices);
    Some(LogSettings {
        level: level?,
        format: format?,
    })
}

/// A list of levels, each alone or with a target before it. A word alone that is no level is
/// refused, though the filter would read it as a target of which everything is logged: it is a
/// level misspelt.
pub(crate) fn parse_level(text: &str) -> Option<Targets> {
    let known = text.split(',').all(|part| {
        let level = part.split_once('=').map_or(part, |(_, level)| level);
        level.trim().parse::<LevelFilter>().is_ok()
    });
    text.parse().ok().filter(|_| known)
}

fn sessions_max_of(count: u64) -> Option<SessionsMax> {
    SessionsMax::new(usize::try_from(count).ok()?).ok()
}

/// Issuers and tenants, which have to fit together.
fn read_identity(
    root: &mut Reader<'_>,
    throttling: TenantThrottling,
) -> (Vec<Issuer>, Vec<Tenant>) {
    let before = root.fault_count();
    let read = root.tables("issuers", read_issuer);
    let all_read = root.fault_count() == before;
    let issuers: Vec<Issuer> = read.into_iter().flatten().collect();
    if issuers.is_empty() && all_read {
        root.fault(
            "issuers",
            None,
            "nobody's tokens would be accepted; add an [[issuers]] table with kind = \"entra\" and \
             tenants, or kind = \"oidc\" with url, tenant and audiences",
        );
    }
    let remedy = "must be the GUID of a tenant";
    let tenants = root.tables("tenants", |tenant| {
        let choices = [("own", Sessions::Own), ("any", Sessions::Any)];
        let sessions = tenant.choice("sessions", &choices);
        let sessions_max = tenant.number("sessions_max", SESSIONS_MAX);
        let time_zone = tenant.parsed("time_zone", TIME_ZONE_REMEDY, Zone::iana);
        let cloud = tenant.choice("cloud", &Profile::NAMES);
        let throttling = read_tenant_throttling(tenant, throttling);
        let kinds = [
            ("open", DirectoryKind::Open),
            ("closed", DirectoryKind::Closed),
        ];
        let directory = tenant.choice("directory", &kinds);
        let subscription_life_max = read_life_max(tenant, "subscription_life_max_minutes");
        let id = tenant.required("id", remedy, TenantId::parse)?;
        if all_read && !issuers.iter().any(|issuer| serves(issuer, id)) {
            let text = toml::Value::String(id.to_string());
            tenant.fault(
                "id",
                Some(&text),
                "no issuer gives tokens of this tenant; add one",
            );
        }
        Some(Tenant {
            id,
            sessions: sessions?,
            sessions_max: sessions_max.and_then(sessions_max_of).unwrap_or_default(),
            time_zone: time_zone.unwrap_or_default(),
            cloud: cloud?,
            throttling,
            directory: directory?,
            subscription_life_max,
        })
    });
    (issuers, tenants.into_iter().flatten().collect())
}

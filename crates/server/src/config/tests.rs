//! The configuration as its users meet it: layers, faults, and the text that is shown.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use insta::assert_snapshot;
use presenced_core::throttle::Rate;
use presenced_http::{Extensions, TenantThrottling, Throttling, Zone};

use super::settings::DirectoryKind;
use super::*;

const ENTRA: &str = r#"
[store]
directory = "/data"
[[issuers]]
kind = "entra"
tenants = ["7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50"]
"#;

fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Faults> {
    let mut layers = Layers::defaults();
    let mut faults = Vec::new();
    faults.extend(layers.lay_file(Path::new("presenced.toml"), text).err());
    let variables = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    faults.extend(layers.lay_environment(variables));
    let settings = Settings::read(layers, &mut faults);
    match settings {
        Some(settings) if faults.is_empty() => Ok(settings),
        Some(_) | None => Err(Faults(faults)),
    }
}

fn faults(text: &str, variables: &[(&str, &str)]) -> String {
    load_text(text, variables).unwrap_err().to_string()
}

/// The defaults are complete but for what nobody can choose for the operator, and have no key
/// that nothing reads: an unread one would be reported here.
#[test]
fn the_defaults_lack_only_directory_and_issuer() {
    assert_snapshot!(faults("", &[]), @r#"
    2 faults in the configuration
      store.directory = "": must name the directory to keep the data in, as in "/var/lib/presenced"
      issuers: nobody's tokens would be accepted; add an [[issuers]] table with kind = "entra" and tenants, or kind = "oidc" with url, tenant and audiences
    "#);
}

/// The examples in the manual are right: with the comment signs taken away, it loads.
#[test]
fn the_examples_in_the_manual_load() {
    let mut text = String::new();
    let mut example = false;
    for line in DEFAULTS.lines() {
        example |= line.starts_with("# [[");
        let uncommented = line.strip_prefix("# ").unwrap_or("");
        let key = uncommented.starts_with("[[") || uncommented.contains(" = ");
        let line = if example && key { uncommented } else { "" };
        text.push_str(line);
        text.push('\n');
    }
    text.push_str("[store]\ndirectory = \"/data\"\n");
    let settings = load_text(&text, &[]).unwrap();
    assert_eq!(settings.issuers.len(), 2, "{text}");
    let directory = format!("{:?}", settings.directory);
    assert!(directory.contains("adele@example.org"), "{directory}");
    assert!(directory.contains("Switchboard"), "{directory}");
    let tenant = settings.tenants.first().expect("one tenant");
    assert_eq!(tenant.directory, DirectoryKind::Closed);
    assert_eq!(
        Some(&tenant.time_zone),
        Zone::iana("Europe/Berlin").as_ref()
    );
}

/// File goes over defaults, environment over file.
#[test]
fn layers_go_one_over_the_other() {
    let text = format!("[server]\nlisten = [\"localhost:1\"]\n[tls]\n{ENTRA}");
    let settings = load_text(&text, &[]).unwrap();
    assert_eq!(settings.listen, ["127.0.0.1:1".parse().unwrap()]);
    assert_eq!(settings.store.directory, Path::new("/data"));
    assert_eq!(settings.listener.connections_max, 10_000);
    assert_eq!(settings.extensions, Extensions::On);
    let variables = [
        ("PRESENCED_SERVER__LISTEN", r#"["[::1]:2", "127.0.0.1:2"]"#),
        ("PRESENCED_STORE__DIRECTORY", "42"),
        ("PRESENCED_LIMITS__CONNECTIONS_MAX", "7"),
        ("PRESENCED_SERVER__EXTENSIONS", "false"),
        ("PRESENCED_PORT", "tcp://10.0.0.1:80"),
        ("HOME", "/root"),
    ];
    let settings = load_text(&text, &variables).unwrap();
    assert_eq!(settings.listen.len(), 2);
    assert_eq!(settings.store.directory, Path::new("42"));
    assert_eq!(settings.listener.connections_max, 7);
    assert_eq!(settings.extensions, Extensions::Off);
}

/// A configuration in which nothing is right.
const ALL_WRONG: &str = r#"
        colour = "red"
        [server]
        listen = ["office:8080", 80]
        public_url = "example.org"
        extensions = "no"
        drain_timeout_ms = "10s"
        [http]
        allowed_origins = ["*", "https://board.example.org/"]
        [tls]
        certificate_file = "cert.pem"
        handshake_timeout_ms = -1
        [limits]
        connections_max = 0
        live_streams_max = -1
        [store]
        directory = "/data"
        durability = "paper"
        [log]
        level = "verbose"
        [queue]
        length = 3
        [[tenants]]
        id = "contoso"
        sessions = "some"
        sessions_max = 65
        cloud = "moon"
        directory = "shut"
        [[users]]
        tenant = "contoso"
        id = "adele"
        principal_name = "adele"
        display_name = "a\tb"
        phone = "1"
        [[applications]]
        id = "phone"
        enabled = "no"
        [[issuers]]
        kind = "ldap"
        url = "ldap://example.org"
        [[issuers]]
        kind = "entra"
        tenants = []
        [[issuers]]
        kind = "oidc"
        url = "https://id.example.org"
        tenant = "b4c5d6e7-0000-4000-8000-000000000001"
        audiences = ["a"]
        [[issuers]]
        kind = "oidc"
        url = "http://id.example.org"
        tenant = "b4c5d6e7-0000-4000-8000-000000000001"
        audiences = ["a"]
        ca_file = "/nowhere/ca.pem"
        claims = { user = "a..b", group = "g" }
        application_tokens = { are = "with-claim" }
        permissions = { reader = "Presence.Reed" }
        applications = { phone = "phone" }
"#;

/// Everything that is wrong is told at once: unknown keys and sections, types, values, bounds.
#[test]
fn all_faults_are_told_at_once() {
    let variables = [
        ("PRESENCED_STORE__DIR", "/data"),
        ("PRESENCED_LIMITS__BODY_TIMEOUT_MS", "soon"),
    ];
    assert_snapshot!(faults(ALL_WRONG, &variables), @r#"
    40 faults in the configuration
      PRESENCED_STORE__DIR = "/data": there is no such setting; `presenced config default` lists them all, and [[tenants]] and [[issuers]] are set in the file only
      server.listen = "office:8080" (presenced.toml): must be an IP address or localhost, with port, as in 127.0.0.1:8080 or [::]:8080
      server.listen = 80 (presenced.toml): must be an IP address or localhost, with port, as in 127.0.0.1:8080 or [::]:8080
      server.public_url = "example.org" (presenced.toml): must be scheme, host and perhaps port and path, as in "https://presence.example.org"
      server.extensions = "no" (presenced.toml): must be true or false
      server.drain_timeout_ms = "10s" (presenced.toml): must be a whole number from 0 to 3600000
      http.allowed_origins = "*" (presenced.toml): must be an origin as browsers send it, as in "https://board.example.org": scheme and host in lower case, no slash at the end, a port only where it is not the usual one
      http.allowed_origins = "https://board.example.org/" (presenced.toml): must be an origin as browsers send it, as in "https://board.example.org": scheme and host in lower case, no slash at the end, a port only where it is not the usual one
      tls.handshake_timeout_ms = -1 (presenced.toml): must be a whole number from 1 to 3600000
      tls.key_file: must be set where certificate_file is
      limits.connections_max = 0 (presenced.toml): must be a whole number from 1 to 1000000
      limits.body_timeout_ms = "soon" (PRESENCED_LIMITS__BODY_TIMEOUT_MS): must be a whole number from 1 to 3600000
      limits.live_streams_max = -1 (presenced.toml): must be a whole number from 0 to 1000000
      store.durability = "paper" (presenced.toml): must be one of "process", "disk"
      log.level = "verbose" (presenced.toml): must be error, warn, info, debug or trace, or targets with levels as in "info,presenced_store=debug"
      issuers[0].kind = "ldap" (presenced.toml): must be "entra" or "oidc"
      issuers[1].tenants (presenced.toml): must be a list of at least one entry, each of which must be the GUID of a tenant
      issuers[2].application_tokens.are (presenced.toml): is missing; must be "without-scopes", "without-user" or "with-claim", whichever tells this provider's tokens of applications from those of users
      issuers[3].url = "http://id.example.org" (presenced.toml): must be an https URL, as it stands in the tokens' `iss` (http only on a loopback address)
      issuers[3].application_tokens.claim (presenced.toml): is missing; must name a claim, with dots into nested objects
      issuers[3].claims.user = "a..b" (presenced.toml): must name a claim, with dots into nested objects
      issuers[3].claims.group = "g" (presenced.toml): there is no such key; `presenced config default` lists them all
      issuers[3].permissions.reader = "Presence.Reed" (presenced.toml): must be one of Presence.Read, Presence.Read.All, Presence.ReadWrite, Presence.ReadWrite.All, Subscription.Read.All, Presenced.Admin
      issuers[3].applications.phone = "phone" (presenced.toml): must be a GUID
      issuers[3].ca_file = "/nowhere/ca.pem" (presenced.toml): cannot be read: No such file or directory (os error 2)
      tenants[0].sessions = "some" (presenced.toml): must be one of "own", "any"
      tenants[0].sessions_max = 65 (presenced.toml): must be a whole number from 1 to 64
      tenants[0].cloud = "moon" (presenced.toml): must be one of "global", "us-government", "us-government-dod", "us-nat", "us-sec", "france", "china", "germany", "singapore"
      tenants[0].directory = "shut" (presenced.toml): must be one of "open", "closed"
      tenants[0].id = "contoso" (presenced.toml): must be the GUID of a tenant
      users[0].tenant = "contoso" (presenced.toml): must be the GUID of a tenant
      users[0].id = "adele" (presenced.toml): must be the GUID of a user
      users[0].principal_name = "adele" (presenced.toml): must have the form adele@example.com, without spaces and slashes
      users[0].display_name = "a\tb" (presenced.toml): must be 1 to 256 characters without control characters
      users[0].phone = "1" (presenced.toml): there is no such key; `presenced config default` lists them all
      applications[0].tenant (presenced.toml): is missing; must be the GUID of a tenant
      applications[0].id = "phone" (presenced.toml): must be the GUID of an application
      applications[0].enabled = "no" (presenced.toml): must be true or false
      colour = "red" (presenced.toml): there is no such key; `presenced config default` lists them all
      queue = { … } (presenced.toml): there is no such key; `presenced config default` lists them all
    "#);
}

/// A tenant with settings but without an issuer is a slip that would otherwise stay unseen.
#[test]
fn a_tenant_needs_an_issuer() {
    let text = format!("{ENTRA}\n[[tenants]]\nid = \"00000000-0000-4000-8000-000000000000\"");
    assert_snapshot!(faults(&text, &[]), @r#"
    1 fault in the configuration
      tenants[0].id = "00000000-0000-4000-8000-000000000000" (presenced.toml): no issuer gives tokens of this tenant; add one
    "#);
}

/// Entries of the directory belong to a tenant that is served, and stand there once.
#[test]
fn the_directory_is_consistent() {
    let user = |tenant: &str, id: u32, name: &str| {
        format!(
            "[[users]]\ntenant = \"{tenant}-5f0a-4d3e-9a41-0c6d1b8e2f50\"\n\
             id = \"{id:08}-0000-4000-8000-000000000000\"\nprincipal_name = \"{name}\"\n"
        )
    };
    let text = [
        ENTRA,
        &user("7e3f2b1c", 1, "one@x"),
        &user("7e3f2b1c", 2, "ONE@x"),
        &user("7e3f2b1c", 1, "two@x"),
        &user("00000000", 3, "three@x"),
    ];
    assert_snapshot!(faults(&text.concat(), &[]), @r#"
    3 faults in the configuration
      users[1].principal_name = "ONE@x" (presenced.toml): another user of the tenant has it
      users[2].id = "00000001-0000-4000-8000-000000000000" (presenced.toml): is there twice in the tenant
      users[3].tenant = "00000000-5f0a-4d3e-9a41-0c6d1b8e2f50" (presenced.toml): no issuer gives tokens of this tenant; add one
    "#);
}

/// A tenant's time zone has an IANA name, which those of Windows are not.
#[test]
fn a_time_zone_has_an_iana_name() {
    let tenant = "[[tenants]]\nid = \"7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50\"";
    let text = format!("{ENTRA}\n{tenant}\ntime_zone = \"Pacific Standard Time\"");
    assert_snapshot!(faults(&text, &[]), @r#"
    1 fault in the configuration
      tenants[0].time_zone = "Pacific Standard Time" (presenced.toml): must be the IANA name of a time zone, as in "Europe/Berlin"
    "#);
}

/// The defaults are the published numbers; a tenant's own go over what holds for all, and what it
/// does not name stays as it is there.
#[test]
fn throttling_goes_one_over_the_other() {
    let rate = |count, seconds| Rate::new(count, Duration::from_secs(seconds));
    let settings = load_text(ENTRA, &[]).unwrap();
    assert_eq!(settings.throttling, Throttling::PUBLISHED);

    let tenant = "[[tenants]]\nid = \"7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50\"";
    let own = "throttling = { presence_reads = \"7/1s\", subscriptions = \"off\" }";
    let all = "[throttling]\nrequests = \"off\"\npresence_reads = \"5/1s\"";
    let text = format!("{ENTRA}\n{tenant}\n{own}\n{all}");
    let variables = [("PRESENCED_THROTTLING__PRESENCE_WRITES", "9/2s")];
    let settings = load_text(&text, &variables).unwrap();
    let for_all = TenantThrottling {
        presence_reads: rate(5, 1),
        presence_writes: rate(9, 2),
        ..Throttling::PUBLISHED.tenant
    };
    let expect = Throttling {
        requests: None,
        tenant: for_all,
    };
    assert_eq!(settings.throttling, expect);
    let of_tenant = TenantThrottling {
        presence_reads: rate(7, 1),
        subscriptions: None,
        ..for_all
    };
    assert_eq!(settings.tenants[0].throttling, of_tenant);

    let own = "throttling = { requests = \"7/1s\", presence_reads = 7 }";
    let all = "[throttling]\npresence_writes = \"7/min\"\nwrites = \"off\"";
    let text = format!("{ENTRA}\n{tenant}\n{own}\n{all}");
    assert_snapshot!(faults(&text, &[]), @r#"
    4 faults in the configuration
      throttling.presence_writes = "7/min" (presenced.toml): must be a count and the seconds it is for, as in "1500/30s" (at most 1000000000 in at most 3600s), or "off"
      throttling.writes = "off" (presenced.toml): there is no such key; `presenced config default` lists them all
      tenants[0].throttling.presence_reads = 7 (presenced.toml): must be a text, in quotation marks
      tenants[0].throttling.requests = "7/1s" (presenced.toml): there is no such key; `presenced config default` lists them all
    "#);
}

/// A file that is not TOML is told with its place, beside the faults of the environment.
#[test]
fn a_broken_file_is_told_with_its_place() {
    let variables = [("PRESENCED_LOG__FORMAT", "xml")];
    assert_snapshot!(faults("[server\nlisten = 1", &variables), @r#"
    4 faults in the configuration
      presenced.toml: is not TOML: TOML parse error at line 1, column 8
      |
    1 | [server
      |        ^
    unclosed table, expected `]`
      store.directory = "": must name the directory to keep the data in, as in "/var/lib/presenced"
      log.format = "xml" (PRESENCED_LOG__FORMAT): must be one of "auto", "text", "json"
      issuers: nobody's tokens would be accepted; add an [[issuers]] table with kind = "entra" and tenants, or kind = "oidc" with url, tenant and audiences
    "#);
}

/// A missing file and one beyond all measure are told, not read.
#[test]
fn files_are_read_within_bounds() {
    let missing = load(Some(Path::new("/nowhere/presenced.toml")), []).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("/nowhere/presenced.toml: cannot be read")
    );
    let mut large = tempfile::NamedTempFile::new().unwrap();
    large.write_all(&vec![b'#'; 1024 * 1024 + 1]).unwrap();
    let large = load(Some(large.path()), []).unwrap_err().to_string();
    assert!(large.contains("larger than 1048576 bytes"), "{large}");
}

/// What is shown names the origin of each value, and reads back as the same configuration.
#[test]
fn what_is_shown_can_be_read_back() {
    let mut layers = Layers::defaults();
    layers.lay_file(Path::new("presenced.toml"), ENTRA).unwrap();
    let variable = ("PRESENCED_LOG__LEVEL".into(), "warn,presenced=debug".into());
    assert_eq!(layers.lay_environment([variable]), []);
    let shown = show(&layers);
    assert_snapshot!(shown, @r#"
    [http]
    allowed_origins = []

    [[issuers]]  # presenced.toml
    kind = "entra"
    tenants = ["7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50"]

    [limits]
    body_timeout_ms = 30000
    connections_max = 10000
    connections_per_address_max = 1024
    idle_timeout_ms = 75000
    live_streams_max = 20000
    live_streams_per_application_max = 10000
    live_watched_users_max = 2000000
    request_head_timeout_ms = 10000
    stall_timeout_ms = 120000

    [log]
    format = "auto"
    level = "warn,presenced=debug"  # PRESENCED_LOG__LEVEL

    [server]
    drain_timeout_ms = 10000
    extensions = true
    listen = ["127.0.0.1:8080"]
    public_url = ""

    [store]
    compaction_bytes = 67108864
    directory = "/data"  # presenced.toml
    durability = "process"
    feed_changes_max = 262144

    [subscriptions]
    allowed_networks = []
    ca_file = ""
    enabled = true
    life_max_minutes = 60
    plain_http = "refused"
    publisher = "0bf30f3b-4a52-48df-9a82-234910c4a086"

    [throttling]
    presence_reads = "1500/30s"
    presence_writes = "10000/30s"
    requests = "130000/10s"
    subscriptions = "5000/20s"
    subscriptions_of_tenant = "10000/20s"

    [tls]
    certificate_file = ""
    handshake_timeout_ms = 10000
    key_file = ""
    "#);
    let values = layers.values.clone();
    let mut again = Layers::defaults();
    again.lay_file(Path::new("shown.toml"), &shown).unwrap();
    assert_eq!(again.values, values);
}

//! What `presenced dev` says at its start: what is running, where, and how to try it.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::DevTls;
use crate::cli::{DEV_LISTEN_DEFAULT, DevArgs};
use crate::config::Durability;
use crate::identity_provider::directory;

/// The first line ends with the address, so that programs can wait for it and read it.
pub(super) fn banner(args: &DevArgs, tls: &DevTls, bound: &[SocketAddr]) -> String {
    let listen = bound.first().copied().unwrap_or(args.listen);
    let scheme = if tls.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let base = format!("{scheme}://{}", reachable(listen));
    let data = match (&args.data, args.durability) {
        (None, _) => "in memory, gone when it stops (--data DIRECTORY keeps it)".to_owned(),
        (Some(directory), Durability::Process) => {
            format!("{}; survives the end of the program", directory.display())
        }
        (Some(directory), Durability::Disk) => {
            format!("{}; survives the loss of power", directory.display())
        }
    };
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        writeln!(text, "{arguments}").expect("writing to a text does not fail");
    };
    line(format_args!(
        "presenced {} for development, on {base}",
        env!("CARGO_PKG_VERSION")
    ));
    if let Some(url) = &args.public_url {
        line(format_args!("  public  {}", url.as_str()));
    }
    line(format_args!("  data    {data}"));
    line(format_args!(
        "  tenant  {}; whoever reaches this address can have a token",
        directory::TENANT
    ));
    line(format_args!(
        "  clock   {base}/dev/clock, to be moved by POST {base}/dev/clock/advance"
    ));
    let [.., administrator] = &directory::APPLICATIONS;
    line(format_args!(
        "  admin   {base}/admin/v1, with a token of the application {}",
        administrator.id
    ));
    let mut trust = String::new();
    if let Some(authority) = &tls.authority {
        let path = authority.display();
        line(format_args!("  trust   {path}, for instance by"));
        for name in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
            line(format_args!("          export {name}={path}"));
        }
        trust = format!(" --cacert {path}");
    }
    let application = &directory::APPLICATIONS[0];
    let user = directory::USERS[0].id;
    let token = token_command(&base, tls);
    line(format_args!(
        "\nTry it:\n  \
         TOKEN=$({token} --app {application})\n  \
         curl{trust} -i {base}/v1.0/users/{user}/presence/setPresence \\\n    \
         -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/json\" \\\n    \
         -d '{{\"sessionId\": \"{application}\", \"availability\": \"Available\", \
         \"activity\": \"Available\", \"expirationDuration\": \"PT1H\"}}'\n  \
         curl{trust} {base}/v1.0/users/{user}/presence -H \"Authorization: Bearer $TOKEN\"",
        application = application.id,
    ));
    text
}

/// What `presenced token` must be told to find this server.
fn token_command(base: &str, tls: &DevTls) -> String {
    let mut command = "presenced token".to_owned();
    if base != format!("http://{DEV_LISTEN_DEFAULT}") {
        command.extend([" --server ", base]);
    }
    if let Some(authority) = &tls.authority {
        command.extend([" --ca ", &authority.display().to_string()]);
    }
    command
}

/// The address that was bound, or where that is every address, the one of this machine.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, bound.port())
}

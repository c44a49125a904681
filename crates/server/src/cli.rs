//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use presenced_http::{Profile, PublicUrl, Throttling, Zone};
use tracing_subscriber::filter::Targets;

use crate::config::{
    DirectoryKind, Durability, LISTEN_REMEDY, NETWORK_REMEDY, Sessions, parse_level, parse_listen,
    parse_network, parse_throttling,
};

/// Where `presenced dev` listens, and `presenced token` looks for it.
pub(crate) const DEV_LISTEN_DEFAULT: &str = "127.0.0.1:8080";

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or stopped by a first SIGINT or SIGTERM
  1  any other error
  2  wrong usage or configuration
  3  cannot start: address in use, data locked or damaged, certificate unreadable
  4  stopped at once by a second signal, with requests under way";

/// A presence server that answers the Microsoft Graph presence API.
#[derive(Debug, Parser)]
#[command(name = "presenced", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run for development: its own identity provider, a clock that can be moved, fixed users.
    Dev(DevArgs),
    /// Run for production, as a configuration file says.
    Serve(ServeArgs),
    /// Show, check or print the configuration of `serve`.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print an access token of a running `presenced dev`.
    Token(TokenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Where to listen. Everybody who reaches this address can have a token.
    #[arg(long, value_name = "ADDRESS", default_value = DEV_LISTEN_DEFAULT, value_parser = listen)]
    pub(crate) listen: SocketAddr,
    /// The address that clients use, where it is another: scheme, host and, if need be, port and
    /// path.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
    /// Keep the data in this directory. Without it, data is in memory and gone at exit.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data: Option<PathBuf>,
    /// Speak HTTPS, with a certificate that is made and kept.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Speak HTTPS with this certificate chain (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// What an answered write survives, with --data.
    #[arg(long, value_enum, default_value_t, requires = "data")]
    pub(crate) durability: Durability,
    /// How sessions are named.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sessions: Sessions,
    /// Whether every GUID is a user, or those of the directory alone.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) directory: DirectoryKind,
    /// Where a day ends at midnight, by its IANA name: a work location holds until then.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    pub(crate) time_zone: Zone,
    /// Be as Graph is in this cloud: global, us-government, us-government-dod, us-nat, us-sec, france,
    /// china, germany or singapore.
    #[arg(long, value_name = "CLOUD", default_value = "global", value_parser = cloud)]
    pub(crate) cloud: Profile,
    /// Let only so many requests of an application through: as many as Graph does, or others, as
    /// in `presence_reads=3/1s,presence_writes=off`. Without it, all.
    #[arg(
        long,
        value_name = "LIMITS",
        num_args = 0..=1,
        default_missing_value = "",
        value_parser = parse_throttling
    )]
    pub(crate) throttling: Option<Throttling>,
    /// Let notifications go into this network, also without TLS, besides this machine and the public
    /// internet: for receivers in containers, as in 172.16.0.0/12. Can be given several times.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    pub(crate) notify_network: Vec<IpNet>,
    /// What is logged: error, warn, info, debug or trace, also as `info,presenced_store=debug`.
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = level)]
    pub(crate) log: Targets,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file; `presenced config default` prints one to begin with.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// What is logged, instead of what the configuration says.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) log: Option<Targets>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings that hold, and where each that is not a default comes from.
    Show {
        /// The configuration file. Without it, defaults and environment only.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Say everything that is wrong with a configuration.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print the default configuration, which is the manual as well.
    Default,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The application that holds the token, by its client id. With --user: application 1 unless
    /// given.
    #[arg(long, value_name = "CLIENT_ID", required_unless_present = "user")]
    pub(crate) app: Option<String>,
    /// The application's secret. Known for the built-in applications.
    #[arg(long)]
    pub(crate) secret: Option<String>,
    /// A user to sign in, by user principal name; the token is then a delegated one.
    #[arg(long, value_name = "UPN")]
    pub(crate) user: Option<String>,
    /// The user's password. Known for the built-in users.
    #[arg(long, requires = "user")]
    pub(crate) password: Option<String>,
    /// What the user lets the application do.
    #[arg(
        long,
        requires = "user",
        default_value = "Presence.ReadWrite Presence.Read.All"
    )]
    pub(crate) scope: String,
    /// Where `presenced dev` runs.
    #[arg(long, value_name = "URL", default_value_t = format!("http://{DEV_LISTEN_DEFAULT}"))]
    pub(crate) server: String,
    /// A certificate authority to trust (PEM), such as the one that `presenced dev --tls` names.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    parse_listen(text).ok_or_else(|| LISTEN_REMEDY.to_owned())
}

fn time_zone(name: &str) -> Result<Zone, String> {
    Zone::iana(name)
        .ok_or_else(|| "expected the IANA name of a time zone, as in Europe/Berlin".to_owned())
}

fn cloud(name: &str) -> Result<Profile, String> {
    let mut names = Profile::NAMES.into_iter();
    let found = names.find(|(known, _)| *known == name);
    found.map(|(_, cloud)| cloud).ok_or_else(|| {
        let names = Profile::NAMES.map(|(name, _)| name).join(", ");
        format!("expected one of {names}")
    })
}

fn network(text: &str) -> Result<IpNet, String> {
    parse_network(text).ok_or_else(|| NETWORK_REMEDY.to_owned())
}

fn level(text: &str) -> Result<Targets, String> {
    parse_level(text).ok_or_else(|| {
        "expected error, warn, info, debug or trace, or targets with levels as in \
         info,presenced_store=debug"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The declaration of the command line has no contradiction in itself.
    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}

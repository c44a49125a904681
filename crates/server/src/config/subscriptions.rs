//! The settings of subscriptions to change notifications.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use presenced_core::id::ApplicationId;
use presenced_http::limits::{SUBSCRIPTION_LIFE_MAX, SUBSCRIPTION_LIFE_SETTING_MAX};
use presenced_notify::webhook::address::PlainHttp;

use super::reader::Reader;

/// What a network to notify into looks like.
pub(crate) const NETWORK_REMEDY: &str =
    "must be a network as in \"10.1.0.0/16\" or \"fd00:1234::/32\", or one address as a network";

/// Whether there are subscriptions, and where their notifications may go.
#[derive(Clone, Debug)]
pub(crate) struct SubscriptionSettings {
    /// Whether there are any.
    pub(crate) enabled: bool,
    /// How long one lives at most, where its tenant says nothing else.
    pub(crate) life_max: Duration,
    /// Networks that are no part of the public internet, and that notifications may go to.
    pub(crate) networks: Vec<IpNet>,
    /// Whether notifications may go without TLS.
    pub(crate) plain_http: PlainHttp,
    /// Certificate authorities to trust besides the system's, as a PEM file.
    pub(crate) ca_file: Option<PathBuf>,
    /// The `appid` of validation tokens.
    pub(crate) publisher: ApplicationId,
}

/// Reads the section of subscriptions.
pub(super) fn read_subscriptions(section: &mut Reader<'_>) -> Option<SubscriptionSettings> {
    let enabled = section.flag("enabled");
    let life_max = read_life_max(section, "life_max_minutes");
    let networks = section.texts("allowed_networks", NETWORK_REMEDY, parse_network);
    let choices = [
        ("refused", PlainHttp::Refused),
        ("loopback", PlainHttp::OnLoopback),
        ("allowed", PlainHttp::Allowed),
    ];
    let plain_http = section.choice("plain_http", &choices);
    let ca_file = section.text("ca_file").map(PathBuf::from);
    let remedy = "must be the GUID of an application";
    let publisher = section.required("publisher", remedy, ApplicationId::parse);
    Some(SubscriptionSettings {
        enabled: enabled?,
        life_max: life_max?,
        networks,
        plain_http: plain_http?,
        ca_file,
        publisher: publisher?,
    })
}

/// How long a subscription lives at most: no less than with Graph.
pub(super) fn read_life_max(table: &mut Reader<'_>, key: &str) -> Option<Duration> {
    let minutes = |life: Duration| life.as_secs() / 60;
    let bounds = minutes(SUBSCRIPTION_LIFE_MAX)..=minutes(SUBSCRIPTION_LIFE_SETTING_MAX);
    table.number(key, bounds).map(Duration::from_mins)
}

/// A network, or an address that stands for a network of its own. Bits behind the prefix are none
/// that were meant: 10.1.2.3/16 is refused.
pub(crate) fn parse_network(text: &str) -> Option<IpNet> {
    let network: IpNet = match text.parse() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<std::net::IpAddr>().ok()?),
    };
    (network.addr() == network.network()).then_some(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which texts are networks.
    #[test]
    fn networks() {
        for (text, expect) in [
            ("10.1.0.0/16", "10.1.0.0/16"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("fd00::/8", "fd00::/8"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(parse_network(text).unwrap().to_string(), expect);
        }
        for wrong in [
            "",
            "10.1.2.3/16",
            "10.0.0.0/33",
            "localhost",
            "10.0.0.0-10.0.0.9",
        ] {
            assert_eq!(parse_network(wrong), None, "{wrong}");
        }
    }
}

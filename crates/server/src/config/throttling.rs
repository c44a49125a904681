//! How many requests are let through, as the configuration and the command line write it.

use std::time::Duration;

use presenced_core::throttle::Rate;
use presenced_http::{TenantThrottling, Throttling};

use super::reader::Reader;

/// Longest time that requests are counted over: an hour, in seconds.
const WINDOW_S_MAX: u64 = 3_600;

/// Most requests in one window that can be asked for; whoever wants more says "off".
const COUNT_MAX: u32 = 1_000_000_000;

/// What of [`TenantThrottling`] is set, by its names.
const OF_TENANT: [&str; 4] = [
    "presence_reads",
    "presence_writes",
    "subscriptions",
    "subscriptions_of_tenant",
];

const REMEDY: &str = "must be a count and the seconds it is for, as in \"1500/30s\" (at most \
                      1000000000 in at most 3600s), or \"off\"";

/// A limit as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// None.
    Off,
    /// This one.
    At(Rate),
}

impl Limit {
    fn rate(self) -> Option<Rate> {
        match self {
            Self::Off => None,
            Self::At(rate) => Some(rate),
        }
    }
}

/// `1500/30s`: so many in so much time. `off` and `0` are no limit.
fn parse_limit(text: &str) -> Option<Limit> {
    if matches!(text, "off" | "0") {
        return Some(Limit::Off);
    }
    let (count, window) = text.split_once('/')?;
    let count: u32 = count.parse().ok().filter(|count| *count <= COUNT_MAX)?;
    let seconds: u64 = window.strip_suffix('s')?.parse().ok()?;
    let window = Duration::from_secs(seconds);
    let rate = Rate::new(count, window).filter(|_| seconds <= WINDOW_S_MAX);
    rate.map(Limit::At)
}

/// Where the limit of this name stands.
fn of_tenant<'a>(throttling: &'a mut TenantThrottling, name: &str) -> Option<&'a mut Option<Rate>> {
    match name {
        "presence_reads" => Some(&mut throttling.presence_reads),
        "presence_writes" => Some(&mut throttling.presence_writes),
        "subscriptions" => Some(&mut throttling.subscriptions),
        "subscriptions_of_tenant" => Some(&mut throttling.subscriptions_of_tenant),
        _ => None,
    }
}

/// Takes the `[throttling]` section. What it lacks is as published; the defaults lack nothing.
pub(super) fn read_throttling(root: &mut Reader<'_>) -> Throttling {
    root.section("throttling", |section| Throttling {
        requests: section
            .required("requests", REMEDY, parse_limit)
            .map_or(Throttling::PUBLISHED.requests, Limit::rate),
        tenant: overlaid(section, Throttling::PUBLISHED.tenant),
    })
}

/// Takes what a tenant has of its own, over what holds for all.
pub(super) fn read_tenant_throttling(
    tenant: &mut Reader<'_>,
    all: TenantThrottling,
) -> TenantThrottling {
    tenant.section("throttling", |section| overlaid(section, all))
}

fn overlaid(section: &mut Reader<'_>, lower: TenantThrottling) -> TenantThrottling {
    let mut throttling = lower;
    for name in OF_TENANT {
        let limit = section.parsed(name, REMEDY, parse_limit);
        if let (Some(limit), Some(place)) = (limit, of_tenant(&mut throttling, name)) {
            *place = limit.rate();
        }
    }
    throttling
}

/// What stands on the command line: names of limits with their values, separated by commas. What
/// it does not name is as published; an empty text names nothing.
pub(crate) fn parse_throttling(text: &str) -> Result<Throttling, String> {
    let mut throttling = Throttling::PUBLISHED;
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let place = match name {
            "requests" => Some(&mut throttling.requests),
            _ => of_tenant(&mut throttling.tenant, name),
        };
        let place = place.ok_or_else(|| {
            let names = OF_TENANT.join(", ");
            format!("there is no limit '{name}'; there are requests, {names}")
        })?;
        let limit = parse_limit(value).ok_or_else(|| format!("{name} {REMEDY}"))?;
        *place = limit.rate();
    }
    Ok(throttling)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(count: u32, seconds: u64) -> Option<Rate> {
        Rate::new(count, Duration::from_secs(seconds))
    }

    /// A limit is a count for some seconds, or off.
    #[test]
    fn rates() {
        let at = |count, seconds| rate(count, seconds).map(Limit::At);
        assert_eq!(parse_limit("1500/30s"), at(1500, 30));
        assert_eq!(parse_limit("1/1s"), at(1, 1));
        assert_eq!(parse_limit("1000000000/3600s"), at(COUNT_MAX, 3600));
        assert_eq!(parse_limit("off"), Some(Limit::Off));
        assert_eq!(parse_limit("0"), Some(Limit::Off));
        for wrong in [
            "",
            "1500",
            "1500/30",
            "1500/30m",
            "1500/s",
            "/30s",
            "0/30s",
            "1500/0s",
            "-1/30s",
            "1/3601s",
            "1000000001/1s",
            "5000000000/1s",
            "1 / 1s",
            "Off",
        ] {
            assert_eq!(parse_limit(wrong), None, "{wrong}");
        }
    }

    /// The command line changes what it names, and nothing else.
    #[test]
    fn the_command_line() {
        let published = Throttling::PUBLISHED;
        assert_eq!(parse_throttling(""), Ok(published));
        let told = parse_throttling("presence_reads=3/1s,requests=off").unwrap();
        let expect = Throttling {
            requests: None,
            tenant: TenantThrottling {
                presence_reads: rate(3, 1),
                ..published.tenant
            },
        };
        assert_eq!(told, expect);
        for name in OF_TENANT {
            let told = parse_throttling(&format!("{name}=off")).unwrap();
            assert_ne!(told, published, "{name}");
        }
        for (wrong, named) in [
            ("reads=3/1s", "no limit 'reads'"),
            ("presence_reads", "presence_reads must be a count"),
            ("presence_reads=3", "presence_reads must be a count"),
        ] {
            let error = parse_throttling(wrong).unwrap_err();
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }
}

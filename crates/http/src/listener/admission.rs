//! Who gets in: so many connections in all, so many from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::ListenerSettings;

/// Counts the open connections.
#[derive(Debug)]
pub(super) struct Admission {
    connections_max: usize,
    per_network_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    open: usize,
    by_network: HashMap<u128, usize>,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are as many as there may be.
    Everywhere,
    /// There are as many from this address as there may be.
    ForThisAddress,
}

/// The right to be connected. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    admission: Arc<Admission>,
    network: u128,
}

impl Admission {
    pub(super) fn new(settings: &ListenerSettings) -> Arc<Self> {
        Arc::new(Self {
            connections_max: settings.connections_max,
            per_network_max: settings.connections_per_address_max,
            counts: Mutex::default(),
        })
    }

    /// Lets a connection from this address in, if there is room.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Ticket, Full> {
        let network = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.open >= self.connections_max {
            return Err(Full::Everywhere);
        }
        let here = counts.by_network.get(&network).copied().unwrap_or_default();
        if here >= self.per_network_max {
            return Err(Full::ForThisAddress);
        }
        counts.by_network.insert(network, here + 1);
        counts.open += 1;
        Ok(Ticket {
            admission: Arc::clone(self),
            network,
        })
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .open
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self
            .admission
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.open -= 1;
        if let Some(here) = counts.by_network.get_mut(&self.network) {
            *here -= 1;
            if *here == 0 {
                counts.by_network.remove(&self.network);
            }
        }
    }
}

/// What counts as one address: an IPv4 address, also one written as IPv6, and an IPv6 /64, which is
/// what one client usually has.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections_max: usize, connections_per_address_max: usize) -> Arc<Admission> {
        Admission::new(&ListenerSettings {
            connections_max,
            connections_per_address_max,
            ..ListenerSettings::default()
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Both limits hold, and a connection that ends gives room.
    #[test]
    fn limits_hold_and_free_again() {
        let admission = admission(3, 2);
        let enter = |text| admission.enter(address(text));
        let (first, second) = (enter("10.0.0.1").unwrap(), enter("10.0.0.1").unwrap());
        assert_eq!(enter("10.0.0.1").unwrap_err(), Full::ForThisAddress);
        let third = enter("10.0.0.2").unwrap();
        assert_eq!(enter("10.0.0.3").unwrap_err(), Full::Everywhere);
        assert_eq!(admission.open(), 3);
        drop(first);
        let fourth = enter("10.0.0.1").unwrap();
        drop((second, third, fourth));
        assert_eq!(admission.open(), 0);
        assert!(
            admission.counts.lock().unwrap().by_network.is_empty(),
            "nothing is left behind"
        );
    }

    /// An IPv6 /64 is one address, an IPv4 address is the same in either notation.
    #[test]
    fn networks() {
        let same = |a, b| network(address(a)) == network(address(b));
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}

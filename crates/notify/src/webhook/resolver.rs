//! Names and their addresses, judged before anything connects to them.
//!
//! The addresses of a name are its owner's to choose, and may be others a moment later. So nothing
//! that was looked up earlier counts: every connection has a look-up of its own, all its addresses
//! are judged, and the connection is made to one of those that passed and to none besides.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::address::{AddressPolicy, RefusedAddress, Scheme};
use super::limits::{ADDRESSES_PER_NAME_MAX, LOOKUPS_MAX};
use crate::courier::Pending;

/// Looks up names.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a name, in the order in which they are to be tried.
    fn look_up<'a>(&'a self, name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's own look-up, which knows what the operator set on the machine.
#[derive(Debug)]
pub struct SystemResolver {
    permits: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

impl Resolver for SystemResolver {
    fn look_up<'a>(&'a self, name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            let name = name.to_owned();
            let looked_up = tokio::task::spawn_blocking(move || {
                // Whoever asked may have given up meanwhile; the thread is taken all the same.
                let _permit = permit;
                let addresses = (name.as_str(), 0).to_socket_addrs()?;
                Ok(addresses.map(|address| address.ip()).collect())
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookUpError {
    /// The look-up itself failed.
    #[error("its name cannot be looked up")]
    Failed(#[source] io::Error),
    /// The name is there, and has no address.
    #[error("its name has no address")]
    Empty,
    /// Every address of the name is refused; this is the first.
    #[error("its name leads to {0}")]
    Refused(RefusedAddress),
}

/// What the client asks for addresses: it passes on only those that may be connected to.
pub(super) struct Judge {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) policy: Arc<AddressPolicy>,
    pub(super) scheme: Scheme,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, policy) = (Arc::clone(&self.resolver), Arc::clone(&self.policy));
        let scheme = self.scheme;
        Box::pin(async move {
            let addresses = resolver.look_up(name.as_str()).await;
            let addresses = addresses.map_err(LookUpError::Failed)?;
            let allowed = judged(&policy, scheme, &addresses)?;
            // The client puts the port of the URL in.
            let allowed = allowed
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(allowed) as Addrs)
        })
    }
}

/// Those addresses that may be connected to. It is an error if there is none.
fn judged(
    policy: &AddressPolicy,
    scheme: Scheme,
    addresses: &[IpAddr],
) -> Result<Vec<IpAddr>, LookUpError> {
    let mut refused = None;
    let mut allowed = Vec::new();
    for address in addresses {
        match policy.judge_address(scheme, *address) {
            Ok(()) if allowed.len() < ADDRESSES_PER_NAME_MAX => allowed.push(*address),
            Ok(()) => break,
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        _ if !allowed.is_empty() => Ok(allowed),
        Some(error) => Err(LookUpError::Refused(error)),
        None => Err(LookUpError::Empty),
    }
}

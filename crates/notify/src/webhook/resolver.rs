//! Names and their addresses, judged before anything connects to them.
//!
//! The addresses of a name are its owner's to choose, and may be others a moment later. So nothing
//! that was looked up earlier counts: every connection has a look-up of its own, all its addresses
//! are judged, and the connection is made to one of those that passed and to none besides.
//!
//! A name server may keep silent, and a look-up then takes a thread for many seconds. Each class of
//! endpoints has its own share of threads, so that such servers delay no endpoints but their like.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::address::{AddressPolicy, RefusedAddress, Scheme};
use super::limits::{ADDRESSES_PER_NAME_MAX, LOOKUPS_PER_CLASS_MAX};
use crate::courier::{Class, Pending};

/// Looks up names.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a name, in the order in which they are to be tried.
    fn look_up<'a>(&'a self, name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's own look-up, which knows what the operator set on the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn look_up<'a>(&'a self, name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let name = name.to_owned();
            let looked_up = tokio::task::spawn_blocking(move || {
                let addresses = (name.as_str(), 0).to_socket_addrs()?;
                Ok(addresses.map(|address| address.ip()).collect())
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}

tokio::task_local! {
    /// The class of the endpoint that a message goes to. The client asks for the addresses of a name
    /// in the task of the message that needs a connection, and passes on nothing but the name.
    pub(super) static ASKED_FOR: Class;
}

/// Look-ups for all of a client's messages: so many at once for each class.
pub(super) struct LookUps {
    resolver: Arc<dyn Resolver>,
    rooms: [Arc<Semaphore>; 5],
}

impl LookUps {
    pub(super) fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver,
            rooms: std::array::from_fn(|_| Arc::new(Semaphore::new(LOOKUPS_PER_CLASS_MAX))),
        }
    }

    fn room(&self, class: Class) -> Arc<Semaphore> {
        let [quick, new, slow, failing, unknown] = &self.rooms;
        Arc::clone(match class {
            Class::Quick => quick,
            Class::New => new,
            Class::Slow => slow,
            Class::Failing => failing,
            Class::Unknown => unknown,
        })
    }

    async fn look_up(&self, class: Class, name: Name) -> io::Result<Vec<IpAddr>> {
        let permit = self.room(class).acquire_owned().await;
        let resolver = Arc::clone(&self.resolver);
        // A task of its own, since the thread is taken also where whoever asked has given up.
        let looked_up = tokio::spawn(async move {
            let _permit = permit;
            resolver.look_up(name.as_str()).await
        });
        looked_up.await.map_err(io::Error::other)?
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
    pub(super) look_ups: Arc<LookUps>,
    pub(super) policy: Arc<AddressPolicy>,
    pub(super) scheme: Scheme,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let class = ASKED_FOR.try_with(|class| *class);
        let class = class.unwrap_or(Class::Unknown);
        let (look_ups, policy) = (Arc::clone(&self.look_ups), Arc::clone(&self.policy));
        let scheme = self.scheme;
        Box::pin(async move {
            let addresses = look_ups.look_up(class, name).await;
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

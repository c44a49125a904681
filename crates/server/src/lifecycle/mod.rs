//! From an open port to the last answer: start, run, two stages of stopping.

mod beneath;
mod signals;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use presenced_http::directory::Fixed;
use presenced_http::listener::{Drained, Listener, ListenerSettings, Shutdown};
use presenced_http::{Directory, Front};
use presenced_notify::engine::Notifier;
use presenced_notify::live::{Hub, Lives};
use presenced_store::{Store, StoreConfig, StoreError};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::deadlines::Deadlines;
use crate::exit::Failure;
use crate::tls::Certificate;
use beneath::Beneath;
use signals::{ReloadSignal, StopSignals};

/// Everything that runs.
pub(crate) struct Server {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) deadlines: Arc<Deadlines>,
    /// Who delivers the notifications of subscriptions, where there are any.
    pub(crate) notifier: Option<Notifier>,
    pub(crate) front: Front,
    /// The live streams.
    pub(crate) live: Hub,
    /// Where it is set, HTTPS is spoken.
    pub(crate) certificate: Option<Arc<Certificate>>,
}

/// The ports that are open. Clients can connect, and wait until [`run`] answers them.
pub(crate) struct Bound {
    listeners: Vec<Listener>,
    signals: StopSignals,
}

impl Bound {
    /// Where clients reach the server; a port 0 that was asked for is a real one here.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(Listener::address).collect()
    }
}

/// Opens the ports. `setting` is what the addresses were set by, for the error.
pub(crate) async fn bind(
    addresses: &[SocketAddr],
    settings: &ListenerSettings,
    setting: &str,
) -> Result<Bound, Failure> {
    // From here on a signal ends the start in good order instead of anywhere.
    let signals = StopSignals::listen()
        .context("cannot listen for signals")
        .map_err(Failure::Unexpected)?;
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = Listener::bind(*address, settings.clone()).await;
        let listener = listener.map_err(|error| {
            let why = reason(error.kind());
            let message = format!("cannot listen on {address}: {why}set another by {setting}");
            Failure::CannotStart(anyhow!(error).context(message))
        })?;
        listeners.push(listener);
    }
    Ok(Bound { listeners, signals })
}

/// What stands in the way of the usual errors, to go before the setting to change.
fn reason(kind: ErrorKind) -> &'static str {
    if kind == ErrorKind::AddrInUse {
        "another program listens there; stop it, or "
    } else if kind == ErrorKind::AddrNotAvailable {
        "this machine has no such address; "
    } else if kind == ErrorKind::PermissionDenied {
        "ports below 1024 need a permission; "
    } else {
        ""
    }
}

/// Opens the store, which reads back what was committed, and begins another life of its feed.
pub(crate) async fn open_store(config: StoreConfig) -> Result<(Arc<dyn Store>, Lives), Failure> {
    let opened = tokio::task::spawn_blocking(|| presenced_store::open(config)).await;
    let opened = opened.context("opening the store was broken off");
    let cannot_open =
        |error: StoreError| Failure::CannotStart(anyhow!(error).context("cannot open the data"));
    let store = opened.map_err(Failure::Unexpected)?.map_err(cannot_open)?;
    let number = Uuid::new_v4().as_u64_pair().1;
    let lives = Lives::begin(&*store, number).await.map_err(cannot_open)?;
    Ok((store, lives))
}

/// The directory, with what the store says of it.
pub(crate) async fn open_directory(
    store: &Arc<dyn Store>,
    fixed: Fixed,
) -> Result<Directory, Failure> {
    let opened = Directory::open(Arc::clone(store), fixed).await;
    opened
        .map_err(|error| Failure::CannotStart(anyhow!(error).context("cannot read the directory")))
}

/// Answers requests until a first signal, then finishes what is under way, under the listener's
/// deadline, and closes the store. A second signal ends it at once.
pub(crate) async fn run(server: Server, bound: Bound) -> Result<(), Failure> {
    let Bound {
        listeners,
        mut signals,
    } = bound;
    let shutdown = Shutdown::new();
    let mut tasks = JoinSet::new();
    let tls = server.certificate.as_ref();
    let tls = tls.map(|certificate| TlsAcceptor::from(Arc::clone(certificate).server_config()));
    for listener in listeners {
        let listener = match &tls {
            Some(acceptor) => listener.with_tls(acceptor.clone()),
            None => listener,
        };
        let (front, shutdown) = (server.front.clone(), shutdown.clone());
        tasks.spawn(async move { Ended::Listener(listener.serve(front, &shutdown).await) });
    }
    let mut beneath = Beneath::start(Arc::clone(&server.deadlines), server.live.clone());
    let stop_notifying = CancellationToken::new();
    if let Some(notifier) = server.notifier.clone() {
        let stop = stop_notifying.clone();
        tasks.spawn(async move {
            notifier.run(stop).await;
            Ended::Notifier
        });
    }
    let reload = tokio::spawn(reload_on_signal(server.certificate.clone()));

    // All of these, and what is beneath them, go on until they are told otherwise. One that ends by
    // itself is a defect, and a server that half works is worse than one that is started anew.
    let asked = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping: finishing the requests that are under way");
            Ok(())
        }
        ended = tasks.join_next() => {
            let error = anyhow!("a part of the server has ended by itself: {ended:?}");
            Err(Failure::Unexpected(error))
        }
        failure = beneath.ended() => Err(failure),
    };
    shutdown.drain();
    // They would hold up the draining to its deadline.
    server.live.end();
    // What is changed by the last requests is delivered after the next start.
    stop_notifying.cancel();
    tokio::select! {
        () = finish(&mut tasks) => {}
        signal = signals.next() => {
            tracing::warn!(signal, "stopping at once");
            return Err(Failure::StoppedAtOnce);
        }
    }
    reload.abort();
    let ended = put_away(beneath, &server.deadlines, server.store.as_ref()).await;
    if asked.is_ok() && ended.is_ok() {
        tracing::info!("stopped");
    }
    first(asked, ended)
}

/// Ends what is beneath the requests, and closes the store also where a part was broken off.
async fn put_away(
    beneath: Beneath,
    deadlines: &Deadlines,
    store: &dyn Store,
) -> Result<(), Failure> {
    let ended = beneath.end().await;
    mark_end(deadlines).await;
    first(ended, close(store).await)
}

/// The first failure of two, which is what the program ends with; the other is logged.
fn first(one: Result<(), Failure>, other: Result<(), Failure>) -> Result<(), Failure> {
    if let (Err(_), Err(failure)) = (&one, &other) {
        tracing::error!(error = failure.message(), "stopped with a further failure");
    }
    one.and(other)
}

/// What has ended.
#[derive(Debug)]
enum Ended {
    /// A listener, after its connections.
    Listener(Drained),
    /// The delivery of notifications, after those that were under way.
    Notifier,
}

/// Waits for listeners and notifier, and tells of connections that were cut.
async fn finish(tasks: &mut JoinSet<Ended>) {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ended::Listener(Drained { cut: 0 }) | Ended::Notifier) => {}
            Ok(Ended::Listener(Drained { cut })) => {
                tracing::warn!(cut, "connections did not end in time and were cut");
            }
            Err(error) => tracing::error!(%error, "a part of the server was broken off"),
        }
    }
}

/// The end of this run is where the next one's time starts at the earliest.
async fn mark_end(deadlines: &Deadlines) {
    if let Err(error) = deadlines.mark_after(Duration::ZERO).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the time cannot be written down; should the machine's clock be put back before the \
             next start, what ended in the last minute may live again"
        );
    }
}

async fn close(store: &dyn Store) -> Result<(), Failure> {
    store.close().await.map_err(|error| {
        let message = "cannot close the data in good order; what was answered is safe";
        Failure::Unexpected(anyhow!(error).context(message))
    })
}

/// Reads the certificate again at each SIGHUP, as a renewal of it wants.
async fn reload_on_signal(certificate: Option<Arc<Certificate>>) {
    let mut signal = match ReloadSignal::listen() {
        Ok(signal) => signal,
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGHUP: the certificate is not reloaded");
            return;
        }
    };
    loop {
        signal.next().await;
        match certificate.as_ref().map(|certificate| certificate.reload()) {
            Some(Ok(())) => tracing::info!("the certificate was read again"),
            Some(Err(error)) => tracing::error!(
                error = format!("{error:#}"),
                "the certificate cannot be read again; the one in use stays"
            ),
            None => tracing::info!("SIGHUP: there is nothing to read again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use presenced_store::{Durability, EmbeddedConfig};

    use super::beneath::tests::{Broken, beneath, patiently};
    use super::*;

    /// A part that was broken off does not keep the store from being closed: its directory is free
    /// while the store is still held, and the failure is told.
    #[tokio::test]
    async fn the_store_is_closed_whatever_broke() {
        let directory = tempfile::tempdir().unwrap();
        let config =
            || StoreConfig::Embedded(EmbeddedConfig::new(directory.path(), Durability::Process));
        let store = presenced_store::open(config()).unwrap();
        let deadlines = Arc::new(Deadlines::new(Arc::clone(&store), Arc::new(Broken)));
        let beneath = beneath(Arc::clone(&deadlines), Arc::clone(&store));
        // Broken off as soon as it looks at the clock, which it does before it is told to end.
        let outcome = patiently(put_away(beneath, &deadlines, store.as_ref())).await;
        assert!(
            matches!(outcome, Err(Failure::Unexpected(_))),
            "{outcome:?}"
        );
        let again = presenced_store::open(config()).unwrap();
        again.close().await.unwrap();
    }
}

//! Who delivers the notifications of subscriptions, put together: the engine, the way to receivers,
//! and the key that says who notifies.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use presenced_core::time::Clock;
use presenced_http::directory::Audience;
use presenced_notify::engine::{self, Notifier, Seams};
use presenced_notify::webhook::address::AddressPolicy;
use presenced_notify::webhook::client::{CourierSettings, HttpCourier, Roots};
use presenced_notify::webhook::payload::Composer;
use presenced_notify::webhook::validation_token::TokenSettings;
use presenced_store::Store;
use uuid::Uuid;

use crate::config::read_bounded;
use crate::exit::Failure;

/// A file of certificate authorities is not larger than this.
const AUTHORITIES_BYTES_MAX: u64 = 1024 * 1024;

/// What the delivery stands on.
pub(crate) struct Foundations {
    pub(crate) store: Arc<dyn Store>,
    /// The clock that everything goes by.
    pub(crate) clock: Arc<dyn Clock>,
    /// Who may be told, and of whom.
    pub(crate) audience: Audience,
    /// Where notifications may go.
    pub(crate) policy: AddressPolicy,
    /// Whose certificates receivers may have.
    pub(crate) roots: Roots,
    /// Who the notifications say that they are from.
    pub(crate) tokens: TokenSettings,
}

/// The notifier, with the subscriptions that are stored.
pub(crate) async fn notifier(on: Foundations) -> Result<Notifier, Failure> {
    let mut settings = CourierSettings::new(on.policy);
    settings.roots = on.roots;
    let courier = HttpCourier::new(settings).map_err(|error| {
        Failure::CannotStart(anyhow!(error).context("notifications cannot be sent"))
    })?;
    let seams = Seams {
        store: on.store,
        clock: on.clock,
        courier: Arc::new(courier),
        composer: Arc::new(Composer::new(on.tokens)),
        audience: Arc::new(on.audience),
        // Random but for the six bits that make it a GUID of version 4.
        chance: Arc::new(|| Uuid::new_v4().as_u128()),
    };
    let opened = Notifier::open(seams, engine::Settings::default()).await;
    opened.map_err(|error| {
        Failure::CannotStart(anyhow!(error).context("the stored subscriptions cannot be read"))
    })
}

/// The certificate authorities of a file, besides the system's.
pub(crate) fn roots(file: Option<&Path>) -> Result<Roots, Failure> {
    let Some(path) = file else {
        return Ok(Roots::System);
    };
    let pem = read_bounded(path, AUTHORITIES_BYTES_MAX)
        .with_context(|| format!("subscriptions.ca_file {} cannot be read", path.display()));
    pem.map(Roots::SystemAnd).map_err(Failure::CannotStart)
}

//! The identity provider of `presenced dev`: Entra ID as far as the official client libraries can
//! see, with a fixed directory, others that the administrative API adds, and passwords that everybody
//! knows.
//!
//! **What it is not.** It is no identity provider for production: no consent is asked, every
//! application may do everything for every user, and all passwords are `dev`. `presenced serve`
//! has none of it.
//!
//! Invariants: everything it gives out is forgotten with the process; whatever is kept is bounded
//! (`limits.rs`); the `iss` of its tokens does not depend on the address that it is reached at, so
//! that a proxy or TLS in front changes nothing; all that comes from a request is escaped or
//! refused before it is shown or redirected to.
//!
//! | file | holds |
//! |---|---|
//! | `directory.rs` | the tenant, its applications and users |
//! | `token_endpoint.rs` | `POST /{tenant}/oauth2/v2.0/token`: the five grants |
//! | `authorize.rs` | `/{tenant}/oauth2/v2.0/authorize` and `…/logout` |
//! | `device.rs` | `/{tenant}/oauth2/v2.0/devicecode` and the page `/device` |
//! | `discovery.rs` | the documents that clients read first |
//! | `client.rs`, `scope.rs` | who asks, and for what |
//! | `tokens.rs` | what is in a token |
//! | `shelf.rs` | codes and refresh tokens until they are redeemed |
//! | `unknown.rs` | what else is asked for below a tenant |
//! | `fields.rs`, `error.rs`, `base.rs`, `page.rs`, `secret.rs` | forms, errors, own addresses, pages, randomness |
//!
//! To add a grant, add an arm to the match in `token_endpoint.rs` and list it in `discovery.rs`.
//! Clients prove themselves by secret; `client_assertion` is refused with an error that says so.

mod authorize;
mod base;
mod client;
mod device;
pub(crate) mod directory;
mod discovery;
mod error;
mod fields;
mod limits;
mod page;
mod scope;
mod secret;
mod shelf;
#[cfg(test)]
mod tests;
mod token_endpoint;
mod tokens;
mod unknown;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use parking_lot::Mutex;
use presenced_core::time::Clock;
use presenced_http::token::Issuer;
use presenced_http::token::settings::BuiltInIssuer;
use presenced_http::{Directory, PublicUrl};
use presenced_notify::webhook::signing::SigningKey;

use self::shelf::Shelf;
pub(crate) use self::tokens::issuer;

/// What the provider is made of.
pub(crate) struct Settings {
    /// The real time: tokens do not follow the test clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// How clients reach this process. A proxy says otherwise in `X-Forwarded-Proto`.
    pub(crate) scheme: Scheme,
    /// Who there is, besides those who are always there.
    pub(crate) directory: Directory,
    /// Under which address clients reach it, if it is not what their requests say.
    pub(crate) public_url: Option<PublicUrl>,
}

/// Whether a connection has TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// It has none.
    Http,
    /// It has.
    Https,
}

/// The built-in identity provider.
pub(crate) struct IdentityProvider {
    state: Arc<State>,
}

/// What the endpoints share.
struct State {
    settings: Settings,
    /// Made at start, and gone with the process.
    key: Arc<SigningKey>,
    codes: Mutex<Shelf<authorize::Code>>,
    devices: Mutex<Shelf<device::Request>>,
    refresh_tokens: Mutex<Shelf<tokens::RefreshToken>>,
}

/// The `aud` of every access token: Graph's, so that a token looks as it will look in production.
const AUDIENCE: &str = "https://graph.microsoft.com";

impl IdentityProvider {
    /// A provider with a new key, which takes some tenths of a second to make.
    pub(crate) fn new(settings: Settings) -> anyhow::Result<Self> {
        let key = SigningKey::generate();
        let state = State {
            settings,
            key: Arc::new(key.context("the identity provider has no key")?),
            codes: Mutex::new(Shelf::new(limits::CODE_LIFETIME)),
            devices: Mutex::new(Shelf::new(limits::DEVICE_CODE_LIFETIME)),
            refresh_tokens: Mutex::new(Shelf::new(limits::REFRESH_TOKEN_LIFETIME)),
        };
        Ok(Self {
            state: Arc::new(state),
        })
    }

    /// The key of its tokens, to sign others with it that are checked alike.
    pub(crate) fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.state.key)
    }

    /// What the token check must know to accept this provider's tokens.
    pub(crate) fn issuer(&self) -> Issuer {
        Issuer::BuiltIn(BuiltInIssuer {
            issuer: issuer(),
            tenant: directory::TENANT,
            audiences: vec![AUDIENCE.to_owned()],
            key_set: self.state.key.key_set().to_string(),
        })
    }

    /// The endpoints, to be merged with the API's: no path of theirs begins with `/v1.0` or `/beta`.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/{tenant}/oauth2/v2.0/token", post(token_endpoint::token))
            .route(
                "/{tenant}/oauth2/v2.0/authorize",
                get(authorize::authorize).post(authorize::authorize),
            )
            .route("/{tenant}/oauth2/v2.0/logout", get(authorize::logout))
            .route(
                "/{tenant}/oauth2/v2.0/devicecode",
                post(device::device_code),
            )
            .route("/device", get(device::page).post(device::page))
            .route(
                "/{tenant}/v2.0/.well-known/openid-configuration",
                get(discovery::v2),
            )
            .route(
                "/{tenant}/.well-known/openid-configuration",
                get(discovery::v1),
            )
            .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
            .route("/{tenant}/discovery/keys", get(discovery::keys))
            .route("/common/discovery/instance", get(discovery::instance))
            .route("/common/userrealm/{user}", get(discovery::user_realm))
            .route("/{tenant}/oauth2/{*rest}", any(unknown::path))
            .method_not_allowed_fallback(unknown::method)
            .layer(DefaultBodyLimit::max(limits::FORM_BYTES_MAX))
            .with_state(Arc::clone(&self.state))
    }
}

//! From a bearer token to the [`Caller`] it speaks for (contract section 7).
//!
//! The routes see [`Authenticate`] and [`TokenError`]; the binary makes a [`TokenVerifier`] out of
//! [`Issuer`]s. Behind them, one file for each step a token takes:
//!
//! | file | step |
//! |---|---|
//! | `jwt.rs` | the text is taken apart and its algorithm judged, before anything is believed |
//! | `verifier.rs` | the issuer is found, the signature, audience and times are checked, in this order |
//! | `key_source.rs` | the issuer's keys are fetched, kept and renewed |
//! | `keys.rs` | one key set: what is taken from it, and which key fits which token |
//! | `claims.rs` | claims become a [`Caller`], by Entra's rules or by a mapping |
//! | `cache.rs` | tokens already verified |
//! | `known.rs` | for measuring only: a token that needs no verification |
//! | `settings.rs` | what the operator says of an issuer |
//! | `limits.rs` | every limit of the above |
//!
//! Invariants: nothing of a token is believed before its signature is; a cached token is as good as
//! a verified one, at every hit (its time is checked again, and its key must still be published);
//! a client cannot make the server ask an issuer more often than the floors in `limits.rs` say.
//!
//! To add an issuer of another kind, add a variant to [`Issuer`], say in `verifier.rs` which `iss`
//! it trusts, and in `claims.rs` how its claims read.

mod cache;
mod claims;
mod jwt;
mod key_source;
mod keys;
mod known;
pub mod limits;
pub mod settings;
#[cfg(test)]
mod tests;
mod verifier;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use presenced_core::auth::Caller;

#[doc(hidden)]
pub use known::KnownToken;
pub use settings::Issuer;
pub use verifier::TokenVerifier;

/// Verifies bearer tokens. The routes know tokens only through this.
pub trait Authenticate: Send + Sync + 'static {
    /// Whom `token` speaks for, or why it is not accepted.
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>>;

    /// The same answer, if it is known already and still true. Asked first on every request, since
    /// it neither waits nor allocates.
    fn cached(&self, _token: &[u8]) -> Option<Arc<Caller>> {
        None
    }

    /// How long a token that was just authenticated still counts, if that is known.
    fn remaining(&self, _token: &str) -> Option<Duration> {
        None
    }
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not a JWT that can be read.
    #[error("the token is not a JWT")]
    Malformed,
    /// It is signed with an algorithm that is not accepted: only RS256, PS256 and ES256 are.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// Its issuer is none that this server trusts.
    #[error("the token's issuer is not trusted")]
    Issuer,
    /// Its issuer has no key with its `kid`.
    #[error("the token's signing key is unknown")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature is invalid")]
    Signature,
    /// It was made for somebody else.
    #[error("the token's audience is another")]
    Audience,
    /// Its time is over.
    #[error("the token is expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not yet valid")]
    NotYetValid,
    /// It lacks a claim, or the claim cannot be read.
    #[error("the token's claim '{0}' is missing or unreadable")]
    Claim(String),
    /// It is an ID token, as this claim shows: it tells a client who signed in, and permits nothing.
    #[error("the token's claim '{0}' shows it to be an ID token")]
    IdToken(&'static str),
    /// It belongs to a personal Microsoft account (contract section 1.1).
    #[error("personal accounts are not supported")]
    PersonalAccount,
    /// The issuer's keys cannot be had at present: the token may be good.
    #[error("the issuer's keys cannot be fetched")]
    KeysUnavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

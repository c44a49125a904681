//! From a bearer token to the [`Caller`] it speaks for (contract section 7).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use presenced_core::auth::Caller;

/// Verifies bearer tokens. The routes know tokens only through this.
pub trait Authenticate: Send + Sync + 'static {
    /// Whom `token` speaks for, or why it is not accepted.
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>>;
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
    /// It belongs to a personal Microsoft account (contract section 1.1).
    #[error("personal accounts are not supported")]
    PersonalAccount,
    /// The issuer's keys cannot be had at present: the token may be good.
    #[error("the issuer's keys cannot be fetched")]
    KeysUnavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

//! One token that needs no verification, for `cargo xtask instructions`: the cache as it is after a
//! token's first request. No server is made with it.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use presenced_core::auth::Caller;
use presenced_core::time::Timestamp;

use super::cache::{Verified, VerifiedTokens};
use super::keys::{Algorithm, KeySet};
use super::{Authenticate, TokenError};

/// A public key, which verifies nothing here (RFC 7515, appendix A.3.1).
const KEY_SET: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// Knows one token, and accepts no other.
pub struct KnownToken {
    tokens: VerifiedTokens,
    now: Timestamp,
}

impl KnownToken {
    /// Knows that `token` speaks for `caller`. It is `now` for ever.
    pub fn new(token: &str, caller: Caller, now: Timestamp) -> Self {
        let tokens = VerifiedTokens::new();
        let keys = KeySet::read(KEY_SET).expect("the key set above is one");
        let key = keys.find(None, Algorithm::Es256);
        let verified = Verified {
            caller: Arc::new(caller),
            from: Timestamp::EPOCH,
            until: Timestamp::from_millis(u64::MAX),
            key: Arc::clone(key.expect("the key set above has one for ES256")),
        };
        tokens.insert(token, verified);
        Self { tokens, now }
    }
}

impl Authenticate for KnownToken {
    fn authenticate<'a>(
        &'a self,
        _token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Caller>, TokenError>> + Send + 'a>> {
        Box::pin(ready(Err(TokenError::Malformed)))
    }

    fn cached(&self, token: &[u8]) -> Option<Arc<Caller>> {
        self.tokens.get(token, self.now)
    }
}

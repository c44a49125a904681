//! One issuer's key set: what is taken from it, and which key fits which token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::TokenError;
use super::limits::KEYS_PER_ISSUER_MAX;

/// A public key that signs tokens.
#[derive(Debug)]
pub(super) struct Key {
    source: Jwk,
    kind: Kind,
    decoding: DecodingKey,
    /// Set when the issuer no longer publishes the key: what it signed is then no longer accepted,
    /// also where it was verified before.
    retired: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
}

/// The algorithms that are accepted. There is no other, so no other can slip through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Rs256, Self::Ps256, Self::Es256];

    /// The algorithm with this name (RFC 7518 §3.1), if it is accepted.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Rs256 | Self::Ps256 => Kind::Rsa,
            Self::Es256 => Kind::P256,
        }
    }

    const fn implementation(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }
}

/// The members of a JWK that matter here (RFC 7517 §4, RFC 7518 §6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Entra's: the only issuer that this key signs for, with `{tenantid}` for any tenant.
    issuer: Option<String>,
}

/// Bytes of an RSA modulus: 2048 to 8192 bits, what the verification accepts.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Bytes of a P-256 coordinate (RFC 7518 §6.2.1.2).
const COORDINATE_BYTES: usize = 32;

impl Key {
    /// Reads one member of a key set. `None` for a key that cannot have signed an acceptable
    /// token: another type or curve, too short, or for encryption.
    fn read(jwk: &Value) -> Option<Self> {
        let source = Jwk::deserialize(jwk).ok()?;
        let for_signing = source.usage.as_deref().is_none_or(|usage| usage == "sig");
        let to_verify = match &source.key_ops {
            Some(operations) => operations.iter().any(|operation| operation == "verify"),
            None => true,
        };
        if !for_signing || !to_verify {
            return None;
        }
        let (kind, decoding) = match source.kty.as_str() {
            "RSA" => {
                let modulus = URL_SAFE_NO_PAD.decode(source.n.as_ref()?).ok()?;
                let exponent = URL_SAFE_NO_PAD.decode(source.e.as_ref()?).ok()?;
                // A leading zero is not allowed (RFC 7518 §2), and some issuers write one.
                let modulus = modulus.strip_prefix(&[0]).unwrap_or(&modulus);
                if !MODULUS_BYTES.contains(&modulus.len()) {
                    return None;
                }
                let key = DecodingKey::from_rsa_raw_components(modulus, &exponent);
                (Kind::Rsa, key)
            }
            "EC" if source.crv.as_deref() == Some("P-256") => {
                let (x, y) = (source.x.as_ref()?, source.y.as_ref()?);
                for coordinate in [x, y] {
                    if URL_SAFE_NO_PAD.decode(coordinate).ok()?.len() != COORDINATE_BYTES {
                        return None;
                    }
                }
                (Kind::P256, DecodingKey::from_ec_components(x, y).ok()?)
            }
            _ => return None,
        };
        Some(Self {
            source,
            kind,
            decoding,
            retired: AtomicBool::new(false),
        })
    }

    /// Whether this key may have signed with this algorithm: its type must fit, and its own `alg`,
    /// if it names one, must be the same.
    fn fits(&self, algorithm: Algorithm) -> bool {
        let own = self.source.alg.as_deref();
        self.kind == algorithm.kind() && own.is_none_or(|own| own == algorithm.name())
    }

    /// The issuer that this key is confined to, if it is.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.source.issuer.as_deref()
    }

    /// Verifies a signature in base64url over `signed`.
    pub(super) fn verify(
        &self,
        signed: &str,
        signature: &str,
        algorithm: Algorithm,
    ) -> Result<(), TokenError> {
        let (signed, algorithm) = (signed.as_bytes(), algorithm.implementation());
        match jsonwebtoken::crypto::verify(signature, signed, &self.decoding, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }

    /// Whether the issuer has withdrawn the key since.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }
}

/// A key set that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// It is not the JSON of RFC 7517 §5.
    #[error("the key set is not a JSON object with a 'keys' array")]
    NotAKeySet(#[source] serde_json::Error),
    /// It is larger than any honest one.
    #[error("the key set has {0} keys; at most {KEYS_PER_ISSUER_MAX} are read")]
    TooManyKeys(usize),
    /// Not one of its keys can have signed an acceptable token.
    #[error("the key set has no key for signing with RS256, PS256 or ES256")]
    NoUsableKey,
}

/// The keys an issuer signs with at present.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Arc<Key>>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set. Keys of other kinds are passed over, as RFC 7517 §5 asks.
    pub(super) fn read(json: &[u8]) -> Result<Self, KeySetError> {
        let set: JwkSet = serde_json::from_slice(json).map_err(KeySetError::NotAKeySet)?;
        if set.keys.len() > KEYS_PER_ISSUER_MAX {
            return Err(KeySetError::TooManyKeys(set.keys.len()));
        }
        let keys: Vec<_> = set
            .keys
            .iter()
            .filter_map(Key::read)
            .map(Arc::new)
            .collect();
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(Self { keys })
    }

    /// This set in the place of `old`: keys that stay are the same objects, so that what they
    /// verified stays verified; keys that went are retired.
    #[must_use]
    pub(super) fn replacing(mut self, old: &Self) -> Self {
        for old in &old.keys {
            match self.keys.iter_mut().find(|new| new.source == old.source) {
                Some(new) => *new = Arc::clone(old),
                None => old.retired.store(true, Ordering::Release),
            }
        }
        self
    }

    /// The key for a token. Without a `kid` in the token, or in the only key, the only key is meant.
    pub(super) fn find(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Arc<Key>, TokenError> {
        let only = match self.keys.as_slice() {
            [only] if key_id.is_none() || only.source.kid.is_none() => Some(only),
            _ => None,
        };
        if let Some(key) = only {
            return key
                .fits(algorithm)
                .then_some(key)
                .ok_or(TokenError::Algorithm);
        }
        let named = |key: &&Arc<Key>| key_id.is_some() && key.source.kid.as_deref() == key_id;
        let mut named = self.keys.iter().filter(named).peekable();
        if named.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        named
            .find(|key| key.fits(algorithm))
            .ok_or(TokenError::Algorithm)
    }
}

//! The key that validation tokens are signed with, and its public half for whoever checks them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

/// An RSA key that signs tokens by RS256, as Entra's keys do.
pub struct SigningKey {
    pair: RsaKeyPair,
    id: String,
}

/// A key that cannot be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The system gave no key.
    #[error("an RSA key cannot be made")]
    Generate,
    /// What was read is no key of at least 2,048 bits.
    #[error("it is no RSA private key of at least 2,048 bits in PKCS#8 form")]
    Read,
    /// The private half cannot be written down.
    #[error("the RSA key cannot be written in PKCS#8 form")]
    Write,
    /// A signature cannot be made.
    #[error("a token cannot be signed")]
    Sign,
}

impl SigningKey {
    /// Makes a key of 2,048 bits; this takes some tenths of a second.
    pub fn generate() -> Result<Self, SigningKeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048);
        pair.map(Self::of).map_err(|_| SigningKeyError::Generate)
    }

    /// Reads a key in PKCS#8 form, in DER.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = RsaKeyPair::from_pkcs8(der);
        pair.map(Self::of).map_err(|_| SigningKeyError::Read)
    }

    /// The private half in PKCS#8 form, in DER, to be kept where only this server reads it.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, SigningKeyError> {
        let der: Result<Pkcs8V1Der<'_>, _> = self.pair.as_der();
        let der = der.map_err(|_| SigningKeyError::Write)?;
        Ok(der.as_ref().to_vec())
    }

    fn of(pair: RsaKeyPair) -> Self {
        let [exponent, modulus] = public_numbers(&pair);
        // RFC 7638: the members that make the key, in this order, and nothing else.
        let members = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        Self { pair, id }
    }

    /// The name by which a token says which key it is signed with: the key's own thumbprint (RFC
    /// 7638), so that two servers with one key call it alike.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half, as a key set (RFC 7517 §5).
    pub fn key_set(&self) -> Value {
        let [exponent, modulus] = public_numbers(&self.pair);
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "n": modulus,
            "e": exponent,
        }]})
    }

    /// A JWT with these claims. It costs half a millisecond.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SigningKeyError> {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.id}).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| SigningKeyError::Sign)?;
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        let message = signed.as_bytes();
        let made = self
            .pair
            .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
        made.map_err(|_| SigningKeyError::Sign)?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

/// Exponent and modulus in base64url.
fn public_numbers(pair: &RsaKeyPair) -> [String; 2] {
    let public = pair.public_key();
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    [
        encode(public.exponent().big_endian_without_leading_zero()),
        encode(public.modulus().big_endian_without_leading_zero()),
    ]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::super::testing::vector;
    use super::*;

    /// A key that was written down and read again is the same key under the same name; what is no
    /// key is refused.
    #[test]
    fn keys_are_kept() {
        let der = STANDARD.decode(vector("pkcs8")).unwrap();
        let key = SigningKey::from_pkcs8(&der).unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.id(), key.id());
        assert_eq!(again.key_set(), key.key_set());
        assert_eq!(key.id().len(), 43);
        let new = SigningKey::generate().unwrap();
        assert_ne!(new.id(), key.id());
        for wrong in [b"".as_slice(), b"key", &der[1..]] {
            assert_eq!(
                SigningKey::from_pkcs8(wrong).err(),
                Some(SigningKeyError::Read)
            );
        }
    }
}

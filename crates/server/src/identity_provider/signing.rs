//! The key of the built-in provider, made at start and gone with the process.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::OAuthError;
use super::secret;

/// An RSA key of 2048 bits, as Entra's are.
pub(super) struct SigningKey {
    pair: RsaKeyPair,
    id: String,
}

impl SigningKey {
    /// Makes a new key; this takes some tenths of a second.
    pub(super) fn generate() -> anyhow::Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| anyhow::anyhow!("the identity provider's RSA key cannot be made"))?;
        let modulus = pair.public_key().modulus();
        let modulus = URL_SAFE_NO_PAD.encode(modulus.big_endian_without_leading_zero());
        let id = secret::sha256(&modulus);
        Ok(Self { pair, id })
    }

    /// The public half, as a key set (RFC 7517 §5).
    pub(super) fn key_set(&self) -> Value {
        let public = self.pair.public_key();
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        }]})
    }

    /// A JWT with these claims.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, OAuthError> {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.id}).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| OAuthError::internal())?;
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        let made = self.pair.sign(
            &RSA_PKCS1_SHA256,
            &random,
            signed.as_bytes(),
            &mut signature,
        );
        made.map_err(|_| OAuthError::internal())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

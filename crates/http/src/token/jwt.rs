//! A token's text taken apart. Nothing in here is believed yet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenError;
use super::keys::Algorithm;
use super::limits::TOKEN_BYTES_MAX;

/// A token in the compact form (RFC 7515 §3.1) with an accepted algorithm. The signature is not
/// verified.
pub(super) struct Jwt<'a> {
    /// What the signature is made over: header, dot, payload, as they were sent.
    pub(super) signed: &'a str,
    /// The signature in base64url.
    pub(super) signature: &'a str,
    /// The header's `alg`.
    pub(super) algorithm: Algorithm,
    /// The header's `kid`.
    pub(super) key_id: Option<String>,
    /// The payload. Unverified until the signature is.
    pub(super) claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 §4.1.11). None is.
    crit: Option<Value>,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart. The algorithm is judged before the payload is looked at, so that `none`
    /// and the symmetric ones, with which a public key would pass for a secret, get nowhere.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        let header: Header = read(header)?;
        let algorithm = Algorithm::named(&header.alg).ok_or(TokenError::Algorithm)?;
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        Ok(Self {
            signed,
            signature,
            algorithm,
            key_id: header.kid,
            claims: read(payload)?,
        })
    }
}

fn read<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part);
    let json = json.map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

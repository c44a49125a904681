//! Random secrets, and comparing them.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of a secret that is given out: nobody guesses 256 bits.
const SECRET_BYTES: usize = 32;

/// A secret nobody has seen, as URL-safe text.
pub(super) fn fresh() -> String {
    URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>())
}

/// Random bytes of the operating system.
pub(super) fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random source is there");
    bytes
}

/// Whether two texts are the same, in a time that depends on their lengths only.
pub(super) fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// The SHA-256 of a text in base64url: the `S256` of PKCE (RFC 7636 §4.2).
pub(super) fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

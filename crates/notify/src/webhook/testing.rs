//! What the tests of this module share: vectors made with the openssl tool, and a receiver's side of
//! encryption, step by step as receivers are told (contract section 4.6).

use std::sync::LazyLock;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../testdata/rich_notification.json");
    serde_json::from_str(text).unwrap()
});

/// A value of the vectors, most of them in base64.
pub(super) fn vector(name: &str) -> &'static str {
    VECTORS[name].as_str().unwrap()
}

/// What was in an `encryptedContent`.
pub(super) struct Opened {
    pub(super) key: Vec<u8>,
    pub(super) content: Vec<u8>,
}

/// Opens an `encryptedContent` with the vectors' private key.
pub(super) fn open(content: &Value) -> Opened {
    let member = |name: &str| STANDARD.decode(content[name].as_str().unwrap()).unwrap();
    let private = STANDARD.decode(vector("pkcs8")).unwrap();
    let private = PrivateDecryptingKey::from_pkcs8(&private).unwrap();
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    let mut key = vec![0; private.min_output_size()];
    let sealed_key = member("dataKey");
    let key = private.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed_key, &mut key, None);
    let key = key.unwrap().to_vec();

    let mut data = member("data");
    let signing_key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    hmac::verify(&signing_key, &data, &member("dataSignature")).unwrap();

    let cipher = UnboundCipherKey::new(&AES_256, &key).unwrap();
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
    let vector: &[u8; 16] = key[..16].try_into().unwrap();
    let vector = DecryptionContext::Iv128(FixedLength::from(vector));
    let content = cipher.decrypt(&mut data, vector).unwrap().to_vec();
    Opened { key, content }
}

//! The presence in a rich notification, for nobody but the subscriber (contract section 4.6).
//!
//! The scheme is Graph's, as receivers are told to undo it: a fresh key for each item, AES-256-CBC
//! with the key's first 16 bytes as the initialization vector, HMAC-SHA-256 over the encrypted bytes
//! with the same key, and the key itself under RSA-OAEP with SHA-1. A vector made of the key would
//! be a fault if a key were ever used twice; so none is.

use aws_lc_rs::cipher::{
    AES_256, AES_256_KEY_LEN, AES_CBC_IV_LEN, EncryptionContext, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::certificate::Certificate;

/// `encryptedContent` of a rich notification.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EncryptedContent<'a> {
    /// The content under the symmetric key, in base64.
    data: String,
    /// The signature of the encrypted bytes under the same key, in base64.
    data_signature: String,
    /// The symmetric key under the certificate's, in base64.
    data_key: String,
    /// The subscriber's name for the certificate.
    encryption_certificate_id: &'a str,
    /// Its thumbprint.
    encryption_certificate_thumbprint: &'a str,
}

/// A subscriber's key, ready to encrypt several items of one message.
pub(super) struct Recipient<'a> {
    key: OaepPublicEncryptingKey,
    certificate_id: &'a str,
    thumbprint: String,
}

impl<'a> Recipient<'a> {
    /// Whoever holds the key of this certificate, which they call so.
    pub(super) fn new(
        certificate: &Certificate,
        certificate_id: &'a str,
    ) -> Result<Self, Unspecified> {
        Ok(Self {
            key: OaepPublicEncryptingKey::new(certificate.key().clone())?,
            certificate_id,
            thumbprint: certificate.thumbprint(),
        })
    }

    /// Encrypts one item under a key of its own.
    pub(super) fn encrypt(&self, content: &[u8]) -> Result<EncryptedContent<'_>, Unspecified> {
        let mut key = [0; AES_256_KEY_LEN];
        aws_lc_rs::rand::fill(&mut key)?;
        let (data, signature) = seal(&key, content)?;
        let mut data_key = vec![0; self.key.ciphertext_size()];
        let data_key = self
            .key
            .encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut data_key, None)?;
        Ok(EncryptedContent {
            data: STANDARD.encode(data),
            data_signature: STANDARD.encode(signature),
            data_key: STANDARD.encode(data_key),
            encryption_certificate_id: self.certificate_id,
            encryption_certificate_thumbprint: &self.thumbprint,
        })
    }
}

/// The content encrypted, and the signature of that.
fn seal(key: &[u8; AES_256_KEY_LEN], content: &[u8]) -> Result<(Vec<u8>, hmac::Tag), Unspecified> {
    let (vector, _) = key
        .split_first_chunk::<AES_CBC_IV_LEN>()
        .ok_or(Unspecified)?;
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, key)?)?;
    let mut data = content.to_vec();
    let vector = EncryptionContext::Iv128(FixedLength::from(vector));
    cipher.less_safe_encrypt(&mut data, vector)?;
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &data);
    Ok((data, signature))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Opened, open, vector};
    use super::*;

    fn bytes(name: &str) -> Vec<u8> {
        STANDARD.decode(vector(name)).unwrap()
    }

    /// Encrypting and signing give byte by byte what the openssl tool gives for the same key.
    #[test]
    fn sealing_agrees_with_another_implementation() {
        let (data, signature) =
            seal(b"presenced-test-vector-key-32byte", &bytes("content")).unwrap();
        assert_eq!(data, bytes("data"));
        assert_eq!(signature.as_ref(), bytes("dataSignature"));
    }

    /// What the openssl tool encrypted for the vectors' certificate is opened by the steps that
    /// receivers are told: the tests' own receiver is one to be believed.
    #[test]
    fn the_tests_open_what_another_implementation_sealed() {
        let opened = open(&serde_json::json!({
            "data": vector("data"),
            "dataSignature": vector("dataSignature"),
            "dataKey": vector("dataKey"),
        }));
        assert_eq!(opened.key, b"presenced-test-vector-key-32byte");
        assert_eq!(opened.content, bytes("content"));
    }

    /// An item opens to what was put in, names its certificate, and has a key of its own.
    #[test]
    fn items_open_with_the_private_key() {
        let certificate = Certificate::from_der(bytes("rsa_2048")).unwrap();
        let recipient = Recipient::new(&certificate, "mine").unwrap();
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for content in [b"".as_slice(), b"{}", &[b'x'; 16], &[b'y'; 1000]] {
            let sealed = recipient.encrypt(content).unwrap();
            let json = serde_json::to_value(&sealed).unwrap();
            assert_eq!(json["encryptionCertificateId"], "mine");
            assert_eq!(
                json["encryptionCertificateThumbprint"],
                vector("thumbprint")
            );
            let Opened {
                key,
                content: opened,
            } = open(&json);
            assert_eq!(opened, content);
            assert!(!keys.contains(&key));
            keys.push(key);
        }
    }
}

//! The certificate that a subscriber wants its notifications encrypted for (contract section 4.6).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rsa::PublicEncryptingKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp as Instant;
use presenced_core::time::Timestamp;
use x509_parser::certificate::{Validity, X509CertificateParser};
use x509_parser::nom::Parser as _;
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::limits::{CERTIFICATE_BYTES_MAX, CERTIFICATE_KEY_BITS_MAX, CERTIFICATE_KEY_BITS_MIN};

/// A certificate whose key can be encrypted for.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    key: PublicEncryptingKey,
}

/// Why a certificate is not taken. Says what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is not base64, or the PEM form of a certificate.
    #[error(
        "it is not base64; pass the certificate in DER form in base64, without lines that say \
         BEGIN and END"
    )]
    NotBase64,
    /// It is longer than any certificate that is of use.
    #[error("it is longer than {CERTIFICATE_BYTES_MAX} bytes")]
    TooLong,
    /// It is a private key, which must stay where it is.
    #[error(
        "it is a private key, which nobody else should ever have; make a new one, and pass its \
         certificate only"
    )]
    PrivateKey,
    /// It is something else.
    #[error("it is not one X.509 certificate in DER form")]
    NotCertificate,
    /// Its key is of another kind, which cannot be encrypted for in the one way that is specified.
    #[error("its key is not an RSA key for encryption")]
    NotRsa,
    /// Its key has this many bits.
    #[error(
        "its key has {0} bits; {CERTIFICATE_KEY_BITS_MIN} to {CERTIFICATE_KEY_BITS_MAX} are taken"
    )]
    KeySize(usize),
    /// It is valid from this time on.
    #[error("it is not valid before {0}")]
    NotYetValid(Instant),
    /// It was valid until this time.
    #[error("it was valid until {0}")]
    Expired(Instant),
}

impl Certificate {
    /// Reads a certificate as a subscriber sends it, base64 of DER, and checks that it may be used
    /// at `now`. Whoever signed it does not matter: the subscriber vouches for it by sending it.
    pub fn read(text: &str, now: Timestamp) -> Result<Self, CertificateError> {
        // Many tools break base64 into lines.
        let mut packed = text.to_owned();
        packed.retain(|character| !character.is_ascii_whitespace());
        if packed.len() > CERTIFICATE_BYTES_MAX.div_ceil(3) * 4 {
            return Err(CertificateError::TooLong);
        }
        let der = STANDARD.decode(packed);
        let der = der.map_err(|_| CertificateError::NotBase64)?;
        let (certificate, validity) = Self::parse(der)?;
        let now = i64::try_from(now.as_millis() / 1000).unwrap_or(i64::MAX);
        if now < validity.not_before.timestamp() {
            return Err(CertificateError::NotYetValid(instant(
                validity.not_before.timestamp(),
            )));
        }
        if now > validity.not_after.timestamp() {
            return Err(CertificateError::Expired(instant(
                validity.not_after.timestamp(),
            )));
        }
        Ok(certificate)
    }

    /// The certificate of a subscription, which was checked when it was made. Its dates are not
    /// looked at again: a subscriber that lets them pass still holds the key.
    pub fn from_der(der: Vec<u8>) -> Result<Self, CertificateError> {
        Self::parse(der).map(|(certificate, _)| certificate)
    }

    /// Its DER form, as it is stored.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-1 of its DER form in upper-case hexadecimal, by which subscribers find it.
    pub fn thumbprint(&self) -> String {
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        upper_hex(digest.as_ref())
    }

    /// The key to encrypt for.
    pub(super) fn key(&self) -> &PublicEncryptingKey {
        &self.key
    }

    fn parse(der: Vec<u8>) -> Result<(Self, Validity), CertificateError> {
        // Extensions do not matter here, and reading less of what a stranger sends is safer.
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let Ok((rest, parsed)) = parser.parse(&der) else {
            return Err(what_instead(&der));
        };
        if !rest.is_empty() {
            return Err(CertificateError::NotCertificate);
        }
        let key = rsa_key(&parsed.tbs_certificate.subject_pki)?;
        let validity = parsed.tbs_certificate.validity.clone();
        Ok((Self { der, key }, validity))
    }
}

/// What was sent instead of a certificate.
fn what_instead(der: &[u8]) -> CertificateError {
    let private = aws_lc_rs::rsa::KeyPair::from_pkcs8(der).is_ok()
        || aws_lc_rs::rsa::KeyPair::from_der(der).is_ok();
    if private {
        CertificateError::PrivateKey
    } else {
        CertificateError::NotCertificate
    }
}

/// The key of a certificate. Keys of `rsaEncryption` only: others are bound to signatures.
fn rsa_key(info: &SubjectPublicKeyInfo<'_>) -> Result<PublicEncryptingKey, CertificateError> {
    if info.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
        return Err(CertificateError::NotRsa);
    }
    let Ok(PublicKey::RSA(rsa)) = info.parsed() else {
        return Err(CertificateError::NotRsa);
    };
    let bits = bits(rsa.modulus);
    if !(CERTIFICATE_KEY_BITS_MIN..=CERTIFICATE_KEY_BITS_MAX).contains(&bits) {
        return Err(CertificateError::KeySize(bits));
    }
    PublicEncryptingKey::from_der(info.raw).map_err(|_| CertificateError::NotRsa)
}

/// Bits of a number in big-endian bytes.
fn bits(number: &[u8]) -> usize {
    let leading = number.iter().take_while(|byte| **byte == 0).count();
    let highest = number.get(leading).copied().unwrap_or_default();
    ((number.len() - leading) * 8).saturating_sub(highest.leading_zeros() as usize)
}

fn instant(seconds: i64) -> Instant {
    Instant::from_second(seconds).unwrap_or_default()
}

fn upper_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02X}").expect("a text takes what is written to it");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::testing::vector;
    use super::*;

    /// Within the ten years from November 2026 for which the certificates of the vectors are valid.
    const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);

    fn read(name: &str) -> Result<Certificate, CertificateError> {
        Certificate::read(vector(name), NOW)
    }

    /// Only RSA keys of 2,048 to 4,096 bits can be encrypted for, and it is said what a key is.
    #[test]
    fn keys_are_checked() {
        assert!(read("rsa_2048").is_ok());
        assert!(read("rsa_4096").is_ok());
        for (name, bits) in [("rsa_1024", 1024), ("rsa_2040", 2040), ("rsa_4104", 4104)] {
            assert_eq!(
                read(name).err(),
                Some(CertificateError::KeySize(bits)),
                "{name}"
            );
        }
        for name in ["rsa_pss", "p256", "ed25519"] {
            assert_eq!(read(name).err(), Some(CertificateError::NotRsa), "{name}");
        }
    }

    /// A certificate counts between its dates, both included, and is kept beyond them.
    #[test]
    fn dates_are_checked() {
        let text = vector("rsa_2048");
        let (_, validity) = Certificate::parse(STANDARD.decode(text).unwrap()).unwrap();
        let at = |seconds: i64| {
            let now = Timestamp::from_millis(u64::try_from(seconds).unwrap() * 1000);
            Certificate::read(text, now).err()
        };
        let (first, last) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        assert_eq!(at(first), None);
        assert_eq!(at(last), None);
        let error = at(first - 1).unwrap().to_string();
        assert!(error.starts_with("it is not valid before 2026-"), "{error}");
        let error = at(last + 1).unwrap().to_string();
        assert!(error.starts_with("it was valid until 2036-"), "{error}");
        assert!(Certificate::from_der(STANDARD.decode(text).unwrap()).is_ok());
    }

    /// Whatever else is sent is refused, by name where that helps, and base64 may have lines.
    #[test]
    fn only_certificates_are_taken() {
        let text = vector("rsa_2048");
        let check = |text: &str, expect: CertificateError| {
            assert_eq!(Certificate::read(text, NOW).err(), Some(expect), "{text}");
        };
        check("", CertificateError::NotCertificate);
        check("hello", CertificateError::NotBase64);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        check(&pem, CertificateError::NotBase64);
        check(vector("pkcs8"), CertificateError::PrivateKey);
        check(vector("pkcs1"), CertificateError::PrivateKey);
        let der = STANDARD.decode(text).unwrap();
        let longer = [der.as_slice(), b"more"].concat();
        check(&STANDARD.encode(longer), CertificateError::NotCertificate);
        check(
            &STANDARD.encode(&der[..der.len() - 1]),
            CertificateError::NotCertificate,
        );
        check(
            &STANDARD.encode([0x30; 300]),
            CertificateError::NotCertificate,
        );
        check(&"A".repeat(11_000), CertificateError::TooLong);

        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|at| &text[at..text.len().min(at + 64)])
            .collect();
        let broken = Certificate::read(&lines.join("\r\n"), NOW).unwrap();
        assert_eq!(broken.der(), der);
        assert_eq!(broken.thumbprint(), vector("thumbprint"));
    }
    /// A certificate that is cut anywhere, or has any byte changed, is read or refused, and brings
    /// nothing down: strangers write what is parsed here.
    #[test]
    fn damaged_certificates_do_no_harm() {
        let der = STANDARD.decode(vector("rsa_2048")).unwrap();
        for length in 0..der.len() {
            assert!(
                Certificate::from_der(der[..length].to_vec()).is_err(),
                "{length}"
            );
        }
        let mut read = 0;
        for at in 0..der.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = der.clone();
                damaged[at] ^= change;
                read += usize::from(Certificate::from_der(damaged).is_ok());
            }
        }
        // The signature's bytes, for one, are never looked at.
        assert!(read >= 256, "{read}");
    }
}

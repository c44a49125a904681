//! The key that validation tokens are signed with, kept in the data directory: receivers remember
//! it, and a restart must not make them strangers.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use presenced_notify::webhook::signing::SigningKey;
use rcgen::KeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::read_bounded;
use crate::private_file;

/// The file's name within the data directory.
const FILE: &str = "signing-key.pem";

/// A key larger than this is none.
const PEM_BYTES_MAX: u64 = 16 * 1024;

/// The key in this directory. Where there is none it is made: at the first start, and after an
/// operator has removed it to have another. The directory must be this process's own, as it is once
/// the store is open.
pub(crate) fn load_or_make(directory: &Path) -> Result<SigningKey> {
    let path = directory.join(FILE);
    match read_bounded(&path, PEM_BYTES_MAX) {
        Ok(pem) => read(&pem).with_context(|| {
            let path = path.display();
            format!("the signing key {path} cannot be used; remove it to have a new one made")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = SigningKey::generate()?;
            private_file::write(&path, &pem(&key)?)
                .with_context(|| format!("cannot write the signing key {}", path.display()))?;
            tracing::info!(path = %path.display(), kid = key.id(), "a signing key was made");
            Ok(key)
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the signing key {}", path.display()))
        }
    }
}

fn read(pem: &[u8]) -> Result<SigningKey> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem)?;
    Ok(SigningKey::from_pkcs8(der.secret_pkcs8_der())?)
}

fn pem(key: &SigningKey) -> Result<String> {
    Ok(KeyPair::try_from(key.to_pkcs8()?)?.serialize_pem())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A key is made once, for its owner's eyes, and read again after that; once removed, the next
    /// is another.
    #[test]
    fn a_key_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        fs::write(directory.join("signing-key.tmp"), "left by a crash").unwrap();
        let made = load_or_make(directory).unwrap();
        let kept = load_or_make(directory).unwrap();
        assert_eq!(kept.key_set(), made.key_set());
        let path = directory.join(FILE);
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        assert!(!directory.join("signing-key.tmp").exists());

        fs::remove_file(&path).unwrap();
        assert_ne!(load_or_make(directory).unwrap().id(), made.id());
    }

    /// A damaged key is not replaced behind the operator's back.
    #[test]
    fn a_damaged_key_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        for damaged in [
            "",
            "gone",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            fs::write(&path, damaged).unwrap();
            let error = load_or_make(directory.path()).err().unwrap().to_string();
            assert!(
                error.contains("remove it to have a new one made"),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}

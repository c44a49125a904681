//! The certificate that `presenced dev --tls` makes for itself.
//!
//! An authority signs one server certificate and its key is forgotten at once: whoever trusts the
//! authority trusts this server and nothing else, ever. A self-signed server certificate alone
//! would do for some clients only; others refuse an authority that is a server as well.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use uuid::Uuid;

use super::{read, read_chain};
use crate::config::TlsFiles;
use crate::private_file;

/// How long a made certificate is valid: within what browsers accept.
const VALID_DAYS: i64 = 365;

/// A kept certificate that ends sooner than this is made anew, so that it lasts a while.
const LEFT_MIN: Duration = Duration::from_hours(30 * 24);

/// A certificate for this server, and the authority to trust for it.
#[derive(Debug)]
pub(crate) struct MadeCertificate {
    pub(crate) files: TlsFiles,
    /// The file with the certificate authority, for clients to trust.
    pub(crate) authority: PathBuf,
}

/// The certificate in `directory`, where it still fits; a new one is made otherwise.
pub(crate) fn make_or_reuse(directory: &Path, host: IpAddr) -> Result<MadeCertificate> {
    let made = MadeCertificate {
        files: TlsFiles {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        },
        authority: directory.join("authority.pem"),
    };
    let names = names(host);
    let now = UnixTime::now();
    let soon = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + LEFT_MIN);
    // Whatever is wrong with a kept certificate, a new one is the answer.
    let fits = [now, soon]
        .iter()
        .all(|at| check(&made, &names, *at).is_ok());
    if !fits {
        make(directory, &made, &names).with_context(|| {
            let path = directory.display();
            format!("cannot make a certificate in {path}; give one with --tls-cert and --tls-key")
        })?;
    }
    Ok(made)
}

/// The names that clients on this machine use, and the address that is listened on.
fn names(host: IpAddr) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let host_name = host.to_string();
    if !host.is_unspecified() && !names.contains(&host_name) {
        names.push(host_name);
    }
    names
}

/// Whether a client that trusts the authority would accept the certificate for all `names`.
fn check(made: &MadeCertificate, names: &[String], at: UnixTime) -> Result<()> {
    read(&made.files)?;
    let mut roots = RootCertStore::empty();
    for authority in read_chain(&made.authority)? {
        roots.add(authority)?;
    }
    let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build()?;
    let chain = read_chain(&made.files.certificate)?;
    let (leaf, rest) = chain.split_first().context("no certificate")?;
    for name in names {
        let name = ServerName::try_from(name.as_str())?;
        verifier.verify_server_cert(leaf, rest, &name, &[], at)?;
    }
    Ok(())
}

fn make(directory: &Path, made: &MadeCertificate, names: &[String]) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let day = |zoned: &jiff::Zoned| {
        let (month, day) = (zoned.month().unsigned_abs(), zoned.day().unsigned_abs());
        date_time_ymd(i32::from(zoned.year()), month, day)
    };
    let (not_before, not_after) = (day(&now), day(&now.checked_add(VALID_DAYS.days())?));

    let mut authority = CertificateParams::new([])?;
    // Names differ, or clients could take one authority for another that they know already.
    let name = format!("presenced dev authority {}", Uuid::new_v4().as_simple());
    authority.distinguished_name = rcgen::DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (authority.not_before, authority.not_after) = (not_before, not_after);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(names)?;
    server.distinguished_name = rcgen::DistinguishedName::new();
    server
        .distinguished_name
        .push(DnType::CommonName, "presenced dev");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (not_before, not_after);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;

    private_file::write(&made.files.key, &key.serialize_pem())?;
    private_file::write(&made.files.certificate, &certificate.pem())?;
    private_file::write(&made.authority, &authority.pem())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made certificate is good for every local name, is kept as long as it fits, and is made
    /// anew where it does not: for another address, or when its file is damaged.
    #[test]
    fn certificates_are_made_once() {
        super::super::install_provider();
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("tls");
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        let made = make_or_reuse(&directory, loopback).unwrap();
        let first = fs::read(&made.authority).unwrap();
        make_or_reuse(&directory, loopback).unwrap();
        assert_eq!(fs::read(&made.authority).unwrap(), first);

        make_or_reuse(&directory, "192.0.2.7".parse().unwrap()).unwrap();
        let second = fs::read(&made.authority).unwrap();
        assert_ne!(second, first);
        make_or_reuse(&directory, loopback).unwrap();
        assert_eq!(fs::read(&made.authority).unwrap(), second);

        fs::write(&made.files.key, "gone").unwrap();
        make_or_reuse(&directory, loopback).unwrap();
        assert_ne!(fs::read(&made.authority).unwrap(), second);
    }

    /// A certificate ends; one that is about to is not reused.
    #[test]
    fn certificates_are_valid_for_a_year() {
        super::super::install_provider();
        let directory = tempfile::tempdir().unwrap();
        let made = make_or_reuse(directory.path(), "::1".parse().unwrap()).unwrap();
        let names = names("::1".parse().unwrap());
        let now = UnixTime::now().as_secs();
        let after_days = |days: u64| {
            let at = UnixTime::since_unix_epoch(Duration::from_secs(now + days * 86_400));
            check(&made, &names, at).is_ok()
        };
        assert!(after_days(0) && after_days(363));
        assert!(!after_days(366));
    }

    /// Key and certificate are for the eyes of their owner.
    #[test]
    fn the_key_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        super::super::install_provider();
        let directory = tempfile::tempdir().unwrap();
        let made = make_or_reuse(directory.path(), "::".parse().unwrap()).unwrap();
        let permissions = fs::metadata(&made.files.key).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
    }
}

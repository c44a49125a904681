//! TLS: certificates that are given, and the one that `presenced dev --tls` makes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{TlsFiles, read_bounded};

mod made;

pub(crate) use made::{MadeCertificate, make_or_reuse};

/// A certificate chain or key larger than this is none.
const PEM_BYTES_MAX: u64 = 256 * 1024;

/// The protocols that are offered, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes aws-lc the one cryptography of the process. Must come before anything speaks TLS.
pub(crate) fn install_provider() {
    // An error would say that there is one already, which can only be the same.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// Reads a certificate chain and its key, and checks that they belong together.
pub(crate) fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>> {
    let chain = read_chain(&files.certificate)?;
    let key = read_bounded(&files.key, PEM_BYTES_MAX)
        .with_context(|| format!("cannot read the key {}", files.key.display()))?;
    let key = PrivateKeyDer::from_pem_slice(&key).with_context(|| {
        let path = files.key.display();
        format!("{path} holds no private key in PEM; PKCS#8, PKCS#1 and SEC1 are read, unencrypted")
    })?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| {
            let (certificate, key) = (files.certificate.display(), files.key.display());
            format!("the key {key} does not fit the first certificate in {certificate}")
        })?;
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = read_bounded(path, PEM_BYTES_MAX)
        .with_context(|| format!("cannot read the certificate {}", path.display()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.with_context(|| format!("{} is damaged", path.display()))?;
    if chain.is_empty() {
        bail!("{} holds no certificate in PEM", path.display());
    }
    Ok(chain)
}

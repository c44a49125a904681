//! TLS: certificates that are given, and the one that `presenced dev --tls` makes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::{TlsFiles, read_bounded};

mod made;

pub(crate) use made::make_or_reuse;

/// A certificate chain or key larger than this is none.
const PEM_BYTES_MAX: u64 = 256 * 1024;

/// The protocols that are offered, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes aws-lc the one cryptography of the process. Must come before anything speaks TLS.
pub(crate) fn install_provider() {
    // An error would say that there is one already, which can only be the same.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// A certificate and its key, as they were last read from their files.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads a certificate chain and its key, and checks that they belong together.
    pub(crate) fn load(files: TlsFiles) -> Result<Self> {
        let current = RwLock::new(Arc::new(read(&files)?));
        Ok(Self { files, current })
    }

    /// Reads the files again, for the connections to come. Where they are not in order, the
    /// certificate that is in use stays.
    pub(crate) fn reload(&self) -> Result<()> {
        let fresh = Arc::new(read(&self.files)?);
        *self.current.write() = fresh;
        Ok(())
    }

    /// What a listener needs to speak TLS with this certificate.
    pub(crate) fn server_config(self: Arc<Self>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(self);
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

fn read(files: &TlsFiles) -> Result<CertifiedKey> {
    let chain = read_chain(&files.certificate)?;
    let key = read_bounded(&files.key, PEM_BYTES_MAX)
        .with_context(|| format!("cannot read the key {}", files.key.display()))?;
    let key = PrivateKeyDer::from_pem_slice(&key).with_context(|| {
        let path = files.key.display();
        format!("{path} holds no private key in PEM; PKCS#8, PKCS#1 and SEC1 are read, unencrypted")
    })?;
    let provider = CryptoProvider::get_default().context("no cryptography is installed")?;
    CertifiedKey::from_der(chain, key, provider).with_context(|| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        format!("the key {key} does not fit the first certificate in {certificate}")
    })
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

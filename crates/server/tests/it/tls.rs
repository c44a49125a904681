//! HTTPS: a certificate that clients can trust, and one that is given.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{
    APPLICATION, Running, client, client_that_trusts, presence, presenced, set_presence,
};

/// The file to trust, as the greeting names it.
fn authority(server: &mut Running) -> PathBuf {
    let greeting = server.greeting_until("REQUESTS_CA_BUNDLE=");
    let (_, path) = greeting.split_once("REQUESTS_CA_BUNDLE=").unwrap();
    PathBuf::from(path)
}

/// Whoever trusts the authority that is named can talk to the server, by any name of this machine;
/// whoever does not, cannot.
#[tokio::test]
async fn a_made_certificate_is_trusted() {
    let mut server = Running::dev(&["--tls"]);
    let authority = authority(&mut server);
    let trusting = client_that_trusts(Some(&authority));
    let token = server.token(&["--app", APPLICATION, "--ca", authority.to_str().unwrap()]);
    let port = server.base.rsplit_once(':').unwrap().1.to_owned();
    for host in ["127.0.0.1", "localhost"] {
        let base = format!("https://{host}:{port}");
        assert_eq!(set_presence(&trusting, &base, &token).await.status(), 200);
        assert_eq!(
            presence(&trusting, &base, &token).await,
            "Available/Available"
        );
    }
    let certificate = trusting.get(server.url("/dev/certificate"));
    let certificate = certificate.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(certificate, std::fs::read(&authority).unwrap());

    let refused = client().get(server.url("/healthz")).send().await;
    assert!(refused.unwrap_err().is_connect());
    let untrusted = presenced(&["token", "--app", APPLICATION, "--server", &server.base]);
    let problem = { untrusted }.output().unwrap().stderr;
    let problem = String::from_utf8_lossy(&problem).into_owned();
    assert!(problem.contains("--ca FILE"), "{problem}");
}

/// OpenSSL trusts it too, at its strictest, which asks more of an authority than others do.
#[test]
fn openssl_trusts_it() {
    let mut server = Running::dev(&["--tls"]);
    let authority = authority(&mut server);
    let script = "import ssl, sys, urllib.request\n\
                  context = ssl.create_default_context(cafile=sys.argv[1])\n\
                  context.verify_flags |= ssl.VERIFY_X509_STRICT\n\
                  urllib.request.urlopen(sys.argv[2], timeout=30, context=context)";
    let python = Command::new("python3")
        .args(["-c", script])
        .arg(&authority)
        .arg(server.url("/healthz"))
        .output()
        .unwrap();
    assert!(
        python.status.success(),
        "{}",
        String::from_utf8_lossy(&python.stderr)
    );
}

/// With `--data` the certificate is kept, so that it has to be trusted once; without, nothing of it
/// is left behind.
#[test]
fn a_made_certificate_is_kept_with_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let read = || {
        let mut server = Running::dev(&["--tls", "--data", data]);
        let path = authority(&mut server);
        assert!(path.starts_with(data), "{}", path.display());
        server.signal("TERM");
        server.wait();
        std::fs::read(path).unwrap()
    };
    assert_eq!(read(), read());

    let mut server = Running::dev(&["--tls"]);
    let path = authority(&mut server);
    assert!(path.exists());
    server.signal("TERM");
    server.wait();
    assert!(!path.exists());
}

/// A certificate that is given is used, and read again at SIGHUP; one that is not in order then
/// leaves the old one in use.
#[tokio::test]
async fn a_given_certificate_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let first = write_certificate(&path("cert.pem"), &path("key.pem"));
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let mut server = Running::dev(&["--tls-cert", certificate, "--tls-key", key]);
    let reachable = async |trusted: &Path| {
        let client = client_that_trusts(Some(trusted));
        client.get(server_url(&server)).send().await.is_ok()
    };
    std::fs::write(path("first.pem"), &first).unwrap();
    assert!(reachable(&path("first.pem")).await);

    let second = write_certificate(&path("cert.pem"), &path("key.pem"));
    std::fs::write(path("second.pem"), &second).unwrap();
    assert!(!reachable(&path("second.pem")).await);
    server.signal("HUP");
    server.wait_for_log("the certificate was read again");
    let client = client_that_trusts(Some(&path("second.pem")));
    assert!(client.get(server_url(&server)).send().await.is_ok());

    std::fs::write(path("key.pem"), "nothing").unwrap();
    server.signal("HUP");
    server.wait_for_log("the one in use stays");
    let client = client_that_trusts(Some(&path("second.pem")));
    assert!(client.get(server_url(&server)).send().await.is_ok());
}

fn server_url(server: &Running) -> String {
    server.url("/healthz")
}

/// Writes a self-signed certificate for 127.0.0.1 and its key, and answers the certificate.
fn write_certificate(certificate: &Path, key: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

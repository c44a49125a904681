//! `presenced config`, as an operator meets it. Every single fault is tested beside its code.

use std::path::PathBuf;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{outcome, outcome_of, presenced};

fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("presenced.toml");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

const GOOD: &str = r#"
[store]
directory = "/data"
[[issuers]]
kind = "entra"
tenants = ["7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50"]
"#;

/// `check` says everything that is wrong, or that nothing is.
#[test]
fn check() {
    let (_directory, path) = file(GOOD);
    let path = path.to_str().unwrap();
    let good = outcome(&["config", "check", "--config", path]).replace(path, "FILE");
    assert_snapshot!(good, @r"
    exit code 0
    --- stdout
    FILE is in order
    --- stderr
    ");

    let (_directory, path) = file("[store]\ndurability = \"paper\"\n[sever]\nlisten = []");
    let path = path.to_str().unwrap();
    let mut command = presenced(&["config", "check", "--config", path]);
    command.env("PRESENCED_LOG__FORMAT", "xml");
    assert_snapshot!(outcome_of(command).replace(path, "FILE"), @r#"
    exit code 2
    --- stdout
    --- stderr
    presenced: 5 faults in the configuration
      store.directory = "": must name the directory to keep the data in, as in "/var/lib/presenced"
      store.durability = "paper" (FILE): must be one of "process", "disk"
      log.format = "xml" (PRESENCED_LOG__FORMAT): must be one of "auto", "text", "json"
      issuers: nobody's tokens would be accepted; add an [[issuers]] table with kind = "entra" and tenants, or kind = "oidc" with url, tenant and audiences
      sever = { … } (FILE): there is no such key; `presenced config default` lists them all
    "#);
}

/// `check` looks at the certificate and at what the issuers need, as a start would.
#[test]
fn check_looks_further() {
    let text = "[tls]\ncertificate_file = \"/nowhere/c.pem\"\nkey_file = \"/nowhere/k.pem\"";
    let (_directory, path) = file(&format!("{text}\n{GOOD}"));
    let missing = outcome(&["config", "check", "--config", path.to_str().unwrap()]);
    assert_snapshot!(missing, @r"
    exit code 3
    --- stdout
    --- stderr
    presenced: the settings of [tls] cannot be used: cannot read the certificate /nowhere/c.pem: No such file or directory (os error 2)
    ");
    let twice = GOOD.split_once("[[").unwrap().1;
    let (_directory, path) = file(&format!("{GOOD}\n[[{twice}"));
    let twice = outcome(&["config", "check", "--config", path.to_str().unwrap()]);
    assert_snapshot!(twice, @r"
    exit code 2
    --- stdout
    --- stderr
    presenced: the [[issuers]] cannot be used: two issuers accept tokens of 'https://sts.windows.net/7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50/': keep one of them
    ");
}

/// `serve` refuses to start when nobody's tokens would be accepted, and says what to add.
#[test]
fn serve_needs_an_issuer() {
    let (_directory, path) = file("[store]\ndirectory = \"/data\"");
    assert_snapshot!(outcome(&["serve", "--config", path.to_str().unwrap()]), @r#"
    exit code 2
    --- stdout
    --- stderr
    presenced: 1 fault in the configuration
      issuers: nobody's tokens would be accepted; add an [[issuers]] table with kind = "entra" and tenants, or kind = "oidc" with url, tenant and audiences
    "#);
}

/// `show` prints what holds, with the origin of what is not a default.
#[test]
fn show() {
    let (_directory, path) = file(GOOD);
    let path = path.to_str().unwrap();
    let mut command = presenced(&["config", "show", "--config", path]);
    command.env("PRESENCED_SERVER__LISTEN", "[\"[::1]:80\"]");
    let shown = outcome_of(command).replace(path, "FILE");
    assert!(shown.starts_with("exit code 0\n"), "{shown}");
    assert!(shown.contains("directory = \"/data\"  # FILE\n"), "{shown}");
    assert!(
        shown.contains("listen = [\"[::1]:80\"]  # PRESENCED_SERVER__LISTEN\n"),
        "{shown}"
    );
    assert!(shown.contains("\nkind = \"entra\"\n"), "{shown}");
}

/// `default` prints the manual, which is a configuration file.
#[test]
fn default() {
    let output = presenced(&["config", "default"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, include_str!("../../src/config/config.default.toml"));
}

//! What the project may be built of.

use super::sources::code_lines;
use super::{File, Finding, licence};
use crate::graph::{Built, Dependency, Graph, Member};

/// Packages that may not be built into anything, and why.
const BANNED: [(&str, &str); 7] = [
    (
        "ring",
        "cryptography comes from aws-lc-rs alone; a second provider is a second opinion",
    ),
    ("rsa", "RUSTSEC-2023-0071 has no fix"),
    ("openssl-sys", "TLS comes from rustls"),
    ("native-tls", "TLS comes from rustls"),
    ("rustls-pemfile", "unmaintained; rustls-pki-types reads PEM"),
    ("serde_yaml", "unmaintained"),
    ("number_prefix", "unmaintained"),
];

/// Banned packages that somebody brought in.
pub(super) fn banned(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, reason) in BANNED {
        for package in graph.built.iter().filter(|package| package.name == name) {
            let place = format!("{} {}", package.name, package.version);
            let problem =
                format!("is banned: {reason}; `cargo tree --target all -i {name}` says who asks");
            findings.push(Finding::new(place, problem));
        }
    }
    findings
}

/// There is one rustls, and aws-lc-rs is its only provider: with two, the process would have to
/// choose, and a library that does not say fails at run time.
pub(super) fn tls_provider(graph: &Graph) -> Vec<Finding> {
    let found: Vec<&Built> = graph
        .built
        .iter()
        .filter(|package| package.name == "rustls")
        .collect();
    let mut findings = Vec::new();
    if found.len() > 1 {
        let versions: Vec<&str> = found
            .iter()
            .map(|package| package.version.as_str())
            .collect();
        let problem = format!("is there {} times ({})", found.len(), versions.join(", "));
        findings.push(Finding::new("rustls", problem));
    }
    for package in found {
        let has = |feature: &str| package.features.iter().any(|found| found == feature);
        if has("ring") || !(has("aws_lc_rs") || has("aws-lc-rs")) {
            let problem = format!(
                "must have aws_lc_rs as its one provider, not {:?}",
                package.features
            );
            findings.push(Finding::new("rustls", problem));
        }
    }
    findings
}

/// Packages whose licence is not on the list of [`licence::ALLOWED`].
pub(super) fn licences(graph: &Graph) -> Vec<Finding> {
    graph
        .built
        .iter()
        .filter_map(|package| {
            let expression = package.licence.as_str();
            let problem = match licence::is_allowed(expression) {
                Ok(true) => return None,
                Ok(false) => {
                    format!("its licence `{expression}` is not on the list of tidy/licence.rs")
                }
                Err(reason) => format!("its licence `{expression}` cannot be read: {reason}"),
            };
            Some(Finding::new(
                format!("{} {}", package.name, package.version),
                problem,
            ))
        })
        .collect()
}

/// Dependencies that a manifest asks for and no line of the crate names.
pub(super) fn unused(files: &[File], graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &graph.members {
        for dependency in &package.dependencies {
            if !is_used(files, package, dependency) {
                let problem = format!("asks for `{}` and never names it: drop it", dependency.name);
                findings.push(Finding::new(
                    format!("{}/Cargo.toml", package.directory),
                    problem,
                ));
            }
        }
    }
    findings
}

/// A dependency of the code has to be named in it, one of the tests anywhere in the crate.
fn is_used(files: &[File], package: &Member, dependency: &Dependency) -> bool {
    let below = if dependency.dev { "" } else { "src/" };
    let place = format!("{}/{below}", package.directory);
    let named = |line: &str| {
        line.match_indices(&dependency.identifier)
            .any(|(at, name)| {
                let is_word = |character: char| character.is_alphanumeric() || character == '_';
                !line[..at].ends_with(is_word) && !line[at + name.len()..].starts_with(is_word)
            })
    };
    let itself = dependency.name == package.name;
    let mut own = files
        .iter()
        .filter(|file| file.is("rs") && file.path.starts_with(&place));
    itself || own.any(|file| code_lines(file).any(|(_, line)| named(line)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, file, member, places};
    use super::*;

    fn built(packages: &[(&str, &str, &[&str])]) -> Graph {
        let package = |&(name, licence, features): &(&str, &str, &[&str])| Built {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.to_owned(),
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
        };
        Graph {
            built: packages.iter().map(package).collect(),
            ..Graph::default()
        }
    }

    /// Each banned package is found wherever it comes from.
    #[test]
    fn bans_hold() {
        for (name, _) in BANNED {
            let graph = built(&[("serde", "MIT", &[]), (name, "MIT", &[])]);
            assert_eq!(banned(&graph).len(), 1, "{name}");
        }
    }

    /// Only one rustls with aws-lc-rs alone passes.
    #[test]
    fn one_provider() {
        let check = |features: &[&[&str]], expect: usize| {
            let packages: Vec<_> = features
                .iter()
                .map(|&features| ("rustls", "ISC", features))
                .collect();
            assert_eq!(
                tls_provider(&built(&packages)).len(),
                expect,
                "{features:?}"
            );
        };
        check(&[&["std", "aws_lc_rs"]], 0);
        check(&[&["std", "aws_lc_rs", "ring"]], 1);
        check(&[&["std"]], 1);
        check(&[&["aws_lc_rs"], &["aws_lc_rs"]], 1);
    }

    /// A licence that is not listed, unreadable or missing is found.
    #[test]
    fn licences_are_listed() {
        let found = licences(&built(&[
            ("a", "MIT OR GPL-3.0-only", &[]),
            ("b", "GPL-3.0-only", &[]),
            ("c", "MIT OR", &[]),
            ("d", "", &[]),
        ]));
        assert_eq!(places(&found), ["b 1.0.0", "c 1.0.0", "d 1.0.0"]);
    }

    /// A dependency is used where the code names it as a word, and a comment or a longer name is
    /// not that; one of the tests may be named in tests only.
    #[test]
    fn unused_dependencies() {
        let mut package = member(
            "presenced-store",
            &["serde", "serde-json", "tempfile", "only-tests"],
        );
        let mut for_tests = dependency("proptest");
        for_tests.dev = true;
        package.dependencies.push(for_tests);
        let graph = Graph {
            members: vec![package],
            ..Graph::default()
        };
        let files = [
            file(
                "crates/store/src/lib.rs",
                "// tempfile\nuse serde_json::Value;",
            ),
            file(
                "crates/store/tests/it/main.rs",
                "proptest::proptest! {} use only_tests::x;",
            ),
            file(
                "crates/http/src/lib.rs",
                "use serde::Serialize; use tempfile::x;",
            ),
        ];
        let unused = unused(&files, &graph);
        let names: Vec<bool> = ["`serde`", "`tempfile`", "`only-tests`"]
            .iter()
            .map(|name| unused.iter().any(|finding| finding.problem.contains(name)))
            .collect();
        assert_eq!((unused.len(), names), (3, vec![true; 3]));
    }
}

//! What the crates may know of each other.

use super::{File, Finding};
use crate::graph::{Graph, Member};

/// The crates from the innermost to the outermost. An arrow goes from a later to an earlier one.
const ORDER: [&str; 5] = [
    "presenced-core",
    "presenced-store",
    "presenced-notify",
    "presenced-http",
    "presenced",
];

/// Programs for developers: they may use any crate, no crate may use them.
const TOOLS: [&str; 2] = ["xtask", "presenced-bench"];

/// Arrows between our crates run one way; those of their tests too.
pub(super) fn arrows(graph: &Graph) -> Vec<Finding> {
    graph.members.iter().flat_map(arrows_of).collect()
}

fn arrows_of(package: &Member) -> Vec<Finding> {
    let finding = |problem: String| Finding::new(&package.name, problem);
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    if TOOLS.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let Some(own) = rank(&package.name) else {
        let problem = "has no place in the order of crates: xtask/src/tidy/crates.rs gives one";
        return vec![finding(problem.to_owned())];
    };
    let ours = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.by_path);
    ours.filter_map(|dependency| {
        // A crate that depends on itself does so to switch on a feature for its own tests.
        let onto_itself = dependency.dev && dependency.name == package.name;
        let inward = rank(&dependency.name).is_some_and(|other| other < own);
        (!inward && !onto_itself).then(|| {
            finding(format!(
                "may not depend on `{}`: arrows run server, http, notify, store, core",
                dependency.name
            ))
        })
    })
    .collect()
}

/// Each crate has a README, and it is the crate's documentation.
pub(super) fn readmes(files: &[File], graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &graph.members {
        let readme = format!("{}/README.md", package.directory);
        if !files.iter().any(|file| file.path == readme) {
            let problem = "is missing: what the crate is, what it is not, invariants, how to add";
            findings.push(Finding::new(readme, problem));
            continue;
        }
        let included = ["lib.rs", "main.rs"].iter().any(|name| {
            let path = format!("{}/src/{name}", package.directory);
            let mut roots = files.iter().filter(|file| file.path == path);
            roots.any(|file| file.text.contains(r#"include_str!("../README.md")"#))
        });
        if !included {
            findings.push(Finding::new(
                readme,
                "is not the crate's documentation: include it",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, file, member, places};
    use super::*;

    fn found(package: Member) -> usize {
        arrows(&Graph {
            members: vec![package],
            ..Graph::default()
        })
        .len()
    }

    /// Inward arrows pass, skipping too; outward ones, ones to tools and unknown crates do not.
    #[test]
    fn arrows_run_one_way() {
        assert_eq!(
            found(member("presenced-store", &["presenced-core", "tokio"])),
            0
        );
        assert_eq!(
            found(member("presenced", &["presenced-http", "presenced-core"])),
            0
        );
        assert_eq!(found(member("presenced-store", &["presenced-http"])), 1);
        assert_eq!(found(member("presenced-core", &["presenced-core"])), 1);
        assert_eq!(found(member("presenced-http", &["presenced-bench"])), 1);
        assert_eq!(found(member("presenced-extra", &[])), 1);
        assert_eq!(found(member("presenced-bench", &["presenced-http"])), 0);
    }

    /// An arrow of the tests counts like any other, but for a crate onto itself.
    #[test]
    fn arrows_of_tests_count() {
        let mut store = member("presenced-store", &[]);
        for name in ["presenced", "presenced-store"] {
            let mut arrow = dependency(name);
            arrow.dev = true;
            store.dependencies.push(arrow);
        }
        assert_eq!(found(store), 1);
    }

    /// A README that is missing, or that nobody includes, is found.
    #[test]
    fn readmes_are_the_documentation() {
        let graph = Graph {
            members: ["core", "store", "http"]
                .map(|name| member(&format!("presenced-{name}"), &[]))
                .to_vec(),
            ..Graph::default()
        };
        let files = [
            file("crates/core/README.md", ""),
            file(
                "crates/core/src/lib.rs",
                r#"#![doc = include_str!("../README.md")]"#,
            ),
            file("crates/store/README.md", ""),
            file("crates/store/src/lib.rs", "//! Words."),
        ];
        assert_eq!(
            places(&readmes(&files, &graph)),
            ["crates/store/README.md", "crates/http/README.md"]
        );
    }
}

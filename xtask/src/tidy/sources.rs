//! What a source file may hold.

use super::{File, Finding};
use crate::graph::Graph;

/// The longest Rust file, in lines (house style: about 300; 600 needs a reason).
const LINES_MAX: usize = 600;

/// Rust files that are too long to be read in one go.
pub(super) fn length(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.is("rs"))
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > LINES_MAX).then(|| {
                let problem = format!("{lines} lines; at most {LINES_MAX}: split it by subject");
                Finding::new(&file.path, problem)
            })
        })
        .collect()
}

// Taken apart, so that this file passes its own check.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("#[", "ignore"),
];

/// Marks of unfinished work: what is left to do is an issue, not a comment.
pub(super) fn words(files: &[File]) -> Vec<Finding> {
    find(files, |line| {
        let word = UNFINISHED.iter().find(|word| has_word(line, word))?;
        Some(format!(
            "`{word}`: finish it, or say in an issue what is left"
        ))
    })
}

const REGISTRY_HOSTS: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("deb.", "debian.org"),
];

const MACHINE_PATHS: [&str; 5] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("C:\\", "Users"),
];

/// Paths of one machine, and hosts of package registries: neither means anything to a reader, and
/// a registry is for the client's settings to choose.
pub(super) fn machine(files: &[File]) -> Vec<Finding> {
    find(files, |line| {
        if let Some(host) = REGISTRY_HOSTS.iter().find(|host| line.contains(**host)) {
            return Some(format!("names the registry host `{host}`: leave it out"));
        }
        let path = MACHINE_PATHS.iter().find(|path| {
            let mut places = line.match_indices(**path);
            places.any(|(at, _)| !line[..at].ends_with(is_path_character))
        })?;
        Some(format!("`{path}` is a path of one machine: leave it out"))
    })
}

/// A path that goes on before it, as in `/v1/hours/`, is not one from the machine's root.
fn is_path_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '}' | ')')
}

/// Calls `problem` on each line of each file that somebody wrote by hand.
fn find(files: &[File], problem: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        // Lock files are the tools' own: they name registries and hold random-looking checksums.
        if file.is("lock") || file.path.ends_with("package-lock.json") {
            continue;
        }
        for (number, line) in file.lines() {
            if let Some(problem) = problem(line) {
                findings.push(Finding::new(file.at(number), problem));
            }
        }
    }
    findings
}

/// Whether `word` stands in `line` by itself, not as a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Packages that would let the core read a clock, do I/O, draw randomness, log or serialise.
const IMPURE_PACKAGES: [&str; 9] = [
    "tokio",
    "serde",
    "serde_json",
    "tracing",
    "log",
    "rand",
    "getrandom",
    "jiff",
    "chrono",
];

/// The same in the standard library.
const IMPURE_PATHS: [&str; 9] = [
    "SystemTime",
    "Instant",
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::thread",
    "std::process",
    "println!",
];

/// The core decides and does nothing else.
pub(super) fn purity(files: &[File], graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in graph
        .members
        .iter()
        .filter(|package| package.name == "presenced-core")
    {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| !dependency.dev)
        {
            if IMPURE_PACKAGES.contains(&dependency.name.as_str()) {
                let problem = format!(
                    "`{}` has no place in the core: the shells do that",
                    dependency.name
                );
                findings.push(Finding::new(&package.name, problem));
            }
        }
    }
    let core = files
        .iter()
        .filter(|file| file.path.starts_with("crates/core/src/"));
    for file in core.filter(|file| file.is("rs")) {
        for (number, line) in code_lines(file) {
            if let Some(path) = IMPURE_PATHS.iter().find(|path| has_word(line, path)) {
                let problem = format!("`{path}` has no place in the core: take it as an argument");
                findings.push(Finding::new(file.at(number), problem));
            }
        }
    }
    findings
}

/// The lines of a Rust file that are not wholly comment.
pub(super) fn code_lines(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.lines()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, member, places};
    use super::*;

    /// A file at the limit passes, one line more does not, and only Rust is counted.
    #[test]
    fn length_has_a_limit() {
        let (fits, too_long) = ("\n".repeat(600), "\n".repeat(601));
        let files = [
            file("a.rs", &fits),
            file("b.rs", &too_long),
            file("c.md", &too_long),
        ];
        assert_eq!(places(&length(&files)), ["b.rs"]);
    }

    /// Every mark is found, and none inside a longer word or a lock file.
    #[test]
    fn unfinished_work_is_found() {
        for word in UNFINISHED {
            let found = words(&[file("a.rs", &format!("fine\n// {word}: later"))]);
            assert_eq!(places(&found), ["a.rs:2"], "{word}");
        }
        let inside = format!("mas{0}n {0}_list", UNFINISHED[0]);
        let marked = UNFINISHED[2];
        assert_eq!(
            words(&[file("a.rs", &inside), file("Cargo.lock", marked)]),
            []
        );
        assert_eq!(words(&[file("x/package-lock.json", marked)]), []);
    }

    /// Registry hosts and machine paths are found; the same letters further down a path are not.
    #[test]
    fn machines_are_found() {
        for host in REGISTRY_HOSTS {
            let line = format!("see https://{host}/");
            assert_eq!(
                places(&machine(&[file("a.md", &line)])),
                ["a.md:1"],
                "{host}"
            );
        }
        for path in MACHINE_PATHS {
            let line = format!("cp `{path}x` .");
            assert_eq!(
                places(&machine(&[file("a.md", &line)])),
                ["a.md:1"],
                "{path}"
            );
        }
        let below = format!("GET https://host{}hours", MACHINE_PATHS[2]);
        assert_eq!(
            machine(&[file("a.md", &below), file("a.lock", REGISTRY_HOSTS[0])]),
            []
        );
    }

    /// The core may not depend on a clock or a runtime, nor name one; its comments and tests'
    /// dependencies may.
    #[test]
    fn the_core_is_pure() {
        let mut core = member("presenced-core", &["uuid", "tokio", "jiff"]);
        core.dependencies[2].dev = true;
        let store = member("presenced-store", &["tokio"]);
        let graph = Graph {
            members: vec![core, store],
            ..Graph::default()
        };
        let files = [
            file(
                "crates/core/src/a.rs",
                "// std::fs\nuse std::time::SystemTime;\nlet InstantLike = 1;",
            ),
            file("crates/store/src/a.rs", "use std::fs;"),
        ];
        let found = purity(&files, &graph);
        assert_eq!(places(&found), ["presenced-core", "crates/core/src/a.rs:2"]);
    }
}

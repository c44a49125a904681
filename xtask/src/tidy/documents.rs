//! What the documents say is true: paths exist, links lead somewhere, commands are the same.

use std::path::Path;

use super::{File, Finding};

/// The first segments of paths that are meant to be in the repository.
const ROOTS: [&str; 13] = [
    ".cargo", ".ci", ".config", "bench", "crates", "deploy", "docs", "fuzz", "lua", "testdata",
    "tests", "web", "xtask",
];

/// Paths in backticks that nothing is at.
pub(super) fn paths(files: &[File], all: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        for (number, line) in prose(file) {
            for quoted in line.split('`').skip(1).step_by(2) {
                let Some(path) = repository_path(quoted) else {
                    continue;
                };
                // A crate's README may also name paths from where it stands.
                let near = join(&file.path, path);
                if !exists(all, path) && !near.is_some_and(|near| exists(all, &near)) {
                    let problem = format!("`{path}` does not exist");
                    findings.push(Finding::new(file.at(number), problem));
                }
            }
        }
    }
    findings
}

/// The path that a quoted word stands for, if it looks like one from the root.
fn repository_path(quoted: &str) -> Option<&str> {
    let path = quoted.trim_end_matches('/');
    let (first, rest) = path.split_once('/')?;
    // Patterns and placeholders stand for many paths.
    let plain = !rest.contains(|c: char| c.is_whitespace() || "*{}<>…$()|\"'=".contains(c));
    let path = path.split(['#', ':']).next()?;
    (ROOTS.contains(&first) && plain).then_some(path)
}

/// Relative links that lead nowhere.
pub(super) fn links(files: &[File], all: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        for (number, line) in prose(file) {
            for target in targets(line) {
                if let Some(problem) = broken(file, target, files, all) {
                    findings.push(Finding::new(file.at(number), problem));
                }
            }
        }
    }
    findings
}

/// What stands in `](…)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|after| {
        let target = after.split_once(')')?.0;
        target.split_whitespace().next()
    })
}

fn broken(file: &File, target: &str, files: &[File], all: &[String]) -> Option<String> {
    // Others' pages are not ours to check, and `a::b` is a name that rustdoc resolves.
    if target.contains("://") || target.starts_with("mailto:") || target.contains("::") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        file.path.clone()
    } else {
        join(&file.path, path)?
    };
    if !exists(all, &path) {
        return Some(format!(
            "the link `{target}` leads nowhere: `{path}` does not exist"
        ));
    }
    let there = files.iter().find(|other| other.path == path)?;
    let found = anchor.is_empty() || !there.is("md") || headings(there).any(|id| id == anchor);
    (!found).then(|| format!("the link `{target}` leads nowhere: no such heading in `{path}`"))
}

/// The path of a link from a file, or `None` where it leaves the repository.
fn join(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document: its headings in lower case, hyphens for spaces, no punctuation.
fn headings(file: &File) -> impl Iterator<Item = String> {
    prose(file)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| {
            let kept = |c: char| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || "-_".contains(c) => Some(c),
                _ => None,
            };
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            heading.chars().filter_map(kept).collect()
        })
}

fn exists(all: &[String], path: &str) -> bool {
    all.iter().any(|found| Path::new(found).starts_with(path))
}

/// The lines outside code blocks.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The change log has a place for what is not released yet.
pub(super) fn changelog(files: &[File]) -> Vec<Finding> {
    let Some(file) = files.iter().find(|file| file.path == "CHANGELOG.md") else {
        return vec![Finding::new("CHANGELOG.md", "is missing")];
    };
    let mut after = file
        .text
        .lines()
        .skip_while(|line| !line.starts_with("## Unreleased"))
        .skip(1);
    let mut section = after.by_ref().take_while(|line| !line.starts_with("## "));
    if section.any(|line| line.starts_with("- ")) {
        return Vec::new();
    }
    let problem = "has no line under `## Unreleased`: say what owners of a server will notice";
    vec![Finding::new("CHANGELOG.md", problem)]
}

/// The command that passes the tests.
const GATE: &str = "cargo xtask ci";

/// A line that is the command, or that quotes it as one.
fn is_the_command(line: &str) -> bool {
    line.trim() == GATE
        || line
            .split('`')
            .skip(1)
            .step_by(2)
            .any(|quoted| quoted == GATE)
}

/// The README and continuous integration name the same test command.
pub(super) fn commands(files: &[File]) -> Vec<Finding> {
    let names_it = |path: &str| {
        let mut found = files.iter().filter(|file| file.path == path);
        found.any(|file| file.lines().any(|(_, line)| is_the_command(line)))
    };
    ["README.md", ".ci/run"]
        .into_iter()
        .filter(|path| !names_it(path))
        .map(|path| Finding::new(path, format!("does not give `{GATE}` as the test command")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, places};
    use super::*;

    fn all() -> Vec<String> {
        [
            "docs/a.md",
            "docs/b.md",
            "README.md",
            "crates/core/src/lib.rs",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// A path that nothing is at is found; directories, lines, patterns, other words and code
    /// blocks are not paths that are missing.
    #[test]
    fn paths_exist() {
        let check = |line: &str, expect: usize| {
            assert_eq!(
                paths(&[file("README.md", line)], &all()).len(),
                expect,
                "{line}"
            );
        };
        check("see `crates/core/src/lib.rs` and `docs/gone.md`", 1);
        check("`crates/gone`, `docs/`, `crates/core/`", 1);
        check("`crates/core/src/lib.rs:12` `docs/a.md#x`", 0);
        check("`crates/*/README.md` `docs/{a,b}.md` `docs/ and more`", 0);
        check("`GET /v1.0/me/presence` `users/gone` `it`", 0);
        check("```\n`docs/gone.md`\n```", 0);
        assert_eq!(paths(&[file("a.rs", "`docs/gone.md`")], &all()), []);
    }

    /// A link to a file or a heading that is not there is found, from where the document is.
    #[test]
    fn links_lead_somewhere() {
        let b = file("docs/b.md", "# One thing: `x`\n\nText");
        let check = |line: &str, expect: usize| {
            let files = [file("docs/a.md", line), b.clone()];
            assert_eq!(links(&files, &all()).len(), expect, "{line}");
        };
        check("[b](b.md) [root](../README.md) [c](../crates/core)", 0);
        check(
            "[b](b.md#one-thing-x) [web](https://example.org/x) [m](mailto:a@b.c)",
            0,
        );
        check("[f](presenced_core::view)", 0);
        check("[gone](gone.md)", 1);
        check("[gone](b.md#another) [gone](../b.md)", 2);
        check("[here](#nowhere)", 1);
        check("```\n[gone](gone.md)\n```", 0);
    }

    /// A change log without the section, or with nothing in it, is found.
    #[test]
    fn the_changelog_has_a_place() {
        let check = |text: &str, expect: usize| {
            assert_eq!(
                changelog(&[file("CHANGELOG.md", text)]).len(),
                expect,
                "{text}"
            );
        };
        check("# Changes\n\n## Unreleased\n\n- New.\n\n## 1.0\n", 0);
        check("# Changes\n\n## Unreleased\n\n## 1.0\n\n- Old.\n", 1);
        check("# Changes\n\n## 1.0\n\n- Old.\n", 1);
        assert_eq!(places(&changelog(&[])), ["CHANGELOG.md"]);
    }

    /// A README that names another command than continuous integration runs is found.
    #[test]
    fn one_test_command() {
        let run = file(".ci/run", "set -e\ncargo xtask ci\n");
        let good = file("README.md", "```sh\ncargo xtask ci\n```");
        let bad = file("README.md", "run cargo xtask ci or so");
        let quoted = file("README.md", "| tests | `cargo xtask ci` |");
        assert_eq!(commands(&[run.clone(), good]), []);
        assert_eq!(commands(&[run.clone(), quoted]), []);
        assert_eq!(places(&commands(&[run, bad])), ["README.md"]);
    }
}

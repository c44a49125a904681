//! House rules that no other tool checks. Each check is a function of the tracked files or of the
//! package graph to a list of findings, so that a test can show it failing.

mod crates;
mod dependencies;
mod documents;
mod licence;
mod sources;

use std::path::Path;

use anyhow::{Result, bail};

use crate::output::{complain, say};
use crate::workspace::Workspace;

/// Something that breaks a house rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, with its line where there is one; or the package.
    place: String,
    /// What is wrong, and what to do.
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

/// A text file of the repository.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// From the root of the repository, with slashes.
    path: String,
    text: String,
}

impl File {
    /// Whether its name ends in this extension.
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == extension)
    }

    /// Its lines and their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The place of a line.
    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// Files longer than this are data, not text that anybody wrote.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Runs every check and shows all findings.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let (paths, files) = read_files(workspace)?;
    let graph = workspace.graph()?;
    let findings = [
        sources::length(&files),
        sources::words(&files),
        sources::machine(&files),
        sources::purity(&files, &graph),
        crates::arrows(&graph),
        crates::readmes(&files, &graph),
        dependencies::banned(&graph),
        dependencies::tls_provider(&graph),
        dependencies::licences(&graph),
        dependencies::unused(&files, &graph),
        documents::paths(&files, &paths),
        documents::links(&files, &paths),
        documents::changelog(&files),
        documents::commands(&files),
    ]
    .concat();
    for finding in &findings {
        complain(&format!("{}: {}", finding.place, finding.problem));
    }
    if !findings.is_empty() {
        bail!("{} findings in {} files", findings.len(), files.len());
    }
    say(&format!(
        "{} files and {} packages are tidy",
        files.len(),
        graph.built.len()
    ));
    Ok(())
}

/// The paths of all files that are tracked or could be, and the content of those that are text.
fn read_files(workspace: &Workspace) -> Result<(Vec<String>, Vec<File>)> {
    let listed = workspace
        .tool("git")
        .arguments(&[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .read()?;
    let mut paths = Vec::new();
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        let full = workspace.root.join(path);
        // A file that is deleted and not yet committed is still listed.
        let Ok(metadata) = full.symlink_metadata() else {
            continue;
        };
        paths.push(path.to_owned());
        if !metadata.is_file() || metadata.len() > TEXT_BYTES_MAX {
            continue;
        }
        if let Ok(text) = String::from_utf8(std::fs::read(&full)?) {
            let path = path.to_owned();
            files.push(File { path, text });
        }
    }
    Ok((paths, files))
}

#[cfg(test)]
mod testing {
    use super::{File, Finding};
    use crate::graph::{Dependency, Member};

    pub(super) fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// One of our packages, in `crates/` by the last word of its name.
    pub(super) fn member(name: &str, dependencies: &[&str]) -> Member {
        let last = name.rsplit('-').next().unwrap();
        Member {
            name: name.to_owned(),
            directory: format!("crates/{last}"),
            dependencies: dependencies.iter().map(|name| dependency(name)).collect(),
        }
    }

    pub(super) fn dependency(name: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            identifier: name.replace('-', "_"),
            dev: false,
            by_path: name.starts_with("presenced"),
        }
    }

    /// The places of the findings.
    pub(super) fn places(findings: &[Finding]) -> Vec<&str> {
        findings
            .iter()
            .map(|finding| finding.place.as_str())
            .collect()
    }
}

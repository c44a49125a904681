//! Where things are: the root of the repository and the directory for what is built.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::graph::Graph;
use crate::process::Tool;

/// The repository and its directories.
pub(crate) struct Workspace {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Cargo's target directory; caches of the gate go below it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks Cargo. No dependency is looked at, so that this works offline.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let Some(root) = manifest.parent() else {
            bail!("xtask is at {}, which has no parent", manifest.display());
        };
        let metadata = metadata(root)?;
        let target = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .context("`cargo metadata` named no target directory")?;
        Ok(Self {
            root: root.to_owned(),
            target: PathBuf::from(target),
        })
    }

    /// A tool that runs at the root of the repository.
    pub(crate) fn tool(&self, program: &str) -> Tool {
        Tool::new(program).at(&self.root)
    }

    /// The packages of the workspace and what they are built of.
    pub(crate) fn graph(&self) -> Result<Graph> {
        let tree = self
            .tool("cargo")
            .arguments(&[
                "tree",
                "--workspace",
                "--all-features",
                "--target",
                "all",
                "--locked",
            ])
            .arguments(&["--edges", "normal,build,dev", "--prefix", "none", "--quiet"])
            .arguments(&["--format", Graph::TREE_FORMAT])
            .read()?;
        Graph::read(&metadata(&self.root)?, &tree)
    }
}

/// What Cargo knows of our own packages.
fn metadata(root: &Path) -> Result<Value> {
    let text = Tool::new("cargo")
        .at(root)
        .arguments(&["metadata", "--format-version", "1", "--no-deps", "--quiet"])
        .read()?;
    serde_json::from_str(&text).context("`cargo metadata` did not answer with JSON")
}

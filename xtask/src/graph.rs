//! The packages that the workspace is built of, as Cargo sees them.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Our own packages, and all that any target is built of on any platform with any feature.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The packages of the workspace.
    pub(crate) members: Vec<Member>,
    /// Everything that is built, the members too.
    pub(crate) built: Vec<Built>,
}

/// A package of the workspace, as its manifest describes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Where it is, relative to the root of the repository.
    pub(crate) directory: String,
    /// What its manifest asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as it stands in a manifest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependency {
    /// The package.
    pub(crate) name: String,
    /// What the code calls it: `serde_json`.
    pub(crate) identifier: String,
    /// Only tests are built with it.
    pub(crate) dev: bool,
    /// It is found by its path: one of ours.
    pub(crate) by_path: bool,
}

/// A package that is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The features that are switched on.
    pub(crate) features: Vec<String>,
    /// The licence expression of its manifest; empty where it has none.
    pub(crate) licence: String,
}

impl Graph {
    /// How `cargo tree` is asked to print a package, for [`Self::read`].
    pub(crate) const TREE_FORMAT: &str = "{p}|{f}|{l}";

    /// Reads the answers of `cargo metadata --no-deps` and `cargo tree`.
    ///
    /// The tree says what is built. The metadata's own resolution does not: it also lists optional
    /// packages that no feature asks for.
    pub(crate) fn read(metadata: &Value, tree: &str) -> Result<Self> {
        let root = text(metadata, "workspace_root");
        let members: Vec<Member> = list(metadata, "packages")
            .map(|package| read_member(package, &root))
            .collect();
        let lines: std::collections::BTreeSet<&str> = tree
            .lines()
            .map(|line| line.trim_end_matches(" (*)"))
            .filter(|line| !line.is_empty())
            .collect();
        let built = lines
            .into_iter()
            .map(read_built)
            .collect::<Result<Vec<Built>>>()?;
        if members.is_empty() || built.is_empty() {
            bail!("cargo named no packages");
        }
        Ok(Self { members, built })
    }
}

fn read_member(package: &Value, root: &str) -> Member {
    let manifest = text(package, "manifest_path");
    let directory = manifest
        .strip_prefix(root)
        .unwrap_or(&manifest)
        .trim_start_matches('/')
        .trim_end_matches("Cargo.toml")
        .trim_end_matches('/')
        .to_owned();
    Member {
        name: text(package, "name"),
        directory,
        dependencies: list(package, "dependencies").map(read_dependency).collect(),
    }
}

/// Reads `name v1.2.3 (where)|feature,feature|licence`.
fn read_built(line: &str) -> Result<Built> {
    let mut columns = line.splitn(3, '|');
    let mut column = || {
        columns
            .next()
            .with_context(|| format!("`cargo tree` printed `{line}`"))
    };
    let (package, features, licence) = (column()?, column()?, column()?);
    let mut words = package.split(' ');
    let mut word = || words.next().unwrap_or_default();
    Ok(Built {
        name: word().to_owned(),
        version: word().trim_start_matches('v').to_owned(),
        features: features.split_terminator(',').map(str::to_owned).collect(),
        licence: licence.trim().to_owned(),
    })
}

fn read_dependency(dependency: &Value) -> Dependency {
    let name = text(dependency, "name");
    let called = dependency
        .get("rename")
        .and_then(Value::as_str)
        .unwrap_or(&name);
    Dependency {
        identifier: called.replace('-', "_"),
        dev: dependency.get("kind").and_then(Value::as_str) == Some("dev"),
        by_path: dependency.get("path").is_some_and(Value::is_string),
        name,
    }
}

/// The members of the list of this name; none where there is no list.
fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names, places and kinds of dependency arrive from the metadata.
    #[test]
    fn reads_members() {
        let metadata = serde_json::json!({
            "workspace_root": "/r",
            "packages": [{
                "name": "presenced-core", "manifest_path": "/r/crates/core/Cargo.toml",
                "dependencies": [
                    {"name": "a-b", "kind": null},
                    {"name": "c", "rename": "d", "kind": "dev", "path": "/r/crates/c"}],
            }],
        });
        let graph = Graph::read(&metadata, "a v1.0.0||MIT").unwrap();
        let [member] = graph.members.as_slice() else {
            panic!("one member, not {graph:?}");
        };
        assert_eq!(member.directory, "crates/core");
        let [plain, renamed] = member.dependencies.as_slice() else {
            panic!("two dependencies, not {member:?}");
        };
        assert_eq!((plain.identifier.as_str(), plain.dev), ("a_b", false));
        assert_eq!((renamed.identifier.as_str(), renamed.dev), ("d", true));
        assert!(renamed.by_path && !plain.by_path);
    }

    /// Each package of the tree is there once, with version, features and licence.
    #[test]
    fn reads_the_tree() {
        let tree = "a v1.0.0 (/r/a)|std,x|MIT OR ISC\n\na v1.0.0 (/r/a)|std,x|MIT OR ISC (*)\nb v2.0.0||\n";
        let metadata = serde_json::json!({"packages": [{"name": "a"}]});
        let graph = Graph::read(&metadata, tree).unwrap();
        let [a, b] = graph.built.as_slice() else {
            panic!("two packages, not {graph:?}");
        };
        assert_eq!((a.name.as_str(), a.version.as_str()), ("a", "1.0.0"));
        assert_eq!((a.features.len(), a.licence.as_str()), (2, "MIT OR ISC"));
        assert_eq!((b.features.len(), b.licence.as_str()), (0, ""));
    }

    /// Nonsense is an error, not an empty graph in which every rule holds.
    #[test]
    fn nonsense_is_an_error() {
        let metadata = serde_json::json!({"packages": [{"name": "a"}]});
        assert!(Graph::read(&metadata, "").is_err());
        assert!(Graph::read(&metadata, "a v1.0.0").is_err());
        assert!(Graph::read(&Value::Null, "a v1.0.0||MIT").is_err());
    }
}

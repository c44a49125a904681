//! Defaults, file and environment, merged into one tree that remembers where each value is from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use toml::{Table, Value};

use super::fault::{Fault, Origin};

/// The compiled-in defaults, which are the manual as well.
pub(crate) const DEFAULTS: &str = include_str!("config.default.toml");

/// What a variable of the environment must begin with to be a setting.
pub(crate) const ENVIRONMENT_PREFIX: &str = "PRESENCED_";

/// What joins section and key in the name of a variable. Variables without it are left alone:
/// an orchestrator that runs presenced as a service of that name sets `PRESENCED_PORT` and others
/// by itself.
const ENVIRONMENT_JOINT: &str = "__";

/// A configuration file larger than this is none.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The merged values, and where each that is not a default comes from.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(super) values: Table,
    pub(super) origins: BTreeMap<String, Origin>,
}

impl Layers {
    /// The defaults alone.
    pub(super) fn defaults() -> Self {
        let values = DEFAULTS.parse().expect("the compiled-in defaults parse");
        Self {
            values,
            origins: BTreeMap::new(),
        }
    }

    /// Lays a file's text over what is there.
    pub(super) fn lay_file(&mut self, path: &Path, text: &str) -> Result<(), Fault> {
        let origin = Origin::File(path.to_owned());
        let table: Table = text.parse().map_err(|error: toml::de::Error| Fault {
            key: path.display().to_string(),
            value: None,
            origin: Origin::Default,
            remedy: format!("is not TOML: {}", error.to_string().trim_end()),
        })?;
        lay(&mut self.values, table, "", &origin, &mut self.origins);
        Ok(())
    }

    /// Lays the variables of the environment over what is there, and says which make no sense.
    pub(super) fn lay_environment(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let setting = name.strip_prefix(ENVIRONMENT_PREFIX);
            let Some((section, key)) = setting.and_then(|s| s.split_once(ENVIRONMENT_JOINT)) else {
                continue;
            };
            let (section, key) = (section.to_lowercase(), key.to_lowercase());
            let fault = |remedy: &str| Fault {
                key: name.to_owned(),
                value: value.to_str().map(|value| format!("{value:?}")),
                origin: Origin::Default,
                remedy: remedy.to_owned(),
            };
            let Some(text) = value.to_str() else {
                faults.push(fault("is not UTF-8; write the value as text"));
                continue;
            };
            let table = self.values.get_mut(&section).and_then(Value::as_table_mut);
            let Some(slot) = table.and_then(|table| table.get_mut(&key)) else {
                faults.push(fault(
                    "there is no such setting; `presenced config default` lists them all, and \
                     [[tenants]] and [[issuers]] are set in the file only",
                ));
                continue;
            };
            *slot = from_environment(slot, text);
            let origin = Origin::Environment(name.to_owned());
            self.origins.insert(format!("{section}.{key}"), origin);
        }
        faults
    }
}

/// A text stays as it is where a text is expected; other values are written as in the file. What
/// cannot be read as one stays a text, and is refused for its type.
fn from_environment(present: &Value, text: &str) -> Value {
    if present.is_str() {
        return Value::String(text.to_owned());
    }
    text.parse()
        .unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Lays `upper` over `lower`: tables are merged, everything else replaces what was there.
fn lay(
    lower: &mut Table,
    upper: Table,
    path: &str,
    origin: &Origin,
    origins: &mut BTreeMap<String, Origin>,
) {
    for (key, value) in upper {
        let path = join(path, &key);
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(lower)), Value::Table(upper)) => {
                lay(lower, upper, &path, origin, origins);
            }
            (_, value) => {
                lower.insert(key, value);
                origins.insert(path, origin.clone());
            }
        }
    }
}

/// A key within a section.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

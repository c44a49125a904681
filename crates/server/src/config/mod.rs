//! The settings of `presenced serve`: read in layers, checked as a whole, handed on typed.
//!
//! Nothing else in the program reads the environment.

mod directory;
mod fault;
mod issuers;
mod layers;
mod reader;
mod settings;
mod show;
mod subscriptions;
mod throttling;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;

pub(crate) use fault::{Fault, Faults, Origin};
pub(crate) use layers::{DEFAULTS, Layers};
pub(crate) use settings::{
    DirectoryKind, Durability, LISTEN_REMEDY, LogFormat, Sessions, Settings, Tenant, TlsFiles,
    parse_level, parse_listen,
};
pub(crate) use show::show;
pub(crate) use subscriptions::{NETWORK_REMEDY, parse_network};
pub(crate) use throttling::parse_throttling;

/// The variables that the program was started with.
pub(crate) fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// Merges defaults, file and environment. A file that cannot be read, or is not TOML, is a fault
/// like any other; the rest is merged without it.
pub(crate) fn merge(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> (Layers, Vec<Fault>) {
    let mut layers = Layers::defaults();
    let mut faults = Vec::new();
    if let Some(path) = file {
        let laid = read_file(path).and_then(|text| layers.lay_file(path, &text));
        faults.extend(laid.err());
    }
    faults.extend(layers.lay_environment(variables));
    (layers, faults)
}

/// The settings, or everything that is wrong with them.
pub(crate) fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings, Faults> {
    let (layers, mut faults) = merge(file, variables);
    let settings = Settings::read(layers, &mut faults);
    match settings {
        Some(settings) if faults.is_empty() => Ok(settings),
        Some(_) | None => Err(Faults(faults)),
    }
}

/// Reads a file that a setting names, up to a limit.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("larger than {bytes_max} bytes");
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            message,
        ));
    }
    Ok(bytes)
}

fn read_file(path: &Path) -> Result<String, Fault> {
    let fault = |problem: String| Fault {
        key: path.display().to_string(),
        value: None,
        origin: Origin::Default,
        remedy: format!("{problem}; name a readable TOML file with --config"),
    };
    let bytes = read_bounded(path, layers::FILE_BYTES_MAX)
        .map_err(|error| fault(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| fault("is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests;

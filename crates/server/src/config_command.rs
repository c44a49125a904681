//! `presenced config`: shows and checks what `presenced serve` would go by.

use std::path::Path;

use crate::cli::ConfigCommand;
use crate::config::{self, Faults};
use crate::exit::Failure;
use crate::{output, serve};

/// Does what was asked, from the file and the environment that are given.
pub(crate) fn run(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Default => output::print(config::DEFAULTS),
        ConfigCommand::Show { config } => show(config.as_deref())?,
        ConfigCommand::Check { config } => check(config)?,
    }
    Ok(())
}

/// What is faulty in itself is shown as well: seeing it helps to mend it.
fn show(file: Option<&Path>) -> Result<(), Failure> {
    let (layers, faults) = config::merge(file, config::environment());
    output::print(&config::show(&layers));
    if faults.is_empty() {
        return Ok(());
    }
    Err(Failure::Usage(Faults(faults).into()))
}

/// Goes as far as a start does without touching data or network: settings, certificate, issuers.
fn check(file: &Path) -> Result<(), Failure> {
    let settings = config::load(Some(file), config::environment());
    let settings = settings.map_err(|faults| Failure::Usage(faults.into()))?;
    serve::check(&settings)?;
    output::print(&format!("{} is in order\n", file.display()));
    Ok(())
}

#![doc = include_str!("../README.md")]

mod graph;
mod instructions;
mod output;
mod pgo;
mod process;
mod sdk;
mod steps;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::output::say;
use crate::workspace::Workspace;

const HELP: &str = "\
cargo xtask ci        the whole gate, step by step; stops at the first step that fails
cargo xtask fmt       is every file formatted
cargo xtask tidy      house rules that no other tool checks
cargo xtask lint      clippy on all targets, warnings are errors
cargo xtask doc       the documentation, private items included, warnings are errors
cargo xtask test      all tests of the workspace, then its documentation's examples
cargo xtask fuzz      the fuzz targets build, and their corpora hold
cargo xtask instructions
                      the hottest operations take as many instructions as their budget says;
                      after `--` the word `record` writes the budget anew
cargo xtask sdk       real clients (python, javascript, rust) and the description of the API
                      (openapi) against the real server; after `--` only one of them and
                      arguments for its test runner: `cargo xtask sdk -- python -k tls`
cargo xtask pgo       builds the server by a profile of what it does most, and says where it is
cargo xtask generate  writes anew what is generated from the code: docs/errors.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let (name, rest) = match arguments {
        [] => ("help", [].as_slice()),
        [name, separator, rest @ ..] if separator == "--" => (name.as_str(), rest),
        [name, rest @ ..] => (name.as_str(), rest),
    };
    if !rest.is_empty() && !matches!(name, "sdk" | "instructions") {
        bail!("`cargo xtask {name}` takes no further arguments\n\n{HELP}");
    }
    if matches!(name, "help" | "-h" | "--help") {
        say(HELP);
        return Ok(());
    }
    let workspace = Workspace::find()?;
    match name {
        "ci" => steps::run_all(&workspace),
        "sdk" => sdk::run(&workspace, rest),
        "instructions" => instructions::run(&workspace, rest),
        "pgo" => pgo::run(&workspace),
        "generate" => steps::generate(&workspace),
        _ => match steps::named(name) {
            Some(step) => steps::run_one(&workspace, step),
            None => bail!("there is no `cargo xtask {name}`\n\n{HELP}"),
        },
    }
}

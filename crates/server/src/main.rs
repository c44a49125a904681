#![doc = include_str!("../README.md")]

mod cli;
mod clock;
mod config;
mod config_command;
mod deadlines;
mod dev;
mod exit;
mod identity_provider;
mod lifecycle;
mod log;
mod notifications;
mod output;
mod private_file;
mod root;
mod serve;
mod signing_key;
mod tls;
mod token_command;
mod validation_keys;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use cli::{Cli, Command};
use exit::Failure;

fn main() -> ExitCode {
    tls::install_provider();
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::print_error(&failure.message());
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .map_err(Failure::Unexpected)?;
    match command {
        Command::Dev(args) => runtime.block_on(dev::run(args)),
        Command::Serve(args) => runtime.block_on(serve::run(args)),
        Command::Config(command) => config_command::run(&command),
        Command::Token(args) => runtime.block_on(token_command::run(args)),
    }
}

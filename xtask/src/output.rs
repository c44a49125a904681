//! The only place that prints.

use std::io::Write;

/// Prints a line, at once, so that it stands before the output of the tools that follow.
#[expect(
    clippy::print_stdout,
    reason = "the one function of the gate that prints"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
    // A closed pipe ends the run at the next line; there is nothing to do about it here.
    drop(std::io::stdout().flush());
}

/// Prints a line to the error stream.
#[expect(
    clippy::print_stderr,
    reason = "the one function of the gate that complains"
)]
pub(crate) fn complain(line: &str) {
    eprintln!("{line}");
}

//! What `cargo xtask instructions` runs under callgrind: each of the hottest operations, by itself
//! and always on the same input, between two calls that callgrind takes notice of.
//!
//! Without callgrind it only shows that the operations do what they are here for. What they are is
//! told one a line, with how often each was repeated, in the order of callgrind's dumps.

mod fixture;
mod operations;

use std::io::Write as _;
use std::process::ExitCode;

/// How often an operation is repeated before it is counted: until its caches are filled and its
/// buffers have grown.
const WARM_UP: usize = 50;

/// How often an operation is repeated while it is counted.
const REPEATED: usize = 500;

fn main() -> ExitCode {
    match operations::run_all(measure) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do about an error stream that is closed.
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures an operation: repeats what `operation` does, first without and then with callgrind's
/// notice. It is handed how often it is to repeat it.
fn measure(name: &str, operation: &mut dyn FnMut(usize)) -> anyhow::Result<()> {
    operation(WARM_UP);
    counted(operation, REPEATED);
    writeln!(std::io::stdout(), "{name} {REPEATED}")?;
    Ok(())
}

/// Callgrind counts from the entry of this function to its end, which it knows by its name.
#[inline(never)]
fn counted(operation: &mut dyn FnMut(usize), times: usize) {
    operation(times);
    // Without a word after it, the call above could become a jump, and this function have no end.
    std::hint::black_box(times);
}

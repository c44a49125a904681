//! What the program says to whoever started it. The log is something else, and goes to standard
//! error by `tracing`.

use std::io::Write as _;

/// Writes a text to standard output. A reader that has gone away, as `head` does, is no fault of
/// ours and nobody is left to be told.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    written.and_then(|()| stdout.flush()).unwrap_or_default();
}

/// Writes why the program ends to standard error.
pub(crate) fn print_error(message: &str) {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "presenced: {message}").unwrap_or_default();
}

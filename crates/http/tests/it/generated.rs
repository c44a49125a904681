//! Documents that are written by the code. `cargo xtask generate` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use presenced_http::error::CODES;

/// The error reference lists the codes that there are, with their statuses and meanings.
#[test]
fn the_error_reference() {
    let mut text = String::from(
        "# Errors\n\
         \n\
         <!-- Generated from the table in crates/http/src/error/code.rs by `cargo xtask generate`. -->\n\
         \n\
         Every refusal is a JSON object of Graph's shape:\n\
         \n\
         ```json\n\
         {\"error\": {\"code\": \"…\", \"message\": \"…\", \"innerError\": {\"date\": \"…\", \
         \"request-id\": \"…\", \"client-request-id\": \"…\"}}}\n\
         ```\n\
         \n\
         Programs decide by `code` and status, people read `message`, and who asks an operator for \
         help\n\
         names the `request-id`: it stands beside the cause in the server's log.\n\
         \n\
         | status | code | what it means, and what to do |\n\
         |---|---|---|\n",
    );
    for row in &CODES {
        let (status, code, meaning) = (row.status.as_u16(), row.wire, row.meaning);
        writeln!(text, "| {status} | `{code}` | {meaning} |").unwrap();
    }
    compare("docs/errors.md", &text);
}

/// The file of the repository holds this text; or is made to, where that is asked for.
fn compare(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if std::env::var_os("PRESENCED_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&file, text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == text,
        "{path} is not what the code says: `cargo xtask generate` writes it anew"
    );
}

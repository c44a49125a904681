//! The load programs work from beginning to end, in small: what they print is right by their own
//! checks, and says nothing about speed.

#![expect(
    clippy::unwrap_used,
    reason = "in the helpers of tests as in the tests themselves, a panic is the report"
)]

use std::process::Command;

/// Runs the program against the presenced that was built beside it; what it printed.
fn run(arguments: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_presenced-bench");
    let output = Command::new(program).args(arguments).output().unwrap();
    let (said, wrong) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(
        output.status.success(),
        "{wrong}\nIs there a presenced beside {program}, of the same tree? `cargo build -p presenced` makes one.\n{said}"
    );
    said
}

#[track_caller]
fn says(said: &str, all: &[&str]) {
    for each in all {
        assert!(said.contains(each), "nothing is said of {each}:\n{said}");
    }
}

/// All four rows are measured beside their floors, those at a rate as well, and put beside their aims.
#[test]
fn the_rows_are_measured() {
    let said = run(&[
        "--quick",
        "--users",
        "700",
        "--rounds",
        "1",
        "--connections",
        "2",
    ]);
    says(
        &said,
        &[
            "### setPresence",
            "### GET presence",
            "### getPresencesByUserId",
            "### $batch",
            "at a fixed rate",
            "| setPresence | requests/s of the floor's | ",
            " | at least 5.00 | ",
            "in process, all cores | ",
        ],
    );
}

/// Directories are filled, servers start on them, and what sessions take is told for each size.
#[test]
fn growth_is_measured() {
    let said = run(&[
        "growth",
        "--quick",
        "--users",
        "100,1000",
        "--connections",
        "2",
        "--rounds",
        "1",
        "--no-snapshot",
    ]);
    says(
        &said,
        &[
            "| 1000 |",
            "seconds to start",
            "with 1000 sessions of those",
        ],
    );
}

/// Everybody comes back, everybody's session ends, and nobody is forgotten.
#[test]
fn storms_are_measured() {
    let said = run(&[
        "storm",
        "--users",
        "1000",
        "--connections",
        "10",
        "--watched",
        "100",
        "--lead",
        "15",
    ]);
    says(
        &said,
        &["sessions lost: 0.00", "of whom nothing is told: 0.00"],
    );
}

/// Watchers are told by stream and by webhook.
#[test]
fn watchers_are_told() {
    let said = run(&[
        "watch",
        "--watchers",
        "1",
        "--seconds",
        "1",
        "--way",
        "stream-http2",
        "--way",
        "webhook",
        "--storm",
        "200",
    ]);
    says(
        &said,
        &["| stream, HTTP/2 | 1 |", "| webhook | 1 |", "storm"],
    );
}

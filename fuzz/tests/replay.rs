//! Runs every target over its corpus, on stable and without a fuzzer, as a part of the gate.

use std::path::Path;

use presenced_fuzz::{TARGETS, store};

/// No input of any corpus breaks a promise, and every target has a corpus.
#[test]
fn corpora() {
    for (name, target) in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let mut inputs = 0;
        for entry in std::fs::read_dir(&corpus).expect("every target has a corpus") {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has an empty corpus");
    }
}

/// Every beginning of every input, and every input with each of its first bytes changed: what a
/// fuzzer would try first.
#[test]
fn neighbours_of_the_corpora() {
    for (name, target) in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        for entry in std::fs::read_dir(&corpus).expect("every target has a corpus") {
            let input = std::fs::read(entry.unwrap().path()).unwrap();
            for at in 0..input.len().min(64) {
                target(&input[..at]);
                let mut changed = input.clone();
                changed[at] ^= 1;
                target(&changed);
                changed[at] = 0xff;
                target(&changed);
            }
        }
    }
}

/// The frames that the targets build are frames to the store too: a record in one is found again.
/// Without this, a change of the format would leave the targets fuzzing the refusal of their frame.
#[test]
fn frames_are_understood() {
    let directory = tempfile::tempdir().unwrap();
    let record =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/record/one-session"))
            .unwrap();
    let entry = store::entry_of(&record).unwrap();
    std::fs::write(
        directory.path().join(store::JOURNAL),
        store::file_of(&entry),
    )
    .unwrap();
    let seen = store::open(directory.path()).expect("the store understands the frame");
    assert_eq!(seen.record.expect("the record is there").sessions.len(), 1);
}

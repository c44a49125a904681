//! What is kept, and who may keep it.

use crate::support::{Running, advance, client, outcome, presence, set_presence};

/// An answered write is there after `kill -9`, in both levels of durability, and goes on living by
/// the clock that it was made under.
#[tokio::test]
async fn a_session_survives_kill_9() {
    for durability in ["process", "disk"] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let arguments = ["--data", data.to_str().unwrap(), "--durability", durability];
        let client = client();

        let server = Running::dev(&arguments);
        let token = server.application_token();
        assert_eq!(
            set_presence(&client, &server.base, &token).await.status(),
            200
        );
        advance(&client, &server.base, "PT6M").await;
        server.kill();

        let server = Running::dev(&arguments);
        let token = server.application_token();
        let shown = presence(&client, &server.base, &token).await;
        assert_eq!(shown, "Available/AvailableInactive", "{durability}");
        // Time went on from the newest write, which was the fading at five minutes.
        advance(&client, &server.base, "PT55M").await;
        let shown = presence(&client, &server.base, &token).await;
        assert_eq!(shown, "Offline/Offline", "{durability}");
        server.kill();

        // The test clock was moved by an hour; time must not go back to before that.
        let server = Running::dev(&arguments);
        let token = server.application_token();
        let shown = presence(&client, &server.base, &token).await;
        assert_eq!(shown, "Offline/Offline", "{durability}");
    }
}

/// A data directory belongs to one process; a second one is told so, and does no harm.
#[test]
fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let first = Running::dev(&["--data", data]);
    let second = outcome(&["dev", "--listen", "127.0.0.1:0", "--data", data]);
    assert!(
        second.starts_with("exit code 3\n--- stdout\n--- stderr\n"),
        "{second}"
    );
    assert!(second.contains("cannot open the data"), "{second}");
    assert!(second.contains(data), "{second}");
    drop(first);
    Running::dev(&["--data", data]);
}

/// Damaged data is refused with the place of the damage and what to do, and left as it is.
#[tokio::test]
async fn damaged_data_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let server = Running::dev(&["--data", data]);
    let token = server.application_token();
    for _ in 0..3 {
        set_presence(&client(), &server.base, &token).await;
    }
    server.kill();
    let journal = std::fs::read_dir(data).unwrap();
    let journal = journal
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("journal-")
        })
        .expect("a journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    // In the middle of the first of several frames, which follow each other right after the header.
    let at = bytes.len() / 3;
    bytes[at] ^= 0xFF;
    std::fs::write(&journal, &bytes).unwrap();
    let refused = outcome(&["dev", "--listen", "127.0.0.1:0", "--data", data]);
    assert!(refused.starts_with("exit code 3\n"), "{refused}");
    assert!(refused.contains(journal.to_str().unwrap()), "{refused}");
    assert_eq!(std::fs::read(&journal).unwrap(), bytes);
}

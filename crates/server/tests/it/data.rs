//! What is kept, and who may keep it.

use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{PATIENCE, Running, USER, advance, client, outcome, presence, set_presence};

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
        // Time went on from where the clock was moved to.
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

/// Ends the server as the test wants: at once, or in good order.
#[derive(Clone, Copy, Debug)]
enum End {
    Kill,
    Term,
}

impl End {
    fn of(self, mut server: Running) {
        match self {
            Self::Kill => server.kill(),
            Self::Term => {
                server.signal("TERM");
                assert!(server.wait().success());
            }
        }
    }
}

async fn clock(client: &Client, base: &str) -> Timestamp {
    let answer = client.get(format!("{base}/dev/clock")).send().await;
    time_of(&answer.unwrap().json().await.unwrap())
}

fn time_of(body: &Value) -> Timestamp {
    body["now"].as_str().unwrap().parse().unwrap()
}

/// Does something to Adele's presence, which must succeed.
async fn post(client: &Client, base: &str, token: &str, action: &str, body: Value) {
    let url = format!("{base}/v1.0/users/{USER}/presence/{action}");
    let request = client.post(url).bearer_auth(token).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200, "{body}");
}

/// A moved test clock goes on where it was, whether the server was killed or stopped, also where
/// nothing but the clock was ever touched.
#[tokio::test]
async fn the_moved_clock_goes_on() {
    let client = client();
    for end in [End::Kill, End::Term] {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["--data", directory.path().to_str().unwrap()];
        let mut last = Timestamp::MIN;
        for _ in 0..3 {
            let server = Running::dev(&arguments);
            assert!(clock(&client, &server.base).await >= last, "{end:?}");
            let moved = advance(&client, &server.base, "PT26H").await;
            let moved = time_of(&moved.json().await.unwrap());
            last = match end {
                End::Kill => moved,
                // A stop in good order keeps what passed since as well.
                End::Term => {
                    let patience = Instant::now() + PATIENCE;
                    loop {
                        let now = clock(&client, &server.base).await;
                        if now > moved {
                            break now;
                        }
                        assert!(Instant::now() < patience, "the clock stands still");
                    }
                }
            };
            end.of(server);
        }
    }
}

/// A session that ends unseen behind another stays ended after a restart: nothing was told and no
/// record was written when it ended, but that time went by was.
#[tokio::test]
async fn a_hidden_session_stays_ended() {
    let client = client();
    for end in [End::Kill, End::Term] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().to_str().unwrap();
        let arguments = ["--data", data, "--sessions", "any"];
        let server = Running::dev(&arguments);
        let token = server.application_token();
        let in_a_call = json!({
            "sessionId": "seen", "availability": "Busy", "activity": "InACall",
            "expirationDuration": "PT1H",
        });
        let away = json!({
            "sessionId": "hidden", "availability": "Away", "activity": "Away",
            "expirationDuration": "PT5M",
        });
        for session in [in_a_call, away] {
            post(&client, &server.base, &token, "setPresence", session).await;
        }
        advance(&client, &server.base, "PT6M").await;
        end.of(server);

        let server = Running::dev(&arguments);
        let token = server.application_token();
        let shown = presence(&client, &server.base, &token).await;
        assert_eq!(shown, "Busy/InACall", "{end:?}");
        let seen = json!({"sessionId": "seen"});
        post(&client, &server.base, &token, "clearPresence", seen).await;
        let shown = presence(&client, &server.base, &token).await;
        assert_eq!(shown, "Offline/Offline", "{end:?}");
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

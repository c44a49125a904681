//! Live streams over real sockets, beyond the life of one process.

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{APPLICATION, PATIENCE, Running, USER, advance, client};

/// A user whom nobody sets anything of.
const OTHER: &str = "66825e03-7ef5-42da-9069-724602c31f6b";

/// A client that reads a stream as it comes, and remembers the last id.
struct Reader {
    response: Response,
    text: String,
    last_id: String,
}

impl Reader {
    /// Opens a stream for two users, from a place on where there is one.
    async fn open(base: &str, token: &str, last_id: &str) -> Self {
        let path = format!("/v1.0/communications/presences/live?ids={USER},{OTHER}");
        let request = streaming_client()
            .get(format!("{base}{path}"))
            .bearer_auth(token)
            .header("Last-Event-ID", last_id);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            text: String::new(),
            last_id: last_id.to_owned(),
        }
    }

    /// The next event in short, or "cut" where the stream ends without one.
    async fn next(&mut self) -> String {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                let block = std::mem::replace(&mut self.text, rest);
                if let Some(short) = self.short(&block) {
                    return short;
                }
            }
            match timeout(PATIENCE, self.response.chunk()).await.unwrap() {
                Ok(Some(bytes)) => self.text += std::str::from_utf8(&bytes).unwrap(),
                Ok(None) | Err(_) => return "cut".to_owned(),
            }
        }
    }

    /// An event in short; nothing for a heartbeat or the retry time.
    fn short(&mut self, block: &str) -> Option<String> {
        let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let name = line("event: ")?;
        let data: Value = serde_json::from_str(line("data: ")?).unwrap();
        if let Some(id) = line("id: ") {
            id.clone_into(&mut self.last_id);
        }
        let text = |member: &str| data[member].as_str().unwrap();
        Some(match name {
            "presence" if text("id") == USER => format!("Adele {}", text("activity")),
            "presence" => format!("Alex {}", text("activity")),
            "synced" => format!("synced, resumed: {}", data["resumed"]),
            "end" => format!("end: {}", text("reason")),
            name => name.to_owned(),
        })
    }

    async fn expect(&mut self, events: &[&str]) {
        for event in events {
            assert_eq!(self.next().await, *event);
        }
    }
}

/// A client whose answers may last longer than a test.
fn streaming_client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn set(base: &str, token: &str, pair: &str) {
    let (availability, activity) = pair.split_once('/').unwrap();
    let body = json!({
        "sessionId": APPLICATION, "availability": availability, "activity": activity,
        "expirationDuration": "PT4H",
    });
    let url = format!("{base}/v1.0/users/{USER}/presence/setPresence");
    let request = client().post(url).bearer_auth(token).json(&body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

/// A stream is told of what is set and of what time does, and after `kill -9` it goes on where it
/// was cut off: with what changed before it was told, and nothing else.
#[tokio::test]
async fn a_stream_goes_on_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let arguments = ["--data", data.to_str().unwrap()];

    let server = Running::dev(&arguments);
    let token = server.application_token();
    let mut reader = Reader::open(&server.base, &token, "").await;
    let mut state = [reader.next().await, reader.next().await];
    state.sort();
    assert_eq!(state, ["Adele Offline", "Alex Offline"]);
    reader.expect(&["synced, resumed: false"]).await;
    set(&server.base, &token, "Available/Available").await;
    reader.expect(&["Adele Available"]).await;
    advance(&client(), &server.base, "PT6M").await;
    reader.expect(&["Adele AvailableInactive"]).await;
    let seen = reader.last_id.clone();
    // Told or not, it is after the place that the client will name.
    set(&server.base, &token, "Busy/InACall").await;
    server.kill();
    while reader.next().await != "cut" {}

    let server = Running::dev(&arguments);
    let token = server.application_token();
    let mut reader = Reader::open(&server.base, &token, &seen).await;
    reader
        .expect(&["Adele InACall", "synced, resumed: true"])
        .await;
    set(&server.base, &token, "Away/Away").await;
    reader.expect(&["Adele Away"]).await;
}

/// Without data nothing goes on: a place in the last run is none in this one, and the state is told.
#[tokio::test]
async fn a_new_life_begins_with_the_state() {
    let server = Running::dev(&[]);
    let token = server.application_token();
    let mut reader = Reader::open(&server.base, &token, "").await;
    while reader.next().await != "synced, resumed: false" {}
    let seen = reader.last_id.clone();
    server.kill();
    let server = Running::dev(&[]);
    let token = server.application_token();
    set(&server.base, &token, "Busy/InACall").await;
    let mut reader = Reader::open(&server.base, &token, &seen).await;
    let mut state = [reader.next().await, reader.next().await];
    state.sort();
    assert_eq!(state, ["Adele InACall", "Alex Offline"]);
    reader.expect(&["synced, resumed: false"]).await;
}

/// A server that stops ends its streams at once and says why: they do not hold it up.
#[tokio::test]
async fn a_stop_ends_streams() {
    let mut server = Running::dev(&[]);
    let token = server.application_token();
    let mut reader = Reader::open(&server.base, &token, "").await;
    while reader.next().await != "synced, resumed: false" {}
    server.signal("TERM");
    reader.expect(&["end: shutdown", "cut"]).await;
    assert_eq!(server.wait().code(), Some(0));
}

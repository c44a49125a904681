//! A `presenced dev` of one's own: started for a test, driven by graph-rs-sdk, ended with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use graph_rs_sdk::http::{ResponseExt as _, Url};
use graph_rs_sdk::{GraphClient, GraphClientConfiguration};
use serde_json::{Value, json};

/// The tenant of `presenced dev`.
pub const TENANT: &str = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50";
/// The first of its applications, which may do everything.
pub const APPLICATION: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";
/// The secret of [`APPLICATION`].
pub const SECRET: &str = "dev-secret";
/// The first of its users.
pub const ADELE: &str = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
/// The second of its users.
pub const ALEX: &str = "66825e03-7ef5-42da-9069-724602c31f6b";

/// How long the server may think.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Permissions for one's own presence, and to read everybody's.
const SCOPES: &str = "https://graph.microsoft.com/Presence.ReadWrite \
                      https://graph.microsoft.com/Presence.Read.All";

/// A running server on a free port of the loopback address. Dropping it ends it.
pub struct Server {
    process: Child,
    reader: Option<JoinHandle<()>>,
    url: String,
}

impl Server {
    /// Starts one, and waits for the line that tells its address.
    #[must_use]
    pub fn start() -> Self {
        let binary = std::env::var_os("PRESENCED_BIN")
            .expect("PRESENCED_BIN names the server: run these with `cargo xtask sdk`");
        let mut process = Command::new(binary)
            .args(["dev", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is piped"));
        let url = address(&mut lines);
        // Read on, so that the server never waits for somebody to read.
        let reader = std::thread::spawn(move || lines.lines().for_each(drop));
        let server = Self {
            process,
            reader: Some(reader),
            url: url.unwrap_or_default(),
        };
        assert!(!server.url.is_empty(), "the server tells its address");
        server
    }

    /// The client with an application's own token.
    pub async fn as_application(&self, version: &str) -> GraphClient {
        let grant = [
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        self.client(&self.token(&grant).await, version)
    }

    /// The client with a token with which the application acts for Adele.
    pub async fn as_user(&self, version: &str) -> GraphClient {
        let grant = [
            ("grant_type", "password"),
            ("username", "adele@presenced.dev"),
            ("password", "dev"),
            ("scope", SCOPES),
        ];
        self.client(&self.token(&grant).await, version)
    }

    /// The client with this token.
    #[must_use]
    pub fn client(&self, token: &str, version: &str) -> GraphClient {
        let settings = GraphClientConfiguration::new()
            .access_token(token)
            .https_only(false);
        let mut client = GraphClient::from(settings);
        let endpoint = format!("{}/{version}", self.url);
        client.use_test_endpoint(&Url::parse(&endpoint).expect("an address is a URL"));
        client
    }

    /// Moves the test clock.
    pub async fn advance(&self, duration: &str) {
        let url = format!("{}/dev/clock/advance", self.url);
        let body = json!({ "duration": duration });
        let answer = http().post(url).json(&body).send().await;
        assert!(answer.expect("the server answers").status().is_success());
    }

    async fn token(&self, grant: &[(&str, &str)]) -> String {
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.url);
        let client = [("client_id", APPLICATION), ("client_secret", SECRET)];
        let form: Vec<_> = client.iter().chain(grant).collect();
        let answer = http().post(url).form(&form).send().await;
        let body = answer.expect("the server answers").json::<Value>().await;
        let body = body.expect("a token comes in JSON");
        let token = body["access_token"].as_str();
        token
            .unwrap_or_else(|| panic!("no token: {body}"))
            .to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It keeps nothing, so there is nothing that it would have to finish.
        drop(self.process.kill());
        drop(self.process.wait());
        drop(self.reader.take().map(JoinHandle::join));
    }
}

/// For what is asked of the server beside Graph.
fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().timeout(ANSWER_MAX);
    client
        .build()
        .expect("a client for plain HTTP needs nothing")
}

/// The address in the lines of a server that starts.
fn address(lines: &mut BufReader<ChildStdout>) -> Option<String> {
    const SCHEME: &str = "http://127.0.0.1:";
    lines.lines().map_while(Result::ok).find_map(|line| {
        let (_, after) = line.split_once(SCHEME)?;
        let digits = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        Some(format!("{SCHEME}{}", &after[..digits]))
    })
}

/// An answer that is good and empty, as those of all actions are.
pub async fn done(answer: graph_rs_sdk::GraphResult<reqwest::Response>) {
    let answer = answer.expect("the server answers");
    let (status, body) = (answer.status(), answer.text().await);
    assert_eq!((status.as_u16(), body.as_deref().ok()), (200, Some("")));
}

/// The JSON of an answer that is good.
pub async fn read(answer: graph_rs_sdk::GraphResult<reqwest::Response>) -> Value {
    let answer = answer.expect("the server answers");
    assert_eq!(answer.status().as_u16(), 200, "{}", answer.url());
    answer.json().await.expect("what is read is JSON")
}

/// An answer that is this error, as the client shows it. Answers its message.
pub async fn refused(
    answer: graph_rs_sdk::GraphResult<reqwest::Response>,
    status: u16,
    code: &str,
) -> String {
    let answer = answer.expect("the server answers");
    assert_eq!(answer.status().as_u16(), status);
    assert!(
        answer.graph_error_type().is_some(),
        "{status} is an error of Graph"
    );
    let error = answer.into_graph_error_message().await;
    let error = error.expect("the error has Graph's shape");
    assert_eq!(error.code_property().as_deref(), Some(code));
    assert!(error.request_id().is_some() && error.date().is_some());
    error.message().unwrap_or_default()
}

/// The two halves of what a presence shows.
#[must_use]
pub fn pair(presence: &Value) -> (&str, &str) {
    let member = |name: &str| presence[name].as_str().unwrap_or_default();
    (member("availability"), member("activity"))
}

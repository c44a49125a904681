//! Starts the program, waits for what it says, and ends it.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

/// Longer than anything here takes on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Identifiers of `presenced dev`.
pub(crate) const APPLICATION: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";
pub(crate) const USER: &str = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3";
pub(crate) const TENANT: &str = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50";

/// The program, with nothing of this environment but what it needs to be found and to run.
pub(crate) fn presenced(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presenced"));
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("PRESENCED_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a command that ends by itself said, and how it ended.
pub(crate) fn outcome(arguments: &[&str]) -> String {
    outcome_of(presenced(arguments))
}

/// The same for a command that was prepared further.
pub(crate) fn outcome_of(mut command: Command) -> String {
    let output = command.output().unwrap();
    format!(
        "exit code {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    )
}

/// A running server. Killed when it is dropped, if it still runs then.
pub(crate) struct Running {
    child: Child,
    /// Its temporary files, which a killed one leaves behind. Fields are dropped after `drop` is
    /// through, so the server is gone by then.
    _temporary: TempDir,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// Everything that was said before the server was waited for.
    pub(crate) greeting: Vec<String>,
    /// Scheme, host and port, as the greeting names them.
    pub(crate) base: String,
}

impl Running {
    /// Starts a server and waits until it says where it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = presenced(arguments);
        let mut child = command.env("TMPDIR", temporary.path()).spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        let mut running = Self {
            child,
            _temporary: temporary,
            stdout,
            stderr,
            greeting: Vec::new(),
            base: String::new(),
        };
        let first = running.wait_for_line();
        let address = first.split(' ').find(|word| word.contains("://"));
        address.expect(&first).clone_into(&mut running.base);
        running.greeting.push(first);
        running
    }

    /// `presenced dev` on a free port, with more arguments.
    pub(crate) fn dev(arguments: &[&str]) -> Self {
        let mut all = vec!["dev", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::start(&all)
    }

    fn wait_for_line(&mut self) -> String {
        self.stdout.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            self.child.kill().unwrap();
            let said: Vec<String> = self.stderr.iter().collect();
            panic!("it did not start: {said:#?}");
        })
    }

    /// The lines of the greeting up to and with the one that contains `text`.
    pub(crate) fn greeting_until(&mut self, text: &str) -> String {
        while !self.greeting.iter().any(|line| line.contains(text)) {
            let line = self.wait_for_line();
            self.greeting.push(line);
        }
        self.greeting.join("\n")
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("the log never said {text:?}: {seen:#?}")
                }
            }
        }
    }

    /// Sends a signal by its name, as in "TERM".
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: the program of that name is not on every machine.
        let kill = format!("kill -s {name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end of the program.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        // The log ends when the program does: a level to wait on, with a bound.
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
    }

    /// Ends the program as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A URL of this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// An access token from `presenced token`.
    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        let mut all = vec!["token", "--server", &self.base];
        all.extend(arguments);
        let output = presenced(&all).output().unwrap();
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{problem}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// An application's token for application 1.
    pub(crate) fn application_token(&self) -> String {
        self.token(&["--app", APPLICATION])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The lines of a stream, as they come.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A client that waits no longer than [`PATIENCE`].
pub(crate) fn client() -> Client {
    client_that_trusts(None)
}

/// The same, over TLS, trusting one authority and no other.
pub(crate) fn client_that_trusts(authority: Option<&Path>) -> Client {
    let mut builder = Client::builder().no_proxy().timeout(PATIENCE);
    if let Some(path) = authority {
        let pem = std::fs::read(path).unwrap();
        let authorities = reqwest::Certificate::from_pem_bundle(&pem).unwrap();
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().unwrap()
}

/// Sets Adele's presence with the example request of Graph's documentation, word for word.
pub(crate) async fn set_presence(client: &Client, base: &str, token: &str) -> Response {
    let body = r#"{
  "sessionId": "22553876-f5ab-4529-bffb-cfe50aa89f87",
  "availability": "Available",
  "activity": "Available",
  "expirationDuration": "PT1H"
}"#;
    client
        .post(format!("{base}/v1.0/users/{USER}/presence/setPresence"))
        .bearer_auth(token)
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .send()
        .await
        .unwrap()
}

/// Adele's presence, as "availability/activity".
pub(crate) async fn presence(client: &Client, base: &str, token: &str) -> String {
    let url = format!("{base}/v1.0/users/{USER}/presence");
    let response = client.get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body: Value = response.json().await.unwrap();
    let text = |member: &str| body[member].as_str().unwrap().to_owned();
    format!("{}/{}", text("availability"), text("activity"))
}

/// Moves the test clock.
pub(crate) async fn advance(client: &Client, base: &str, duration: &str) -> Response {
    client
        .post(format!("{base}/dev/clock/advance"))
        .body(format!("{{\"duration\": \"{duration}\"}}"))
        .send()
        .await
        .unwrap()
}

//! The measured processes: started with their output read, stopped by their id.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal};
use tokio::time::{Instant, sleep};

use crate::limits::{LINES_KEPT, LOOK_EVERY, START_TIMEOUT, STOP_TIMEOUT};

/// A running server. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts the command and reads what it says until `address` finds in a line where it listens.
    pub(crate) fn start(
        command: &mut Command,
        address: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let (sender, lines) = channel();
        read_lines(child.stdout.take(), sender.clone());
        read_lines(child.stderr.take(), sender);
        // From here on dropping ends the process, also where waiting fails.
        let mut process = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        process.address = wait(&lines, address).with_context(|| format!("{name} did not start"))?;
        Ok(process)
    }

    /// Asks it to end, and waits until it has, which may take [`STOP_TIMEOUT`].
    pub(crate) async fn stop(mut self) -> Result<()> {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let give_up = Instant::now() + STOP_TIMEOUT;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < give_up, "a server does not end");
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that is gone already cannot be ended, and that is all right.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// Reads until the process closes its end, so that it never blocks on a full pipe.
fn read_lines(output: Option<impl Read + Send + 'static>, sender: Sender<String>) {
    let Some(output) = output else { return };
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // After the start nobody listens any more.
            sender.send(line).unwrap_or_default();
        }
    });
}

fn wait(
    lines: &Receiver<String>,
    address: impl Fn(&str) -> Option<SocketAddr>,
) -> Result<SocketAddr> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut said = VecDeque::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(line) = lines.recv_timeout(left) else {
            let said = said.make_contiguous().join("\n");
            bail!("it ended, or was not ready in {START_TIMEOUT:?}; it said:\n{said}");
        };
        if let Some(address) = address(&line) {
            return Ok(address);
        }
        if said.len() == LINES_KEPT {
            said.pop_front();
        }
        said.push_back(line);
    }
}

/// The loopback address with a port in a line of text.
pub(crate) fn loopback_address(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once("127.0.0.1:")?;
    let digits = after
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(after.len());
    let port = after.get(..digits)?.parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address is found wherever it stands in a line.
    #[test]
    fn addresses_are_found() {
        let port = |line| loopback_address(line).map(|address| address.port());
        assert_eq!(port("listening on http://127.0.0.1:4711/v1.0"), Some(4711));
        assert_eq!(port("127.0.0.1:80"), Some(80));
        assert_eq!(port("127.0.0.1:, 127.0.0.1"), None);
        assert_eq!(port("[::1]:80"), None);
    }

    /// A process that ends without listening is an error with its last words.
    #[test]
    fn a_process_that_ends_is_reported() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such luck >&2; exit 1"]);
        let error = Process::start(&mut command, loopback_address).unwrap_err();
        assert!(format!("{error:#}").contains("no such luck"), "{error:#}");
    }

    /// Dropping ends the process.
    #[test]
    fn a_dropped_process_is_gone() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 127.0.0.1:1; exec sleep 600"]);
        let process = Process::start(&mut command, loopback_address).unwrap();
        let directory = format!("/proc/{}", process.id());
        assert!(std::fs::exists(&directory).unwrap());
        drop(process);
        assert!(!std::fs::exists(&directory).unwrap());
    }
}

//! presenced itself: how it is started, and a token for it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::client::{ask, http};
use crate::process::{Process, loopback_address};
use crate::reply::Protocol;
use crate::rows::APPLICATION;

/// The tenant of `presenced dev`; fixed and public.
pub(crate) const TENANT: &str = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50";

/// The secret of its application 1; fixed and public.
const SECRET: &str = "dev-secret";

/// Starts `presenced dev` with its data in `data`: the given binary, or the one beside this program.
pub(crate) fn start(binary: Option<&Path>, data: &Path) -> Result<Process> {
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("presenced"));
    let binary = binary.map_or_else(beside, |binary| Ok(binary.to_owned()))?;
    ensure!(
        binary.is_file(),
        "there is no {}; build it with `cargo build --release`, or name it with --presenced",
        binary.display()
    );
    let mut command = Command::new(binary);
    command
        .args(["dev", "--listen", "127.0.0.1:0", "--log", "warn", "--data"])
        .arg(data);
    Process::start(&mut command, loopback_address)
}

/// An access token of application 1.
pub(crate) async fn token(address: SocketAddr) -> Result<String> {
    let form = "Content-Type: application/x-www-form-urlencoded".to_owned();
    let body = format!(
        "grant_type=client_credentials&client_id={APPLICATION}&client_secret={SECRET}\
         &scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
    );
    let request = http(&format!("POST /{TENANT}/oauth2/v2.0/token"), &[form], &body);
    let answer = ask(address, Protocol::Http, request.as_bytes()).await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let token = answer.get("access_token").and_then(Value::as_str);
    Ok(token.context("the answer holds no token")?.to_owned())
}

//! presenced itself: how it is started, and a token for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::client::{ask, http};
use crate::process::{Process, loopback_address};
use crate::reply::Protocol;
use crate::rows::APPLICATION;

/// The tenant of `presenced dev`; fixed and public.
pub(crate) const TENANT: &str = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50";

/// The secret of its application 1; fixed and public.
const SECRET: &str = "dev-secret";

/// The command that builds both programs.
const BUILD: &str = "cargo build --release -p presenced -p presenced-bench";

/// Starts `presenced dev` with its data in `data`: the given binary, or the one beside this program.
pub(crate) fn start(binary: Option<&Path>, data: &Path) -> Result<Process> {
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("presenced"));
    let binary = binary.map_or_else(beside, |binary| Ok(binary.to_owned()))?;
    ensure!(
        binary.is_file(),
        "there is no {}; build it with `{BUILD}`, or name it with --presenced",
        binary.display()
    );
    // The floor is built into this program: one as old as the other, or they are not comparable.
    for program in [&binary, &std::env::current_exe()?] {
        if let Some(source) = newer_source(program) {
            let (program, source) = (program.display(), source.display());
            bail!("{program} is older than {source}; build both with `{BUILD}`");
        }
    }
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

/// A source that was changed after the program was built of it: cargo lists all of them in a file beside
/// the program. `None` also where there is no such list, as of a program that came from elsewhere.
fn newer_source(program: &Path) -> Option<PathBuf> {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let built = changed(program).ok()?;
    let list = std::fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, sources) = list.split_once(": ")?;
    let mut sources = sources.split_whitespace().map(PathBuf::from);
    sources.find(|source| changed(source).is_ok_and(|changed| changed > built))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, write};
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A program is as old as it says, and older than what was changed since.
    #[test]
    fn old_programs_are_found_out() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name| directory.path().join(name);
        let (program, first, second) = (at("program"), at("a.rs"), at("b.rs"));
        for file in [&program, &first, &second] {
            write(file, "").unwrap();
        }
        assert_eq!(newer_source(&program), None, "there is no list");
        let names = [&program, &first, &second].map(|path| path.display().to_string());
        let [made, first_name, second_name] = names;
        write(
            at("program.d"),
            format!("{made}: {first_name} {second_name} /no/such\n"),
        )
        .unwrap();
        let set = |file, seconds| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            File::options()
                .write(true)
                .open(file)
                .unwrap()
                .set_modified(time)
                .unwrap();
        };
        set(&program, 10);
        set(&first, 9);
        set(&second, 10);
        assert_eq!(newer_source(&program), None);
        set(&second, 11);
        assert_eq!(newer_source(&program), Some(second));
    }
}

//! A server is killed and started again, and all clients set their sessions at once.
//!
//! The sessions that were there before are short, those that are set in the storm are long. Afterwards
//! the server is killed once more and the clock moved past the end of the short ones: whoever is not
//! Busy then was answered and forgotten.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{Outcome, StormArgs};
use crate::aims::{Bound, Distance, list};
use crate::client::{ask, http};
use crate::fill::Fill;
use crate::limits::IDS_PER_READ;
use crate::load::Load;
use crate::machine::Quiet;
use crate::presenced;
use crate::process::Process;
use crate::reply::Protocol;
use crate::report::thousandths;
use crate::request::Template;
use crate::rows::{GRAPH, Ingredients, SET, Said, http_list_of};

/// How long the sessions last that are there before the storm.
const SHORT: Duration = Duration::from_mins(15);

/// By how much the clock is moved afterwards: past these, and not past those of the storm.
const ADVANCE: &str = r#"{"duration":"PT30M"}"#;

/// What Busy looks like in an answer.
const BUSY: &str = "\"availability\":\"Busy\"";

/// Measures it.
pub(super) async fn measure(args: &StormArgs) -> Result<Outcome> {
    let data = TempDir::with_prefix("presenced-bench-")?;
    Fill::compacted(data.path(), args.users)
        .lasting(SHORT)
        .carry_out()?;
    let (killed, _, with) = start(args, &data).await?;
    let busy_before = busy(&killed, &with).await?;
    ensure!(
        busy_before == args.users,
        "{busy_before} of {} are Busy",
        args.users
    );
    drop(killed);
    let (process, start_up, with) = start(args, &data).await?;
    let before = Quiet::now([process.id()].into_iter())?;
    let load = Load {
        address: process.address,
        process: process.id(),
        protocol: Protocol::Http,
        requests: SET.requests(&with, Protocol::Http),
        connections: args.connections,
        users: args.users,
        answers_within: 0,
        warm_up: Duration::ZERO,
    };
    let began = Instant::now();
    let latencies = load.once_for_every_user().await?;
    let all = began.elapsed();
    let others = Quiet::now([process.id()].into_iter())?.since(before);
    drop(process);
    let (process, _, with) = start(args, &data).await?;
    advance(&process).await?;
    let lost = args.users - busy(&process, &with).await?;
    let [median, high, higher, most] = [500, 990, 999, 1_000].map(|p| latencies.permille(p));
    let ms = |time: Duration| thousandths(time.as_micros());
    let mut text = format!(
        "### Everybody comes back after a kill: {} sessions on {} connections\n\n\
         | started s | all set s | p50 ms | p99 ms | p99.9 ms | longest ms | lost |\n\
         |---|---|---|---|---|---|---|\n| {} | {} | {} | {} | {} | {} | {lost} |\n\n",
        args.users,
        args.connections,
        thousandths(start_up.as_millis()),
        thousandths(all.as_millis()),
        ms(median),
        ms(high),
        ms(higher),
        ms(most),
    );
    text.push_str(&list(&[
        Distance {
            what: "longest request s".to_owned(),
            found: u64::try_from(most.as_millis() / 10)?,
            bound: Bound::AtMost(100),
        },
        Distance {
            what: "sessions lost".to_owned(),
            found: lost * 100,
            bound: Bound::AtMost(0),
        },
    ]));
    Ok(Outcome { text, others, lost })
}

/// Starts the server; how long it took to its first answer.
async fn start(args: &StormArgs, data: &TempDir) -> Result<(Process, Duration, Ingredients)> {
    let began = Instant::now();
    let process = presenced::start(args.presenced.as_deref(), data.path())?;
    let with = Ingredients {
        root: GRAPH,
        token: presenced::token(process.address).await?,
        presence_bytes: 0,
        said: Said::Busy,
        users: args.users,
    };
    Ok((process, began.elapsed(), with))
}

async fn advance(process: &Process) -> Result<()> {
    let json = "Content-Type: application/json".to_owned();
    let request = http("POST /dev/clock/advance", &[json], ADVANCE);
    ask(process.address, Protocol::Http, request.as_bytes()).await?;
    Ok(())
}

/// How many users are Busy: all of them are looked at.
async fn busy(process: &Process, with: &Ingredients) -> Result<u64> {
    let mut busy = 0;
    let step = IDS_PER_READ as u64;
    for first in (0..with.users).step_by(IDS_PER_READ) {
        let last = with.users.min(first + step);
        let request = http_list_of(with, usize::try_from(last - first)?);
        let mut users = first..last;
        let request = Template::new(&request).filled(|| users.next().unwrap_or(first));
        let answer = ask(process.address, Protocol::Http, &request.into_bytes()).await;
        let answer = answer.with_context(|| format!("cannot read users {first} to {last}"))?;
        busy += answer.matches(BUSY).count() as u64;
    }
    Ok(busy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::ID_PLACE;

    /// A list names as many users as are asked for, with its length stated truly.
    #[test]
    fn lists_have_any_length() {
        let with = Ingredients {
            root: GRAPH,
            token: "t".to_owned(),
            presence_bytes: 0,
            said: Said::Busy,
            users: 3,
        };
        let request = http_list_of(&with, 3);
        assert_eq!(request.matches(ID_PLACE).count(), 3);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
    }
}

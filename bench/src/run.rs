//! The course of a run: start the servers, look at their answers, measure row after row.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::RunArgs;
use crate::aims::{self, Bound, Distance};
use crate::client::ask_whole;
use crate::in_process;
use crate::limits::{IDS_PER_READ, PACE_ATTEMPTS, PACE_PERCENT};
use crate::load::Load;
use crate::machine::{Quiet, machine, verdict};
use crate::noop::Behind;
use crate::presenced;
use crate::print;
use crate::process::{Process, loopback_address};
use crate::reply::{Protocol, all_answered};
use crate::report::{Line, Who, distances, paced, table};
use crate::rows::{BATCH, FLOOR, GET, GRAPH, Ingredients, LIST, ROWS, Row, SET, Said, preparation};

/// A server that is measured.
struct Server {
    /// What it is called in the table.
    name: &'static str,
    who: Who,
    protocol: Protocol,
    root: &'static str,
    process: Process,
    /// Whether it keeps what it is told, so that it has to be filled before a row.
    keeps: bool,
}

/// Measures everything and prints the tables.
pub(crate) async fn run(args: &RunArgs) -> Result<()> {
    let data = TempDir::with_prefix("presenced-bench-").context("cannot make a directory")?;
    let presenced = start_presenced(args, &data)?;
    let mut with = Ingredients {
        root: GRAPH,
        token: presenced::token(presenced.process.address).await?,
        presence_bytes: 0,
        said: Said::Available,
        users: args.users,
    };
    fill(&presenced, &with, args).await?;
    let answers = look(&presenced, &with).await?;
    with.presence_bytes = answers.get.body().len();
    let mut servers = vec![
        start_floor(Behind::Axum, &answers, &with).await?,
        start_floor(Behind::Presenced, &answers, &with).await?,
        presenced,
    ];
    servers.extend(start_redis(&data)?);
    print(&format!(
        "{}\n{} connections, {} rounds of {} s, {} users, token of {} bytes\n",
        machine(),
        args.length.connections,
        args.length.rounds,
        args.length.seconds,
        args.users,
        with.token.len()
    ));
    let before = Quiet::now(ids(&servers))?;
    let mut first_row = 0;
    let mut aims = Vec::new();
    for row in ROWS {
        let lines = measure(row, &servers, &with, args).await?;
        let each = row.presences as u64;
        let mine = lines.iter().find(|line| line.who == Who::Presenced);
        let rate = mine.map_or(0, Line::rate_median) * each;
        if first_row == 0 {
            first_row = rate;
        }
        let lengths = lengths(row, &servers, &with).await?;
        print(&format!("\n{}{}", table(row.name, &lines), paced(&lines)));
        print(&format!(
            "\npresenced: {rate} presences/s. Bytes of an answer, head and body: {lengths}.\n"
        ));
        aims.push((row.name, distances(row.aims, &lines, each, first_row)));
    }
    let rate = in_process::measure(args.users, args.length.measured()).await?;
    let in_process = Distance {
        what: "million presences/s in process, all cores".to_owned(),
        found: rate / 10_000,
        bound: Bound::AtLeast(300),
    };
    aims.push((LIST.name, vec![in_process]));
    print(&format!("\n{}", aims::table(&aims)));
    let others = Quiet::now(ids(&servers))?.since(before).percent();
    print(&format!("\n{}", verdict(others)));
    // In good order: one that was built to count what it does writes that down at its end.
    for server in servers {
        server.process.stop().await?;
    }
    Ok(())
}

fn ids(servers: &[Server]) -> impl Iterator<Item = u32> {
    servers.iter().map(|server| server.process.id())
}

/// Measures one row: every server once in each round, in turn from the first to the last and back,
/// so that a machine that becomes slower or faster does so for all.
async fn measure(
    row: Row,
    servers: &[Server],
    with: &Ingredients,
    args: &RunArgs,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut asked = Vec::new();
    for server in servers {
        let name = match (server.who, row.redis_name) {
            (Who::Redis, None) => continue,
            (Who::Redis, Some(name)) => format!("{} {name}", server.name),
            (Who::Floor | Who::Listener | Who::Presenced, _) => server.name.to_owned(),
        };
        if server.keeps {
            fill(server, with, args).await?;
        }
        asked.push(server);
        lines.push(Line {
            name,
            who: server.who,
            rounds: Vec::new(),
            paced: Vec::new(),
        });
    }
    for round in 0..args.length.rounds {
        for (server, line) in turn(round, &asked, &mut lines) {
            let load = server.load(row, with, args);
            let measured = load.measure(args.length.measured()).await;
            let name = &line.name;
            line.rounds
                .push(measured.with_context(|| format!("cannot measure {}: {name}", row.name))?);
        }
    }
    if row.at_a_rate {
        at_a_rate(row, &asked, &mut lines, (with, args)).await?;
    }
    Ok(lines)
}

/// Every server with its line, forward and backward in turn.
fn turn<'a>(
    round: u64,
    servers: &[&'a Server],
    lines: &'a mut [Line],
) -> Vec<(&'a Server, &'a mut Line)> {
    let mut turn: Vec<_> = servers.iter().copied().zip(lines).collect();
    if round % 2 == 1 {
        turn.reverse();
    }
    turn
}

/// Measures the row once more, all servers at one rate that the slowest of them can answer.
async fn at_a_rate(
    row: Row,
    servers: &[&Server],
    lines: &mut [Line],
    (with, args): (&Ingredients, &RunArgs),
) -> Result<()> {
    let slowest = lines.iter().map(Line::rate_median).min().unwrap_or(0);
    let rate = u32::try_from((slowest * PACE_PERCENT / 100).max(1))?;
    for round in 0..args.length.rounds {
        for (server, line) in turn(round, servers, lines) {
            // What the listener costs is told by the closed loop.
            if server.who == Who::Listener {
                continue;
            }
            let load = server.load(row, with, args);
            for _ in 0..PACE_ATTEMPTS {
                let measured = load.measure_at(rate, round, args.length.measured()).await;
                let measured = measured.with_context(|| {
                    format!("cannot measure {} at {rate}/s: {}", row.name, line.name)
                })?;
                let is_overrun = measured.is_overrun();
                line.paced.push(measured);
                if !is_overrun {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Gives every user a session, or a value.
async fn fill(server: &Server, with: &Ingredients, args: &RunArgs) -> Result<()> {
    let mut load = server.load(SET, with, args);
    load.requests = preparation(with, server.protocol);
    let filled = load.once_for_every_user().await;
    filled.with_context(|| format!("cannot fill {}", server.name))?;
    Ok(())
}

impl Server {
    fn load(&self, row: Row, with: &Ingredients, args: &RunArgs) -> Load {
        let with = &Ingredients {
            root: self.root,
            ..with.clone()
        };
        Load {
            address: self.process.address,
            process: self.process.id(),
            protocol: self.protocol,
            requests: row.requests(with, self.protocol),
            connections: args.length.connections,
            users: with.users,
            answers_within: row.answers_within,
            warm_up: args.length.warm_up(),
        }
    }
}

fn start_presenced(args: &RunArgs, data: &TempDir) -> Result<Server> {
    let data = data.path().join("presenced");
    Ok(Server {
        name: "presenced",
        who: Who::Presenced,
        protocol: Protocol::Http,
        root: GRAPH,
        process: presenced::start(args.presenced.as_deref(), &data)?,
        keeps: true,
    })
}

/// Starts the floor so that its answers are as long as presenced's, head and body.
async fn start_floor(behind: Behind, answers: &Answers, with: &Ingredients) -> Result<Server> {
    // What its heads need by themselves is seen by looking.
    let bare = look_at_all(&start_noop(behind, answers, [0; ROWS.len()])?, with).await?;
    let mut padding = [0; ROWS.len()];
    for ((padding, wanted), bare) in padding.iter_mut().zip(answers.all()).zip(bare.all()) {
        *padding = wanted.length().saturating_sub(bare.length());
    }
    start_noop(behind, answers, padding)
}

fn start_noop(behind: Behind, answers: &Answers, padding: [usize; ROWS.len()]) -> Result<Server> {
    let (name, who) = match behind {
        Behind::Axum => ("no-op handler (floor)", Who::Floor),
        Behind::Presenced => ("no-op behind presenced's listener", Who::Listener),
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("noop");
    command.args(["--behind", behind.name()]);
    let bodies = answers.all().map(|answer| answer.body().len());
    command.arg(format!("--body-bytes={}", list(&bodies)));
    command.arg(format!("--padding-bytes={}", list(&padding)));
    Ok(Server {
        name,
        who,
        protocol: Protocol::Http,
        root: FLOOR,
        process: Process::start(&mut command, loopback_address)?,
        keeps: false,
    })
}

/// Redis as Debian ships it, with an append-only file flushed every second: what `process` is
/// nearest to. `None` where it is not installed.
fn start_redis(data: &TempDir) -> Result<Option<Server>> {
    let Some(binary) = redis_binary() else {
        print("redis-server is not installed; its lines are left out\n");
        return Ok(None);
    };
    // Redis takes no port 0. One that was free a moment ago is free still, or the start fails.
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let directory = data.path().join("redis");
    std::fs::create_dir(&directory)?;
    let mut command = Command::new(binary);
    command
        .args(["--bind", "127.0.0.1", "--port", &free.port().to_string()])
        .args(["--save", "", "--appendonly", "yes"])
        .args(["--appendfsync", "everysec", "--dir"])
        .arg(directory);
    let ready = move |line: &str| line.contains("Ready to accept").then_some(free);
    Ok(Some(Server {
        name: "Redis",
        who: Who::Redis,
        protocol: Protocol::Redis,
        root: "",
        process: Process::start(&mut command, ready)?,
        keeps: true,
    }))
}

fn redis_binary() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join("redis-server"))
        .find(|file| file.is_file())
}

/// An answer to each row's first request, head and body.
struct Answers {
    set: Answer,
    get: Answer,
    list: Answer,
    batch: Answer,
}

/// One answer as it came.
struct Answer(String);

impl Answer {
    fn length(&self) -> usize {
        self.0.len()
    }

    fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

impl Answers {
    /// In the order of the rows.
    const fn all(&self) -> [&Answer; ROWS.len()] {
        [&self.set, &self.get, &self.list, &self.batch]
    }
}

async fn look_at_all(server: &Server, with: &Ingredients) -> Result<Answers> {
    Ok(Answers {
        set: first_answer(server, SET, with).await?,
        get: first_answer(server, GET, with).await?,
        list: first_answer(server, LIST, with).await?,
        batch: first_answer(server, BATCH, with).await?,
    })
}

/// Looks at an answer of each kind, when every user has a session.
async fn look(presenced: &Server, with: &Ingredients) -> Result<Answers> {
    let answers = look_at_all(presenced, with).await?;
    let one = answers.get.body();
    ensure!(
        is_said(&serde_json::from_str(one)?, with.said),
        "unexpected presence: {one}"
    );
    let many = answers.list.body();
    let answer: Value = serde_json::from_str(many)?;
    let listed = answer.get("value").and_then(Value::as_array);
    let listed = listed.map_or(&[][..], Vec::as_slice);
    ensure!(
        listed.len() == IDS_PER_READ && listed.iter().all(|one| is_said(one, with.said)),
        "unexpected presences: {many}"
    );
    all_answered(answers.batch.body().as_bytes(), BATCH.answers_within)?;
    Ok(answers)
}

/// What each server answers, in bytes.
async fn lengths(row: Row, servers: &[Server], with: &Ingredients) -> Result<String> {
    let mut lengths = Vec::new();
    for server in servers {
        if server.who == Who::Redis && row.redis_name.is_none() {
            continue;
        }
        let length = first_answer(server, row, with).await?.length();
        lengths.push(format!("{} {length}", server.name));
    }
    Ok(lengths.join(", "))
}

async fn first_answer(server: &Server, row: Row, with: &Ingredients) -> Result<Answer> {
    let with = &Ingredients {
        root: server.root,
        ..with.clone()
    };
    let requests = row.requests(with, server.protocol);
    let request = requests.first().context("the row has no request")?;
    let request = request.filled(|| 0).into_bytes();
    let answer = ask_whole(server.process.address, server.protocol, &request).await?;
    Ok(Answer(answer))
}

/// Numbers as an option takes them.
fn list(numbers: &[usize]) -> String {
    let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
    numbers.join(",")
}

fn is_said(presence: &Value, said: Said) -> bool {
    let (availability, activity) = said.names();
    let is = |member, value| presence.get(member).and_then(Value::as_str) == Some(value);
    is("availability", availability) && is("activity", activity)
}

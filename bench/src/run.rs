//! The course of a run: start the servers, look at their answers, measure row after row.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::RunArgs;
use crate::client::ask;
use crate::limits::{IDS_PER_READ, USERS, WARM_UP};
use crate::load::Load;
use crate::machine::{Quiet, machine, verdict};
use crate::noop::Behind;
use crate::presenced;
use crate::print;
use crate::process::{Process, loopback_address};
use crate::reply::Protocol;
use crate::report::{Line, table};
use crate::request::Template;
use crate::rows::{Ingredients, ROWS, Row, preparation};

/// A server that is measured.
struct Server {
    /// What it is called in the table.
    name: &'static str,
    protocol: Protocol,
    process: Process,
    /// Whether it keeps what it is told, so that it has to be filled before a row.
    keeps: bool,
}

/// Measures everything and prints the tables.
pub(crate) async fn run(args: &RunArgs) -> Result<()> {
    let data = TempDir::with_prefix("presenced-bench-").context("cannot make a directory")?;
    let presenced = start_presenced(args, &data)?;
    let mut with = Ingredients {
        token: presenced::token(presenced.process.address).await?,
        presence_bytes: 0,
    };
    fill(&presenced, &with, args).await?;
    let (presence_bytes, list_bytes) = look(&presenced, &with).await?;
    with.presence_bytes = presence_bytes;
    let mut servers = vec![
        start_noop("no-op handler (floor)", Behind::Axum, &with, list_bytes)?,
        start_noop(
            "no-op behind presenced's listener",
            Behind::Presenced,
            &with,
            list_bytes,
        )?,
        presenced,
    ];
    servers.extend(start_redis(&data)?);
    print(&format!(
        "{}\n{} connections, {} rounds of {} s, {USERS} users, token of {} bytes\n",
        machine(),
        args.connections,
        args.rounds,
        args.seconds,
        with.token.len()
    ));
    let before = Quiet::now(ids(&servers))?;
    for row in ROWS {
        let lines = measure(row, &servers, &with, args).await?;
        print(&format!("\n{}", table(row.name, &lines)));
    }
    let others = Quiet::now(ids(&servers))?.since(before).percent();
    print(&format!("\n{}", verdict(others)));
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
    for server in servers {
        if server.keeps {
            fill(server, with, args).await?;
        }
        let name = match server.protocol {
            Protocol::Http => server.name.to_owned(),
            Protocol::Redis => format!("{} {}", server.name, row.redis_name),
        };
        let rounds = Vec::new();
        lines.push(Line { name, rounds });
    }
    for round in 0..args.rounds {
        let mut turn: Vec<(&Server, &mut Line)> = servers.iter().zip(&mut lines).collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        for (server, line) in turn {
            let load = server.load(row.requests(with, server.protocol), args);
            let measured = load.measure(args.length()).await;
            let name = &line.name;
            line.rounds
                .push(measured.with_context(|| format!("cannot measure {}: {name}", row.name))?);
        }
    }
    Ok(lines)
}

/// Gives every user a session, or a value.
async fn fill(server: &Server, with: &Ingredients, args: &RunArgs) -> Result<()> {
    let load = server.load(preparation(with, server.protocol), args);
    let filled = load.once_for_every_user().await;
    filled.with_context(|| format!("cannot fill {}", server.name))
}

impl Server {
    fn load(&self, requests: Arc<Vec<Template>>, args: &RunArgs) -> Load {
        Load {
            address: self.process.address,
            process: self.process.id(),
            protocol: self.protocol,
            requests,
            connections: args.connections,
            users: USERS,
            warm_up: WARM_UP,
        }
    }
}

fn start_presenced(args: &RunArgs, data: &TempDir) -> Result<Server> {
    let data = data.path().join("presenced");
    Ok(Server {
        name: "presenced",
        protocol: Protocol::Http,
        process: presenced::start(args.presenced.as_deref(), &data)?,
        keeps: true,
    })
}

fn start_noop(
    name: &'static str,
    behind: Behind,
    with: &Ingredients,
    list_bytes: usize,
) -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("noop");
    command.args(["--behind", behind.name()]);
    command.arg(format!("--presence-bytes={}", with.presence_bytes));
    command.arg(format!("--list-bytes={list_bytes}"));
    Ok(Server {
        name,
        protocol: Protocol::Http,
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
        protocol: Protocol::Redis,
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

/// Looks at an answer about one user and at one about many, when every user has a session. Returns
/// the length of each.
async fn look(presenced: &Server, with: &Ingredients) -> Result<(usize, usize)> {
    let [_, one, many] = ROWS;
    let one = first_answer(presenced, one, with).await?;
    ensure!(
        is_available(&serde_json::from_str(&one)?),
        "unexpected presence: {one}"
    );
    let many = first_answer(presenced, many, with).await?;
    let answer: Value = serde_json::from_str(&many)?;
    let listed = answer.get("value").and_then(Value::as_array);
    let listed = listed.map_or(&[][..], Vec::as_slice);
    ensure!(
        listed.len() == IDS_PER_READ && listed.iter().all(is_available),
        "unexpected presences: {many}"
    );
    Ok((one.len(), many.len()))
}

async fn first_answer(server: &Server, row: Row, with: &Ingredients) -> Result<String> {
    let requests = row.requests(with, server.protocol);
    let request = requests.first().context("the row has no request")?;
    let request = request.filled(|| 0).into_bytes();
    ask(server.process.address, server.protocol, &request).await
}

fn is_available(presence: &Value) -> bool {
    let is = |member, value| presence.get(member).and_then(Value::as_str) == Some(value);
    is("availability", "Available") && is("activity", "Available")
}

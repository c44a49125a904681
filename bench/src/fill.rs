//! A data directory with many sessions, written by the store itself: over HTTP ten million would take
//! minutes.

use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use presenced_core::decide::Command;
use presenced_core::id::{ApplicationId, SessionId, TenantId, UserId, UserKey};
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::time::Timestamp;
use presenced_store::{Durability, EmbeddedConfig, Store, StoreConfig};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::limits::{COMPACT_TIMEOUT, FILLERS, LOOK_EVERY, SESSIONS_MAX};
use crate::presenced::TENANT;
use crate::request::user_number;
use crate::rows::APPLICATION;

/// What all sessions of a directory say: it does not fade.
const FILLED: SessionState = SessionState::InACall;

/// What is written.
#[derive(Clone, Debug, Args)]
pub(crate) struct Fill {
    /// The directory.
    #[arg(long)]
    data: PathBuf,
    /// How many users; each gets one session of application 1, Busy.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=SESSIONS_MAX))]
    users: u64,
    /// When the first of them was set, in milliseconds since 1970.
    #[arg(long)]
    set_at_ms: u64,
    /// Over how many milliseconds all of them were set, evenly.
    #[arg(long, default_value_t = 0)]
    spread_ms: u64,
    /// For how many seconds each was set.
    #[arg(long, default_value_t = 3_600)]
    lifetime_s: u64,
    /// Ends with a snapshot of everything.
    #[arg(long)]
    compact: bool,
}

impl Fill {
    /// So many users with a session of an hour, set now; all of it in a snapshot.
    pub(crate) fn compacted(data: &Path, users: u64) -> Self {
        Self {
            data: data.to_owned(),
            users,
            set_at_ms: now().as_millis(),
            spread_ms: 0,
            lifetime_s: 3_600,
            compact: true,
        }
    }

    /// So many users whose sessions of five minutes end one after the other, evenly, within a second
    /// from this instant on.
    pub(crate) fn ending(data: &Path, users: u64, from: Timestamp) -> Self {
        let lifetime = SessionLifetime::default().length();
        Self {
            data: data.to_owned(),
            users,
            set_at_ms: from.as_millis().saturating_sub(millis(lifetime)),
            spread_ms: 1_000,
            lifetime_s: lifetime.as_secs(),
            compact: false,
        }
    }

    /// The same with sessions of this length.
    pub(crate) fn lasting(self, lifetime: Duration) -> Self {
        Self {
            lifetime_s: lifetime.as_secs(),
            ..self
        }
    }

    /// Does it in a process of its own, whose memory is gone afterwards.
    pub(crate) fn carry_out(&self) -> Result<()> {
        let mut program = Program::new(std::env::current_exe()?);
        program.arg("fill").arg("--data").arg(&self.data);
        for (name, value) in [
            ("--users", self.users),
            ("--set-at-ms", self.set_at_ms),
            ("--spread-ms", self.spread_ms),
            ("--lifetime-s", self.lifetime_s),
        ] {
            program.arg(name).arg(value.to_string());
        }
        program.args(self.compact.then_some("--compact"));
        let status = program.status().context("cannot start the filling")?;
        ensure!(status.success(), "filling {} failed", self.data.display());
        Ok(())
    }

    fn command(&self, state: SessionState) -> Result<Command> {
        let application = ApplicationId::parse(APPLICATION).context("the application's id")?;
        let lifetime = SessionLifetime::new(Duration::from_secs(self.lifetime_s));
        Ok(Command::SetSession {
            session: SessionId::of_application(application),
            state,
            lifetime: lifetime.context("a session lives for 5 minutes to 4 hours")?,
            sessions_max: SessionsMax::default(),
        })
    }

    fn set_at(&self, user: u64) -> Timestamp {
        Timestamp::from_millis(self.set_at_ms + user * self.spread_ms / self.users)
    }
}

/// The time, by the clock that the servers go by.
pub(crate) fn now() -> Timestamp {
    let millis = jiff::Timestamp::now().as_millisecond();
    Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Fills the directory.
pub(crate) async fn run(fill: Fill) -> Result<()> {
    let fill = Arc::new(fill);
    // No snapshot on the way: one at the end holds everything.
    let store = open(&fill.data, u64::MAX)?;
    let mut fillers = JoinSet::new();
    for first in 0..FILLERS {
        fillers.spawn(fill_some(Arc::clone(&store), Arc::clone(&fill), first));
    }
    while let Some(filler) = fillers.join_next().await {
        filler??;
    }
    store.close().await?;
    drop(store);
    if fill.compact {
        let store = open(&fill.data, 1)?;
        set(&store, &fill, &fill.command(FILLED)?, 0).await?;
        timeout(COMPACT_TIMEOUT, snapshot(&fill.data))
            .await
            .context("no snapshot is made")??;
        store.close().await?;
    }
    Ok(())
}

fn open(data: &Path, compact_after_bytes: u64) -> Result<Arc<dyn Store>> {
    let mut config = EmbeddedConfig::new(data, Durability::Process);
    config.limits.compact_after_bytes = compact_after_bytes;
    Ok(presenced_store::open(StoreConfig::Embedded(config))?)
}

/// Gives so many users of a store in memory a session that says this.
pub(crate) async fn set_all(store: &Arc<dyn Store>, users: u64, state: SessionState) -> Result<()> {
    // The directory is not looked at.
    let fill = Fill::compacted(Path::new(""), users);
    let command = fill.command(state)?;
    for user in 0..users {
        set(store, &fill, &command, user).await?;
    }
    Ok(())
}

async fn fill_some(store: Arc<dyn Store>, fill: Arc<Fill>, first: u64) -> Result<()> {
    let command = fill.command(FILLED)?;
    let step = usize::try_from(FILLERS)?;
    for user in (first..fill.users).step_by(step) {
        set(&store, &fill, &command, user).await?;
    }
    Ok(())
}

async fn set(store: &Arc<dyn Store>, fill: &Fill, command: &Command, user: u64) -> Result<()> {
    let key = UserKey {
        tenant: TenantId::parse(TENANT).context("the tenant's id")?,
        user: UserId::from_u128(user_number(user)),
    };
    store.apply(key, command.clone(), fill.set_at(user)).await?;
    Ok(())
}

/// Waits until a snapshot is whole.
async fn snapshot(data: &Path) -> Result<()> {
    while Files::of(data)?.snapshot_bytes == 0 {
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The files of a data directory, in bytes (`crates/store/README.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// The snapshots that are whole.
    pub(crate) snapshot_bytes: u64,
    /// The journals.
    pub(crate) journal_bytes: u64,
    /// Whether a snapshot is being written.
    pub(crate) is_compacting: bool,
}

impl Files {
    /// What is there now.
    pub(crate) fn of(data: &Path) -> Result<Self> {
        let mut files = Self::default();
        for file in std::fs::read_dir(data)? {
            let file = file?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            // A file may go between the listing and the look at it.
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            if name.ends_with(".tmp") {
                files.is_compacting = true;
            } else if name.starts_with("snapshot-") {
                files.snapshot_bytes += length;
            } else if name.starts_with("journal-") {
                files.journal_bytes += length;
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every user has a session that ends when it should, and a compacted directory holds them in a
    /// snapshot.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_is_filled() {
        let data = tempfile::tempdir().unwrap();
        let from = Timestamp::from_millis(1_788_220_800_000);
        let fill = Fill {
            compact: true,
            ..Fill::ending(data.path(), 1_000, from)
        };
        run(fill).await.unwrap();
        assert!(Files::of(data.path()).unwrap().snapshot_bytes > 40_000);
        let store = open(data.path(), u64::MAX).unwrap();
        let tenant = TenantId::parse(TENANT).unwrap();
        let users: Vec<_> = (0..1_000)
            .map(|user| UserId::from_u128(user_number(user)))
            .collect();
        let records = store.list(tenant, &users).await.unwrap();
        let ends: Vec<_> = records
            .iter()
            .map(|record| record.as_ref().unwrap().sessions[0].expires_at)
            .collect();
        assert_eq!(ends[0], from);
        assert_eq!(ends[250].since(from), Duration::from_millis(250));
        assert_eq!(ends[999].since(from), Duration::from_millis(999));
        store.close().await.unwrap();
    }
}

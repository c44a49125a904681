//! Many presences at once without HTTP: what the store, the rules and the writing of JSON leave to be
//! spent on sockets and tokens.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use presenced_core::id::{TenantId, UserId};
use presenced_core::session::SessionState;
use presenced_http::measured::presence_json;
use presenced_store::{Limits, Store, StoreConfig};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

use crate::fill::{now, set_all};
use crate::limits::LISTS;
use crate::presenced::TENANT;
use crate::request::{Numbers, user_number};
use crate::rows::listed;

/// Reads the lists of the third row, of users who say the same as there, on every core for this long;
/// how many presences a second.
pub(crate) async fn measure(users: u64, length: Duration) -> Result<u64> {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default()))?;
    set_all(&store, users, SessionState::Available).await?;
    let threads = std::thread::available_parallelism()?.get() as u64;
    let mut readers = JoinSet::new();
    let began = Instant::now();
    for thread in 0..threads {
        let store = Arc::clone(&store);
        readers.spawn(spawn_blocking(move || {
            let runtime = Builder::new_current_thread().build()?;
            runtime.block_on(read(&*store, users, (thread, began + length)))
        }));
    }
    let mut presences = 0;
    while let Some(reader) = readers.join_next().await {
        presences += reader???;
    }
    let millis = u64::try_from(began.elapsed().as_millis())?;
    Ok(presences * 1_000 / millis.max(1))
}

/// Reads until the end; how many presences were written.
async fn read(store: &dyn Store, users: u64, (thread, end): (u64, Instant)) -> Result<u64> {
    let tenant = TenantId::parse(TENANT).context("the tenant's id")?;
    let (mut numbers, mut out) = (Numbers::stream(thread), BytesMut::new());
    let lists: Vec<Vec<UserId>> = (0..LISTS as u64)
        .map(|list| listed(list, users).map(|user| UserId::from_u128(user_number(user))))
        .map(Iterator::collect)
        .collect();
    let mut presences = 0;
    while Instant::now() < end {
        let list = usize::try_from(numbers.below(LISTS as u64))?;
        let ids = lists.get(list).context("there is no such list")?;
        let records = store.list(tenant, ids).await?;
        let now = now();
        for (user, record) in ids.iter().zip(&records) {
            let record = record.as_ref().context("a user has no record")?;
            ensure!(presence_json(&mut out, *user, record, now) > 0);
            presences += 1;
        }
    }
    Ok(presences)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everybody who was set is read.
    #[tokio::test]
    async fn presences_are_read() {
        let read = measure(1_000, Duration::from_millis(20)).await.unwrap();
        assert!(read > 0);
    }
}

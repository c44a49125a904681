//! What a disk can give back. The files are built after the format in `crates/store/README.md`, with
//! checksums that fit, so that the bytes get past them to what they protect.

use std::path::Path;

use presenced_core::id::{TenantId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_store::{Cursor, Durability, EmbeddedConfig, StoreConfig, StoreError};

/// The user whose record is fuzzed.
const USER: UserKey = UserKey {
    tenant: TenantId::from_u128(1),
    user: UserId::from_u128(2),
};

/// The first journal of a directory.
pub const JOURNAL: &str = "journal-00000000000000000001";

/// Where the payload of a journal's first frame begins: behind the headers of file and frame.
pub const PAYLOAD_START: usize = 24 + 20;

/// What stands before a record in its entry: kind, tenant, user, length.
pub const ENTRY_HEADER_BYTES: usize = 1 + 16 + 16 + 2;

/// Any bytes as a whole journal.
pub fn journal(data: &[u8]) {
    open_twice(data);
}

/// Any bytes as the entries of a frame.
pub fn entries(data: &[u8]) {
    open_twice(&file_of(data));
}

/// Any bytes as a user's record.
pub fn record(data: &[u8]) {
    if let Some(entry) = entry_of(data) {
        open_twice(&file_of(&entry));
    }
}

/// An entry with this record of the one user; `None` where it is too long for one.
pub fn entry_of(record: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(record.len()).ok()?;
    // A record with its change, so that recovery shows it to watchers as well.
    let mut entry = vec![2];
    entry.extend_from_slice(&USER.tenant.as_u128().to_be_bytes());
    entry.extend_from_slice(&USER.user.as_u128().to_be_bytes());
    entry.extend_from_slice(&length.to_le_bytes());
    entry.extend_from_slice(record);
    Some(entry)
}

/// A journal with one frame around this payload.
pub fn file_of(payload: &[u8]) -> Vec<u8> {
    let mut file = b"presjrnl".to_vec();
    for field in [1_u32, 0, 0] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
    let mut header = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes()
        .to_vec();
    header.extend_from_slice(&1_u64.to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    file.extend_from_slice(&header);
    file.extend_from_slice(payload);
    file
}

/// What a store holds, as far as the targets look.
#[derive(Debug, PartialEq)]
pub struct Seen {
    /// The newest change.
    pub newest: Cursor,
    /// The latest time of any commit, in milliseconds.
    pub latest_time: u64,
    /// The record of the one user.
    pub record: Option<Record>,
}

/// A directory in memory where there is one: a store syncs what it writes, and a fuzzer that waits
/// for a disk sees few inputs.
fn fast_directory() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        return tempfile::tempdir_in(memory);
    }
    tempfile::tempdir()
}

/// Opens a directory with this journal. It is refused as corrupt, or it opens and opens again with
/// the same content; recovery never panics and never loses on the second try.
fn open_twice(journal: &[u8]) {
    let directory = fast_directory().expect("a temporary directory can be made");
    std::fs::write(directory.path().join(JOURNAL), journal).expect("a file can be written");
    if let Some(first) = open(directory.path()) {
        let second = open(directory.path());
        assert_eq!(second, Some(first), "the second start found something else");
    }
}

/// Opens the store in this directory and looks at it; `None` where it is refused as corrupt.
pub fn open(directory: &Path) -> Option<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O can be built");
    runtime.block_on(async {
        let config = EmbeddedConfig::new(directory, Durability::Process);
        let store = match presenced_store::open(StoreConfig::Embedded(config)) {
            Ok(store) => store,
            Err(StoreError::Corrupt { .. }) => return None,
            Err(other) => panic!("neither open nor corrupt: {other:?}"),
        };
        let seen = Seen {
            newest: store.newest().await.expect("the feed can be read"),
            latest_time: store.latest_time().as_millis(),
            record: store
                .get(USER)
                .await
                .expect("what was recovered can be read"),
        };
        store.close().await.expect("it can be closed");
        Some(seen)
    })
}

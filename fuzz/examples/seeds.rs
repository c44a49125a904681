//! Writes the first inputs of the store's targets anew, from what a real store writes. Needed when
//! the file format changes: `cargo run --no-default-features --example seeds` in `fuzz/`.

use std::path::Path;
use std::time::Duration;

use presenced_core::decide::Command;
use presenced_core::id::{SessionId, TenantId, UserId, UserKey};
use presenced_core::preferred::PreferredState;
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::time::Timestamp;
use presenced_fuzz::store::{ENTRY_HEADER_BYTES, JOURNAL, PAYLOAD_START};
use presenced_store::{DocumentKey, DocumentKind, Durability, EmbeddedConfig, StoreConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let guid = SessionId::from_u128(0x2255_3876_f5ab_4529_bffb_cfe5_0aa8_9f87);
    let text = SessionId::parse("desk 4, left").expect("a session id");
    let set = |session: &SessionId, state| Command::SetSession {
        session: session.clone(),
        state,
        lifetime: SessionLifetime::new(Duration::from_hours(1)).expect("in range"),
        sessions_max: SessionsMax::default(),
    };
    let prefer = Command::SetPreferred {
        state: PreferredState::DoNotDisturb,
        lifetime: PreferredState::DoNotDisturb.default_lifetime(),
    };
    let available = set(&guid, SessionState::Available);
    let busy = set(&text, SessionState::InACall);

    let one = journal_of(std::slice::from_ref(&available)).await?;
    std::fs::write(corpus.join("journal/one-session"), &one)?;
    std::fs::write(corpus.join("entries/one-session"), &one[PAYLOAD_START..])?;
    let record = &one[PAYLOAD_START + ENTRY_HEADER_BYTES..];
    std::fs::write(corpus.join("record/one-session"), record)?;

    let three = journal_of(&[available, busy, prefer]).await?;
    std::fs::write(corpus.join("journal/several-commands"), &three)?;
    std::fs::write(corpus.join("journal/torn"), &three[..three.len() - 7])?;
    Ok(())
}

/// The journal that a store writes for these commands, and for a document.
async fn journal_of(commands: &[Command]) -> std::io::Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let config = EmbeddedConfig::new(directory.path(), Durability::Process);
    let store = presenced_store::open(StoreConfig::Embedded(config)).expect("an empty directory");
    let tenant = TenantId::from_u128(1);
    let user = UserKey {
        tenant,
        user: UserId::from_u128(2),
    };
    for (number, command) in (0..).zip(commands) {
        let now = Timestamp::from_millis(1_800_000_000_000 + number * 1000);
        store
            .apply(user, command.clone(), now)
            .await
            .expect("the command is good");
    }
    if commands.len() > 1 {
        let key = DocumentKey {
            kind: DocumentKind::Subscription,
            tenant,
            id: 3,
        };
        store
            .put_document(&key, None, b"{}")
            .await
            .expect("the document is good");
        store.delete_document(&key).await.expect("it is there");
    }
    // Before it closes, which may compact.
    let journal = std::fs::read(directory.path().join(JOURNAL))?;
    store.close().await.expect("it closes");
    Ok(journal)
}

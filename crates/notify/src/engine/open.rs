//! From the documents to the lanes: how the engine starts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use presenced_core::id::TenantId;
use presenced_core::time::Timestamp;
use presenced_store::{
    Changes, Cursor, DocumentKey, DocumentKind, Revision, Store, StoreError, StoreFailures,
};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::document::{PLACE_KEY, StoredDelivery, StoredSubscription, decode_place};
use super::lane::{Durable, Lane, Resume, Stage};
use super::state::State;
use super::{Inner, Notifier, Rounds, Seams, Settings};

/// The deliveries' documents.
struct Deliveries {
    place: Option<(Cursor, Revision)>,
    of: HashMap<(TenantId, u128), (StoredDelivery, Revision)>,
}

impl Notifier {
    /// Reads back every subscription and how far its delivery has come. Nothing is sent before
    /// [`run`](Self::run) or [`settle`](Self::settle).
    pub async fn open(seams: Seams, settings: Settings) -> Result<Self, StoreError> {
        let now = seams.clock.now();
        let newest = seams.store.newest().await?;
        let mut deliveries = read_deliveries(seams.store.as_ref()).await?;
        let place = deliveries.place.map(|(place, _)| place);
        let mut lanes = Vec::new();
        for (key, document) in seams
            .store
            .list_documents(DocumentKind::Subscription, None)
            .await?
        {
            let stored = StoredSubscription::decode(&key, &document.body)?;
            let delivery = deliveries.of.remove(&(key.tenant, key.id));
            let mut lane = lane(stored, delivery, place, newest);
            lane.revision = Some(document.revision);
            if lane.stage == Stage::Live && now >= lane.subscription.expires_at {
                // It ended while nobody was here: nothing is told that late.
                lane.stage = Stage::Ending;
            }
            lanes.push(lane);
        }
        forget_orphans(seams.store.as_ref(), &deliveries).await?;
        let start = first_kept(seams.store.as_ref(), &mut lanes, newest).await?;
        let mut state = State::new(settings.limits, start, Arc::clone(&seams.audience));
        for lane in lanes {
            state.insert(lane);
        }
        let rounds = Rounds {
            written: place.unwrap_or_default(),
            revision: deliveries.place.map(|(_, revision)| revision),
            written_at: Timestamp::EPOCH,
            failures: StoreFailures::new(
                "cannot write down how far notifications were sent; a restart would repeat the last \
                 ones",
            ),
        };
        let inner = Inner {
            seams,
            state: parking_lot::Mutex::new(state),
            wake: Notify::new(),
            round: Mutex::new(rounds),
            changing: std::array::from_fn(|_| Mutex::new(())),
            failures: parking_lot::Mutex::new(StoreFailures::new(
                "cannot keep or read what deliveries need; they are put off until it works again",
            )),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

async fn read_deliveries(store: &dyn Store) -> Result<Deliveries, StoreError> {
    let mut deliveries = Deliveries {
        place: None,
        of: HashMap::new(),
    };
    for (key, document) in store.list_documents(DocumentKind::Delivery, None).await? {
        if key == PLACE_KEY {
            let place = decode_place(&document.body)?;
            deliveries.place = Some((place, document.revision));
        } else {
            let delivery = StoredDelivery::decode(&key, &document.body)?;
            let known = (delivery, document.revision);
            deliveries.of.insert((key.tenant, key.id), known);
        }
    }
    Ok(deliveries)
}

/// The end of the process may have come between the end of a subscription and that of its delivery.
async fn forget_orphans(store: &dyn Store, deliveries: &Deliveries) -> Result<(), StoreError> {
    for (tenant, id) in deliveries.of.keys() {
        let key = DocumentKey {
            kind: DocumentKind::Delivery,
            tenant: *tenant,
            id: *id,
        };
        store.delete_document(&key).await?;
    }
    Ok(())
}

/// The lane of a subscription as its documents say.
fn lane(
    stored: StoredSubscription,
    delivery: Option<(StoredDelivery, Revision)>,
    place: Option<Cursor>,
    newest: Cursor,
) -> Lane {
    let subscription = Arc::new(stored.subscription);
    let mut lane = Lane::new(subscription, stored.granted_at, stored.after);
    lane.stage = Stage::Live;
    let (delivery, revision) = match delivery {
        Some((delivery, revision)) => (delivery, Some(revision)),
        None => (StoredDelivery::default(), None),
    };
    lane.durable = Durable {
        revision,
        resume: delivery.resume,
    };
    match delivery.resume {
        Resume::Common => {
            let settled = delivery.settled.max(place.unwrap_or_default());
            lane.after = lane.after.max(settled);
        }
        Resume::At(place) => lane.after = place,
        Resume::Reread => {
            lane.after = newest;
            lane.reread_from_start();
        }
    }
    let told_of_removal = delivery.notices.removed;
    lane.stands(delivery);
    if let Some(removed_at) = stored.removed_at {
        let notices = lane.notices;
        lane.removed(removed_at);
        if told_of_removal {
            lane.notices = notices;
        }
    }
    lane
}

/// From where the feed has to be read, so that every lane hears of what it has not. A lane of which
/// the feed no longer tells everything has its users read anew.
async fn first_kept(
    store: &dyn Store,
    lanes: &mut [Lane],
    newest: Cursor,
) -> Result<Cursor, StoreError> {
    let places: BTreeSet<Cursor> = lanes.iter().map(|lane| lane.after).collect();
    let mut first = newest;
    for place in places {
        if let Changes::Batch(_) = store.changes(place, 1).await? {
            first = place;
            break;
        }
    }
    for lane in lanes {
        // One that is ahead of the feed knows another past: the data was replaced by older data.
        if lane.after < first || lane.after > newest {
            lane.after = newest;
            lane.lost_sight();
        }
    }
    Ok(first)
}

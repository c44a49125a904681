//! Who watches whom.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use presenced_core::id::{SubscriptionId, TenantId, UserKey};

use crate::subscription::{Resource, Subscription};

/// From a user, and from a tenant, to the subscriptions that watch it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    users: HashMap<UserKey, Watchers>,
    tenants: HashMap<TenantId, Watchers>,
    /// Pairs of a subscription and a user that it watches by name.
    watched: usize,
}

/// Most users are watched by one subscription or none, and a list would take more than its content.
#[derive(Debug)]
enum Watchers {
    One(SubscriptionId),
    Many(Vec<SubscriptionId>),
}

impl Index {
    pub(crate) fn add(&mut self, subscription: &Subscription) {
        let id = subscription.id;
        match &subscription.resource {
            Resource::Tenant => add(&mut self.tenants, subscription.tenant, id),
            Resource::Users(users) => {
                self.watched += users.len();
                for user in users {
                    let key = UserKey {
                        tenant: subscription.tenant,
                        user: *user,
                    };
                    add(&mut self.users, key, id);
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, subscription: &Subscription) {
        let id = subscription.id;
        match &subscription.resource {
            Resource::Tenant => remove(&mut self.tenants, subscription.tenant, id),
            Resource::Users(users) => {
                self.watched -= users.len();
                for user in users {
                    let key = UserKey {
                        tenant: subscription.tenant,
                        user: *user,
                    };
                    remove(&mut self.users, key, id);
                }
            }
        }
    }

    /// Everyone who is told of a change of this user.
    pub(crate) fn watchers(&self, user: UserKey) -> impl Iterator<Item = SubscriptionId> {
        let by_name = self.users.get(&user).map_or(&[][..], Watchers::as_slice);
        let by_tenant = self.tenants.get(&user.tenant);
        let by_tenant = by_tenant.map_or(&[][..], Watchers::as_slice);
        by_name.iter().chain(by_tenant).copied()
    }

    /// Pairs of a subscription and a user that it watches by name.
    pub(crate) fn watched(&self) -> usize {
        self.watched
    }
}

impl Watchers {
    fn as_slice(&self) -> &[SubscriptionId] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

fn add<K: Hash + Eq>(map: &mut HashMap<K, Watchers>, key: K, id: SubscriptionId) {
    match map.entry(key) {
        Entry::Vacant(vacant) => {
            vacant.insert(Watchers::One(id));
        }
        Entry::Occupied(mut occupied) => match occupied.get_mut() {
            Watchers::One(first) => {
                let first = *first;
                occupied.insert(Watchers::Many(vec![first, id]));
            }
            Watchers::Many(ids) => ids.push(id),
        },
    }
}

fn remove<K: Hash + Eq>(map: &mut HashMap<K, Watchers>, key: K, id: SubscriptionId) {
    let Entry::Occupied(mut occupied) = map.entry(key) else {
        return;
    };
    match occupied.get_mut() {
        Watchers::One(_) => {
            occupied.remove();
        }
        Watchers::Many(ids) => {
            if let Some(at) = ids.iter().position(|one| *one == id) {
                ids.swap_remove(at);
            }
            if let [last] = ids.as_slice() {
                let last = *last;
                occupied.insert(Watchers::One(last));
            }
        }
    }
}

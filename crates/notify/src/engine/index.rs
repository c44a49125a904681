//! Who watches whom.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use presenced_core::id::{SubscriptionId, TenantId, UserKey};

use crate::subscription::{Resource, Subscription};

/// From a user, and from a tenant, to the subscriptions that watch it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    users: HashMap<UserKey, Watchers>,
    tenants: HashMap<TenantId, Watchers>,
    /// Pairs of a subscription and a user of whom something may wait for it.
    watched: usize,
}

/// Most users are watched by one subscription or none, and a set would take more than its content.
/// Some are watched by very many, who may all end at once: a list would be searched for each.
#[derive(Debug)]
enum Watchers {
    One(SubscriptionId),
    Many(BTreeSet<SubscriptionId>),
}

impl Index {
    pub(crate) fn add(&mut self, subscription: &Subscription) {
        let id = subscription.id;
        self.watched += subscription.resource.room();
        match &subscription.resource {
            Resource::Tenant => add(&mut self.tenants, subscription.tenant, id),
            Resource::Users(users) => {
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
        self.watched -= subscription.resource.room();
        match &subscription.resource {
            Resource::Tenant => remove(&mut self.tenants, subscription.tenant, id),
            Resource::Users(users) => {
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
        let by_name = self.users.get(&user);
        let by_tenant = self.tenants.get(&user.tenant);
        by_name.into_iter().chain(by_tenant).flat_map(Watchers::ids)
    }

    /// Pairs of a subscription and a user of whom something may wait for it.
    pub(crate) fn watched(&self) -> usize {
        self.watched
    }
}

impl Watchers {
    fn ids(&self) -> impl Iterator<Item = SubscriptionId> {
        let (one, many) = match self {
            Self::One(id) => (Some(*id), None),
            Self::Many(ids) => (None, Some(ids)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
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
                if first != id {
                    occupied.insert(Watchers::Many(BTreeSet::from([first, id])));
                }
            }
            Watchers::Many(ids) => {
                ids.insert(id);
            }
        },
    }
}

fn remove<K: Hash + Eq>(map: &mut HashMap<K, Watchers>, key: K, id: SubscriptionId) {
    let Entry::Occupied(mut occupied) = map.entry(key) else {
        return;
    };
    match occupied.get_mut() {
        Watchers::One(only) => {
            if *only == id {
                occupied.remove();
            }
        }
        Watchers::Many(ids) => {
            ids.remove(&id);
            let last = ids.first().copied().filter(|_| ids.len() == 1);
            if let Some(last) = last {
                occupied.insert(Watchers::One(last));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use presenced_core::id::{ApplicationId, UserId};
    use presenced_core::time::Timestamp;

    use super::*;
    use crate::engine::limits::WAITING_PER_SUBSCRIPTION_MAX;
    use crate::subscription::Creator;

    fn subscription(id: u128, tenant: u128, resource: Resource) -> Subscription {
        Subscription {
            id: SubscriptionId::from_u128(id),
            tenant: TenantId::from_u128(tenant),
            creator: Creator {
                application: ApplicationId::from_u128(1),
                user: None,
            },
            resource,
            resource_text: String::new(),
            notification_url: "".into(),
            lifecycle_notification_url: None,
            client_state: None,
            encryption: None,
            latest_supported_tls_version: None,
            notification_url_app_id: None,
            expires_at: Timestamp::EPOCH,
            authorized_until: Timestamp::EPOCH,
            created_at: Timestamp::EPOCH,
        }
    }

    fn users(users: &[u128]) -> Resource {
        Resource::Users(users.iter().copied().map(UserId::from_u128).collect())
    }

    fn watchers(index: &Index, tenant: u128, user: u128) -> Vec<u128> {
        let key = UserKey {
            tenant: TenantId::from_u128(tenant),
            user: UserId::from_u128(user),
        };
        index.watchers(key).map(SubscriptionId::as_u128).collect()
    }

    /// Everyone who watches is found, in its own tenant only; and whoever is removed leaves nothing
    /// behind.
    #[test]
    fn the_index_knows_who_watches() {
        let mut index = Index::default();
        let all = [
            subscription(1, 1, users(&[1, 2])),
            subscription(2, 1, users(&[2])),
            subscription(3, 1, users(&[2, 3])),
            subscription(4, 1, Resource::Tenant),
            subscription(5, 2, Resource::Tenant),
        ];
        for one in &all {
            index.add(one);
        }
        assert_eq!(watchers(&index, 1, 1), [1, 4]);
        assert_eq!(watchers(&index, 1, 2), [1, 2, 3, 4]);
        assert_eq!(watchers(&index, 1, 9), [4]);
        assert_eq!(watchers(&index, 2, 1), [5]);
        assert_eq!(index.watched(), 5 + 2 * WAITING_PER_SUBSCRIPTION_MAX);
        index.remove(&all[1]);
        assert_eq!(watchers(&index, 1, 2), [1, 3, 4]);
        index.remove(&all[0]);
        assert_eq!(watchers(&index, 1, 2), [3, 4]);
        for one in &all[2..] {
            index.remove(one);
        }
        assert_eq!(index.watched(), 0);
        assert!(index.users.is_empty() && index.tenants.is_empty());
    }
}

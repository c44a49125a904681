//! Every entry of the directory, in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use presenced_core::id::{ApplicationId, TenantId, UserId};

use super::entry::{Application, Listed, Source, User, folded};

/// The entries of all tenants.
#[derive(Debug, Default)]
pub(super) struct Index {
    tenants: HashMap<TenantId, Tenant>,
}

#[derive(Debug, Default)]
struct Tenant {
    /// In order, so that a listing can go on where it ended.
    users: BTreeMap<UserId, Listed<User>>,
    /// Whose a principal name is, in the form in which names are compared.
    names: HashMap<Box<str>, UserId>,
    applications: BTreeMap<ApplicationId, Listed<Application>>,
}

/// What became of an entry that was read from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// It is in the directory as it was written.
    Whole,
    /// It is, but somebody else of the configuration has its name.
    WithoutName,
    /// The configuration has an entry with its id, and that one counts.
    Shadowed,
}

/// The entries of the configuration, which stay as they are.
#[derive(Debug, Default)]
pub struct Fixed(pub(super) Index);

/// An entry that is there already, and cannot be there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Twice {
    /// One of this id.
    #[error("the directory has this id already")]
    Id,
    /// A user of this principal name.
    #[error("the directory has this user principal name already")]
    PrincipalName,
}

impl Fixed {
    /// Adds a user.
    pub fn add_user(&mut self, tenant: TenantId, id: UserId, user: User) -> Result<(), Twice> {
        if self.0.user(tenant, id).is_some() {
            return Err(Twice::Id);
        }
        if self.0.owner(tenant, &user).is_some() {
            return Err(Twice::PrincipalName);
        }
        let source = Source::Configuration;
        self.0.put_user(
            tenant,
            id,
            Listed {
                entry: user,
                source,
            },
        );
        Ok(())
    }

    /// Adds an application.
    pub fn add_application(
        &mut self,
        tenant: TenantId,
        id: ApplicationId,
        application: Application,
    ) -> Result<(), Twice> {
        if self.0.application(tenant, id).is_some() {
            return Err(Twice::Id);
        }
        let application = Listed {
            entry: application,
            source: Source::Configuration,
        };
        self.0.put_application(tenant, id, application);
        Ok(())
    }
}

impl Index {
    pub(super) fn user(&self, tenant: TenantId, id: UserId) -> Option<&Listed<User>> {
        self.tenants.get(&tenant)?.users.get(&id)
    }

    pub(super) fn application(
        &self,
        tenant: TenantId,
        id: ApplicationId,
    ) -> Option<&Listed<Application>> {
        self.tenants.get(&tenant)?.applications.get(&id)
    }

    /// Whose this principal name is.
    pub(super) fn named(&self, tenant: TenantId, name: &str) -> Option<UserId> {
        let tenant = self.tenants.get(&tenant)?;
        tenant.names.get(&folded(name)).copied()
    }

    /// Whose the principal name of this user is already, if it has one and somebody has it.
    pub(super) fn owner(&self, tenant: TenantId, user: &User) -> Option<UserId> {
        let name = user.principal_name.as_ref()?;
        self.tenants.get(&tenant)?.names.get(name.folded()).copied()
    }

    pub(super) fn user_count(&self, tenant: TenantId) -> usize {
        self.tenants
            .get(&tenant)
            .map_or(0, |tenant| tenant.users.len())
    }

    pub(super) fn application_count(&self, tenant: TenantId) -> usize {
        let tenant = self.tenants.get(&tenant);
        tenant.map_or(0, |tenant| tenant.applications.len())
    }

    /// How many applications are disabled, over all tenants.
    pub(super) fn disabled(&self) -> usize {
        let all = self
            .tenants
            .values()
            .flat_map(|tenant| tenant.applications.values());
        all.filter(|application| !application.entry.enabled).count()
    }

    pub(super) fn users(
        &self,
        tenant: TenantId,
        after: Option<UserId>,
        at_most: usize,
    ) -> Vec<(UserId, Listed<User>)> {
        let tenant = self.tenants.get(&tenant);
        tenant.map_or_else(Vec::new, |tenant| page(&tenant.users, after, at_most))
    }

    pub(super) fn applications(
        &self,
        tenant: TenantId,
        after: Option<ApplicationId>,
        at_most: usize,
    ) -> Vec<(ApplicationId, Listed<Application>)> {
        let tenant = self.tenants.get(&tenant);
        tenant.map_or_else(Vec::new, |tenant| {
            page(&tenant.applications, after, at_most)
        })
    }

    /// Puts a user in place of the one with this id, whose name becomes free. The name of the new
    /// one must be free or its own.
    pub(super) fn put_user(&mut self, tenant: TenantId, id: UserId, user: Listed<User>) {
        let tenant = self.tenants.entry(tenant).or_default();
        tenant.release_name(id);
        if let Some(name) = &user.entry.principal_name {
            tenant.names.insert(name.folded().into(), id);
        }
        tenant.users.insert(id, user);
    }

    pub(super) fn remove_user(&mut self, tenant: TenantId, id: UserId) {
        if let Some(tenant) = self.tenants.get_mut(&tenant) {
            tenant.release_name(id);
            tenant.users.remove(&id);
        }
    }

    pub(super) fn put_application(
        &mut self,
        tenant: TenantId,
        id: ApplicationId,
        application: Listed<Application>,
    ) {
        let tenant = self.tenants.entry(tenant).or_default();
        tenant.applications.insert(id, application);
    }

    pub(super) fn remove_application(&mut self, tenant: TenantId, id: ApplicationId) {
        if let Some(tenant) = self.tenants.get_mut(&tenant) {
            tenant.applications.remove(&id);
        }
    }

    /// Takes in a user of the store. A name that is somebody else's stays theirs.
    pub(super) fn load_user(
        &mut self,
        tenant: TenantId,
        id: UserId,
        mut user: Listed<User>,
    ) -> Loaded {
        if self.user(tenant, id).is_some() {
            return Loaded::Shadowed;
        }
        let taken = self.owner(tenant, &user.entry).is_some();
        if taken {
            user.entry.principal_name = None;
        }
        self.put_user(tenant, id, user);
        if taken {
            Loaded::WithoutName
        } else {
            Loaded::Whole
        }
    }

    /// Takes in an application of the store.
    pub(super) fn load_application(
        &mut self,
        tenant: TenantId,
        id: ApplicationId,
        application: Listed<Application>,
    ) -> Loaded {
        if self.application(tenant, id).is_some() {
            return Loaded::Shadowed;
        }
        self.put_application(tenant, id, application);
        Loaded::Whole
    }
}

impl Tenant {
    /// Lets go of the principal name that a user has so far.
    fn release_name(&mut self, id: UserId) {
        let user = self.users.get(&id);
        if let Some(name) = user.and_then(|user| user.entry.principal_name.as_ref()) {
            self.names.remove(name.folded());
        }
    }
}

/// The entries after this key, in order, at most so many.
fn page<K: Ord + Copy, V: Clone>(
    entries: &BTreeMap<K, V>,
    after: Option<K>,
    at_most: usize,
) -> Vec<(K, V)> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let rest = entries.range((from, Bound::Unbounded)).take(at_most);
    rest.map(|(key, value)| (*key, value.clone())).collect()
}

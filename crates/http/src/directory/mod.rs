//! Who there is: the users and applications that a tenant knows by name.
//!
//! The rules do not need a directory: every GUID can be a user, every application with a good token
//! may call. What it adds: a user can be named by user principal name in a path, a tenant whose
//! directory is closed has no other users than these, and an application can be switched off.
//!
//! Entries come from the configuration, which nobody changes while the server runs, and from the
//! administrative API, which keeps them as documents in the store. All of them are in memory too,
//! so that no request waits for the store to know a user.
//!
//! **The seam.** The rest of the crate asks [`Directory::knows`], [`Directory::find`] and
//! [`Directory::disables`], and changes it by its four changes. Users that come by another way (SCIM
//! 2.0, a store that other nodes write to as well) come in behind these.
//!
//! Invariants: what is in memory is what was committed, since a change runs to its end once it has
//! begun; within a tenant no two users have the same principal name, in whatever case; an entry of
//! the configuration is never changed, and goes before a document with the same id or name.
//!
//! | file | holds |
//! |---|---|
//! | `entry.rs` | a user, an application, and their names |
//! | `index.rs` | all of them, in memory |
//! | `document.rs` | how they are written down |
//! | `change.rs` | the four changes |

mod audience;
mod change;
mod document;
mod entry;
mod index;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use presenced_core::id::{ApplicationId, TenantId, UserId};
use presenced_store::{DocumentKind, Store, StoreError};

pub use change::{ChangeError, Condition, Put};
pub use entry::{Application, BadName, DisplayName, Listed, PrincipalName, Source, User};
pub use index::{Fixed, Twice};

pub use audience::Audience;
use index::Index;

/// The users and applications of all tenants. Cheap to clone; the clones are one directory.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    index: RwLock<Index>,
    /// How many applications are disabled. Nearly always none, and then no request looks further.
    disabled: AtomicUsize,
    /// Held by whoever changes the directory: what a change depends on stays as it was found until
    /// the change is in memory.
    changing: tokio::sync::Mutex<()>,
}

impl Directory {
    /// The directory of these fixed entries, which takes such as are made from now on into this
    /// store, and knows nothing of those that are there.
    pub fn new(store: Arc<dyn Store>, fixed: Fixed) -> Self {
        Self::of(store, fixed.0)
    }

    /// The directory of these fixed entries and of those that the store holds.
    pub async fn open(store: Arc<dyn Store>, fixed: Fixed) -> Result<Self, StoreError> {
        let mut index = fixed.0;
        let (mut shadowed, mut nameless) = (0_usize, 0_usize);
        for (key, document) in store.list_documents(DocumentKind::User, None).await? {
            let user = document::read_user(&key, &document.body)?;
            let user = Listed {
                entry: user,
                source: Source::Api(document.revision),
            };
            match index.load_user(key.tenant, UserId::from_u128(key.id), user) {
                index::Loaded::Whole => {}
                index::Loaded::WithoutName => nameless += 1,
                index::Loaded::Shadowed => shadowed += 1,
            }
        }
        for (key, document) in store
            .list_documents(DocumentKind::Application, None)
            .await?
        {
            let application = document::read_application(&key, &document.body)?;
            let application = Listed {
                entry: application,
                source: Source::Api(document.revision),
            };
            let id = ApplicationId::from_u128(key.id);
            match index.load_application(key.tenant, id, application) {
                index::Loaded::Whole | index::Loaded::WithoutName => {}
                index::Loaded::Shadowed => shadowed += 1,
            }
        }
        if shadowed + nameless > 0 {
            tracing::warn!(
                shadowed,
                nameless,
                "entries of the directory that were made over the API stand in the configuration \
                 too, by their id (shadowed) or their principal name (nameless); the configuration \
                 goes before them"
            );
        }
        Ok(Self::of(store, index))
    }

    fn of(store: Arc<dyn Store>, index: Index) -> Self {
        Self(Arc::new(Inner {
            store,
            disabled: AtomicUsize::new(index.disabled()),
            index: RwLock::new(index),
            changing: tokio::sync::Mutex::new(()),
        }))
    }

    /// Whether this is a user of the tenant.
    pub fn knows(&self, tenant: TenantId, user: UserId) -> bool {
        self.index().user(tenant, user).is_some()
    }

    /// The user of the tenant with this principal name, in whatever case.
    pub fn find(&self, tenant: TenantId, principal_name: &str) -> Option<UserId> {
        // Whatever has no such sign is no principal name, and needs no look.
        if !principal_name.contains('@') {
            return None;
        }
        self.index().named(tenant, principal_name)
    }

    /// Whether the application is known to the tenant and switched off there.
    pub fn disables(&self, tenant: TenantId, application: ApplicationId) -> bool {
        // Relaxed: whoever was told that it is disabled, was told after the count had grown.
        if self.0.disabled.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let index = self.index();
        let found = index.application(tenant, application);
        found.is_some_and(|application| !application.entry.enabled)
    }

    /// A user of the tenant.
    pub fn user(&self, tenant: TenantId, user: UserId) -> Option<Listed<User>> {
        self.index().user(tenant, user).cloned()
    }

    /// An application of the tenant.
    pub fn application(
        &self,
        tenant: TenantId,
        application: ApplicationId,
    ) -> Option<Listed<Application>> {
        self.index().application(tenant, application).cloned()
    }

    /// The tenant's users after the one with this id, in order of their ids, at most so many.
    pub fn users(
        &self,
        tenant: TenantId,
        after: Option<UserId>,
        at_most: usize,
    ) -> Vec<(UserId, Listed<User>)> {
        self.index().users(tenant, after, at_most)
    }

    /// The tenant's applications after the one with this id, in order of their ids, at most so many.
    pub fn applications(
        &self,
        tenant: TenantId,
        after: Option<ApplicationId>,
        at_most: usize,
    ) -> Vec<(ApplicationId, Listed<Application>)> {
        self.index().applications(tenant, after, at_most)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        // Nothing that is done under the lock can leave the index half changed.
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.0.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

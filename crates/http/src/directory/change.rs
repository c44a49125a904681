//! The four changes of the directory.
//!
//! Each looks, writes, and then takes into memory what was written, with nobody else changing
//! anything meanwhile. It runs in a task of its own: a client that hangs up ends its request, not
//! the change, which would leave memory and store apart.

use std::future::Future;
use std::sync::atomic::Ordering;

use presenced_core::id::{ApplicationId, TenantId, UserId, UserKey};
use presenced_store::{DocumentKey, DocumentKind, Revision, StoreError};

use super::Directory;
use super::document::{write_application, write_user};
use super::entry::{Application, Listed, Source, User};
use crate::limits::{APPLICATIONS_PER_TENANT_MAX, USERS_PER_TENANT_MAX};

/// What came of putting an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was none with this id.
    Created,
    /// It stands in place of another.
    Replaced,
}

/// Why the directory was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such entry.
    #[error("there is no such entry")]
    NotFound,
    /// The entry is one of the configuration.
    #[error("the entry is one of the configuration")]
    Fixed,
    /// Another user has the principal name.
    #[error("the user {0} has this principal name")]
    NameTaken(UserId),
    /// The tenant has as many entries of the kind as it can have.
    #[error("the tenant has {0} entries, the limit")]
    Full(usize),
    /// The store could not carry it out.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Directory {
    /// Makes a user of the tenant, or puts it in place of the one with its id.
    pub async fn put_user(&self, key: UserKey, user: User) -> Result<Put, ChangeError> {
        let directory = self.clone();
        to_the_end(async move { directory.put_user_now(key, user).await }).await
    }

    /// Removes a user from the tenant's directory. What was set of their presence is left alone.
    pub async fn delete_user(&self, key: UserKey) -> Result<(), ChangeError> {
        let directory = self.clone();
        to_the_end(async move { directory.delete_user_now(key).await }).await
    }

    /// Makes an application known to the tenant, or puts it in place of the one with its id.
    pub async fn put_application(
        &self,
        tenant: TenantId,
        id: ApplicationId,
        application: Application,
    ) -> Result<Put, ChangeError> {
        let directory = self.clone();
        to_the_end(async move { directory.put_application_now(tenant, id, application).await })
            .await
    }

    /// Removes an application from the tenant's directory.
    pub async fn delete_application(
        &self,
        tenant: TenantId,
        id: ApplicationId,
    ) -> Result<(), ChangeError> {
        let directory = self.clone();
        to_the_end(async move { directory.delete_application_now(tenant, id).await }).await
    }

    async fn put_user_now(&self, key: UserKey, user: User) -> Result<Put, ChangeError> {
        let UserKey { tenant, user: id } = key;
        let _alone = self.0.changing.lock().await;
        let expected = {
            let index = self.index();
            if let Some(owner) = index.owner(tenant, &user).filter(|owner| *owner != id) {
                return Err(ChangeError::NameTaken(owner));
            }
            let present = index.user(tenant, id).map(|listed| listed.source);
            let full = index.user_count(tenant) >= USERS_PER_TENANT_MAX;
            replaceable(present, full.then_some(USERS_PER_TENANT_MAX))?
        };
        let key = user_key(tenant, id);
        let body = write_user(&user);
        let revision = self.0.store.put_document(&key, expected, &body).await?;
        let source = Source::Api(revision);
        let listed = Listed {
            entry: user,
            source,
        };
        self.index_mut().put_user(tenant, id, listed);
        Ok(put(expected))
    }

    async fn delete_user_now(&self, key: UserKey) -> Result<(), ChangeError> {
        let UserKey { tenant, user: id } = key;
        let _alone = self.0.changing.lock().await;
        let present = self.index().user(tenant, id).map(|listed| listed.source);
        removable(present)?;
        self.0.store.delete_document(&user_key(tenant, id)).await?;
        self.index_mut().remove_user(tenant, id);
        Ok(())
    }

    async fn put_application_now(
        &self,
        tenant: TenantId,
        id: ApplicationId,
        application: Application,
    ) -> Result<Put, ChangeError> {
        let _alone = self.0.changing.lock().await;
        let expected = {
            let index = self.index();
            let present = index.application(tenant, id).map(|listed| listed.source);
            let full = index.application_count(tenant) >= APPLICATIONS_PER_TENANT_MAX;
            replaceable(present, full.then_some(APPLICATIONS_PER_TENANT_MAX))?
        };
        let key = application_key(tenant, id);
        let body = write_application(&application);
        let revision = self.0.store.put_document(&key, expected, &body).await?;
        let listed = Listed {
            entry: application,
            source: Source::Api(revision),
        };
        let mut index = self.index_mut();
        index.put_application(tenant, id, listed);
        self.0.disabled.store(index.disabled(), Ordering::Relaxed);
        Ok(put(expected))
    }

    async fn delete_application_now(
        &self,
        tenant: TenantId,
        id: ApplicationId,
    ) -> Result<(), ChangeError> {
        let _alone = self.0.changing.lock().await;
        let present = self
            .index()
            .application(tenant, id)
            .map(|listed| listed.source);
        removable(present)?;
        let key = application_key(tenant, id);
        self.0.store.delete_document(&key).await?;
        let mut index = self.index_mut();
        index.remove_application(tenant, id);
        self.0.disabled.store(index.disabled(), Ordering::Relaxed);
        Ok(())
    }
}

/// The revision that a new document takes the place of, if there is one; `full` is the limit where
/// there cannot be one more.
fn replaceable(
    present: Option<Source>,
    full: Option<usize>,
) -> Result<Option<Revision>, ChangeError> {
    match (present, full) {
        (Some(Source::Configuration), _) => Err(ChangeError::Fixed),
        (Some(Source::Api(revision)), _) => Ok(Some(revision)),
        (None, Some(limit)) => Err(ChangeError::Full(limit)),
        (None, None) => Ok(None),
    }
}

fn removable(present: Option<Source>) -> Result<(), ChangeError> {
    match present {
        None => Err(ChangeError::NotFound),
        Some(Source::Configuration) => Err(ChangeError::Fixed),
        Some(Source::Api(_)) => Ok(()),
    }
}

fn put(expected: Option<Revision>) -> Put {
    match expected {
        None => Put::Created,
        Some(_) => Put::Replaced,
    }
}

fn user_key(tenant: TenantId, id: UserId) -> DocumentKey {
    DocumentKey {
        kind: DocumentKind::User,
        tenant,
        id: id.as_u128(),
    }
}

fn application_key(tenant: TenantId, id: ApplicationId) -> DocumentKey {
    DocumentKey {
        kind: DocumentKind::Application,
        tenant,
        id: id.as_u128(),
    }
}

/// Runs a change to its end, whether or not somebody waits for it.
async fn to_the_end<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(change).await {
        Ok(outcome) => outcome,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program ends, and this future with it.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}

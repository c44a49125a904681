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

/// What must hold of an entry for it to be changed: it keeps one administrator from undoing unseen
/// what another did since the entry was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// There is none.
    Absent,
    /// There is one.
    Present,
    /// It is the one of this revision; no entry is, where that is none.
    Revision(Option<Revision>),
}

impl Condition {
    fn holds(self, present: Option<Source>) -> Result<(), ChangeError> {
        let holds = match self {
            Self::None => true,
            Self::Absent => present.is_none(),
            Self::Present => present.is_some(),
            Self::Revision(revision) => revision.is_some() && present == revision.map(Source::Api),
        };
        if holds {
            Ok(())
        } else {
            Err(ChangeError::Condition)
        }
    }
}

/// Why the directory was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such entry.
    #[error("there is no such entry")]
    NotFound,
    /// The entry is not as the change wants it.
    #[error("the entry is not as the change wants it")]
    Condition,
    /// The entry is one of the configuration.
    #[error("the entry is one of the configuration")]
    Fixed,
    /// Another user has the principal name.
    #[error("the user {0} has this principal name")]
    NameTaken(UserId),
    /// The tenant has as many entries of the kind as it can have.
    #[error("the tenant has {0} entries, the limit")]
    Full(usize),
    /// All tenants together have as many entries of the kind as there can be.
    #[error("all tenants together have as many entries as there can be")]
    AllFull,
    /// The store could not carry it out.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        match error {
            // An entry is far smaller than a document can be, so it is their number.
            StoreError::LimitReached(_) => Self::AllFull,
            error @ (StoreError::Unavailable { .. }
            | StoreError::Conflict
            | StoreError::Corrupt { .. }) => Self::Store(error),
        }
    }
}

impl Directory {
    /// Makes a user of the tenant, or puts it in place of the one with its id. Answers what was
    /// written: to read it again might find what somebody else wrote since.
    pub async fn put_user(
        &self,
        key: UserKey,
        user: User,
        condition: Condition,
    ) -> Result<(Put, Listed<User>), ChangeError> {
        let directory = self.clone();
        to_the_end(async move { directory.put_user_now(key, user, condition).await }).await
    }

    /// Removes a user from the tenant's directory. What was set of their presence is left alone.
    pub async fn delete_user(&self, key: UserKey, condition: Condition) -> Result<(), ChangeError> {
        let directory = self.clone();
        to_the_end(async move { directory.delete_user_now(key, condition).await }).await
    }

    /// Makes an application known to the tenant, or puts it in place of the one with its id. Answers
    /// what was written.
    pub async fn put_application(
        &self,
        tenant: TenantId,
        id: ApplicationId,
        application: Application,
        condition: Condition,
    ) -> Result<(Put, Listed<Application>), ChangeError> {
        let directory = self.clone();
        to_the_end(async move {
            directory
                .put_application_now(tenant, id, application, condition)
                .await
        })
        .await
    }

    /// Removes an application from the tenant's directory.
    pub async fn delete_application(
        &self,
        tenant: TenantId,
        id: ApplicationId,
        condition: Condition,
    ) -> Result<(), ChangeError> {
        let directory = self.clone();
        to_the_end(async move {
            directory
                .delete_application_now(tenant, id, condition)
                .await
        })
        .await
    }

    async fn put_user_now(
        &self,
        key: UserKey,
        user: User,
        condition: Condition,
    ) -> Result<(Put, Listed<User>), ChangeError> {
        let UserKey { tenant, user: id } = key;
        let _alone = self.0.changing.lock().await;
        let expected = {
            let index = self.index();
            let present = index.user(tenant, id).map(|listed| listed.source);
            condition.holds(present)?;
            if let Some(owner) = index.owner(tenant, &user).filter(|owner| *owner != id) {
                return Err(ChangeError::NameTaken(owner));
            }
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
        self.index_mut().put_user(tenant, id, listed.clone());
        Ok((put(expected), listed))
    }

    async fn delete_user_now(&self, key: UserKey, condition: Condition) -> Result<(), ChangeError> {
        let UserKey { tenant, user: id } = key;
        let _alone = self.0.changing.lock().await;
        let present = self.index().user(tenant, id).map(|listed| listed.source);
        condition.holds(present)?;
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
        condition: Condition,
    ) -> Result<(Put, Listed<Application>), ChangeError> {
        let _alone = self.0.changing.lock().await;
        let expected = {
            let index = self.index();
            let present = index.application(tenant, id).map(|listed| listed.source);
            condition.holds(present)?;
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
        index.put_application(tenant, id, listed.clone());
        self.0.disabled.store(index.disabled(), Ordering::Relaxed);
        Ok((put(expected), listed))
    }

    async fn delete_application_now(
        &self,
        tenant: TenantId,
        id: ApplicationId,
        condition: Condition,
    ) -> Result<(), ChangeError> {
        let _alone = self.0.changing.lock().await;
        let present = self
            .index()
            .application(tenant, id)
            .map(|listed| listed.source);
        condition.holds(present)?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use presenced_core::auth::Permissions;
    use presenced_store::{Limits, Store, StoreConfig};

    use super::*;
    use crate::directory::{DisplayName, Fixed};

    const KEY: UserKey = UserKey {
        tenant: TenantId::from_u128(1),
        user: UserId::from_u128(2),
    };

    fn store() -> Arc<dyn Store> {
        presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap()
    }

    /// A change that nobody waits for any more is made all the same, in memory as in the store.
    #[tokio::test]
    async fn a_change_runs_to_its_end() {
        let store = store();
        let directory = Directory::new(store.clone(), Fixed::default());
        {
            let put = directory.put_user(KEY, User::default(), Condition::None);
            let mut put = std::pin::pin!(put);
            // Begun, and dropped before anything has come of it.
            let polled = std::future::poll_fn(|ctx| {
                std::task::Poll::Ready(put.as_mut().poll(ctx).is_ready())
            });
            assert!(!polled.await);
        }
        let known = async {
            while !directory.knows(KEY.tenant, KEY.user) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), known).await;
        waited.expect("the change was made");
        let again = Directory::open(store, Fixed::default()).await.unwrap();
        assert!(again.knows(KEY.tenant, KEY.user));
    }

    /// Of two who put the same entry at once, each is told what it wrote itself, under a revision of
    /// its own: a client that keeps the other's would write over what it has not seen.
    #[tokio::test]
    async fn who_puts_is_told_what_it_wrote() {
        let directory = Directory::new(store(), Fixed::default());
        let named = |name| User {
            display_name: Some(DisplayName::new(name).unwrap()),
            ..User::default()
        };
        let ((first, one), (second, other)) = {
            let one = directory.put_user(KEY, named("One"), Condition::None);
            let other = directory.put_user(KEY, named("Other"), Condition::None);
            let (one, other) = tokio::join!(one, other);
            (one.unwrap(), other.unwrap())
        };
        assert_ne!(first, second);
        assert_eq!((one.entry, other.entry), (named("One"), named("Other")));
        assert_ne!(one.source, other.source);
        // Removed as soon as it was put, it was put all the same.
        let put = directory.put_user(KEY, named("Three"), Condition::None);
        let (put, removed) = tokio::join!(put, directory.delete_user(KEY, Condition::None));
        removed.unwrap();
        assert_eq!(put.unwrap().1.entry, named("Three"));
    }

    /// Where all tenants together have as many users as the store takes, the next is refused for that,
    /// and not as if the store had failed; applications and those who are there are another matter.
    #[tokio::test]
    async fn the_limit_of_all_tenants() {
        let limits = Limits {
            documents_max: 1,
            ..Limits::default()
        };
        let store = presenced_store::open(StoreConfig::Memory(limits)).unwrap();
        let directory = Directory::new(store, Fixed::default());
        let put = |tenant| {
            let tenant = TenantId::from_u128(tenant);
            directory.put_user(UserKey { tenant, ..KEY }, User::default(), Condition::None)
        };
        put(1).await.unwrap();
        let refused = put(2).await.unwrap_err();
        assert!(matches!(refused, ChangeError::AllFull), "{refused}");
        put(1).await.unwrap();
        let application = Application {
            display_name: None,
            enabled: true,
            roles: Permissions::NONE,
        };
        let (tenant, id) = (KEY.tenant, ApplicationId::from_u128(3));
        let put = directory.put_application(tenant, id, application, Condition::None);
        put.await.unwrap();
    }

    /// Each condition, of an entry that is not there, one that is, and one of the configuration.
    #[test]
    fn conditions() {
        let revision = Revision(7);
        let (api, fixed) = (Source::Api(revision), Source::Configuration);
        let check = |condition: Condition, expect: [bool; 3]| {
            let held =
                [None, Some(api), Some(fixed)].map(|present| condition.holds(present).is_ok());
            assert_eq!(held, expect, "{condition:?}");
        };
        check(Condition::None, [true, true, true]);
        check(Condition::Absent, [true, false, false]);
        check(Condition::Present, [false, true, true]);
        check(Condition::Revision(Some(revision)), [false, true, false]);
        check(
            Condition::Revision(Some(Revision(8))),
            [false, false, false],
        );
        check(Condition::Revision(None), [false, false, false]);
    }
}

//! A user, an application, and the names they have.

use presenced_core::auth::Permissions;
use presenced_store::Revision;

use crate::limits::{DISPLAY_NAME_CHARS_MAX, USER_ID_CHARS_MAX};

/// A user as the directory knows one. All of it may be missing: to be known is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// What the user signs in as, and can be named by in a path.
    pub principal_name: Option<PrincipalName>,
    /// What people call the user.
    pub display_name: Option<DisplayName>,
}

/// An application as the directory knows one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What people call the application.
    pub display_name: Option<DisplayName>,
    /// Whether it may call at all.
    pub enabled: bool,
    /// What its own tokens permit, where this server gives them out: in development. Elsewhere the
    /// issuer of the tokens says so.
    pub roles: Permissions,
}

/// An entry, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entry.
    pub entry: T,
    /// Where it is from.
    pub source: Source,
}

/// Where an entry is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration, and it can be changed there only.
    Configuration,
    /// The administrative API, with the revision of its document.
    Api(Revision),
}

/// A user principal name: an address of the form `adele@example.com`, of at most
/// [`USER_ID_CHARS_MAX`] characters without spaces. Two that differ in case only are the same.
#[derive(Clone, Debug)]
pub struct PrincipalName {
    written: Box<str>,
    folded: Box<str>,
}

/// What people call somebody or something: 1 to [`DISPLAY_NAME_CHARS_MAX`] characters, none of them
/// a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(Box<str>);

/// A text that is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is no principal name.
    #[error(
        "a user principal name has the form adele@example.com, at most {USER_ID_CHARS_MAX} \
         characters without spaces and slashes, and does not begin with a dollar sign"
    )]
    PrincipalName,
    /// It is no display name.
    #[error(
        "a display name is 1 to {DISPLAY_NAME_CHARS_MAX} characters without control characters"
    )]
    DisplayName,
}

impl PrincipalName {
    /// The name, if it can be one. What begins with a dollar sign or holds a slash is refused: it
    /// could not stand in a path.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let whole = text
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
        let stray = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == '\\';
        let long = text.chars().count() > USER_ID_CHARS_MAX;
        if !whole || long || text.starts_with('$') || text.contains(stray) {
            return Err(BadName::PrincipalName);
        }
        Ok(Self {
            written: text.into(),
            folded: folded(text),
        })
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The name by which it is compared.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }
}

/// Without regard to case.
impl PartialEq for PrincipalName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for PrincipalName {}

/// A name as it is compared. Not all languages fold alike, and all nodes have to.
pub(super) fn folded(name: &str) -> Box<str> {
    name.to_lowercase().into_boxed_str()
}

impl DisplayName {
    /// The name, if it can be one.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let fits = (1..=DISPLAY_NAME_CHARS_MAX).contains(&text.chars().count());
        if fits && !text.contains(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(BadName::DisplayName)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be a principal name, and what could not be told from something else in a path.
    #[test]
    fn principal_names() {
        let longest = format!("{}@x", "é".repeat(USER_ID_CHARS_MAX - 2));
        for right in [
            "adele@presenced.dev",
            "a@b",
            "o'hara@x",
            "a#EXT#@b@c",
            &longest,
        ] {
            assert_eq!(PrincipalName::new(right).unwrap().as_str(), right);
        }
        let too_long = format!("x{longest}");
        for wrong in [
            "", "adele", "@", "a@", "@b", "$a@b", "a b@c", "a/b@c", "a\\b@c", "a\n@b", &too_long,
        ] {
            assert_eq!(
                PrincipalName::new(wrong),
                Err(BadName::PrincipalName),
                "{wrong}"
            );
        }
        let same = ["Adele@Presenced.DEV", "adele@presenced.dev"].map(PrincipalName::new);
        assert_eq!(same[0], same[1]);
    }

    /// A display name is any short text of one line.
    #[test]
    fn display_names() {
        let longest = "é".repeat(DISPLAY_NAME_CHARS_MAX);
        for right in ["x", "Adele Brandt", longest.as_str()] {
            assert_eq!(DisplayName::new(right).unwrap().as_str(), right);
        }
        let too_long = format!("{longest}x");
        for wrong in ["", "a\nb", "\u{0}", too_long.as_str()] {
            assert_eq!(
                DisplayName::new(wrong),
                Err(BadName::DisplayName),
                "{wrong}"
            );
        }
    }
}

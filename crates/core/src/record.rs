//! All that is remembered of one user.

use crate::location::Locations;
use crate::out_of_office::OutOfOffice;
use crate::preferred::Preferred;
use crate::session::Session;
use crate::status::StatusMessage;
use crate::time::Timestamp;

/// A user's record. Together with a time it gives the user's presence, see [`crate::view::view`].
///
/// Only [`crate::decide::decide`] makes a new state of it; the fields are open so that a store can
/// write them down and read them back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// When this state was decided. What a reader saw up to here is accounted for in `sequence`.
    pub as_of: Timestamp,
    /// The sequence number of the presence shown at `as_of`; 0 for a user of whom nothing was ever
    /// set.
    pub sequence: u64,
    /// The sessions, at most one for each id, in no particular order. Expired ones may linger until
    /// the next command; they count for nothing.
    pub sessions: Vec<Session>,
    /// What the user chose, if anything. It may have expired.
    pub preferred: Option<Preferred>,
    /// The note beside the presence, if any. It may have expired.
    pub status_message: Option<StatusMessage>,
    /// Where the user works from, layer by layer. Some of it may have expired.
    pub locations: Locations,
    /// Whether, and from when to when, the user is out of office. It may be over.
    pub out_of_office: Option<OutOfOffice>,
}

//! What stands in a batch. What is wrong with the envelope is 400 to the whole; what is wrong with
//! one request in it is left for the answer to that request.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{ApiError, quoted};
use crate::limits::{BATCH_ID_CHARS_MAX, BATCH_ITEMS_MAX};

/// One request of a batch, its members as they were written.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// Its name within the batch.
    pub(super) id: String,
    pub(super) method: Option<&'a RawValue>,
    pub(super) url: Option<&'a RawValue>,
    pub(super) headers: Option<&'a RawValue>,
    pub(super) body: Option<&'a RawValue>,
    /// The places of the requests that have to succeed before it.
    pub(super) after: Vec<usize>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    requests: Option<&'a RawValue>,
}

/// A request as it is written. Members that are not named here are passed over.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    headers: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "dependsOn")]
    depends_on: Option<&'a RawValue>,
    /// The same, as the Python SDK spells it (contract section 5.4).
    #[serde(borrow, default, rename = "depends_on")]
    depends_on_in_snake_case: Option<&'a RawValue>,
}

/// The first entries of a list, one more than a batch may have; what follows is not kept.
struct Entries<'a>(Vec<&'a RawValue>);

/// The requests of a batch, in their order.
pub(super) fn envelope(json: &[u8]) -> Result<Vec<Item<'_>>, ApiError> {
    // A struct is also read from a list, so what is no object is told apart by hand, here and below.
    let object = json.trim_ascii_start().starts_with(b"{");
    let read: Option<Envelope<'_>> = serde_json::from_slice(json).ok().filter(|_| object);
    let envelope = read.ok_or_else(ApiError::unreadable_body)?;
    let requests = envelope
        .requests
        .ok_or_else(|| refused("The requests field is required."))?;
    let Entries(requests) = serde_json::from_str(requests.get())
        .map_err(|_no_list| refused("The requests must be a list of requests."))?;
    if requests.is_empty() {
        return Err(refused("A batch needs at least one request."));
    }
    if requests.len() > BATCH_ITEMS_MAX {
        return Err(refused(format_args!(
            "A batch has at most {BATCH_ITEMS_MAX} requests."
        )));
    }
    let written = requests
        .iter()
        .enumerate()
        .map(|(at, request)| written(at, request))
        .collect::<Result<Vec<_>, _>>()?;
    let ids = ids(&written)?;
    written
        .into_iter()
        .zip(&ids)
        .map(|(written, id)| {
            Ok(Item {
                after: dependencies(&written, id, &ids)?,
                id: id.clone(),
                method: written.method,
                url: written.url,
                headers: written.headers,
                body: written.body,
            })
        })
        .collect()
}

fn refused(message: impl fmt::Display) -> ApiError {
    ApiError::invalid_argument("requests", message)
}

fn written(at: usize, request: &RawValue) -> Result<Written<'_>, ApiError> {
    let object = request.get().starts_with('{');
    let read = serde_json::from_str(request.get()).ok().filter(|_| object);
    read.ok_or_else(|| {
        refused(format_args!(
            "Request number {} is not an object with each member once.",
            at + 1
        ))
    })
}

/// The ids of the requests, which are all there and all different (contract section 5.1).
fn ids(requests: &[Written<'_>]) -> Result<Vec<String>, ApiError> {
    let mut ids: Vec<String> = Vec::with_capacity(requests.len());
    for (at, request) in requests.iter().enumerate() {
        let number = at + 1;
        let id = request.id.and_then(text).ok_or_else(|| {
            refused(format_args!(
                "Request number {number} needs an id, which is a string."
            ))
        })?;
        if id.is_empty() || id.chars().count() > BATCH_ID_CHARS_MAX {
            return Err(refused(format_args!(
                "The id of request number {number} must have 1 to {BATCH_ID_CHARS_MAX} characters."
            )));
        }
        if ids.iter().any(|other| same(other, &id)) {
            return Err(refused(format_args!(
                "The id '{}' is given to two requests. Ids must differ by more than case.",
                quoted(&id)
            )));
        }
        ids.push(id);
    }
    Ok(ids)
}

/// The places of the requests that this one depends on, by both spellings of the member.
fn dependencies(request: &Written<'_>, id: &str, ids: &[String]) -> Result<Vec<usize>, ApiError> {
    let mut places = Vec::new();
    for list in [request.depends_on, request.depends_on_in_snake_case] {
        let Some(list) = list else { continue };
        let no_list = |_| {
            refused(format_args!(
                "The dependsOn of the request '{}' must be a list of ids.",
                quoted(id)
            ))
        };
        let Entries(list) = serde_json::from_str(list.get()).map_err(no_list)?;
        if list.len() > BATCH_ITEMS_MAX {
            return Err(refused(format_args!(
                "The request '{}' depends on more requests than a batch may have.",
                quoted(id)
            )));
        }
        for entry in list {
            let named = text(entry).unwrap_or_else(|| entry.get().to_owned());
            let place = ids.iter().position(|other| same(other, &named));
            places.push(place.ok_or_else(|| {
                refused(format_args!(
                    "The request '{}' depends on '{}', which is not in the batch.",
                    quoted(id),
                    quoted(&named)
                ))
            })?);
        }
    }
    Ok(places)
}

/// The text of a member, if it is text.
pub(super) fn text(member: &RawValue) -> Option<String> {
    serde_json::from_str(member.get()).ok()
}

/// Ids are compared without regard to case.
fn same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.to_lowercase() == other.to_lowercase()
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstEntries).map(Self)
    }
}

struct FirstEntries;

impl<'de> Visitor<'de> for FirstEntries {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() <= BATCH_ITEMS_MAX {
            let Some(entry) = list.next_element()? else {
                return Ok(entries);
            };
            entries.push(entry);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, ApiError> {
        let items = envelope(json.as_bytes())?;
        let shown = items
            .iter()
            .map(|item| format!("{} {:?}", item.id, item.after));
        Ok(shown.collect::<Vec<_>>().join(", "))
    }

    /// Both spellings of dependencies are read, in whatever case the ids are, and `null` is none.
    #[test]
    fn envelopes_are_read() {
        let check = |json: &str, expect: &str| assert_eq!(read(json).unwrap(), expect, "{json}");
        check(r#"{"requests":[{"id":"1"}]}"#, "1 []");
        check(r#"{"x":[],"requests":[{"id":"\u0041","y":{}}]}"#, "A []");
        check(
            r#"{"requests":[{"id":"a","dependsOn":null},{"id":"b","dependsOn":["A"]},{"id":"c","depends_on":["b","a"]}]}"#,
            "a [], b [0], c [1, 0]",
        );
        check(
            r#"{"requests":[{"id":"a","dependsOn":["b"],"depends_on":["c"]},{"id":"b"},{"id":"c"}]}"#,
            "a [1, 2], b [], c []",
        );
    }

    /// What is wrong with the envelope is told, and where.
    #[test]
    fn refusals_tell_where() {
        let check = |json: &str, expect: &str| {
            let error = read(json).unwrap_err();
            assert!(error.message().contains(expect), "{json}: {error}");
        };
        for json in [
            "",
            "[]",
            "null",
            "{",
            "{\"requests\":[{]}",
            "{\"requests\":[],\"requests\":[]}",
        ] {
            check(json, "Unable to read JSON");
        }
        check("{}", "[requests]: The requests field is required.");
        check(r#"{"requests":null}"#, "is required");
        check(r#"{"requests":{}}"#, "must be a list");
        check(r#"{"requests":[]}"#, "at least one");
        check(r#"{"requests":[1]}"#, "number 1 is not an object");
        check(r#"{"requests":[["1"]]}"#, "number 1 is not an object");
        check(
            r#"{"requests":[{"id":"1"},{"id":"2","id":"2"}]}"#,
            "number 2 is not an object",
        );
        check(r#"{"requests":[{"url":"/"}]}"#, "number 1 needs an id");
        check(r#"{"requests":[{"id":1}]}"#, "number 1 needs an id");
        check(r#"{"requests":[{"id":""}]}"#, "1 to 128 characters");
        check(
            r#"{"requests":[{"id":"a"},{"id":"A"}]}"#,
            "'A' is given to two",
        );
        check(
            r#"{"requests":[{"id":"é"},{"id":"É"}]}"#,
            "'É' is given to two",
        );
        check(
            r#"{"requests":[{"id":"a","dependsOn":"b"}]}"#,
            "must be a list of ids",
        );
        check(
            r#"{"requests":[{"id":"a","dependsOn":["b"]}]}"#,
            "depends on 'b'",
        );
        check(
            r#"{"requests":[{"id":"a","depends_on":[1]}]}"#,
            "depends on '1'",
        );
        let many = format!(r#"{{"requests":[{}{{}}]}}"#, "0,".repeat(30_000));
        check(&many, "at most 20 requests");
    }

    /// What is nested deeply is neither recursed into nor kept.
    #[test]
    fn depth_does_no_harm() {
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        let json = format!(r#"{{"requests":[{{"id":"1","body":{deep}}}],"x":{deep}}}"#);
        assert_eq!(read(&json).unwrap(), "1 []");
        assert!(read(&format!(r#"{{"requests":{deep}}}"#)).is_err());
    }
}

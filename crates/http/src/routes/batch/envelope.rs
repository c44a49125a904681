//! What stands in a batch. What is wrong with the envelope is 400 to the whole; what is wrong with
//! one request in it is left for the answer to that request.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{ApiError, quoted};
use crate::limits::{BATCH_ID_CHARS_MAX, BATCH_ITEMS_MAX};

/// One request of a batch, its members as they were written.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// Its name within the batch.
    pub(super) id: Cow<'a, str>,
    pub(super) method: Option<&'a RawValue>,
    pub(super) url: Option<&'a RawValue>,
    pub(super) headers: Option<&'a RawValue>,
    pub(super) body: Option<&'a RawValue>,
    /// The places of the requests that have to succeed before it.
    pub(super) after: Vec<usize>,
}

/// A batch, whose requests are read as far as this type is.
#[derive(Deserialize)]
struct Envelope<T> {
    requests: Option<T>,
}

/// A request as it is written. Members that are not named here are passed over.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow, rename = "dependsOn")]
    depends_on: Option<&'a RawValue>,
    /// The same, as the Python SDK spells it (contract section 5.4).
    #[serde(borrow, rename = "depends_on")]
    depends_on_in_snake_case: Option<&'a RawValue>,
}

/// What is read from an object, and not from a list, which a struct is too.
struct Object<T>(T);

/// The first entries of a list, one more than a batch may have; what follows is not kept.
struct Entries<T>(Vec<T>);

/// The requests of a batch, in their order.
pub(super) fn envelope(json: &[u8]) -> Result<Vec<Item<'_>>, ApiError> {
    let json = std::str::from_utf8(json).map_err(|_no_text| ApiError::unreadable_body())?;
    let written = match at_once(json) {
        Some(written) => written,
        None => by_steps(json)?,
    };
    let ids = ids(&written)?;
    let after = written.iter().zip(&ids);
    let after = after.map(|(written, id)| dependencies(written, id, &ids));
    let after = after.collect::<Result<Vec<_>, _>>()?;
    let with_ids = written.into_iter().zip(ids).zip(after);
    let items = with_ids.map(|((written, id), after)| Item {
        id,
        method: written.method,
        url: written.url,
        headers: written.headers,
        body: written.body,
        after,
    });
    Ok(items.collect())
}

/// The requests of a batch that is sound, in one pass over its text.
fn at_once(json: &str) -> Option<Vec<Written<'_>>> {
    let Object(envelope) = serde_json::from_str(json).ok()?;
    let Envelope::<Entries<_>> { requests } = envelope;
    let Entries(requests) = requests?;
    let requests = requests.into_iter().map(|Object(written)| written);
    (1..=BATCH_ITEMS_MAX)
        .contains(&requests.len())
        .then(|| requests.collect())
}

/// The same from the outside inwards, one pass for each step, which tells where a batch is not sound.
fn by_steps(json: &str) -> Result<Vec<Written<'_>>, ApiError> {
    let Object(Envelope::<&RawValue> { requests }) =
        serde_json::from_str(json).map_err(|_no_object| ApiError::unreadable_body())?;
    let requests = requests.ok_or_else(|| refused("The requests field is required."))?;
    let Entries::<&RawValue>(requests) = serde_json::from_str(requests.get())
        .map_err(|_no_list| refused("The requests must be a list of requests."))?;
    if requests.is_empty() {
        return Err(refused("A batch needs at least one request."));
    }
    if requests.len() > BATCH_ITEMS_MAX {
        return Err(refused(format_args!(
            "A batch has at most {BATCH_ITEMS_MAX} requests."
        )));
    }
    let numbered = (1..).zip(requests);
    let written = numbered.map(|(number, request)| {
        let read = serde_json::from_str(request.get());
        read.map(|Object(written)| written).map_err(|_no_object| {
            refused(format_args!(
                "Request number {number} is not an object with each member once."
            ))
        })
    });
    written.collect()
}

fn refused(message: impl fmt::Display) -> ApiError {
    ApiError::invalid_argument("requests", message)
}

/// The ids of the requests, which are all there and all different (contract section 5.1).
fn ids<'a>(requests: &[Written<'a>]) -> Result<Vec<Cow<'a, str>>, ApiError> {
    let mut ids: Vec<Cow<'a, str>> = Vec::with_capacity(requests.len());
    for (number, request) in (1..).zip(requests) {
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
fn dependencies(
    request: &Written<'_>,
    id: &str,
    ids: &[Cow<'_, str>],
) -> Result<Vec<usize>, ApiError> {
    let mut places = Vec::new();
    for list in [request.depends_on, request.depends_on_in_snake_case] {
        let Some(list) = list else { continue };
        let no_list = |_| {
            refused(format_args!(
                "The dependsOn of the request '{}' must be a list of ids.",
                quoted(id)
            ))
        };
        let Entries::<&RawValue>(list) = serde_json::from_str(list.get()).map_err(no_list)?;
        if list.len() > BATCH_ITEMS_MAX {
            return Err(refused(format_args!(
                "The request '{}' depends on more requests than a batch may have.",
                quoted(id)
            )));
        }
        for entry in list {
            let named = text(entry).unwrap_or(Cow::Borrowed(entry.get()));
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

/// The text of a member, if it is text; borrowed where it holds no escapes.
pub(super) fn text(member: &RawValue) -> Option<Cow<'_, str>> {
    let written = member.get().strip_prefix('"')?.strip_suffix('"')?;
    if written.contains('\\') {
        return serde_json::from_str(member.get()).ok();
    }
    Some(Cow::Borrowed(written))
}

/// Ids are compared without regard to case.
fn same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.to_lowercase() == other.to_lowercase()
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader::<Self>(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Reader::<Self>(PhantomData))
    }
}

/// Reads the one or the other.
struct Reader<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<Object<T>> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<Entries<T>> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() <= BATCH_ITEMS_MAX {
            let Some(entry) = list.next_element()? else {
                return Ok(Entries(entries));
            };
            entries.push(entry);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entries(entries))
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

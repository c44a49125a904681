//! The members of a JSON object, taken as they come and checked by hand afterwards, so that each
//! fault is answered in the words of the field it concerns.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::ApiError;

/// What a member holds, as far as this API cares.
#[derive(Debug, Default)]
pub(crate) enum Member<'a> {
    /// Nothing, or `null`, which is the same here.
    #[default]
    Missing,
    /// Text, borrowed from the body where it holds no escapes.
    Text(Cow<'a, str>),
    /// A list of whatever.
    List(Vec<Member<'a>>),
    /// A number, a boolean or an object.
    Other,
}

impl<'a> Member<'a> {
    /// The text of a member that may be left out; 400 for anything but text.
    pub(crate) fn text(self, field: &str) -> Result<Option<Cow<'a, str>>, ApiError> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::List(_) | Self::Other => Err(ApiError::invalid_argument(
                field,
                format_args!("The {field} must be a string."),
            )),
        }
    }
}

/// The texts of members that must be there and not be empty. 400 names all that are missing, in
/// Graph's words (contract section 3.6). A text of spaces is not empty: what it means is for whoever
/// knows the member.
pub(crate) fn required<'a, const N: usize>(
    members: [(&str, Member<'a>); N],
) -> Result<[Cow<'a, str>; N], ApiError> {
    let mut missing = String::new();
    let mut texts = [const { Cow::Borrowed("") }; N];
    for (place, (field, member)) in texts.iter_mut().zip(members) {
        let text = member.text(field)?.unwrap_or_default();
        if text.is_empty() {
            let gap = if missing.is_empty() { "" } else { " " };
            missing.extend([gap, "[", field, "]: The ", field, " field is required."]);
        }
        *place = text;
    }
    if missing.is_empty() {
        Ok(texts)
    } else {
        Err(ApiError::new(crate::error::Code::InvalidArgument, missing))
    }
}

/// The members of these names of the JSON object `json`, in the order of `names`. Others, such as
/// `@odata.type`, are passed over. 400 where it is no JSON object, or a name stands in it twice.
///
/// At most `entries_max` entries of a list are kept, so that one can see that there were more
/// without holding them.
pub(crate) fn members<'a, const N: usize>(
    json: &'a [u8],
    names: &[&str; N],
    entries_max: usize,
) -> Result<[Member<'a>; N], ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let mut twice = None;
    let object = Object {
        names,
        entries_max,
        twice: &mut twice,
    };
    let read = object
        .deserialize(&mut reader)
        .and_then(|found| reader.end().map(|()| found));
    if let Some(at) = twice {
        let name = names.get(at).unwrap_or(&"");
        return Err(ApiError::bad_request(format!(
            "The JSON request payload names the member '{name}' more than once."
        )));
    }
    read.map_err(|_no_object| ApiError::unreadable_body())
}

/// Reads an object's members of these names.
struct Object<'n, const N: usize> {
    names: &'n [&'n str; N],
    entries_max: usize,
    /// The name that was found a second time, which ends the reading.
    twice: &'n mut Option<usize>,
}

impl<'de, const N: usize> DeserializeSeed<'de> for Object<'_, N> {
    type Value = [Member<'de>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Object<'_, N> {
    type Value = [Member<'de>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = [false; N];
        let mut found = [const { Member::Missing }; N];
        while let Some(Name(name)) = map.next_key()? {
            let Some(at) = self.names.iter().position(|known| *known == name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let (Some(seen), Some(place)) = (seen.get_mut(at), found.get_mut(at)) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                *self.twice = Some(at);
                return Err(A::Error::custom("a member twice"));
            }
            *place = map.next_value_seed(Entry {
                entries_max: self.entries_max,
            })?;
        }
        Ok(found)
    }
}

/// A member's name, borrowed where it holds no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads one member of any kind.
#[derive(Clone, Copy)]
struct Entry {
    entries_max: usize,
}

impl<'de> DeserializeSeed<'de> for Entry {
    type Value = Member<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entry {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Member::Missing)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        // Lists within lists are of no use to anybody: of those, nothing is kept.
        while entries.len() < self.entries_max {
            let Some(entry) = list.next_element_seed(Self { entries_max: 0 })? else {
                return Ok(Member::List(entries));
            };
            entries.push(entry);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, ApiError> {
        members(json.as_bytes(), &["a", "b"], 2).map(|found| format!("{found:?}"))
    }

    /// Members are found in any order, `null` is the same as absent, and others are passed over.
    #[test]
    fn members_are_found() {
        let check = |json: &str, expect: &str| assert_eq!(read(json).unwrap(), expect, "{json}");
        check("{}", "[Missing, Missing]");
        check(r#"{"b":"x","a":null}"#, r#"[Missing, Text("x")]"#);
        check(r#" { "a" : "\u0041\n" } "#, r#"[Text("A\n"), Missing]"#);
        check(
            r##"{"@odata.type":"#x","c":{"a":[1]},"a":"y"}"##,
            r#"[Text("y"), Missing]"#,
        );
        check(r#"{"a":1,"b":{"b":[]}}"#, "[Other, Other]");
        check(r#"{"a":-1.5e9,"b":true}"#, "[Other, Other]");
        check(
            r#"{"a":["x",null],"b":[["y"]]}"#,
            r#"[List([Text("x"), Missing]), List([List([])])]"#,
        );
        check(
            r#"{"a":["1","2","3","4"]}"#,
            r#"[List([Text("1"), Text("2")]), Missing]"#,
        );
        check(r#"{"\u0061":"x"}"#, r#"[Text("x"), Missing]"#);
    }

    /// What is passed over may be nested as deeply as fits into a body: it is not recursed into.
    #[test]
    fn depth_does_no_harm() {
        for (open, shut) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open.repeat(30_000), shut.repeat(30_000));
            for name in ["a", "c"] {
                let json = format!("{{\"{name}\":{deep}}}");
                assert!(
                    members(json.as_bytes(), &["a"], 1).is_ok(),
                    "{open} in {name}"
                );
            }
        }
    }

    /// What is no JSON object is unreadable, and nothing of it is guessed at.
    #[test]
    fn other_json_is_unreadable() {
        for json in [
            "",
            " ",
            "null",
            "[]",
            "\"x\"",
            "1",
            "{",
            "{\"a\":}",
            "{\"a\":\"x\"",
            "{} {}",
            "{\"a\":\"x\",}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\ud800\"}",
            "\u{feff}{}",
        ] {
            let error = read(json).unwrap_err();
            assert_eq!(
                error.message(),
                ApiError::unreadable_body().message(),
                "{json}"
            );
        }
        assert!(
            members(b"{\"a\":\"\xff\"}", &["a"], 0).is_err(),
            "not UTF-8"
        );
    }

    /// A member that stands there twice is refused: which of the two was meant?
    #[test]
    fn members_stand_there_once() {
        let error = read(r#"{"a":"x","a":"x"}"#).unwrap_err();
        assert!(error.message().contains("'a' more than once"), "{error}");
        assert!(read(r#"{"a":null,"a":"x"}"#).is_err());
        assert!(read(r#"{"c":1,"c":2}"#).is_ok(), "of others, nobody looks");
    }

    /// All that is missing is said at once, in Graph's words.
    #[test]
    fn missing_members_are_named() {
        let text = |text: &'static str| Member::Text(Cow::Borrowed(text));
        let [a, b] = required([("A", text("x")), ("B", text(" "))]).unwrap();
        assert_eq!((a.as_ref(), b.as_ref()), ("x", " "));
        let error = required([("A", text("x")), ("B", Member::Missing)]).unwrap_err();
        assert_eq!(error.message(), "[B]: The B field is required.");
        let error = required([("A", text("")), ("B", Member::Missing)]).unwrap_err();
        assert_eq!(
            error.message(),
            "[A]: The A field is required. [B]: The B field is required."
        );
        let error = required([("A", Member::Other)]).unwrap_err();
        assert_eq!(error.message(), "[A]: The A must be a string.");
    }
}

//! The members of a JSON object, taken as they come and checked by hand afterwards, so that each
//! fault is answered in the words of the field it concerns.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::ApiError;
use crate::limits::OBJECT_DEPTH_MAX;

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
    /// An object, of which some members were asked for.
    Object(Inner<'a>),
    /// `true` or `false`.
    Flag(bool),
    /// A number, or an object that nobody asked to look into.
    Other,
}

/// The members of an object within the body, those that were asked for and are there.
#[derive(Debug, Default)]
pub(crate) struct Inner<'a>(Vec<(&'static str, Member<'a>)>);

impl<'a> Inner<'a> {
    /// Takes the member of this name out.
    pub(crate) fn take(&mut self, name: &str) -> Member<'a> {
        let found = self.0.iter_mut().find(|(known, _)| *known == name);
        found.map_or(Member::Missing, |(_, member)| std::mem::take(member))
    }
}

impl<'a> Member<'a> {
    /// The text of a member that may be left out; 400 for anything but text.
    pub(crate) fn text(self, field: &str) -> Result<Option<Cow<'a, str>>, ApiError> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::List(_) | Self::Object(_) | Self::Flag(_) | Self::Other => Err(
                ApiError::invalid_argument(field, format_args!("The {field} must be a string.")),
            ),
        }
    }

    /// The value of a member that may be left out; 400 for anything but `true` and `false`.
    pub(crate) fn flag(self, field: &str) -> Result<Option<bool>, ApiError> {
        match self {
            Self::Missing => Ok(None),
            Self::Flag(flag) => Ok(Some(flag)),
            Self::Text(_) | Self::List(_) | Self::Object(_) | Self::Other => {
                Err(ApiError::invalid_argument(
                    field,
                    format_args!("The {field} must be true or false."),
                ))
            }
        }
    }

    /// Whether nothing was sent, or `null`.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The members of an object that may be left out; 400 for anything but an object.
    pub(crate) fn object(self, field: &str) -> Result<Option<Inner<'a>>, ApiError> {
        match self {
            Self::Missing => Ok(None),
            Self::Object(inner) => Ok(Some(inner)),
            Self::Text(_) | Self::List(_) | Self::Flag(_) | Self::Other => Err(
                ApiError::invalid_argument(field, format_args!("The {field} must be an object.")),
            ),
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
    names: &[&'static str; N],
    entries_max: usize,
) -> Result<[Member<'a>; N], ApiError> {
    let kept = Kept {
        entries_max,
        ..Kept::NOTHING
    };
    read(json, names, kept)
}

/// Like [`members`], and of members that are objects those of the names `inner`, down to
/// [`OBJECT_DEPTH_MAX`]. No list is kept.
pub(crate) fn nested_members<'a, const N: usize>(
    json: &'a [u8],
    names: &[&'static str; N],
    inner: &'static [&'static str],
) -> Result<[Member<'a>; N], ApiError> {
    let kept = Kept {
        inner,
        depth: OBJECT_DEPTH_MAX,
        ..Kept::NOTHING
    };
    read(json, names, kept)
}

fn read<'a, const N: usize>(
    json: &'a [u8],
    names: &[&'static str; N],
    kept: Kept,
) -> Result<[Member<'a>; N], ApiError> {
    // Looked at as a whole, a body is known to be text sooner than string by string.
    let json = std::str::from_utf8(json).map_err(|_no_text| ApiError::unreadable_body())?;
    let mut reader = serde_json::Deserializer::from_str(json);
    let twice = Cell::new(None);
    let entry = Entry {
        kept,
        twice: &twice,
    };
    let read = Object { names, entry }
        .deserialize(&mut reader)
        .and_then(|found| reader.end().map(|()| found));
    if let Some(name) = twice.get() {
        return Err(ApiError::bad_request(format!(
            "The JSON request payload names the member '{name}' more than once."
        )));
    }
    read.map_err(|_no_object| ApiError::unreadable_body())
}

/// What of a member is kept.
#[derive(Clone, Copy)]
struct Kept {
    /// Entries of a list.
    entries_max: usize,
    /// Names within objects.
    inner: &'static [&'static str],
    /// How deep such objects may lie; of those below, nothing is kept.
    depth: usize,
}

impl Kept {
    const NOTHING: Self = Self {
        entries_max: 0,
        inner: &[],
        depth: 0,
    };
}

/// Reads an object's members of these names.
struct Object<'n, const N: usize> {
    names: &'n [&'static str; N],
    entry: Entry<'n>,
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
                self.entry.twice.set(self.names.get(at).copied());
                return Err(A::Error::custom("a member twice"));
            }
            *place = map.next_value_seed(self.entry)?;
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
struct Entry<'n> {
    kept: Kept,
    /// The name that was found a second time in one object, which ends the reading.
    twice: &'n Cell<Option<&'static str>>,
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = Member<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Member::Missing)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Member::Flag(flag))
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
        let seed = Self {
            kept: Kept::NOTHING,
            ..self
        };
        while entries.len() < self.kept.entries_max {
            let Some(entry) = list.next_element_seed(seed)? else {
                return Ok(Member::List(entries));
            };
            entries.push(entry);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(depth) = self.kept.depth.checked_sub(1) else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Member::Other);
        };
        let seed = Self {
            kept: Kept { depth, ..self.kept },
            ..self
        };
        let mut found: Vec<(&'static str, Member<'de>)> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let known = self.kept.inner.iter().find(|known| **known == name);
            let Some(known) = known.copied() else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if found.iter().any(|(other, _)| *other == known) {
                self.twice.set(Some(known));
                return Err(A::Error::custom("a member twice"));
            }
            found.push((known, map.next_value_seed(seed)?));
        }
        Ok(Member::Object(Inner(found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(json: &str) -> Result<String, ApiError> {
        members(json.as_bytes(), &["a", "b"], 2).map(|found| format!("{found:?}"))
    }

    /// Members are found in any order, `null` is the same as absent, and others are passed over.
    #[test]
    fn members_are_found() {
        let check = |json: &str, expect: &str| assert_eq!(kept(json).unwrap(), expect, "{json}");
        check("{}", "[Missing, Missing]");
        check(r#"{"b":"x","a":null}"#, r#"[Missing, Text("x")]"#);
        check(r#" { "a" : "\u0041\n" } "#, r#"[Text("A\n"), Missing]"#);
        check(
            r##"{"@odata.type":"#x","c":{"a":[1]},"a":"y"}"##,
            r#"[Text("y"), Missing]"#,
        );
        check(r#"{"a":1,"b":{"b":[]}}"#, "[Other, Other]");
        check(r#"{"a":-1.5e9,"b":true}"#, "[Other, Flag(true)]");
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

    /// Of objects within the body, what was asked for is found, down to the limit and once each.
    #[test]
    fn inner_members_are_found() {
        let kept = |json: &str| {
            nested_members(json.as_bytes(), &["a"], &["b", "c"]).map(|[a]| format!("{a:?}"))
        };
        let check = |json: &str, expect: &str| assert_eq!(kept(json).unwrap(), expect, "{json}");
        check(r#"{"a":{}}"#, "Object(Inner([]))");
        check(
            r#"{"a":{"c":"x","a":{"b":1},"b":null}}"#,
            r#"Object(Inner([("c", Text("x")), ("b", Missing)]))"#,
        );
        check(
            r#"{"a":{"b":{"c":{"b":"x"}}}}"#,
            r#"Object(Inner([("b", Object(Inner([("c", Other)])))]))"#,
        );
        check(
            r#"{"a":{"b":[{"c":1}]}}"#,
            r#"Object(Inner([("b", List([]))]))"#,
        );
        check(r#"{"a":["x"]}"#, "List([])");
        check(r#"{"a":"x"}"#, r#"Text("x")"#);
        let error = kept(r#"{"a":{"b":{"c":1,"c":2}}}"#).unwrap_err();
        assert!(error.message().contains("'c' more than once"), "{error}");
        let [mut a] = nested_members(br#"{"a":{"b":"x"}}"#, &["a"], &["b"]).unwrap();
        let mut inner = std::mem::take(&mut a).object("A").unwrap().unwrap();
        assert!(matches!(inner.take("b"), Member::Text(text) if text == "x"));
        assert!(matches!(inner.take("b"), Member::Missing), "it was taken");
        assert!(Member::Missing.object("A").unwrap().is_none());
        assert_eq!(Member::Flag(true).flag("A").unwrap(), Some(true));
        assert_eq!(Member::Missing.flag("A").unwrap(), None);
        let error = Member::Other.flag("A").unwrap_err();
        assert_eq!(error.message(), "[A]: The A must be true or false.");
        let error = Member::Other.object("A").unwrap_err();
        assert_eq!(error.message(), "[A]: The A must be an object.");
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
                let inner = nested_members(json.as_bytes(), &["a"], &["a"]);
                assert!(inner.is_ok(), "{open} in {name}");
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
            let error = kept(json).unwrap_err();
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
        let error = kept(r#"{"a":"x","a":"x"}"#).unwrap_err();
        assert!(error.message().contains("'a' more than once"), "{error}");
        assert!(kept(r#"{"a":null,"a":"x"}"#).is_err());
        assert!(kept(r#"{"c":1,"c":2}"#).is_ok(), "of others, nobody looks");
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

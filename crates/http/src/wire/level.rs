//! How much an answer tells of itself (contract section 6.2).

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};

/// The metadata level of an answer, as the client asks for it in its Accept header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Level {
    /// The values and nothing else.
    None,
    /// Also the context.
    #[default]
    Minimal,
    /// Also types, where the JSON itself does not tell them, and the entities' own addresses.
    Full,
}

impl Level {
    /// The level asked for by the first range in Accept that JSON falls under. What cannot be
    /// understood is passed over: an answer at the default level serves better than a 406.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(ACCEPT).iter();
        let asked = values.find_map(|value| Self::asked(value.to_str().ok()?));
        asked.unwrap_or_default()
    }

    /// `None` where there is no range for JSON.
    fn asked(accept: &str) -> Option<Self> {
        let ranges = accept.split(',').map(|range| {
            let mut parts = range.split(';').map(str::trim);
            (parts.next().unwrap_or_default(), parts)
        });
        let json = |media: &str| {
            let falls_under = ["application/json", "application/*", "*/*"];
            falls_under
                .iter()
                .any(|known| known.eq_ignore_ascii_case(media))
        };
        let (_, mut parameters) = ranges.into_iter().find(|(media, _)| json(media))?;
        let level = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            // OData 4.01 leaves the prefix out.
            ["odata.metadata", "metadata"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name.trim()))
                .then(|| value.trim().trim_matches('"'))
        });
        Some(match level {
            Some(level) if level.eq_ignore_ascii_case("none") => Self::None,
            Some(level) if level.eq_ignore_ascii_case("full") => Self::Full,
            Some(_) | None => Self::Minimal,
        })
    }

    /// The media type of an answer at this level.
    pub(crate) fn media_type(self) -> HeaderValue {
        // Constants, so that they are checked when they are compiled, and not for each answer.
        const NONE: HeaderValue = HeaderValue::from_static(
            "application/json;odata.metadata=none;odata.streaming=true;\
             IEEE754Compatible=false;charset=utf-8",
        );
        const MINIMAL: HeaderValue = HeaderValue::from_static(
            "application/json;odata.metadata=minimal;odata.streaming=true;\
             IEEE754Compatible=false;charset=utf-8",
        );
        const FULL: HeaderValue = HeaderValue::from_static(
            "application/json;odata.metadata=full;odata.streaming=true;\
             IEEE754Compatible=false;charset=utf-8",
        );
        match self {
            Self::None => NONE,
            Self::Minimal => MINIMAL,
            Self::Full => FULL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level is that of the first range for JSON, and whatever cannot be understood is minimal.
    #[test]
    fn levels() {
        let check = |values: &[&'static str], expect| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(Level::of(&headers), expect, "{values:?}");
        };
        check(&[], Level::Minimal);
        check(&["*/*"], Level::Minimal);
        check(&["application/json"], Level::Minimal);
        check(&["application/json;odata.metadata=none"], Level::None);
        check(&["Application/JSON ; OData.Metadata = Full"], Level::Full);
        check(&["application/json;metadata=\"full\""], Level::Full);
        check(
            &["application/json;odata.streaming=true;odata.metadata=none;q=0.9"],
            Level::None,
        );
        check(&["text/plain;q=0.5, */*;odata.metadata=full"], Level::Full);
        check(
            &["application/json, application/json;odata.metadata=full"],
            Level::Minimal,
        );
        check(&["text/plain;odata.metadata=none"], Level::Minimal);
        check(
            &["text/plain;q=1", "application/json;odata.metadata=none"],
            Level::None,
        );
        check(&["application/json;odata.metadata=most"], Level::Minimal);
        check(&["application/json;odata.metadata"], Level::Minimal);
        check(&[";=,;=,="], Level::Minimal);
    }
}

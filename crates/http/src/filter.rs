//! `$filter` of presences: `id in ('…','…')` and `id eq '…'`, and nothing else.
//!
//! The text is read once from left to right, without recursion. Whatever it is, it is either a list
//! of ids within the limits or refused.

use std::borrow::Cow;

use crate::error::{ApiError, quoted};
use crate::limits::IDS_PER_READ_MAX;
use crate::target::within_limit;

/// The ids that a filter names, in its order.
pub(crate) fn ids(filter: &str) -> Result<Vec<Cow<'_, str>>, ApiError> {
    let ids = comparison(filter).ok_or_else(|| {
        ApiError::bad_request(format!(
            "The $filter '{}' is not supported. Presences are filtered by id in ('…','…') or by id \
             eq '…'.",
            quoted(filter)
        ))
    })?;
    if ids.len() > IDS_PER_READ_MAX {
        return Err(ApiError::invalid_argument(
            "$filter",
            format_args!("At most {IDS_PER_READ_MAX} ids can be asked for at a time."),
        ));
    }
    for id in &ids {
        within_limit("$filter", id)?;
    }
    Ok(ids)
}

/// The ids in the one comparison that a filter is; nothing where it is anything else.
fn comparison(filter: &str) -> Option<Vec<Cow<'_, str>>> {
    let rest = word(filter, "id")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let (ids, rest) = if let Some(rest) = word(rest, "eq") {
        let (id, rest) = literal(rest)?;
        (vec![id], rest)
    } else {
        list(word(rest, "in")?)?
    };
    rest.trim_start().is_empty().then_some(ids)
}

/// What follows a word, which is written in whatever case (OData URL conventions 4.01, section
/// 5.1.1.1).
fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, tail) = text.trim_start().split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(tail)
}

/// A list of literals in parentheses, which may be empty, and what follows it. Of those above the
/// limit one is kept, so that one can see that there were more.
fn list(text: &str) -> Option<(Vec<Cow<'_, str>>, &str)> {
    let mut ids = Vec::new();
    let mut rest = text.trim_start().strip_prefix('(')?;
    if let Some(after) = rest.trim_start().strip_prefix(')') {
        return Some((ids, after));
    }
    loop {
        let (id, after) = literal(rest)?;
        if ids.len() <= IDS_PER_READ_MAX {
            ids.push(id);
        }
        let after = after.trim_start();
        if let Some(after) = after.strip_prefix(')') {
            return Some((ids, after));
        }
        rest = after.strip_prefix(',')?;
    }
}

/// A text in single quotes, in which a quote is written twice, and what follows it.
fn literal(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let text = text.trim_start().strip_prefix('\'')?;
    let mut end = text.find('\'')?;
    let mut doubled = false;
    while text.get(end + 1..)?.starts_with('\'') {
        doubled = true;
        end += 2 + text.get(end + 2..)?.find('\'')?;
    }
    let (value, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let value = if doubled {
        Cow::Owned(value.replace("''", "'"))
    } else {
        Cow::Borrowed(value)
    };
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are read in every spelling that OData has for them.
    #[test]
    fn ids_are_read() {
        let check = |filter: &str, expect: &[&str]| {
            assert_eq!(ids(filter).unwrap(), expect, "{filter}");
        };
        check("id in ('a','b')", &["a", "b"]);
        check("  ID  IN  ( 'a' , 'b' )  ", &["a", "b"]);
        check("id in('a')", &["a"]);
        check("id in ()", &[]);
        check("id in ( )", &[]);
        check("id in ('a','a')", &["a", "a"]);
        check("id eq 'a'", &["a"]);
        check("id eq ''", &[""]);
        check("id eq 'O''Hara'", &["O'Hara"]);
        check("id in ('''','''a''','')", &["'", "'a'", ""]);
        check("id eq 'a,b) or (é'", &["a,b) or (é"]);
    }

    /// Everything else is refused, and the filter is quoted.
    #[test]
    fn other_filters_are_refused() {
        let refused = "| |id|id |id in|id in (|id in ('|id in ('a|id in ('a'|id in ('a',|id in ('a',)|\
             id in (,)|id in ('a' 'b')|id in (a)|id in ('a'))|id in ('a') or id in ('b')|id eq|\
             id eq a|id eq 'a|id eq 'a''|id eq 'a' and true|id ne 'a'|idin ('a')|identity eq 'a'|\
             availability eq 'Busy'|not id eq 'a'|(id eq 'a')|i|é|idé|''|id eq '''";
        for filter in refused.split('|') {
            let error = ids(filter).unwrap_err();
            let message = error.message();
            let named = format!("'{}'", quoted(filter));
            assert!(message.contains(&named), "{filter}: {message}");
        }
    }

    /// The number and length of ids are bounded.
    #[test]
    fn ids_are_bounded() {
        let many = |count: usize| format!("id in ({})", vec!["'a'"; count].join(","));
        let most = many(IDS_PER_READ_MAX);
        assert_eq!(ids(&most).unwrap().len(), IDS_PER_READ_MAX);
        for count in [IDS_PER_READ_MAX + 1, 10_000] {
            let filter = many(count);
            let error = ids(&filter).unwrap_err();
            assert!(error.message().contains("At most 650"), "{error}");
        }
        assert!(ids(&format!("id eq '{}'", "x".repeat(257))).is_err());
    }

    /// No part of a filter makes the reading panic, and none is taken for the whole.
    #[test]
    fn cut_filters_do_no_harm() {
        let filter = "id in ('a''b', 'é' ,'''','')";
        let places: Vec<usize> = (0..=filter.len())
            .filter(|at| filter.is_char_boundary(*at))
            .collect();
        for from in &places {
            for to in places.iter().filter(|to| *to >= from) {
                let whole = (*from, *to) == (0, filter.len());
                assert_eq!(ids(&filter[*from..*to]).is_ok(), whole, "{from}..{to}");
            }
        }
    }
}

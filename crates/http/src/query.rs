//! Query options of reads (contract section 6.1).

use std::borrow::Cow;

use crate::error::{ApiError, quoted};
use crate::target::{Version, percent_decoded};
use crate::wire::presence::Select;

/// The options that OData knows, of which `$select` is served on presences and `$filter` on the
/// listing of them. On beta the dollar
/// sign may be left out.
const OPTIONS: [&str; 10] = [
    "count",
    "expand",
    "filter",
    "format",
    "orderby",
    "search",
    "select",
    "skip",
    "skiptoken",
    "top",
];

/// The options of a read.
#[derive(Debug)]
pub(crate) struct Options {
    /// The properties asked for.
    pub(crate) select: Select,
    /// The filter, if there is one.
    pub(crate) filter: Option<String>,
}

/// The properties of these that a read asks for, where it has no other option.
pub(crate) fn select(
    version: Version,
    query: Option<&str>,
    there: Select,
) -> Result<Select, ApiError> {
    Ok(options(version, query, &["select"], there)?.select)
}

/// The options of a read for which those of these names are served, on something that has the
/// properties `there`. 400 for another one, for one that is given twice, and for a property that
/// does not exist. Parameters that are no options are passed over.
pub(crate) fn options(
    version: Version,
    query: Option<&str>,
    served: &[&str],
    there: Select,
) -> Result<Options, ApiError> {
    let (mut selected, mut filter) = (None, None);
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        let Some(option) = option(version, &name) else {
            continue;
        };
        let twice = match option {
            _ if !served.contains(&option) => return Err(not_served(&name, served)),
            "filter" => filter.replace(decoded(value).into_owned()).is_some(),
            _ => selected
                .replace(properties(&decoded(value), there)?)
                .is_some(),
        };
        if twice {
            let message = format!("The query option '${option}' is given twice.");
            return Err(ApiError::bad_request(message));
        }
    }
    Ok(Options {
        select: selected.unwrap_or(Select::ALL),
        filter,
    })
}

fn not_served(name: &str, served: &[&str]) -> ApiError {
    let (name, served) = (quoted(name), served.join(" and $"));
    let verb = if served.contains(' ') { "are" } else { "is" };
    ApiError::bad_request(format!(
        "The query option '{name}' is not supported for this request; ${served} {verb}."
    ))
}

/// 400 for any option: of a resource that has no properties to choose among. Parameters that are no
/// options are passed over.
pub(crate) fn none(version: Version, query: Option<&str>) -> Result<(), ApiError> {
    for pair in query.unwrap_or_default().split('&') {
        let name = decoded(pair.split_once('=').map_or(pair, |(name, _)| name));
        if option(version, &name).is_some() {
            return Err(ApiError::bad_request(format!(
                "The query option '{}' is not supported for this request; none is.",
                quoted(&name)
            )));
        }
    }
    Ok(())
}

/// The values of the parameter of this name, which is no option of OData's, in their order.
pub(crate) fn values<'a>(
    query: Option<&'a str>,
    name: &'static str,
) -> impl Iterator<Item = Cow<'a, str>> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.filter_map(move |pair| {
        let (given, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(given)
            .eq_ignore_ascii_case(name)
            .then(|| decoded(value))
    })
}

/// The place in a listing that a `@odata.nextLink` names, where there is no other option; 400 for
/// any other.
pub(crate) fn skip_token(
    version: Version,
    query: Option<&str>,
) -> Result<Option<String>, ApiError> {
    let mut token = None;
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        match option(version, &name) {
            None => {}
            Some("skiptoken") => token = Some(decoded(value).into_owned()),
            Some(_) => {
                return Err(ApiError::bad_request(format!(
                    "The query option '{}' is not supported for this request. Follow \
                     @odata.nextLink as it is.",
                    quoted(&name)
                )));
            }
        }
    }
    Ok(token)
}

/// The name of the option, without the dollar sign. Whatever begins with one is an option, known
/// or not; on v1.0 nothing else is.
fn option(version: Version, name: &str) -> Option<&str> {
    match (name.strip_prefix('$'), version) {
        (Some(option), _) => Some(known(option).unwrap_or(option)),
        (None, Version::Beta) => known(name),
        (None, Version::V1) => None,
    }
}

fn known(option: &str) -> Option<&'static str> {
    let found = OPTIONS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(option));
    found.copied()
}

/// The properties in the value of a `$select`: names separated by commas, or `*`. Nothing selects
/// everything.
fn properties(value: &str, there: Select) -> Result<Select, ApiError> {
    let mut select = Select::NONE;
    for name in value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let property = if name == "*" {
            Some(Select::ALL)
        } else {
            Select::named(name).filter(|property| property.within(there) != Select::NONE)
        };
        let property = property.ok_or_else(|| {
            ApiError::bad_request(format!(
                "Could not find a property named '{}' on type 'microsoft.graph.presence'.",
                quoted(name)
            ))
        })?;
        select = select.and(property);
    }
    Ok(if select == Select::NONE {
        Select::ALL
    } else {
        select
    })
}

/// A name or value of a query, where a plus sign stands for a space.
fn decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        Cow::Owned(percent_decoded(&text.replace('+', " ")).into_owned())
    } else {
        percent_decoded(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `$select` is honoured in every spelling that clients use.
    #[test]
    fn selections() {
        let check = |version, query: &str, names: &[&str]| {
            let named = names.iter().map(|name| Select::named(name).unwrap());
            let expect = named.reduce(Select::and).unwrap_or(Select::ALL);
            assert_eq!(
                select(version, Some(query), Select::ALL).unwrap(),
                expect,
                "{query}"
            );
        };
        check(Version::V1, "", &[]);
        check(Version::V1, "&", &[]);
        check(
            Version::V1,
            "$select=id,availability",
            &["id", "availability"],
        );
        check(Version::V1, "%24select=id%2Cactivity", &["id", "activity"]);
        check(
            Version::V1,
            "$Select=+Availability+,id",
            &["id", "availability"],
        );
        check(Version::V1, "$select=id,id", &["id"]);
        check(Version::V1, "$select=*", &[]);
        check(Version::V1, "$select", &[]);
        check(Version::V1, "$select=", &[]);
        check(Version::V1, "select=id", &[]);
        check(Version::V1, "top=1&x=$top", &[]);
        check(Version::Beta, "select=id", &["id"]);
        check(Version::Beta, "$select=workLocation&y=1", &["workLocation"]);
        assert_eq!(select(Version::V1, None, Select::ALL).unwrap(), Select::ALL);
    }

    /// The values of a parameter come in their order, decoded, and others are passed over.
    #[test]
    fn parameters_have_values() {
        let check = |query: Option<&str>, expect: &[&str]| {
            let found: Vec<_> = values(query, "ids").collect();
            assert_eq!(found, expect, "{query:?}");
        };
        check(None, &[]);
        check(Some(""), &[]);
        check(Some("ids"), &[""]);
        check(Some("ids=a,b&x=1&IDS=c%2Cd+"), &["a,b", "c,d "]);
        check(Some("%69ds=a=b&$ids=x&id=y&idss=z"), &["a=b"]);
    }

    /// What is not served is named in the answer.
    #[test]
    fn refusals_name_the_option() {
        let check = |version, query: &str, named: &str| {
            let error = select(version, Some(query), Select::ALL).unwrap_err();
            assert!(error.message().contains(named), "{query}: {error}");
        };
        check(Version::V1, "$expand=x", "'$expand'");
        check(Version::V1, "$FILTER=x", "'$FILTER'");
        check(Version::V1, "%24top=1", "'$top'");
        check(Version::V1, "$nonsense", "'$nonsense'");
        check(Version::V1, "$", "'$'");
        check(Version::Beta, "expand=x", "'expand'");
        check(Version::V1, "$select=id,mood", "named 'mood'");
        check(Version::V1, "$select=id&$select=activity", "twice");
    }

    /// A property that is not there cannot be selected, and everything is what is there.
    #[test]
    fn what_is_not_there_cannot_be_selected() {
        let small = |query| select(Version::V1, Some(query), Select::SMALL);
        assert!(small("$select=id,statusMessage").is_ok());
        assert_eq!(small("$select=*").unwrap(), Select::ALL);
        let error = small("$select=id,WorkLocation").unwrap_err();
        assert!(error.message().contains("named 'WorkLocation'"), "{error}");
    }

    /// The place in a listing is read, and every other option is refused.
    #[test]
    fn skip_tokens() {
        let token = |query| skip_token(Version::V1, Some(query));
        assert_eq!(token("").unwrap(), None);
        assert_eq!(token("x=y").unwrap(), None);
        assert_eq!(token("$skiptoken=a-b").unwrap().as_deref(), Some("a-b"));
        assert_eq!(token("%24SkipToken=a%2D").unwrap().as_deref(), Some("a-"));
        for wrong in ["$top=1", "$skiptoken=x&$select=id"] {
            assert!(token(wrong).is_err(), "{wrong}");
        }
    }

    /// Where no option is served, each is refused, and what is none is passed over.
    #[test]
    fn no_options() {
        let check = |version, query: &str, refused: bool| {
            assert_eq!(none(version, Some(query)).is_err(), refused, "{query}");
        };
        check(Version::V1, "", false);
        check(Version::V1, "a=b&select=id", false);
        check(Version::V1, "a=b&$select=id", true);
        check(Version::V1, "%24top", true);
        check(Version::Beta, "select=id", true);
        assert!(none(Version::Beta, None).is_ok());
    }
}

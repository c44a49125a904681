//! `dateTimeTimeZone`: a local time and the zone it is meant in (contract section 2.1).

use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use presenced_core::time::Timestamp;

use crate::error::{ApiError, quoted};
use crate::limits::DATE_TIME_CHARS_MAX;
use crate::members::{Inner, required};
use crate::zone::Zone;

static PARSER: DateTimeParser = DateTimeParser::new();

/// The instant that a `dateTimeTimeZone` names, which must lie ahead; 400 names the field.
///
/// Without a `timeZone`, which the metadata lets be null, the time is meant in UTC: so are all that
/// are answered.
pub(crate) fn instant_ahead(
    field: &str,
    mut members: Inner<'_>,
    now: Timestamp,
) -> Result<Timestamp, ApiError> {
    let [date_time] = required([("DateTime", members.take("dateTime"))])?;
    let name = members.take("timeZone").text("TimeZone")?;
    let zone = match name.as_deref() {
        None => Zone::default(),
        Some(name) => Zone::named(name).ok_or_else(|| unknown_zone(name))?,
    };
    let local = local(&date_time, &zone)?;
    let name = name.unwrap_or("UTC".into());
    let instant = zone.instant(local).ok_or_else(|| {
        let (date_time, name) = (quoted(&date_time), quoted(&name));
        ApiError::invalid_argument(
            field,
            format_args!("'{date_time}' in the time zone '{name}' is no time from 1970 to 9999."),
        )
    })?;
    if instant <= now {
        let (date_time, name) = (quoted(&date_time), quoted(&name));
        return Err(ApiError::invalid_argument(
            field,
            format_args!(
                "'{date_time}' in the time zone '{name}' is in the past. Name a time to come, or \
                 leave out the {field} for a message that stays."
            ),
        ));
    }
    Ok(instant)
}

fn unknown_zone(name: &str) -> ApiError {
    ApiError::invalid_argument(
        "TimeZone",
        format_args!(
            "'{}' is not a time zone that is known. Pass a Windows name, for instance Pacific \
             Standard Time, or an IANA name, for instance Europe/Berlin.",
            quoted(name)
        ),
    )
}

/// The offsets that say UTC, as JavaScript and Python write them behind their times.
const UTC_OFFSETS: [&str; 2] = ["Z", "+00:00"];

/// A date and time without an offset. One of [`UTC_OFFSETS`] is taken where the zone is UTC, since
/// it says nothing else then; any other offset is refused, since it could say other than the zone
/// does.
fn local(text: &str, zone: &Zone) -> Result<DateTime, ApiError> {
    let offset = UTC_OFFSETS
        .into_iter()
        .find_map(|offset| Some((text.strip_suffix(offset)?, offset)));
    let plain = offset.map_or(text, |(plain, _)| plain);
    let refused = |hint: &str| {
        ApiError::invalid_argument(
            "DateTime",
            format_args!(
                "'{}' is not a date and time without offset, for instance \
                 2026-09-01T12:00:00.{hint}",
                quoted(text)
            ),
        )
    };
    if let Some((_, offset)) = offset
        && !zone.is_utc()
    {
        return Err(refused(&format!(
            " {offset} at its end means UTC, and goes with the TimeZone UTC only."
        )));
    }
    if !has_shape(plain) {
        return Err(refused(""));
    }
    PARSER
        .parse_datetime(plain)
        .map_err(|_no_such_day| refused(""))
}

/// `2026-09-01T12:00`, with or without seconds and a fraction of up to nine digits. `jiff` reads
/// more than that: offsets, names of zones and other spellings, which it would pass over.
fn has_shape(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && whole.len() == SHAPE.len() => {
            (whole, fraction)
        }
        Some(_) => return false,
        None => (text, ""),
    };
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *shape,
    };
    text.len() <= DATE_TIME_CHARS_MAX
        && (whole.len() == SHAPE.len() || whole.len() == SHAPE.len() - 3)
        && whole.bytes().zip(SHAPE).all(fits)
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which spellings are a local time, and which are not.
    #[test]
    fn local_times() {
        let utc = Zone::default();
        let check = |text: &str, expect: &str| {
            let read = local(text, &utc).unwrap();
            assert_eq!(read, expect.parse().unwrap(), "{text}");
        };
        check("2026-09-01T12:00:00.0000000", "2026-09-01T12:00:00");
        check("2026-09-01T12:00:00", "2026-09-01T12:00:00");
        check("2026-09-01T12:00", "2026-09-01T12:00:00");
        check("2026-09-01T12:00:00.5", "2026-09-01T12:00:00.5");
        check(
            "2026-09-01T12:00:00.123456789",
            "2026-09-01T12:00:00.123456789",
        );
        check("2026-09-01T12:00:00.000Z", "2026-09-01T12:00:00");
        check(
            "2026-09-01T12:00:00.000001+00:00",
            "2026-09-01T12:00:00.000001",
        );
        check("2028-02-29T23:59:59", "2028-02-29T23:59:59");
        for wrong in [
            "",
            "Z",
            "2026-09-01",
            "2026-09-01T12",
            "2026-09-01T12:00:",
            "2026-09-01T12:00.5",
            "2026-09-01 12:00:00",
            "2026-09-01t12:00:00",
            "20260901T120000",
            "2026-02-29T12:00:00",
            "2026-13-01T12:00:00",
            "2026-09-01T24:00:00",
            "2026-09-01T12:00:00+02:00",
            "2026-09-01T12:00:00-0200",
            "2026-09-01T12:00:00-00:00",
            "2026-09-01T12:00:00ZZ",
            "2026-09-01T12:00:00Z+00:00",
            "2026-09-01T12:00:00[Europe/Berlin]",
            "2026-09-01T12:00:00.",
            "2026-09-01T12:00:00,5",
            "2026-09-01T12:00:00.1234567891",
            "+002026-09-01T12:00:00",
            "2026-09-01T12:00:00 ",
            "1788264000",
            "٢026-09-01T12:00:00",
        ] {
            assert!(local(wrong, &utc).is_err(), "{wrong}");
        }
    }

    /// What says UTC goes with that zone and with no other, and the message says so.
    #[test]
    fn an_offset_means_utc() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        for offset in UTC_OFFSETS {
            let error = local(&format!("2026-09-01T12:00:00{offset}"), &berlin).unwrap_err();
            let hint =
                format!("{offset} at its end means UTC, and goes with the TimeZone UTC only.");
            assert!(error.message().ends_with(&hint), "{error}");
        }
    }
}

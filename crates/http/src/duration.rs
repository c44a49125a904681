//! `expirationDuration`: ISO 8601 durations, as far as Graph means them.

use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::temporal::SpanParser;
use presenced_core::preferred::PreferredLifetime;
use presenced_core::session::{OutOfRange, SessionLifetime};

use crate::error::{ApiError, Code, quoted};
use crate::limits::DURATION_CHARS_MAX;

const FIELD: &str = "ExpirationDuration";

static PARSER: SpanParser = SpanParser::new();

/// The lifetime of a session; 400 where the text is no duration, or one out of range.
pub(crate) fn session_lifetime(text: &str) -> Result<SessionLifetime, ApiError> {
    in_range(text, SessionLifetime::new)
}

/// The lifetime of a preferred presence; 400 where the text is no duration, or one out of range.
pub(crate) fn preferred_lifetime(text: &str) -> Result<PreferredLifetime, ApiError> {
    in_range(text, PreferredLifetime::new)
}

fn in_range<T>(
    text: &str,
    lifetime: impl Fn(Duration) -> Result<T, OutOfRange>,
) -> Result<T, ApiError> {
    let exact = read(text).ok_or_else(|| unreadable(text))?;
    // The range is checked on what was written, then the rest below a millisecond is cut: .NET
    // writes a TimeSpan with seven decimals, and nobody means more than milliseconds with it.
    let whole = Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX));
    lifetime(exact)
        .and_then(|_| lifetime(whole))
        .map_err(|OutOfRange| {
            // Graph's own text, word for word (contract section 3.6).
            let message = "The provided [ExpirationDuration] is out of range.";
            ApiError::new(Code::InvalidArgument, message)
        })
}

fn unreadable(text: &str) -> ApiError {
    let hint = if text.contains(':') {
        // The Python SDK writes a timedelta so, and Graph refuses it too (contract section 11).
        " This looks like a time of hours, minutes and seconds: for one hour pass PT1H."
    } else {
        ""
    };
    ApiError::invalid_argument(
        FIELD,
        format_args!(
            "'{}' is not an ISO 8601 duration of days, hours, minutes and seconds in upper case, \
             for instance PT1H or PT5M.{hint}",
            quoted(text)
        ),
    )
}

/// Days, hours, minutes and seconds, a day being 24 hours; years, months and weeks only if there are
/// none of them, as some clients write out every member (`P0Y0M0DT1H0M0S`). `None` for anything else.
///
/// `jiff` reads more than Graph means: lower case, signs, a comma for the point. These are sorted
/// out first, by their letters.
pub fn read(text: &str) -> Option<Duration> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((date, time)) => (date, time),
        None => (text.get(1..)?, ""),
    };
    let plain =
        |byte: u8, units: &[u8]| byte.is_ascii_digit() || byte == b'.' || units.contains(&byte);
    let only_these = date.bytes().all(|byte| plain(byte, b"YMWD"))
        && time.bytes().all(|byte| plain(byte, b"HMS"));
    if text.len() > DURATION_CHARS_MAX || !only_these {
        return None;
    }
    let span = PARSER.parse_span(text).ok()?;
    if (span.get_years(), span.get_months(), span.get_weeks()) != (0, 0, 0) {
        return None;
    }
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u128 = 60_000;
    const HOUR: u128 = 60 * MINUTE;

    /// What is read as a duration, in milliseconds, and what is not.
    #[test]
    fn durations() {
        let check = |text: &str, millis: Option<u128>| {
            assert_eq!(read(text).map(|d| d.as_millis()), millis, "{text}");
        };
        check("PT5M", Some(5 * MINUTE));
        check("PT4H", Some(4 * HOUR));
        check("PT1H", Some(HOUR));
        check("PT300S", Some(5 * MINUTE));
        check("PT0H5M", Some(5 * MINUTE));
        check("PT60M30S", Some(HOUR + 30_000));
        check("PT1H30M", Some(90 * MINUTE));
        check("PT1H30M15S", Some(90 * MINUTE + 15_000));
        check("P0DT1H", Some(HOUR));
        check("P1D", Some(24 * HOUR));
        check("P1DT12H", Some(36 * HOUR));
        check("P7D", Some(7 * 24 * HOUR));
        check("PT0S", Some(0));
        check("P0D", Some(0));
        check("PT0.5H", Some(30 * MINUTE));
        check("PT5.5M", Some(5 * MINUTE + 30_000));
        check("PT300.1234567S", Some(300_123));
        check("PT0.0001S", Some(0));
        check("PT16777217S", Some(16_777_217_000));
        for wrong in [
            "",
            "P",
            "PT",
            "T5M",
            "5M",
            "PT5",
            "P5",
            "pt5m",
            "Pt5M",
            "PT5m",
            "+PT5M",
            "-PT5M",
            "PT-5M",
            "PT1,5S",
            "P1W",
            "P1Y",
            "P1M",
            "P1Y2M",
            "P1WT5M",
            "P1DT",
            "PT5M5M",
            "PT30S5M",
            "PT5H1D",
            "P5H",
            "PT.5S.",
            "PT0.5H5M",
            "1:00:00",
            "01:00:00",
            "5m",
            "5 minutes",
            "3600",
            " PT5M",
            "PT5M ",
            "PT 5M",
            "PT5M\0",
            "PT٥M",
            "PT99999999999999999999H",
            "P99999999999999999999D",
        ] {
            check(wrong, None);
        }
        let long = format!("PT{}5M", "0".repeat(DURATION_CHARS_MAX));
        check(&long, None);
    }

    /// Years, months and weeks may be written out where there are none of them.
    #[test]
    fn members_of_no_length() {
        let check = |text: &str, millis: Option<u128>| {
            assert_eq!(read(text).map(|d| d.as_millis()), millis, "{text}");
        };
        check("P0Y0M0DT1H0M0S", Some(HOUR));
        check("P0Y0M0W0DT0H5M0S", Some(5 * MINUTE));
        check("P0W", Some(0));
        check("P0M1D", Some(24 * HOUR));
        for wrong in [
            "P1Y0M0DT1H",
            "P0Y1M0DT1H",
            "P0Y0M1W0DT1H",
            "P0M0YT1H",
            "P0.5YT1H",
            "PT1W",
        ] {
            check(wrong, None);
        }
    }

    /// The range of a session's life includes both ends, and is checked before anything is cut.
    #[test]
    fn ranges() {
        let session = |text| session_lifetime(text).map(|l| l.length().as_millis());
        assert_eq!(session("PT5M").unwrap(), 300_000);
        assert_eq!(session("PT300.0009S").unwrap(), 300_000);
        assert_eq!(session("PT4H").unwrap(), 14_400_000);
        for outside in [
            "PT4M59S",
            "PT4H1S",
            "PT4H0M0.0001S",
            "PT299.9999S",
            "PT0S",
            "P1D",
        ] {
            assert_eq!(
                session(outside).unwrap_err().message(),
                "The provided [ExpirationDuration] is out of range.",
                "{outside}"
            );
        }
        let preferred = |text| preferred_lifetime(text).map(|l| l.length().as_millis());
        assert_eq!(preferred("PT0.001S").unwrap(), 1);
        assert_eq!(preferred("P366D").unwrap(), 366 * 86_400_000);
        assert!(preferred("PT0S").is_err());
        assert!(preferred("PT0.0001S").is_err());
        assert!(preferred("P366DT0.0001S").is_err());
    }

    /// What the Python SDK makes of a `timedelta` is refused, and the message says what to send.
    #[test]
    fn the_message_helps() {
        let message = session_lifetime("1:00:00").unwrap_err().to_string();
        assert!(
            message.contains("'1:00:00'") && message.contains("pass PT1H"),
            "{message}"
        );
        let message = session_lifetime("P1W").unwrap_err().to_string();
        assert!(message.contains("[ExpirationDuration]: 'P1W'"), "{message}");
    }
}

//! `Edm.DateTimeOffset`: an instant, as the `expirationDateTime` of a subscription is one.

use jiff::fmt::temporal::DateTimeParser;
use presenced_core::time::Timestamp;

use crate::limits::DATE_TIME_OFFSET_CHARS_MAX;

static PARSER: DateTimeParser = DateTimeParser::new();

/// What may stand before fraction and offset, with and without seconds.
const SHAPES: [&[u8]; 2] = [b"0000-00-00T00:00:00", b"0000-00-00T00:00"];

/// The instant that a text names, to the millisecond; what is below is cut. `None` for anything but
/// a date and time with an offset (OData ABNF, `dateTimeOffsetValue`), and for what lies before 1970.
///
/// The SDKs write `2026-09-01T08:00:00Z`, `…00.0000000Z` and `…00.123456+00:00` (contract section
/// 4.3).
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    if text.len() > DATE_TIME_OFFSET_CHARS_MAX || !has_shape(text) {
        return None;
    }
    let instant = PARSER.parse_timestamp(text).ok()?;
    let millis = u64::try_from(instant.as_millisecond()).ok()?;
    Some(Timestamp::from_millis(millis))
}

/// `jiff` reads more than OData has: spaces, names of zones, other spellings of offsets.
fn has_shape(text: &str) -> bool {
    let offset = |text: &str| text == "Z" || fits(text.get(1..).unwrap_or_default(), b"00:00");
    SHAPES.iter().any(|shape| {
        let Some((whole, rest)) = text.split_at_checked(shape.len()) else {
            return false;
        };
        let rest = match rest.strip_prefix('.') {
            None => rest,
            Some(fraction) => {
                let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                let digits = fraction.len() - after.len();
                if !(1..=9).contains(&digits) {
                    return false;
                }
                after
            }
        };
        fits(whole, shape) && rest.starts_with(['Z', '+', '-']) && offset(rest)
    })
}

/// Whether a text has a digit wherever the shape has a zero, and the shape's own sign elsewhere.
fn fits(text: &str, shape: &[u8]) -> bool {
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *shape,
    };
    text.len() == shape.len() && text.bytes().zip(shape).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form that an SDK writes names the right instant.
    #[test]
    fn instants_are_read() {
        let check = |text: &str, millis: u64| {
            assert_eq!(read(text), Some(Timestamp::from_millis(millis)), "{text}");
        };
        check("2026-09-01T00:00:00Z", 1_788_220_800_000);
        check("2026-09-01T00:00Z", 1_788_220_800_000);
        check("2026-09-01T02:00:00+02:00", 1_788_220_800_000);
        check("2026-08-31T19:30:00.000-04:30", 1_788_220_800_000);
        check("2026-09-01T00:00:00.123456+00:00", 1_788_220_800_123);
        check("2026-09-01T00:00:00.1234567Z", 1_788_220_800_123);
        check("2026-09-01T00:00:00.999999999Z", 1_788_220_800_999);
        check("1970-01-01T00:00:00Z", 0);
    }

    /// Everything else is refused: an instant is not guessed at.
    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "Z",
            "2026-09-01",
            "2026-09-01T00:00:00",
            "2026-09-01T00:00:00.Z",
            "2026-09-01T00:00:00.1234567890Z",
            "2026-09-01 00:00:00Z",
            "2026-09-01T00:00:00z",
            "2026-09-01T00:00:00+0000",
            "2026-09-01T00:00:00+00",
            "2026-09-01T00:00:00Z[UTC]",
            "2026-09-01T00:00:00+00:00[UTC]",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-09-01T25:00:00Z",
            "2026-09-01T00:00:00+99:00",
            "1969-12-31T23:59:59Z",
            "20260901T000000Z",
            "2026-09-01T00:00:00Zé",
            "é026-09-01T00:00:00Z",
            "in an hour",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

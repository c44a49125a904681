//! Time zones by name, and what is asked of them: which instant a local time is, and when a day
//! ends.
//!
//! The zones' rules are compiled in, so that every node answers alike, whatever its machine has.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use presenced_core::time::Timestamp;

use crate::limits::DAY_WITHOUT_CALENDAR;
use crate::windows_zones::WINDOWS_ZONES;

/// A time zone, with all that is known of its past and future. UTC by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of this IANA name, such as `Europe/Berlin`, without regard to case.
    pub fn iana(name: &str) -> Option<Self> {
        let zone = jiff::tz::db().get(name).ok()?;
        // The name of not knowing (`Etc/Unknown`) is no place's zone.
        (!zone.is_unknown()).then_some(Self(zone))
    }

    /// The zone of this Windows name, such as `Pacific Standard Time`, or IANA name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let windows = WINDOWS_ZONES
            .iter()
            .find(|(windows, _)| windows.eq_ignore_ascii_case(name));
        Self::iana(windows.map_or(name, |(_, iana)| iana))
    }

    /// Whether it is UTC itself, and not just a zone whose clocks show the same.
    pub(crate) fn is_utc(&self) -> bool {
        matches!(self.0.iana_name(), Some("UTC" | "Etc/UTC"))
    }

    /// The instant at which clocks in this zone show `local`. A time that clocks skip is taken with
    /// the offset from before the gap, one that they show twice is the first of the two (RFC 5545
    /// §3.3.5). Cut to whole milliseconds; `None` beyond the calendar's ends and before 1970.
    pub(crate) fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let instant = self.0.to_timestamp(local).ok()?;
        let millis = u64::try_from(instant.as_millisecond()).ok()?;
        Some(Timestamp::from_millis(millis))
    }

    /// The end of the day that is `now` in this zone: the first instant of the next one. Beyond the
    /// calendar's end a day has 24 hours.
    pub(crate) fn day_end(&self, now: Timestamp) -> Timestamp {
        self.next_day(now)
            .unwrap_or_else(|| now.plus(DAY_WITHOUT_CALENDAR))
    }

    fn next_day(&self, now: Timestamp) -> Option<Timestamp> {
        let millis = i64::try_from(now.as_millis()).ok()?;
        let now = jiff::Timestamp::from_millisecond(millis).ok()?;
        // By the date alone: the same time of day may not exist tomorrow.
        let today = now.to_zoned(self.0.clone()).date();
        let tomorrow = today.tomorrow().ok()?.to_zoned(self.0.clone());
        let start = tomorrow.ok()?.timestamp();
        let millis = u64::try_from(start.as_millisecond()).ok()?;
        Some(Timestamp::from_millis(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(utc: &str) -> Timestamp {
        let at: jiff::Timestamp = utc.parse().unwrap();
        Timestamp::from_millis(u64::try_from(at.as_millisecond()).unwrap())
    }

    /// Windows and IANA names are taken in any case, and lead to the same zone.
    #[test]
    fn names() {
        let pairs = [
            ("Pacific Standard Time", "America/Los_Angeles"),
            ("w. europe standard time", "europe/berlin"),
            ("UTC", "Etc/UTC"),
            ("utc", "UTC"),
            ("India Standard Time", "Asia/Calcutta"),
            ("UTC-02", "Etc/GMT+2"),
        ];
        let noon = "2026-09-01T12:00:00".parse().unwrap();
        for (windows, iana) in pairs {
            let instant = |name| Zone::named(name).unwrap().instant(noon).unwrap();
            assert_eq!(instant(windows), instant(iana), "{windows}");
        }
        for unknown in [
            "",
            " ",
            "Mars/Olympus",
            "PST8",
            "Pacific Standard Time ",
            "Etc/Unknown",
            "+02:00",
            "../etc/passwd",
            "Local",
        ] {
            assert_eq!(Zone::named(unknown), None, "{unknown}");
        }
        assert_eq!(Zone::iana("Pacific Standard Time"), None);
        let utc = |name| Zone::named(name).unwrap().is_utc();
        assert!(utc("utc") && utc("Etc/UTC") && Zone::default().is_utc());
        assert!(!utc("Europe/London") && !utc("Greenwich Standard Time"));
    }

    /// A local time is an instant, also where clocks skip it or show it twice.
    #[test]
    fn instants() {
        let check = |zone: &str, local: &str, utc: &str| {
            let zone = Zone::named(zone).unwrap();
            assert_eq!(
                zone.instant(local.parse().unwrap()),
                Some(at(utc)),
                "{local}"
            );
        };
        check("UTC", "2026-09-01T12:00:00", "2026-09-01T12:00:00Z");
        check(
            "Pacific Standard Time",
            "2026-09-01T12:00",
            "2026-09-01T19:00:00Z",
        );
        check(
            "Pacific Standard Time",
            "2026-12-01T12:00",
            "2026-12-01T20:00:00Z",
        );
        check("Asia/Kathmandu", "2026-09-01T12:00", "2026-09-01T06:15:00Z");
        // Clocks go from 02:00 to 03:00: 02:30 is half an hour after 02:00.
        check("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30:00Z");
        // Clocks go from 03:00 to 02:00: 02:30 is, first, summer time.
        check("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z");
        check(
            "UTC",
            "2026-09-01T12:00:00.9999999",
            "2026-09-01T12:00:00.999Z",
        );
        let none = |local: &str| Zone::default().instant(local.parse().unwrap());
        assert_eq!(none("1969-12-31T23:59:59"), None);
        assert_eq!(none("9999-12-31T23:59:59"), None);
    }

    /// A day ends at the next midnight, or at the first instant after it where clocks skip it.
    #[test]
    fn day_ends() {
        let check = |zone: &str, now: &str, end: &str| {
            let zone = Zone::iana(zone).unwrap();
            assert_eq!(zone.day_end(at(now)), at(end), "{now}");
        };
        check("UTC", "2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z");
        check("UTC", "2026-09-01T23:59:59.999Z", "2026-09-02T00:00:00Z");
        check(
            "Europe/Berlin",
            "2026-09-01T21:59:59Z",
            "2026-09-01T22:00:00Z",
        );
        check(
            "Europe/Berlin",
            "2026-09-01T22:00:00Z",
            "2026-09-02T22:00:00Z",
        );
        // The next day lacks the hour that it is now.
        check(
            "America/Nuuk",
            "2026-03-28T01:30:00Z",
            "2026-03-28T02:00:00Z",
        );
        // A day of 23 hours, and one of 25.
        check(
            "Europe/Berlin",
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
        );
        check(
            "Europe/Berlin",
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
        );
        // In Chile clocks skip the midnight itself, and the day begins at 01:00.
        check(
            "America/Santiago",
            "2026-09-06T03:00:00Z",
            "2026-09-06T04:00:00Z",
        );
        // Samoa left out the 30th of December 2011.
        check(
            "Pacific/Apia",
            "2011-12-30T09:59:59Z",
            "2011-12-30T10:00:00Z",
        );
        let end = Timestamp::from_millis(u64::MAX - 1);
        assert_eq!(
            Zone::default().day_end(end),
            Timestamp::from_millis(u64::MAX)
        );
    }

    /// In every zone, at any time, a day ends later than now and within two days.
    #[test]
    fn a_day_end_lies_ahead() {
        for (_, name) in WINDOWS_ZONES {
            let zone = Zone::iana(name).unwrap();
            for hour in (0..366 * 24).step_by(37) {
                let now = at("2025-01-01T00:00:00Z").plus(std::time::Duration::from_hours(hour));
                let left = zone.day_end(now).since(now);
                assert!(!left.is_zero(), "{name} {now:?}");
                assert!(
                    left <= std::time::Duration::from_hours(25),
                    "{name} {now:?}"
                );
            }
        }
    }
}

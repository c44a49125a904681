//! Server-sent events (WHATWG HTML, section 9.2.6), as live streams send them. Each is whole: a piece
//! that is cut between two of them loses nothing of either.

use std::fmt::Write as _;

use bytes::BytesMut;
use presenced_notify::live::EventId;

use super::level::Level;
use super::presence::{Select, Shown, close, push_members};

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The token no longer counts.
    Token,
    /// The application was switched off in the directory.
    Disabled,
    /// The server stops.
    Shutdown,
    /// The reader took nothing for too long.
    Slow,
    /// The server cannot go on.
    Unavailable,
}

impl End {
    /// For programs, and for people.
    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => (
                "token",
                "The token no longer counts. Get a new one, and go on from the last event's id.",
            ),
            Self::Disabled => (
                "disabled",
                "The application is disabled in the directory of this tenant.",
            ),
            Self::Shutdown => (
                "shutdown",
                "The server stops. Come again after the retry time, from the last event's id.",
            ),
            Self::Slow => (
                "slow",
                "Nothing was read for too long. Come again, from the last event's id.",
            ),
            Self::Unavailable => (
                "unavailable",
                "The server cannot go on at present. Come again after the retry time, from the \
                 last event's id.",
            ),
        }
    }
}

/// How long a client is to wait before it comes again.
pub(crate) fn push_retry(out: &mut BytesMut, millis: u32) {
    push(out, format_args!("retry: {millis}\n\n"));
}

/// A comment, which clients pass over: a sign of life.
pub(crate) fn push_heartbeat(out: &mut BytesMut) {
    out.extend_from_slice(b":\n\n");
}

/// A presence, as a read shows it, and the stream's place where one has been reached with it.
pub(crate) fn push_presence(
    out: &mut BytesMut,
    shown: Shown<'_>,
    select: Select,
    then: Option<EventId>,
) {
    out.extend_from_slice(b"event: presence\n");
    if let Some(id) = then {
        push(out, format_args!("id: {id}\n"));
    }
    out.extend_from_slice(b"data: {");
    // Control characters are escaped in it, so that it is one line.
    push_members(out, shown, select, Level::Minimal);
    close(out, b'}');
    out.extend_from_slice(b"\n\n");
}

/// All has been told up to this place.
pub(crate) fn push_synced(out: &mut BytesMut, at: EventId, resumed: bool) {
    push(
        out,
        format_args!("event: synced\nid: {at}\ndata: {{\"resumed\":{resumed}}}\n\n"),
    );
}

/// More has changed than was kept; the state follows.
pub(crate) fn push_behind(out: &mut BytesMut) {
    out.extend_from_slice(b"event: behind\ndata: {}\n\n");
}

/// The stream ends here.
pub(crate) fn push_end(out: &mut BytesMut, end: End) {
    let (reason, message) = end.texts();
    push(
        out,
        format_args!("event: end\ndata: {{\"reason\":\"{reason}\",\"message\":\"{message}\"}}\n\n"),
    );
}

fn push(out: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a buffer takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Subject;
    use presenced_core::id::UserId;
    use presenced_core::time::Timestamp;

    fn written(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    /// Every event ends with an empty line and holds no other, and all data is JSON.
    #[test]
    fn events_are_whole() {
        let at = EventId::parse("7.0123456789abcdef").unwrap();
        let adele = Subject::User(UserId::from_u128(1));
        let shown = Shown::of(adele, None, Timestamp::EPOCH);
        let events = [
            written(|out| push_presence(out, shown, Select::ALL, Some(at))),
            written(|out| push_presence(out, shown, Select::ALL, None)),
            written(|out| push_synced(out, at, true)),
            written(push_behind),
            written(|out| push_end(out, End::Token)),
            written(|out| push_end(out, End::Shutdown)),
            written(|out| push_end(out, End::Slow)),
            written(|out| push_end(out, End::Unavailable)),
        ];
        for event in &events {
            let lines = event.strip_suffix("\n\n").unwrap();
            assert!(!lines.contains("\n\n"), "{event}");
            assert!(lines.starts_with("event: "), "{event}");
            let data = lines.lines().find_map(|line| line.strip_prefix("data: "));
            let data: serde_json::Value = serde_json::from_str(data.unwrap()).unwrap();
            assert!(data.is_object(), "{event}");
        }
        assert_eq!(
            events[2],
            "event: synced\nid: 7.0123456789abcdef\ndata: {\"resumed\":true}\n\n"
        );
        assert!(!events[1].contains("id: 7"));
        assert_eq!(written(push_heartbeat), ":\n\n");
        assert_eq!(written(|out| push_retry(out, 1_250)), "retry: 1250\n\n");
    }
}

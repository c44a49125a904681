//! Server-sent events, taken from the pieces in which they come.

use anyhow::{Context as _, Result, ensure};

use crate::limits::EVENT_BYTES_MAX;

/// One event of a live stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A presence: whose, and its sequence number.
    Presence {
        /// The user's id.
        id: &'a str,
        /// What grows with every change of this user.
        sequence: u64,
    },
    /// Everything that is watched has been told.
    Synced,
    /// What changed was too much to be kept; the whole state follows.
    Behind,
    /// The stream ends, and what it says of the reason.
    End(&'a str),
    /// A sign of life, or something that says nothing of presences.
    Other,
}

/// What has come of an event that is not whole.
#[derive(Debug, Default)]
pub(crate) struct Events {
    begun: Vec<u8>,
}

impl Events {
    /// Takes the next piece of the stream, and hands over each event that ends in it.
    pub(crate) fn take(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        // What was there before holds no end, but perhaps the first half of one.
        let mut from = self.begun.len().saturating_sub(1);
        self.begun.extend_from_slice(piece);
        let mut taken = 0;
        while let Some(end) = find(self.begun.get(from..).unwrap_or_default(), b"\n\n") {
            let block = self.begun.get(taken..from + end).unwrap_or_default();
            each(event(block)?)?;
            taken = from + end + 2;
            from = taken;
        }
        self.begun.drain(..taken);
        ensure!(
            self.begun.len() <= EVENT_BYTES_MAX,
            "an event is longer than {EVENT_BYTES_MAX} bytes"
        );
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        from += rest.iter().position(|byte| *byte == first)?;
        if bytes.get(from..)?.starts_with(what) {
            return Some(from);
        }
        from += 1;
    }
}

/// What the lines of one event say.
fn event(block: &[u8]) -> Result<Event<'_>> {
    let block = std::str::from_utf8(block).context("an event is not text")?;
    let field = |name| {
        let mut lines = block.split('\n');
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let data = field("data").unwrap_or_default();
    Ok(match field("event") {
        Some("presence") => {
            let (id, sequence) = (
                member(data, "\"id\":\""),
                member(data, "\"sequenceNumber\":\""),
            );
            let told = id.zip(sequence.and_then(|digits| digits.parse().ok()));
            let (id, sequence) = told.with_context(|| format!("unexpected presence: {data}"))?;
            Event::Presence { id, sequence }
        }
        Some("synced") => Event::Synced,
        Some("behind") => Event::Behind,
        Some("end") => Event::End(data),
        Some(_) | None => Event::Other,
    })
}

/// The text after `name` up to the next quotation mark: neither ids nor numbers are ever escaped.
fn member<'a>(data: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = data.split_once(name)?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "retry: 1000\n\n: \n\nevent: presence\ndata: {\"id\":\"a\",\
        \"availability\":\"Busy\",\"sequenceNumber\":\"00000000000000000007\"}\n\n\
        event: synced\nid: 1.b\ndata: {\"resumed\":false}\n\nevent: behind\ndata: {}\n\n\
        event: later\ndata: {}\n\nevent: end\ndata: {\"reason\":\"token\"}\n\n";

    /// The same events come out however the stream is cut into pieces, each once and at its end.
    #[test]
    fn events_are_found_in_any_pieces() {
        let expect = "Other Other a7 Synced Behind Other {\"reason\":\"token\"}";
        for size in 1..=STREAM.len() {
            let (mut events, mut seen) = (Events::default(), Vec::new());
            for piece in STREAM.as_bytes().chunks(size) {
                events
                    .take(piece, |event| {
                        seen.push(match event {
                            Event::Presence { id, sequence } => format!("{id}{sequence}"),
                            Event::End(why) => why.to_owned(),
                            Event::Synced | Event::Behind | Event::Other => format!("{event:?}"),
                        });
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(seen.join(" "), expect, "in pieces of {size}");
            assert_eq!(events.begun, b"");
        }
    }

    /// A presence without what is measured by is an error, and so is an event that never ends.
    #[test]
    fn what_cannot_be_read_is_an_error() {
        let nothing = |_: Event<'_>| Ok(());
        for wrong in [
            "event: presence\ndata: {\"id\":\"a\"}\n\n",
            "event: presence\ndata: {\"sequenceNumber\":\"1\"}\n\n",
            "event: presence\ndata: {\"id\":\"a\",\"sequenceNumber\":\"one\"}\n\n",
            "event: presence\n\n",
        ] {
            let error = Events::default().take(wrong.as_bytes(), nothing);
            assert!(error.is_err(), "{wrong}");
        }
        let endless = vec![b'a'; EVENT_BYTES_MAX + 1];
        assert!(Events::default().take(&endless, nothing).is_err());
        assert!(Events::default().take(b"\xff\n\n", nothing).is_err());
    }
}

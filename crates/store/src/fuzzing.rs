//! Ways into the parsers for `fuzz/`, and for nobody else: bytes are read and forgotten.

use std::io::Cursor;

use crate::codec::{self, Reader};
use crate::embedded::entry::Entry;
use crate::embedded::frame::{FileKind, Found, FrameReader};

/// Reads bytes as a record.
pub fn record(bytes: &[u8]) -> bool {
    codec::decode(bytes).is_ok()
}

/// Reads bytes as the payload of a frame, and the records in it. How many entries were good.
pub fn entries(bytes: &[u8]) -> usize {
    let mut reader = Reader::new(bytes);
    let mut good = 0;
    while let Ok(entry) = Entry::read(&mut reader) {
        if let Entry::Record { bytes, .. } = entry {
            good += usize::from(record(bytes));
        } else {
            good += 1;
        }
    }
    good
}

/// Reads bytes as a journal, as a start does: frame by frame, and where one is damaged, in search of
/// whole ones behind it. How many entries were good.
pub fn journal(bytes: &[u8]) -> usize {
    let Ok(mut reader) = FrameReader::new(Cursor::new(bytes), FileKind::Journal) else {
        return 0;
    };
    let mut good = 0;
    let damaged_at = loop {
        match reader.next() {
            Ok(Found::Frame { payload, .. }) => good += entries(payload),
            Ok(Found::Damage { offset, .. }) => break offset,
            Ok(Found::End) | Err(_) => return good,
        }
    };
    // Whether there is one decides between a torn end and a refusal; here only that it is found out.
    good + usize::from(reader.whole_frame_after(damaged_at).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ways in lead to the parsers: a journal of an earlier release is read through them, and
    /// damage to it is found.
    #[test]
    fn a_real_journal_is_read() {
        let bytes = include_bytes!("../testdata/v0.1/journal-00000000000000000011");
        let all = journal(bytes);
        assert!(all > 10, "{all}");
        let mut damaged = bytes.to_vec();
        damaged[60] ^= 1;
        assert_eq!(journal(&damaged), 1);
        assert_eq!(journal(&bytes[..20]), 0);
    }
}

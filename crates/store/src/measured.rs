//! Ways into the record's encoding for `cargo xtask instructions`, and for nobody else.

use presenced_core::record::Record;

use crate::codec;

/// Puts the encoding of a record in the place of what `out` holds: how many bytes it takes.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> usize {
    out.clear();
    codec::encode(record, out).map_or(0, |()| out.len())
}

/// Reads such an encoding: how many sessions it holds.
pub fn decode(bytes: &[u8]) -> usize {
    codec::decode(bytes).map_or(0, |record| record.sessions.len())
}

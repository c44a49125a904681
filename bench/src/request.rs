//! Request bytes, made once, with the users' ids patched in.

/// The seed of everything that looks like chance.
const SEED: u64 = 42;

/// Length of a GUID as text.
const ID_CHARS: usize = 36;

/// What stands in a template where an id belongs.
pub(crate) const ID_PLACE: &str = "{~~~~~~~~~~~ a user's id ~~~~~~~~~~}";

/// A stream of numbers that look random and are the same in every run (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    /// The stream of this number: each connection has its own.
    pub(crate) const fn stream(number: u64) -> Self {
        Self(mix(SEED ^ mix(number)))
    }

    /// The next number below `bound`.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // The bias of the remainder is one in 2^47 for 100,000 users.
        mix(self.0) % bound
    }
}

/// The output function of splitmix64, which spreads neighbouring numbers over all 64 bits.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The id of the n-th user.
pub(crate) fn user_number(user: u64) -> u128 {
    let half = |part: u64| u128::from(mix(SEED.wrapping_add(user * 2 + part)));
    (half(0) << 64) | half(1)
}

/// The same as text.
pub(crate) fn user_id(user: u64) -> [u8; ID_CHARS] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let value = user_number(user);
    let mut text = [b'-'; ID_CHARS];
    let places = (0..ID_CHARS).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
    for (digit, place) in places.enumerate() {
        let nibble = (value >> (124 - 4 * digit)) & 0xf;
        if let (Some(to), Some(from)) = (text.get_mut(place), DIGITS.get(nibble as usize)) {
            *to = *from;
        }
    }
    text
}

/// One request, with the places where users' ids belong.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// The request that this text says, with an id at every [`ID_PLACE`].
    pub(crate) fn new(text: &str) -> Self {
        let places = text.match_indices(ID_PLACE).map(|(place, _)| place);
        Self {
            places: places.collect(),
            bytes: text.as_bytes().to_vec(),
        }
    }

    /// The request for these users, as many as there are places, written over what is in `buffer`.
    /// A request without places is not copied, however long it is.
    pub(crate) fn fill<'a>(
        &'a self,
        buffer: &'a mut Vec<u8>,
        mut user: impl FnMut() -> u64,
    ) -> &'a [u8] {
        if self.places.is_empty() {
            return &self.bytes;
        }
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        for place in &self.places {
            if let Some(slot) = buffer.get_mut(*place..*place + ID_CHARS) {
                slot.copy_from_slice(&user_id(user()));
            }
        }
        buffer
    }

    /// The request as it stands, places and all.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The request for these users once and for all.
    pub(crate) fn filled(&self, user: impl FnMut() -> u64) -> Self {
        let mut buffer = Vec::new();
        Self {
            bytes: self.fill(&mut buffer, user).to_vec(),
            places: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Ids are GUIDs, all different, and the same in every run.
    #[test]
    fn ids_are_distinct_guids() {
        let ids: BTreeSet<_> = (0..1_000).map(user_id).collect();
        assert_eq!(ids.len(), 1_000);
        for id in &ids {
            let text = std::str::from_utf8(id).unwrap();
            let parts: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{text}");
            let hex = text.bytes().filter(u8::is_ascii_hexdigit);
            assert_eq!(hex.count(), 32, "{text}");
        }
        let first = user_id(0);
        assert_eq!(first, user_id(0));
    }

    /// A template keeps its length, and every place gets an id of its own.
    #[test]
    fn places_are_filled() {
        let template = Template::new(&format!("GET {ID_PLACE}, {ID_PLACE}!"));
        let mut next = 0;
        let mut buffer = b"from before".to_vec();
        let filled = template.fill(&mut buffer, || {
            next += 1;
            next
        });
        let expect = [b"GET ", &user_id(1)[..], b", ", &user_id(2), b"!"].concat();
        assert_eq!(filled, expect);
        assert_eq!(ID_PLACE.len(), ID_CHARS);
        // Filled once and for all, no place is left.
        let fixed = template.filled(|| 7);
        assert_eq!(fixed.fill(&mut buffer, || 8), template.filled(|| 7).bytes);
    }

    /// Two streams differ, and each repeats itself from the start.
    #[test]
    fn streams_repeat() {
        let take = |stream| {
            let mut numbers = Numbers::stream(stream);
            [(); 8].map(|()| numbers.below(1_000_000))
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
    }
}

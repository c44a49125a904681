//! A record's bytes as the table keeps them.

use std::ops::Deref;

/// The longest record that stands in its slot. The usual one, with one session, takes 42 bytes; it
/// then needs no memory of its own, which would cost a pointer, what the allocator adds, and a look
/// at another place for each read.
pub(crate) const INLINE_BYTES: usize = 46;

/// Bytes that do not change their length often.
pub(crate) enum Packed {
    /// Few: they stand here.
    Inline {
        length: u8,
        bytes: [u8; INLINE_BYTES],
    },
    /// Many: they stand elsewhere.
    Apart(Box<[u8]>),
}

impl Packed {
    /// Puts these bytes in the place of the old ones; in the same memory where they fit, as those of
    /// a keep-alive usually do.
    pub(crate) fn store(&mut self, new: &[u8]) {
        match self {
            Self::Apart(old) if old.len() == new.len() => old.copy_from_slice(new),
            Self::Inline { .. } | Self::Apart(_) => *self = new.into(),
        }
    }
}

impl From<&[u8]> for Packed {
    fn from(new: &[u8]) -> Self {
        let mut bytes = [0; INLINE_BYTES];
        match (bytes.get_mut(..new.len()), u8::try_from(new.len())) {
            (Some(start), Ok(length)) => {
                start.copy_from_slice(new);
                Self::Inline { length, bytes }
            }
            _ => Self::Apart(new.into()),
        }
    }
}

impl Deref for Packed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Self::Apart(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of every length come back, whatever stood there before; and few of them take no more
    /// room than they need.
    #[test]
    fn bytes_come_back() {
        assert_eq!(size_of::<Packed>(), INLINE_BYTES + 2);
        let lengths = [0, 1, 42, INLINE_BYTES, INLINE_BYTES + 1, 300, 65_535];
        for before in lengths {
            for after in lengths {
                let (old, new) = (vec![1; before], vec![2; after]);
                let mut packed = Packed::from(&*old);
                assert_eq!(*packed, *old);
                packed.store(&new);
                assert_eq!(*packed, *new);
                assert_eq!(
                    matches!(packed, Packed::Inline { .. }),
                    after <= INLINE_BYTES
                );
            }
        }
    }
}

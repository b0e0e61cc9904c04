//! Big-endian and little-endian words.

/// Order of the bytes in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    /// The first two bytes as a number. `bytes` must have them.
    pub(crate) fn u16(self, bytes: &[u8]) -> u16 {
        let raw = [bytes[0], bytes[1]];
        if self == Self::Big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) }
    }

    /// The first four bytes as a number. `bytes` must have them.
    pub(crate) fn u32(self, bytes: &[u8]) -> u32 {
        let raw = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self == Self::Big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) }
    }

    pub(crate) fn u24(self, bytes: &[u8]) -> u32 {
        let raw = if self == Self::Big { [0, bytes[0], bytes[1], bytes[2]] } else { [0, bytes[2], bytes[1], bytes[0]] };
        u32::from_be_bytes(raw)
    }

    pub(crate) fn u64(self, bytes: &[u8]) -> u64 {
        let (high, low) = if self == Self::Big { (0, 4) } else { (4, 0) };
        u64::from(self.u32(&bytes[high..])) << 32 | u64::from(self.u32(&bytes[low..]))
    }
}

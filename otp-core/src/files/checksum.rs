//! CRC-32 (ISO-HDLC, as in zlib and Ethernet): tells a torn or rotten slot or file from a whole one. It is no defence against
//! somebody who may write the vault.

const TABLE: [u32; 256] = table();

/// The CRC-32 of `bytes`.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        TABLE.get(usize::from(low)).copied().unwrap_or(0) ^ (crc >> 8)
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// What follows the first line, if that line is the checksum of it.
pub(crate) fn checked(text: &str) -> Option<&str> {
    let end = text.find('\n').map_or(text.len(), |end| end + 1);
    let (first, rest) = text.split_at_checked(end)?;
    (first == line(rest)).then_some(rest)
}

/// The first line of a file: the checksum of everything after it.
pub(crate) fn line(rest: &str) -> String {
    format!("crc32 = \"{:08x}\"\n", crc32(rest.as_bytes()))
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, where an index out of range is a build error")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }
}

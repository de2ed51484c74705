//! CRC-32 (ISO-HDLC, as in zlib and Ethernet): finds torn or damaged slots and files. It is no defence against anybody who can write the
//! vault.

/// The effect of a byte on the checksum, that many bytes before the end of four.
const TABLES: [[u32; 256]; 4] = tables();

/// The CRC-32 of `bytes`, four at a time: every login reads and writes some thousands.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let (fours, rest) = bytes.as_chunks::<4>();
    let crc = fours.iter().fold(u32::MAX, |crc, four| {
        let [first, second, third, fourth] = (crc ^ u32::from_le_bytes(*four)).to_le_bytes();
        at(3, first) ^ at(2, second) ^ at(1, third) ^ at(0, fourth)
    });
    !rest.iter().fold(crc, |crc, byte| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        at(0, low) ^ (crc >> 8)
    })
}

/// Never out of range: there are 256 bytes and 4 places.
fn at(place: usize, byte: u8) -> u32 {
    TABLES.get(place).and_then(|table| table.get(usize::from(byte))).copied().unwrap_or(0)
}

/// The text after the first line, if that line is the checksum of it.
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
const fn tables() -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut index = 0;
    while index < 256 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        tables[0][index] = value;
        index += 1;
    }
    let mut place = 1;
    while place < 4 {
        index = 0;
        while index < 256 {
            let before = tables[place - 1][index];
            tables[place][index] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            index += 1;
        }
        place += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    /// Bit by bit, as the polynomial is defined.
    fn by_definition(bytes: &[u8]) -> u32 {
        let bit = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
        !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
    }

    #[test]
    fn every_length_gives_what_the_definition_gives() {
        let bytes: Vec<u8> = (0..=255_u8).map(|byte| byte.wrapping_mul(167) ^ 0x5a).collect();
        for (length, skipped) in (0..=40).flat_map(|length| (0..200).step_by(37).map(move |skipped| (length, skipped)))
        {
            let part = &bytes[skipped..skipped + length];
            assert_eq!(crc32(part), by_definition(part), "{length} bytes from {skipped}");
        }
    }
}

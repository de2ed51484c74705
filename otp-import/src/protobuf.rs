//! A strict reader of the little that a migration payload uses of protocol buffers: numbers and length-delimited bytes.

use crate::fault::ForeignFault;

/// One field of a message.
pub(crate) struct WireField<'a> {
    /// Its number.
    pub number: u64,
    /// Its value.
    pub value: FieldValue<'a>,
}

/// The two kinds that occur.
#[derive(Clone, Copy)]
pub(crate) enum FieldValue<'a> {
    /// A varint.
    Number(u64),
    /// Bytes, a text or a message.
    Bytes(&'a [u8]),
}

/// The fields of a message in their order; the first fault ends them.
pub(crate) struct Fields<'a>(pub &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<WireField<'a>, ForeignFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| {
            ForeignFault::new("a payload that breaks off or is of another kind", "numbers and bytes, whole")
        }))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<WireField<'a>> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => FieldValue::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                FieldValue::Bytes(bytes)
            }
            _ => return None,
        };
        Some(WireField { number: tag >> 3, value })
    }

    /// At most ten bytes, and no bit beyond the 64th.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10_u32 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return None;
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

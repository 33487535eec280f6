//! Where words occur, packed into bytes.
//!
//! A block holds up to [`BLOCK`] notes of one word. Its *postings* have, per note, the distance from the note before it and how
//! often the word occurs, in one number where that is once: `distance * 2 + 1`, or `distance * 2` and the count. Its *positions*
//! have, per note, the place of the first occurrence and the distances between the others, in words. Numbers are LEB128.

/// Notes in a block: few rows per word, and no need to hold much at once.
pub(super) const BLOCK: u32 = 16_384;

/// One note that has a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Posting {
    /// The note's row.
    pub(super) note: u32,
    /// How often the word is in it.
    pub(super) count: u32,
}

/// Appends a number.
pub(super) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        bytes.push(low | 0x80);
        number >>= 7;
    }
    let [last, ..] = number.to_le_bytes();
    bytes.push(last);
}

/// Appends a note to postings, `distance` rows after the one before it.
pub(super) fn put_posting(bytes: &mut Vec<u8>, distance: u32, count: u32) {
    if count == 1 {
        put(bytes, u64::from(distance) << 1 | 1);
    } else {
        put(bytes, u64::from(distance) << 1);
        put(bytes, count.into());
    }
}

/// Reads numbers back. Past the end, or in damaged bytes, there are none.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next number.
    pub(super) fn number(&mut self) -> Option<u64> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        if first < 0x80 {
            return Some(first.into());
        }
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        self.number().and_then(|number| u32::try_from(number).ok())
    }

    /// Passes over this many numbers.
    pub(super) fn skip(&mut self, numbers: u32) {
        let mut left = numbers;
        let mut end = 0;
        while left > 0 && end < self.bytes.len() {
            left -= u32::from(self.bytes[end] < 0x80);
            end += 1;
        }
        self.bytes = &self.bytes[end..];
    }

    /// Reads the places of a word in one note, which has it `count` times.
    pub(super) fn places(&mut self, count: u32, places: &mut Vec<u32>) {
        places.clear();
        let mut place = 0_u32;
        for _ in 0..count {
            let Some(distance) = self.small() else { return };
            place = place.wrapping_add(distance);
            places.push(place);
        }
    }
}

/// The postings of a block, in order.
pub(super) struct Postings<'a> {
    reader: Reader<'a>,
    note: u32,
}

impl<'a> Postings<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes), note: 0 }
    }
}

impl Iterator for Postings<'_> {
    type Item = Posting;

    fn next(&mut self) -> Option<Posting> {
        let head = self.reader.number()?;
        let distance = u32::try_from(head >> 1).ok()?;
        let count = if head & 1 == 1 { 1 } else { self.reader.small()? };
        self.note = self.note.checked_add(distance)?;
        Some(Posting { note: self.note, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(list in prop::collection::vec((any::<u16>(), 1..5000_u32), 0..200)) {
            let (mut bytes, mut expected, mut note) = (Vec::new(), Vec::new(), 0);
            for (index, (distance, count)) in list.into_iter().enumerate() {
                let distance = u32::from(distance) + u32::from(index > 0);
                note += distance;
                put_posting(&mut bytes, distance, count);
                expected.push(Posting { note, count });
            }
            prop_assert_eq!(Postings::new(&bytes).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn any_number_comes_back_and_can_be_passed_over(numbers in prop::collection::vec(any::<u64>(), 1..50)) {
            let mut bytes = Vec::new();
            for &number in &numbers {
                put(&mut bytes, number);
            }
            for (index, &number) in numbers.iter().enumerate() {
                let mut reader = Reader::new(&bytes);
                reader.skip(u32::try_from(index).unwrap());
                prop_assert_eq!(reader.number(), Some(number));
            }
            prop_assert_eq!(Reader::new(&[]).number(), None);
        }

        #[test]
        fn damaged_bytes_end_and_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Postings::new(&bytes).count() <= bytes.len());
            let mut places = Vec::new();
            Reader::new(&bytes).places(1000, &mut places);
            prop_assert!(places.len() <= bytes.len());
        }
    }
}

//! A part of an index: the words of some notes that stand next to each other, collected in memory and written to a file in order.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::postings::{put, put_posting};
use super::words;

/// Notes that follow each other, waiting to be indexed.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Which part of the table it is.
    pub(super) number: usize,
    text: String,
    /// Row and end of its text, per note, by row.
    notes: Vec<(u32, usize)>,
}

impl Chunk {
    pub(super) fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    /// Adds a note; its row is greater than those of the notes before it.
    pub(super) fn push(&mut self, row: u32, text: &str) {
        self.text.push_str(text);
        self.notes.push((row, self.text.len()));
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn notes(&self) -> usize {
        self.notes.len()
    }

    /// Collects the words, writes them to a file in order, and tells how many words each note has.
    pub(super) fn write(&self, path: &Path) -> io::Result<Vec<(u32, u32)>> {
        let mut collected = Collected::default();
        let mut lengths = Vec::with_capacity(self.notes.len());
        let mut start = 0;
        for &(row, end) in &self.notes {
            lengths.push((row, collected.add(row, &self.text[start..end])));
            start = end;
        }
        collected.write(path)?;
        Ok(lengths)
    }
}

#[derive(Default)]
struct Collected {
    places: HashMap<Box<str>, usize>,
    entries: Vec<Entry>,
    /// Entries of the note at hand.
    touched: Vec<usize>,
}

/// A word so far.
#[derive(Default)]
struct Entry {
    notes: u32,
    first: u32,
    first_count: u32,
    last: u32,
    /// How often it is in the note at hand, and where it was last.
    count: u32,
    place: u32,
    /// All but the first note.
    postings: Vec<u8>,
    positions: Vec<u8>,
}

impl Collected {
    /// Adds a note and returns how many words it has.
    fn add(&mut self, row: u32, text: &str) -> u32 {
        let mut place = 0_u32;
        words::each(text, |word, _| {
            let index = match self.places.get(word) {
                Some(&index) => index,
                None => {
                    self.places.insert(word.into(), self.entries.len());
                    self.entries.push(Entry::default());
                    self.entries.len() - 1
                }
            };
            let entry = &mut self.entries[index];
            if entry.count == 0 {
                self.touched.push(index);
                entry.place = 0;
            }
            entry.count += 1;
            put(&mut entry.positions, (place - entry.place).into());
            entry.place = place;
            place += 1;
        });
        for index in self.touched.drain(..) {
            let entry = &mut self.entries[index];
            if entry.notes == 0 {
                (entry.first, entry.first_count) = (row, entry.count);
            } else {
                put_posting(&mut entry.postings, row - entry.last, entry.count);
            }
            entry.notes += 1;
            entry.last = row;
            entry.count = 0;
        }
        place
    }

    fn write(self, path: &Path) -> io::Result<()> {
        let mut words: Vec<(Box<str>, usize)> = self.places.into_iter().collect();
        words.sort_unstable();
        let mut out = BufWriter::with_capacity(BUFFER, File::create_new(path)?);
        let mut head = Vec::new();
        for (word, index) in words {
            let entry = &self.entries[index];
            head.clear();
            put(&mut head, word.len() as u64);
            head.extend_from_slice(word.as_bytes());
            for number in [entry.notes, entry.first, entry.first_count, entry.last] {
                put(&mut head, number.into());
            }
            put(&mut head, entry.postings.len() as u64);
            put(&mut head, entry.positions.len() as u64);
            out.write_all(&head)?;
            out.write_all(&entry.postings)?;
            out.write_all(&entry.positions)?;
        }
        out.flush()
    }
}

/// A written part, read word by word.
pub(super) struct Run {
    input: BufReader<File>,
}

/// What a part has of one word.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) word: String,
    pub(super) notes: u32,
    pub(super) first: u32,
    pub(super) first_count: u32,
    pub(super) last: u32,
    pub(super) postings: Vec<u8>,
    pub(super) positions: Vec<u8>,
}

impl Run {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { input: BufReader::with_capacity(BUFFER, File::open(path)?) })
    }

    /// Reads the next word into `piece`; false at the end.
    pub(super) fn next(&mut self, piece: &mut Piece) -> io::Result<bool> {
        let Some(length) = self.number()? else { return Ok(false) };
        let mut word = std::mem::take(&mut piece.word).into_bytes();
        self.bytes(length, &mut word)?;
        piece.word = String::from_utf8(word).map_err(|_| damaged())?;
        for field in [&mut piece.notes, &mut piece.first, &mut piece.first_count, &mut piece.last] {
            *field = self.number()?.and_then(|number| u32::try_from(number).ok()).ok_or_else(damaged)?;
        }
        let (postings, positions) = (self.number()?, self.number()?);
        self.bytes(postings.ok_or_else(damaged)?, &mut piece.postings)?;
        self.bytes(positions.ok_or_else(damaged)?, &mut piece.positions)?;
        Ok(true)
    }

    fn bytes(&mut self, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
        into.resize(usize::try_from(length).map_err(|_| damaged())?, 0);
        self.input.read_exact(into)
    }

    fn number(&mut self) -> io::Result<Option<u64>> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let mut byte = [0];
            match self.input.read_exact(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && shift == 0 => return Ok(None),
                other => other?,
            }
            number |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(Some(number));
            }
            shift += 7;
            if shift > 63 {
                return Err(damaged());
            }
        }
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a file of this run was changed while it was used")
}

const BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::super::postings::{Posting, Postings, Reader};
    use super::*;

    #[test]
    fn words_come_back_in_order_with_their_notes_and_places() {
        let folder = tempfile::tempdir().unwrap();
        let mut chunk = Chunk::new(0);
        chunk.push(3, "Fever, fever and cough.");
        chunk.push(5, "");
        chunk.push(9, "No fever");
        let path = folder.path().join("run");
        assert_eq!(chunk.write(&path).unwrap(), [(3, 4), (5, 0), (9, 2)]);
        let (mut run, mut piece, mut words) = (Run::open(&path).unwrap(), Piece::default(), Vec::new());
        while run.next(&mut piece).unwrap() {
            words.push(piece.word.clone());
            if piece.word == "fever" {
                assert_eq!((piece.notes, piece.first, piece.first_count, piece.last), (2, 3, 2, 9));
                assert_eq!(
                    Postings::new(&piece.postings).collect::<Vec<_>>(),
                    [Posting { note: 6, count: 1 }]
                );
                let (mut places, mut reader) = (Vec::new(), Reader::new(&piece.positions));
                reader.places(2, &mut places);
                assert_eq!(places, [0, 1]);
                reader.places(1, &mut places);
                assert_eq!(places, [1]);
            }
        }
        assert_eq!(words, ["and", "cough", "fever", "no"]);
    }
}

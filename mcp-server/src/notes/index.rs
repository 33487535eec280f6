//! Reads the index: which notes have a word or a phrase, and how often.

use duckdb::{Connection, params};

use super::postings::{BLOCK, Posting, Postings, Reader};
use super::query::Atom;
use super::{FORMAT, Kind, rank};

/// The index of one kind of note.
pub(super) struct Index<'c> {
    connection: &'c Connection,
    kind: Kind,
    /// How many notes there are.
    pub(super) notes: u64,
    /// Words of a note, on average.
    pub(super) average: f32,
    /// Words of each note, by row.
    pub(super) lengths: Vec<u16>,
}

impl<'c> Index<'c> {
    /// The index, if there is one that fits the table as it is.
    pub(super) fn open(
        connection: &'c Connection,
        kind: Kind,
        notes: u64,
    ) -> Result<Option<Self>, duckdb::Error> {
        let made: bool = connection.query_row(
            "SELECT count(*) > 0 FROM system.main.duckdb_tables() \
             WHERE database_name = system.main.current_database() AND schema_name = 'm4_notes' AND table_name = 'indexes'",
            [],
            |row| row.get(0),
        )?;
        if !made {
            return Ok(None);
        }
        let sql =
            "SELECT any_value(words) FROM m4_notes.indexes WHERE note_type = ? AND format = ? AND notes = ?";
        let words: Option<u64> =
            connection.query_row(sql, params![kind.name(), FORMAT, notes], |row| row.get(0))?;
        let Some(words) = words else { return Ok(None) };
        let mut index = Self { connection, kind, notes, average: 1.0, lengths: Vec::new() };
        let sql = format!("SELECT lengths FROM m4_notes.{} ORDER BY block", kind.lengths_table());
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let bytes: Vec<u8> = row.get(0)?;
            index.lengths.extend(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
        }
        index.average = rank::average(words, notes);
        Ok(Some(index))
    }

    /// The notes that have what is looked for, by row.
    pub(super) fn atom(&self, atom: &Atom) -> Result<Vec<Posting>, duckdb::Error> {
        match atom.words.as_slice() {
            [word] if atom.open => self.beginning(word),
            [word] => self.word(word),
            words => self.phrase(words),
        }
    }

    fn word(&self, word: &str) -> Result<Vec<Posting>, duckdb::Error> {
        let sql = format!("SELECT postings FROM m4_notes.{} WHERE word = ? ORDER BY block", self.table());
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([word])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.extend(Postings::new(row.get_ref(0)?.as_blob().unwrap_or_default()));
        }
        Ok(found)
    }

    /// The notes that have any of the words that begin like this, of which the [`MOST_ENDINGS`] most frequent count.
    fn beginning(&self, word: &str) -> Result<Vec<Posting>, duckdb::Error> {
        let sql = format!(
            "SELECT postings FROM m4_notes.{0} WHERE word IN (SELECT word FROM m4_notes.{0} \
             WHERE word >= ? AND word < ? GROUP BY word ORDER BY sum(notes) DESC, word LIMIT {MOST_ENDINGS})",
            self.table()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([word, &after(word)])?;
        let mut counts = vec![0_u32; self.lengths.len()];
        while let Some(row) = rows.next()? {
            for posting in Postings::new(row.get_ref(0)?.as_blob().unwrap_or_default()) {
                if let Some(count) = counts.get_mut(posting.note as usize) {
                    *count += posting.count;
                }
            }
        }
        Ok((0..)
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .map(|(note, count)| Posting { note, count })
            .collect())
    }

    /// The notes where these words follow each other.
    fn phrase(&self, words: &[String]) -> Result<Vec<Posting>, duckdb::Error> {
        let mut lists = Vec::with_capacity(words.len());
        for word in words {
            lists.push(self.blocks(word)?);
        }
        let mut cursors: Vec<Cursor<'_>> = lists.iter().map(|blocks| Cursor::new(blocks)).collect();
        let mut places: Vec<Vec<u32>> = vec![Vec::new(); words.len()];
        let (mut found, mut note) = (Vec::new(), 0);
        'notes: loop {
            // Every cursor moves to the first note that none of them is past.
            let mut settled = 0;
            while settled < cursors.len() {
                let Some(reached) = cursors[settled].advance(note) else { break 'notes };
                settled = if reached == note { settled + 1 } else { 0 };
                note = reached;
            }
            for (cursor, places) in cursors.iter_mut().zip(&mut places) {
                cursor.places(places);
            }
            let count = follow(&places);
            if count > 0 {
                found.push(Posting { note, count });
            }
            let Some(next) = note.checked_add(1) else { break };
            note = next;
        }
        Ok(found)
    }

    /// The blocks of a word: each its postings and its positions.
    fn blocks(&self, word: &str) -> Result<Vec<[Vec<u8>; 2]>, duckdb::Error> {
        let sql = format!(
            "SELECT postings, positions FROM m4_notes.{} WHERE word = ? ORDER BY block",
            self.table()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let blocks = statement.query_map([word], |row| Ok([row.get(0)?, row.get(1)?]))?;
        blocks.collect()
    }

    const fn table(&self) -> &'static str {
        self.kind.words_table()
    }
}

/// How often places of the first word are followed by places of the others.
fn follow(places: &[Vec<u32>]) -> u32 {
    let Some((first, rest)) = places.split_first() else { return 0 };
    let starts = first.iter().filter(|&&start| {
        (1_u32..).zip(rest).all(|(distance, places)| places.binary_search(&(start + distance)).is_ok())
    });
    u32::try_from(starts.count()).unwrap_or(u32::MAX)
}

/// The least text that is greater than every text that begins with `word`.
fn after(word: &str) -> String {
    // Words are letters and digits, and no letter is the greatest character.
    format!("{word}{}", char::MAX)
}

/// Goes through the notes of one word.
struct Cursor<'a> {
    blocks: std::slice::Iter<'a, [Vec<u8>; 2]>,
    postings: Postings<'a>,
    positions: Reader<'a>,
    current: Option<Posting>,
    /// Places of notes passed over, which come before those of the current note.
    unread: u32,
}

impl<'a> Cursor<'a> {
    fn new(blocks: &'a [[Vec<u8>; 2]]) -> Self {
        let mut cursor = Self {
            blocks: blocks.iter(),
            postings: Postings::new(&[]),
            positions: Reader::new(&[]),
            current: None,
            unread: 0,
        };
        cursor.step();
        cursor
    }

    fn step(&mut self) {
        self.unread += self.current.map_or(0, |current| current.count);
        loop {
            self.current = self.postings.next();
            if self.current.is_some() {
                return;
            }
            let Some([postings, positions]) = self.blocks.next() else { return };
            (self.postings, self.positions, self.unread) =
                (Postings::new(postings), Reader::new(positions), 0);
        }
    }

    /// Moves to the first note at `note` or after it.
    fn advance(&mut self, note: u32) -> Option<u32> {
        while self.current?.note < note {
            self.step();
        }
        self.current.map(|current| current.note)
    }

    /// Reads the places in the current note, and moves on.
    fn places(&mut self, places: &mut Vec<u32>) {
        let Some(current) = self.current.take() else { return places.clear() };
        self.positions.skip(self.unread);
        self.positions.places(current.count, places);
        self.unread = 0;
        self.step();
    }
}

/// Words that a beginning stands for, at most.
const MOST_ENDINGS: usize = 200;

const _: () = assert!(BLOCK > 0);

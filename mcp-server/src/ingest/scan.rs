//! Counts the records of a CSV file as its text goes by, and finds what would lose some of them.
//!
//! DuckDB's reader drops a line of 40 MB without a word, and takes everything from a quote that is never closed to the
//! end of the file for one row that did not parse (both measured with 1.5.6). So records are counted here too, and a
//! load whose rows and rejects do not add up fails.

/// A scan of one file, fed in pieces.
#[derive(Debug)]
pub(super) struct Scanner {
    single: bool,
    state: State,
    started: bool,
    /// A carriage return ended the record before; a line feed that follows belongs to it.
    after_cr: bool,
    ends: Option<End>,
    /// The line being read, from 1.
    line: u64,
    /// The line on which the record began.
    first_line: u64,
    record_bytes: u64,
    counts: Counts,
}

/// What a scan found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Records, the header being the first. Lines with nothing on them are none, except where there is one column.
    pub(super) records: u64,
    /// Line ends inside quotes. Not zero: a record's number is not its line.
    pub(super) wrapped: u64,
    /// Records whose quotes do not match; the reader may divide them otherwise.
    pub(super) malformed: u64,
    /// Lines that such records run on over, beyond their first.
    pub(super) swallowed: u64,
}

/// What makes a file unreadable as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the record that starts there is longer than {LONGEST} bytes; a quote may not be closed")]
    Long { line: u64 },
    #[error("a quote is opened there and never closed")]
    OpenQuote { line: u64 },
    #[error("it does not end as the lines before it do")]
    MixedEnds { line: u64 },
}

impl Fault {
    /// Where it is.
    pub(super) fn line(self) -> u64 {
        match self {
            Self::Long { line } | Self::OpenQuote { line } | Self::MixedEnds { line } => line,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a field, where a quote opens one.
    Field,
    Plain,
    Quoted,
    /// After a quote inside quotes: it ends them, or the next one makes it a plain character.
    Closed,
    /// After text that follows a closing quote.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Lf,
    Cr,
    CrLf,
}

impl Scanner {
    /// A scan of a file with so many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self {
            single: columns == 1,
            state: State::Field,
            started: false,
            after_cr: false,
            ends: None,
            line: 1,
            first_line: 1,
            record_bytes: 0,
            counts: Counts::default(),
        }
    }

    /// Goes on with the text.
    pub(super) fn feed(&mut self, mut text: &[u8]) -> Result<(), Fault> {
        if !self.started && !text.is_empty() {
            self.started = true;
            text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        }
        let before = self.counts.records;
        for &byte in text {
            self.byte(byte)?;
        }
        if before == self.counts.records && self.record_bytes > LONGEST {
            return Err(Fault::Long { line: self.first_line });
        }
        Ok(())
    }

    /// Ends with the text.
    pub(super) fn finish(mut self) -> Result<Counts, Fault> {
        if self.after_cr {
            self.ended(End::Cr)?;
        }
        if self.state == State::Quoted && self.line > self.first_line {
            return Err(Fault::OpenQuote { line: self.first_line });
        }
        if self.record_bytes > 0 {
            self.counts.malformed += u64::from(self.state == State::Quoted);
            self.counts.records += 1;
        }
        Ok(self.counts)
    }

    fn byte(&mut self, byte: u8) -> Result<(), Fault> {
        if self.after_cr {
            self.after_cr = false;
            if byte == b'\n' {
                return self.ended(End::CrLf);
            }
            self.ended(End::Cr)?;
        }
        if self.state != State::Quoted && matches!(byte, b'\n' | b'\r') {
            if byte == b'\r' {
                self.after_cr = true;
                return Ok(());
            }
            return self.ended(End::Lf);
        }
        self.record_bytes += 1;
        self.state = match (self.state, byte) {
            (State::Field | State::Closed, b'"') => State::Quoted,
            (State::Field, b',' | b' ') | (State::Plain | State::Closed, b',') => State::Field,
            (State::Field | State::Plain, _) => State::Plain,
            (State::Quoted, b'"') | (State::Closed, b' ') => State::Closed,
            (State::Quoted, _) => {
                self.line += u64::from(byte == b'\n');
                State::Quoted
            }
            (State::Closed, _) => {
                self.counts.malformed += 1;
                State::Broken
            }
            (State::Broken, _) => State::Broken,
        };
        Ok(())
    }

    fn ended(&mut self, end: End) -> Result<(), Fault> {
        if *self.ends.get_or_insert(end) != end {
            return Err(Fault::MixedEnds { line: self.line });
        }
        if self.record_bytes > LONGEST {
            return Err(Fault::Long { line: self.first_line });
        }
        self.counts.records += u64::from(self.record_bytes > 0 || self.single);
        let inner = self.line - self.first_line;
        self.counts.wrapped += inner;
        if self.state == State::Broken {
            self.counts.swallowed += inner;
        }
        self.line += 1;
        self.first_line = self.line;
        self.record_bytes = 0;
        self.state = State::Field;
        Ok(())
    }
}

/// Bytes of the longest record. The engine rejects rows beyond two million bytes; what is longer than this is no row.
pub(super) const LONGEST: u64 = 3_900_000;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(text: &[u8], columns: usize, piece: usize) -> Result<Counts, Fault> {
        let mut scanner = Scanner::new(columns);
        for block in text.chunks(piece) {
            scanner.feed(block)?;
        }
        scanner.finish()
    }

    fn records(text: &str) -> u64 {
        scan(text.as_bytes(), 2, 7).unwrap().records
    }

    #[test]
    fn records_are_counted_whatever_ends_their_lines() {
        for text in ["a,b\n1,2\n\n3,4\n", "a,b\r\n1,2\r\n\r\n3,4\r\n", "a,b\r1,2\r3,4\r", "a,b\n1,2\n3,4"] {
            assert_eq!(records(text), 3, "{text:?}");
        }
        assert_eq!(records(""), 0);
        assert_eq!(scan(b"a\n1\n\n2\n\n", 1, 3).unwrap().records, 5, "a blank line of one column is a NULL");
    }

    #[test]
    fn line_ends_and_commas_in_quotes_are_text() {
        let counts = scan(b"a,b\n1,\"x\ny, \"\"z\"\"\n\"\n2,\"\"\n3, \"p\nq\" \n", 2, 5).unwrap();
        assert_eq!(counts, Counts { records: 4, wrapped: 3, malformed: 0, swallowed: 0 });
        assert_eq!(records("a,b\n1,x\"y\n2,z\"\n"), 3, "a quote in a plain field is a character");
    }

    #[test]
    fn lines_that_a_stray_quote_swallows_are_counted() {
        let counts = scan(b"a,b\n1,x\n2,\"x\n3,y\n4,\"z\"\n5,w\n", 2, 4).unwrap();
        assert_eq!((counts.records, counts.malformed, counts.swallowed), (4, 1, 2));
    }

    #[test]
    fn a_quote_that_is_never_closed_is_a_fault_once_it_runs_over_a_line() {
        assert_eq!(scan(b"a,b\n1,\"x\n2,y\n", 2, 4), Err(Fault::OpenQuote { line: 2 }));
        let last = scan(b"a,b\n1,x\n2,\"y", 2, 4).unwrap();
        assert_eq!((last.records, last.malformed), (3, 1));
    }

    #[test]
    fn a_record_beyond_measure_is_a_fault_with_its_line_and_at_once() {
        let mut scanner = Scanner::new(2);
        scanner.feed(b"a,b\n1,x\n").unwrap();
        let block = vec![b'x'; 1 << 20];
        let fed = (0..1024).map(|_| scanner.feed(&block)).take_while(Result::is_ok).count();
        assert!(fed <= 4, "{fed} MB went by");
        assert_eq!(scanner.feed(&block), Err(Fault::Long { line: 3 }));
    }

    #[test]
    fn mixed_line_ends_are_a_fault_and_those_in_quotes_are_not() {
        assert_eq!(scan(b"a,b\r\n1,2\n", 2, 3), Err(Fault::MixedEnds { line: 2 }));
        assert_eq!(scan(b"a,b\n1,2\r\n3,4\n", 2, 3), Err(Fault::MixedEnds { line: 2 }));
        assert_eq!(records("a,b\n1,\"x\r\ny\rz\"\n"), 2);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[a,\"\n\r ]{0,40}", piece in 1_usize..9) {
            prop_assert_eq!(scan(text.as_bytes(), 2, piece), scan(text.as_bytes(), 2, 64));
        }

        #[test]
        fn well_formed_files_are_counted_as_the_csv_library_counts(
            rows in proptest::collection::vec(proptest::collection::vec("[a,\"\n\r é]{0,6}", 2), 1..12)
        ) {
            let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let counts = scan(&text, 2, 5).unwrap();
            prop_assert_eq!((counts.records, counts.malformed), (rows.len() as u64, 0));
        }
    }
}

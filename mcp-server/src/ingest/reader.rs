//! Reads a table's file from beginning to end, once, and knows whether it was whole.
//!
//! DuckDB's own gzip reader does not: it takes the end of a truncated file for the end of the data and never looks at
//! the checksum (measured: half of `labevents.csv.gz` loads as half the rows and one reject). Here length and CRC-32 of
//! every member must agree, and nothing may follow the last.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::source::Format;

/// How far a file was read, seen from other threads.
#[derive(Debug, Default)]
pub(super) struct Watch {
    read: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    /// Bytes of the file read so far.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Ends the reading early: what comes is no longer wanted.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether it was to end early.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The text of the file at `path`, decompressed where it is compressed.
pub(super) fn open<'a>(path: &Path, format: Format, watch: &'a Watch) -> io::Result<Box<dyn Read + 'a>> {
    let file = Counted { file: File::open(path)?, watch };
    Ok(match format {
        Format::CsvGz => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BLOCK, file))),
        Format::Csv | Format::Parquet => Box::new(file),
    })
}

/// Whether an error of reading a compressed file means that the file is damaged, and not that it cannot be read.
pub(super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

struct Counted<'a> {
    file: File,
    watch: &'a Watch,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.watch.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Bytes read at once.
pub(super) const BLOCK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn text(bytes: &[u8]) -> io::Result<(Vec<u8>, u64)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let watch = Watch::default();
        let mut text = Vec::new();
        open(file.path(), Format::CsvGz, &watch)?.read_to_end(&mut text)?;
        Ok((text, watch.read()))
    }

    #[test]
    fn a_whole_file_is_read_even_in_several_members() {
        let mut bytes = gzip(b"a,b\n");
        bytes.extend(gzip(b"1,2\n"));
        assert_eq!(text(&bytes).unwrap(), (b"a,b\n1,2\n".to_vec(), bytes.len() as u64));
    }

    #[test]
    fn every_truncation_is_noticed() {
        let bytes = gzip(b"a,b\n1,2\n3,4\n");
        for length in 1..bytes.len() {
            let error = text(&bytes[..length]).unwrap_err();
            assert!(is_damage(&error), "{length} of {} bytes: {error}", bytes.len());
        }
    }

    #[test]
    fn a_wrong_checksum_and_anything_after_the_end_are_noticed() {
        let whole = gzip(b"a,b\n1,2\n");
        let mut wrong = whole.clone();
        let crc = wrong.len() - 8;
        wrong[crc] ^= 1;
        assert!(is_damage(&text(&wrong).unwrap_err()));
        for garbage in [&b"garbage"[..], &[0; 512], b"\n", &whole[..10]] {
            assert!(is_damage(&text(&[&whole, garbage].concat()).unwrap_err()), "{garbage:?}");
        }
    }
}

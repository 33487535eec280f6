//! Brings a file's text to DuckDB, reading it once: through a pipe with a name, where the system has such.
//!
//! Elsewhere DuckDB reads the file itself, and it is read a second time here, for its checksum and its records.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::error::IngestError;
use super::reader::{self, BLOCK, Watch};
use super::scan::{Counts, Fault, Scanner};
#[cfg(not(unix))]
use super::source::Format;
use super::source::Source;
#[cfg(unix)]
use crate::removal::gone;

/// The pipe of one worker.
#[derive(Debug)]
pub(super) struct Feed {
    #[cfg(unix)]
    pipe: PathBuf,
    /// Where the pipe is, if that is no place of the run's own.
    #[cfg(unix)]
    _elsewhere: Option<tempfile::TempDir>,
}

/// Why a file's text did not all go by.
#[derive(Debug)]
pub(super) enum Broken {
    /// The file cannot be read, or is damaged.
    Read(io::Error),
    /// It is not CSV that could be loaded.
    Fault(Fault),
    /// Nobody wanted the rest.
    Unwanted,
}

impl Feed {
    /// A pipe in a private directory, one for each of several workers.
    ///
    /// DuckDB takes a path for a pattern where it could be one, and no pattern finds a pipe: if `directory` has such
    /// characters, the pipe is made in the system's directory for temporary files.
    #[cfg(unix)]
    pub(super) fn new(directory: &Path, worker: usize) -> Result<Self, IngestError> {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let is_pattern = directory.to_string_lossy().contains(['*', '?', '[']);
        let elsewhere = is_pattern.then(tempfile::tempdir).transpose();
        let elsewhere = elsewhere.map_err(|error| IngestError::write(directory, error))?;
        let pipe = elsewhere.as_ref().map_or(directory, |made| made.path()).join(format!("feed-{worker}"));
        gone(std::fs::remove_file(&pipe)).map_err(|error| IngestError::write(&pipe, error))?;
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR)
            .map_err(|error| IngestError::write(&pipe, error.into()))?;
        Ok(Self { pipe, _elsewhere: elsewhere })
    }

    #[cfg(not(unix))]
    pub(super) fn new(_: &Path, _: usize) -> Result<Self, IngestError> {
        Ok(Self {})
    }

    /// What DuckDB is to read, and how that is compressed.
    #[cfg(unix)]
    pub(super) fn path(&self, _: &Source<'_>) -> (&Path, &'static str) {
        (&self.pipe, "none")
    }

    #[cfg(not(unix))]
    pub(super) fn path<'a>(&self, source: &'a Source<'_>) -> (&'a Path, &'static str) {
        (&source.path, if source.format == Format::CsvGz { "gzip" } else { "none" })
    }

    /// Reads the whole file, and feeds it. `on_broken` is called before DuckDB could take what came so far for all.
    pub(super) fn pump(
        &self,
        source: &Source<'_>,
        columns: usize,
        watch: &Watch,
        on_broken: impl FnOnce(),
    ) -> Result<Counts, Broken> {
        let mut output = self.output().map_err(Broken::Read)?;
        let pumped = pump(source, columns, watch, &mut output);
        if pumped.is_err() {
            on_broken();
        }
        pumped
    }

    /// Waits for the end of the pump after DuckDB's end, taking what it still has to give.
    #[cfg(unix)]
    pub(super) fn drain(&self, ended: impl Fn() -> bool) {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        let pipe = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(&self.pipe);
        let mut block = vec![0; BLOCK];
        while !ended() {
            let taken = pipe.as_ref().ok().and_then(|mut pipe| pipe.read(&mut block).ok()).unwrap_or(0);
            if taken == 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }

    #[cfg(not(unix))]
    pub(super) fn drain(&self, _: impl Fn() -> bool) {}

    /// Waits until DuckDB opens the other end.
    #[cfg(unix)]
    fn output(&self) -> io::Result<impl Write + use<>> {
        let pipe = std::fs::OpenOptions::new().write(true).open(&self.pipe)?;
        #[cfg(target_os = "linux")]
        // As many bytes at once as an unprivileged process may have. Without them it works, more slowly.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, 1 << 20);
        Ok(pipe)
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "elsewhere it is the pipe's")]
    fn output(&self) -> io::Result<impl Write + use<>> {
        Ok(io::sink())
    }
}

fn pump(
    source: &Source<'_>,
    columns: usize,
    watch: &Watch,
    output: &mut impl Write,
) -> Result<Counts, Broken> {
    let mut text = reader::open(&source.path, source.format, watch).map_err(Broken::Read)?;
    let mut scanner = Scanner::new(columns);
    let mut block = vec![0; BLOCK];
    loop {
        if watch.stopped() {
            return Err(Broken::Unwanted);
        }
        let count = match text.read(&mut block) {
            Ok(0) => return scanner.finish().map_err(Broken::Fault),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Read(error)),
        };
        let piece = block.get(..count).unwrap_or_default();
        scanner.feed(piece).map_err(Broken::Fault)?;
        output.write_all(piece).map_err(|_| Broken::Unwanted)?;
    }
}

/// The line, from 1, on which each of these bytes lies in the file's text; they ascend.
pub(super) fn lines(source: &Source<'_>, bytes: &[u64]) -> io::Result<Vec<u64>> {
    let watch = Watch::default();
    let mut text = reader::open(&source.path, source.format, &watch)?;
    let mut block = vec![0; BLOCK];
    let (mut at, mut line, mut found) = (0_u64, 1_u64, Vec::with_capacity(bytes.len()));
    while found.len() < bytes.len() {
        let count = text.read(&mut block)?;
        for byte in block.iter().take(count) {
            while bytes.get(found.len()).is_some_and(|wanted| *wanted <= at) {
                found.push(line);
            }
            at += 1;
            line += u64::from(*byte == b'\n');
        }
        if count == 0 {
            found.resize(bytes.len(), line);
        }
    }
    Ok(found)
}

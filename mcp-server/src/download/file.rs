//! One file: fetched, fetched on, and compared with what was published.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use reqwest::{Response, StatusCode};
use url::Url;

use super::error::{DownloadError, SUMS};
use super::folder::{Folder, Place, free_space};
use super::pace::Pace;
use super::path::FilePath;
use super::progress::{FileReport, Progress};
use super::range::{ContentRange, Version, length_of_unsatisfied};
use super::site::{Site, Trouble, unreachable};
use super::sums::Sum;

/// Tells of progress; whoever does not listen any more need not be told.
pub(super) type Tell = tokio::sync::mpsc::UnboundedSender<Progress>;

/// One file that is wanted.
pub(super) struct Wanted<'a> {
    pub(super) site: &'a Site,
    pub(super) folder: &'a Folder,
    pub(super) path: FilePath,
    /// What it has to be, where that is published.
    pub(super) sum: Option<Sum>,
    /// Whether the listing names it, and not the checksums alone.
    pub(super) listed: bool,
    pub(super) tell: Tell,
}

/// What became of a file.
pub(super) enum Outcome {
    /// It is there.
    There(FileReport),
    /// Only the checksums name it, and the server does not have it: a mirror may hold a part of a dataset.
    Missing(FilePath),
}

impl Wanted<'_> {
    /// Makes it be there.
    pub(super) async fn fetch(self) -> Result<Outcome, DownloadError> {
        match self.fetch_right().await {
            Err(DownloadError::Status { status: 404 | 410, .. }) if !self.listed => {
                Ok(Outcome::Missing(self.path))
            }
            report => report.map(Outcome::There),
        }
    }

    /// A wrong one is removed and fetched anew, once.
    async fn fetch_right(&self) -> Result<FileReport, DownloadError> {
        let place = self.folder.place(&self.path);
        if let Some(bytes) = self.kept(&place).await? {
            return Ok(self.report(bytes, 0));
        }
        let mut fetched = 0;
        for _ in 0..=ANEW {
            fetched += self.whole(&place).await?;
            if self.is_right(&place.part).await? {
                place.finish()?;
                let bytes = std::fs::metadata(&place.whole).map_or(0, |meta| meta.len());
                return Ok(self.report(bytes, fetched));
            }
            place.discard()?;
            self.say_waiting(std::time::Duration::ZERO, format!("it is not what {SUMS} says"));
        }
        Err(DownloadError::WrongSum { file: self.path.to_string() })
    }

    /// The size of the file where it is there already and right; a wrong one is removed.
    async fn kept(&self, place: &Place) -> Result<Option<u64>, DownloadError> {
        let Ok(meta) = std::fs::metadata(&place.whole) else { return Ok(None) };
        if meta.is_file() && self.is_right(&place.whole).await? {
            return Ok(Some(meta.len()));
        }
        std::fs::remove_file(&place.whole).map_err(|error| DownloadError::write(&place.whole, error))?;
        Ok(None)
    }

    /// Whether the file is the published one, as far as anybody knows.
    async fn is_right(&self, path: &Path) -> Result<bool, DownloadError> {
        let Some(expected) = self.sum else { return Ok(true) };
        let path = path.to_owned();
        let hashed = tokio::task::spawn_blocking(move || {
            sum_of(&path).map_err(|error| DownloadError::write(&path, error))
        });
        let found = hashed.await.map_err(|error| DownloadError::NoClient(error.into()))??;
        Ok(found == expected)
    }

    /// Fetches until the part is whole; gives the bytes that came over the network.
    async fn whole(&self, place: &Place) -> Result<u64, DownloadError> {
        let url = self.path.at(self.site.base());
        let (mut attempts, mut fetched) = (Pace::default(), 0);
        let mut furthest = place.part_length();
        loop {
            let (why, wait) = match self.attempt(&url, place, &mut fetched).await {
                Ok(()) => return Ok(fetched),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing { why, wait }) => (why, wait),
            };
            // What is fetched again after it was discarded is no progress.
            let reached = place.part_length();
            let Some(wait) = attempts.next(reached > furthest, wait) else {
                return Err(DownloadError::GaveUp { what: self.path.to_string(), why });
            };
            furthest = furthest.max(reached);
            self.say_waiting(wait, why);
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, url: &Url, place: &Place, fetched: &mut u64) -> Result<(), Trouble> {
        let (offset, version) = self.resumable(place);
        if offset > 0 && version.length == Some(offset) {
            return Ok(());
        }
        let rest = (offset > 0).then_some((offset, &version));
        let response = self.site.get(url, self.path.as_str(), rest).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if offset > 0 => {
                let expected = rest_of(&response, offset, &version);
                let Some(expected) = expected else {
                    place.discard()?;
                    return Err(Trouble::passing("the server sent another range than it was asked for"));
                };
                self.receive(response, place, place.go_on()?, offset, Some(expected), fetched).await
            }
            // Nothing is missing, says a server that may have announced another length before.
            StatusCode::RANGE_NOT_SATISFIABLE
                if length_of_unsatisfied(response.headers()) == Some(offset)
                    && (self.sum.is_some() || version.length.is_none()) =>
            {
                Ok(())
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                place.discard()?;
                Err(Trouble::passing("the server sent a range that makes no sense"))
            }
            // The whole file, because it is another one now or because the server knows no ranges.
            _ => {
                let length = response.content_length();
                let file = place.begin(&Version::of(response.headers(), length))?;
                self.receive(response, place, file, 0, length, fetched).await
            }
        }
    }

    /// How much of the file is there that can be gone on from, and of which version it is.
    fn resumable(&self, place: &Place) -> (u64, Version) {
        let version = place.version().unwrap_or_default();
        let offset = place.part_length();
        // Without a tag the server cannot tell whether the part is of what it has now; then only the checksum can.
        let is_safe = version.if_range().is_some() || self.sum.is_some();
        let fits = version.length.is_none_or(|length| offset <= length);
        if is_safe && fits { (offset, version) } else { (0, Version::default()) }
    }

    async fn receive(
        &self,
        mut response: Response,
        place: &Place,
        mut file: File,
        offset: u64,
        expected: Option<u64>,
        fetched: &mut u64,
    ) -> Result<(), Trouble> {
        self.has_room(expected)?;
        let total = expected.map(|expected| offset + expected);
        let file_name = || self.path.to_string();
        self.say(Progress::Started { file: file_name(), done: offset, total });
        let (mut received, mut told) = (0_u64, Instant::now());
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            received += chunk.len() as u64;
            if expected.is_some_and(|expected| received > expected) {
                place.discard()?;
                return Err(Trouble::passing("more bytes came than were announced"));
            }
            file.write_all(&chunk).map_err(|error| DownloadError::write(&place.part, error))?;
            *fetched += chunk.len() as u64;
            if told.elapsed() >= INTERVAL {
                told = Instant::now();
                self.say(Progress::Advanced { file: file_name(), done: offset + received, total });
            }
        }
        if expected.is_some_and(|expected| received < expected) {
            return Err(Trouble::passing("fewer bytes came than were announced"));
        }
        Ok(())
    }

    /// Refuses what the disk cannot take before it is half full of it.
    fn has_room(&self, needed: Option<u64>) -> Result<(), DownloadError> {
        let folder = self.folder.root();
        match (needed, free_space(folder)) {
            (Some(needed), Some(free)) if needed > free => {
                let file = self.path.to_string();
                Err(DownloadError::TooLittleSpace { folder: folder.to_owned(), file, free, needed })
            }
            _ => Ok(()),
        }
    }

    fn report(&self, bytes: u64, fetched: u64) -> FileReport {
        let report = FileReport { file: self.path.to_string(), bytes, fetched, verified: self.sum.is_some() };
        self.say(Progress::Finished(report.clone()));
        report
    }

    fn say_waiting(&self, wait: std::time::Duration, why: String) {
        self.say(Progress::Waiting { file: self.path.to_string(), wait, why });
    }

    fn say(&self, progress: Progress) {
        // Nobody listens once the download is given up.
        _ = self.tell.send(progress);
    }
}

/// How many bytes a 206 announces, if it is the rest of the same version.
fn rest_of(response: &Response, offset: u64, version: &Version) -> Option<u64> {
    let range = ContentRange::of(response.headers()).filter(|range| range.is_rest_from(offset))?;
    let now = Version::of(response.headers(), range.length);
    let expected = range.last - range.first + 1;
    let announced = response.content_length().is_none_or(|length| length == expected);
    (announced && version.agrees_with(&now)).then_some(expected)
}

fn sum_of(path: &Path) -> std::io::Result<Sum> {
    let (mut file, mut context) = (File::open(path)?, Context::new(&SHA256));
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => context.update(buffer.get(..length).unwrap_or_default()),
        }
    }
    let mut sum = [0; 32];
    sum.copy_from_slice(context.finish().as_ref());
    Ok(sum)
}

/// How often a file with a wrong checksum is fetched anew.
const ANEW: usize = 1;
const INTERVAL: std::time::Duration = std::time::Duration::from_millis(200);

//! Downloads a dataset's published files: listed, fetched four at a time, gone on with after any interruption, and compared
//! with the published checksums.
//!
//! - Nothing a server says decides where a file is written (`path.rs`), how much memory a page takes (`site.rs`), or where
//!   credentials go (`site.rs`).
//! - What is under its own name is whole. Everything else is a part, and remembers which version of the file it is of.
//! - Killed at any moment, the next run fetches the rest and nothing twice.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

mod credentials;
mod error;
mod file;
mod folder;
mod listing;
mod pace;
mod path;
mod progress;
mod range;
mod site;
mod sums;

pub use credentials::{Credentials, CredentialsError};
pub use error::DownloadError;
pub use folder::{free_space, has_data, is_unfinished, raw_files};
pub use progress::{FileReport, Progress, Report};
pub use tokio_util::sync::CancellationToken as Stop;

use self::file::{Outcome, Tell, Wanted};
use self::folder::Folder;
use self::path::FilePath;
use self::site::Site;
use self::sums::Sums;
use crate::dataset::Definition;

/// What to download.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The dataset.
    pub dataset: &'a Definition,
    /// Where its files go.
    pub folder: &'a Path,
    /// A listing to take them from in place of the published one.
    pub mirror: Option<&'a str>,
    /// The login, for datasets that want one; others never see it.
    pub credentials: Option<&'a Credentials>,
}

/// Downloads what is not there yet. Blocks; `stop` ends it soon, with [`DownloadError::Stopped`].
pub fn download(
    request: &Request<'_>,
    stop: &Stop,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Report, DownloadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| DownloadError::NoClient(error.into()))?;
    let (tell, mut told) = mpsc::unbounded_channel();
    runtime.block_on(async {
        let work = run(request, tell);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(DownloadError::Stopped),
                Some(progress) = told.recv() => on_progress(progress),
                report = &mut work => {
                    while let Ok(progress) = told.try_recv() {
                        on_progress(progress);
                    }
                    return report;
                }
            }
        }
    })
}

async fn run(request: &Request<'_>, tell: Tell) -> Result<Report, DownloadError> {
    let dataset = request.dataset;
    let address = request.mirror.or(dataset.file_listing_url.as_deref());
    let address = address.ok_or_else(|| DownloadError::NoListing { name: dataset.name.clone() })?;
    let credentials = match (dataset.requires_authentication, request.credentials) {
        (true, None) => return Err(DownloadError::CredentialsNeeded { name: dataset.name.clone() }),
        (true, credentials) => credentials,
        (false, _) => None,
    };
    let site = Site::new(address, credentials)?;
    let folders = folders(dataset)?;
    let folder = Folder::open(request.folder)?;
    let sums = sums(&site).await?;
    let found = listed(&site, &folders, &sums).await?;
    // Nobody listens once the download is given up.
    _ = tell.send(Progress::Listed { files: found.paths.len() });
    folder.begun(&dataset.name, found.paths.len())?;
    let (site, folder) = (&site, &folder);
    let wanted = found.paths.into_iter().map(|(path, listed)| {
        let sum = sums.of(&path);
        Wanted { site, folder, path, sum, listed, tell: tell.clone() }.fetch()
    });
    let outcomes: Vec<_> = stream::iter(wanted).buffer_unordered(AT_ONCE).try_collect().await?;
    folder.finished()?;
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::There(file) => files.push(file),
            Outcome::Missing(path) => missing.push(path.to_string()),
        }
    }
    files.sort_by(|a: &FileReport, b| a.file.cmp(&b.file));
    missing.sort();
    Ok(Report {
        dataset: dataset.name.to_string(),
        folder: folder.root().to_owned(),
        files,
        missing,
        refused: found.refused,
    })
}

/// The folders to look through; `None` is the top.
fn folders(dataset: &Definition) -> Result<Vec<Option<FilePath>>, DownloadError> {
    if dataset.subdirectories_to_scan.is_empty() {
        return Ok(vec![None]);
    }
    let parse = |text: &String| {
        let bad = || DownloadError::BadFolder { folder: text.chars().take(80).collect() };
        FilePath::parse(text.trim_end_matches('/')).ok_or_else(bad).map(Some)
    };
    dataset.subdirectories_to_scan.iter().map(parse).collect()
}

/// The published checksums; none where the publisher has none.
async fn sums(site: &Site) -> Result<Sums, DownloadError> {
    let url = site.base().join(error::SUMS).unwrap_or_else(|_| site.base().clone());
    match site.page(&url, error::SUMS, LARGEST_SUMS).await? {
        Some(text) => Sums::parse(&text).map_err(|line| DownloadError::BadSums { line }),
        None => Ok(Sums::default()),
    }
}

/// What there is to download.
struct Found {
    /// The files, and whether a listing names them.
    paths: BTreeMap<FilePath, bool>,
    /// Links that are not followed.
    refused: Vec<String>,
}

/// The data files of these folders, as the listings and the checksums together name them: a listing that was cut short
/// hides none.
async fn listed(site: &Site, folders: &[Option<FilePath>], sums: &Sums) -> Result<Found, DownloadError> {
    let mut found = Found { paths: BTreeMap::new(), refused: Vec::new() };
    for folder in folders {
        let name = folder.as_ref().map_or("", FilePath::as_str);
        let mut url = site.base().clone();
        if let Some(folder) = folder {
            url = folder.at(&url);
            url.set_path(&format!("{}/", url.path()));
        }
        let what = format!("the listing {}", url.path());
        let page = site.page(&url, &what, LARGEST_LISTING).await?;
        let page = page.ok_or(DownloadError::Status { what, status: 404 })?;
        let listing = listing::parse(&page, &url);
        let path_of = |file: &String| match folder {
            Some(folder) => folder.join(file),
            None => FilePath::parse(file),
        };
        found.paths.extend(sums.data_in(name).map(|path| (path.clone(), false)));
        found.paths.extend(listing.files.iter().filter_map(path_of).map(|path| (path, true)));
        found.refused.extend(listing.refused);
    }
    match found.paths.len() {
        0 => Err(DownloadError::NothingListed { url: site.base().to_string() }),
        1..=MOST_FILES => Ok(found),
        _ => Err(DownloadError::TooManyFiles { limit: MOST_FILES }),
    }
}

/// How many files are fetched at the same time.
const AT_ONCE: usize = 4;
const LARGEST_LISTING: usize = 4 << 20;
/// Those of image collections, which have a line per image, are about this large.
const LARGEST_SUMS: usize = 64 << 20;
const MOST_FILES: usize = 1000;

//! Why a download stops, and what would mend it.

use std::io;
use std::path::{Path, PathBuf};

use auth_core::oauth::url::InvalidUrl;

use super::credentials::PHYSIONET;
use crate::dataset::Name;
use crate::error::{Explain, codes};

/// Why a download stopped. Files that are complete stay, and so do the parts of others: another run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// Nobody said where the files are.
    #[error("{name} names no place to download from")]
    NoListing {
        /// The dataset.
        name: Name,
    },
    /// The place is no place to download from.
    #[error("the download address {url} {reason}")]
    BadAddress {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: InvalidUrl,
    },
    /// A folder of the definition leads elsewhere.
    #[error("{folder:?} is not the name of a folder to download")]
    BadFolder {
        /// As it was given, shortened.
        folder: String,
    },
    /// Its publisher wants a login.
    #[error("{name} is not open to everybody, and no credentials were given")]
    CredentialsNeeded {
        /// The dataset.
        name: Name,
    },
    /// The place is not PhysioNet's.
    #[error("PhysioNet credentials are not sent to {host}")]
    CredentialsElsewhere {
        /// Where they would have gone.
        host: String,
    },
    /// 401.
    #[error("the server did not accept the credentials for {what}")]
    Unauthorized {
        /// What was asked for.
        what: String,
        /// Whether any were sent.
        sent: bool,
    },
    /// 403, or a redirect to a page to log in at.
    #[error("the server refuses {what}")]
    Forbidden {
        /// What was asked for.
        what: String,
        /// Whether credentials were sent.
        sent: bool,
        /// The dataset's page, where the agreement is signed.
        page: String,
    },
    /// The server has no such thing, or fails in a way that waiting does not mend.
    #[error("the server answered {status} to the request for {what}")]
    Status {
        /// What was asked for.
        what: String,
        /// The status code.
        status: u16,
    },
    /// Nothing useful came however often it was tried.
    #[error("{what} could not be downloaded: {why}")]
    GaveUp {
        /// What was asked for.
        what: String,
        /// What happened the last time.
        why: String,
    },
    /// The server wants a longer wait than anybody should sit through.
    #[error("the server asks to wait {seconds} seconds before {what} is requested again")]
    ComeBackLater {
        /// What was asked for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// The server points to somewhere else.
    #[error("the server redirects the request for {what} to {to}, which is not followed")]
    RedirectedElsewhere {
        /// What was asked for.
        what: String,
        /// The other server, or place.
        to: String,
    },
    /// A page that no honest server sends.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// The most that is read.
        limit: usize,
    },
    /// Nothing to download.
    #[error("the listing at {url} names no data files")]
    NothingListed {
        /// The listing.
        url: String,
    },
    /// More than any dataset has.
    #[error("the listing names more than {limit} files")]
    TooManyFiles {
        /// The most that are downloaded.
        limit: usize,
    },
    /// The published checksums are not usable.
    #[error("{SUMS} is not a list of checksums: see its line {line}")]
    BadSums {
        /// The first line that is wrong.
        line: usize,
    },
    /// A file is not what was published.
    #[error(
        "{file} is not the published file: its SHA-256 is not the one in {SUMS}, and was not after another try"
    )]
    WrongSum {
        /// Which. It was removed.
        file: String,
    },
    /// The disk ran out of space.
    #[error("the disk that holds {} is full", folder.display())]
    DiskFull {
        /// Where the files go.
        folder: PathBuf,
    },
    /// It will run out.
    #[error("the disk that holds {} has {free} bytes left, and {file} needs {needed} more", folder.display())]
    TooLittleSpace {
        /// Where the files go.
        folder: PathBuf,
        /// The file.
        file: String,
        /// Bytes left on the disk.
        free: u64,
        /// Bytes yet to come.
        needed: u64,
    },
    /// A file or folder here cannot be read or written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another run downloads the same.
    #[error("another run is downloading into {}", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The person said stop.
    #[error("the download was stopped")]
    Stopped,
    /// No HTTP client, or no threads.
    #[error("the download could not start")]
    NoClient(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DownloadError {
    /// A failed read or write of ours.
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { folder: path.parent().unwrap_or(path).to_owned() }
            }
            _ => Self::Write { path: path.to_owned(), source },
        }
    }
}

impl Explain for DownloadError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoListing { name } => {
                format!("add file_listing_url to its definition, or run: m4 init {name} --src DIR")
            }
            Self::BadAddress { reason, .. } => reason.hint().to_owned(),
            Self::BadFolder { .. } => "mend subdirectories_to_scan in the dataset's definition".to_owned(),
            Self::CredentialsNeeded { .. } => {
                "give them with --physionet-credentials-file FILE or --physionet-credentials-stdin".to_owned()
            }
            Self::CredentialsElsewhere { .. } => {
                format!(
                    "download it from https://{PHYSIONET}/, or fetch the files yourself and use --src DIR"
                )
            }
            Self::Unauthorized { sent: true, .. } => {
                "check user and password on https://physionet.org".to_owned()
            }
            Self::Unauthorized { sent: false, .. } | Self::Forbidden { sent: false, .. } => {
                "give credentials with --physionet-credentials-file FILE".to_owned()
            }
            Self::Forbidden { page, .. } => format!(
                "sign the data use agreement on {page}; each dataset has its own, and your account must be credentialed"
            ),
            Self::Status { status: 404 | 410, .. } => {
                "check that the dataset's release is still published under this address".to_owned()
            }
            Self::Status { .. } | Self::ComeBackLater { .. } => format!("try again later; {GOES_ON}"),
            Self::GaveUp { .. } => format!("check the network and run the same command again; {GOES_ON}"),
            Self::RedirectedElsewhere { .. } => {
                "use the address that the files are really at; credentials go to no other server".to_owned()
            }
            Self::TooLarge { .. } | Self::NothingListed { .. } | Self::TooManyFiles { .. } => {
                "check that the address is the folder of the published release".to_owned()
            }
            Self::BadSums { .. } => {
                "the server may have sent another page in its place; try again later".to_owned()
            }
            Self::WrongSum { .. } => {
                "the file on the server, or something on the way from it, is damaged; try again later"
                    .to_owned()
            }
            Self::DiskFull { .. } | Self::TooLittleSpace { .. } => {
                format!("free some space, or set M4_DATA_DIR to a larger disk, and run again; {GOES_ON}")
            }
            Self::Write { .. } => "check that you may read and write there".to_owned(),
            Self::Busy { .. } => "wait for it to finish".to_owned(),
            Self::Stopped => format!("run the same command again; {GOES_ON}"),
            Self::NoClient(_) => return None,
        })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoListing { .. } | Self::BadAddress { .. } | Self::BadFolder { .. } => {
                codes::BAD_DEFINITION
            }
            Self::CredentialsNeeded { .. } | Self::Unauthorized { sent: false, .. } => {
                codes::MISSING_CREDENTIALS
            }
            Self::Forbidden { sent: false, .. } => codes::MISSING_CREDENTIALS,
            Self::CredentialsElsewhere { .. } => codes::PHYSIONET_URL_REQUIRED,
            Self::Unauthorized { .. } => codes::PHYSIONET_AUTH_FAILED,
            Self::Forbidden { .. } => codes::PHYSIONET_ACCESS_FORBIDDEN,
            Self::Status { .. }
            | Self::GaveUp { .. }
            | Self::ComeBackLater { .. }
            | Self::RedirectedElsewhere { .. }
            | Self::TooLarge { .. }
            | Self::NothingListed { .. }
            | Self::TooManyFiles { .. }
            | Self::BadSums { .. }
            | Self::NoClient(_) => codes::DOWNLOAD_FAILED,
            Self::WrongSum { .. } => codes::WRONG_CHECKSUM,
            Self::DiskFull { .. } | Self::TooLittleSpace { .. } => codes::DISK_FULL,
            Self::Write { .. } => codes::IO,
            Self::Busy { .. } => codes::BUSY,
            Self::Stopped => codes::CANCELLED,
        }
    }
}

/// The file of checksums beside a dataset.
pub(super) const SUMS: &str = "SHA256SUMS.txt";
const GOES_ON: &str = "it goes on where it stopped";

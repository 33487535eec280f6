//! Where log lines go: stderr, or the file the configuration names. Never stdout, which belongs to MCP.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{AuthSetting, Config, Origin, Shown, setting};
use crate::error::Explain;

/// Starts logging as configured, unless [`start_verbosely`] did, then logs the configuration's own warnings.
pub fn start(config: &Config) -> Result<(), LoggingError> {
    if VERBOSE.get().is_none() {
        start_as_configured(config)?;
    }
    for warning in config.warnings() {
        tracing::warn!(target: "m4::config", "{warning}");
    }
    if let AuthSetting::Misconfigured(errors) = &config.auth {
        for problem in errors.problems() {
            tracing::error!(target: "m4::config", "{problem}");
        }
    }
    for problem in config.problems().problems() {
        tracing::error!(target: "m4::config", "{problem}");
    }
    Ok(())
}

/// How much a person wants to see of what a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// What is done.
    Debug,
    /// And how.
    Trace,
}

/// Logs what M4's own parts do to stderr, because a person asked to see it, and as configured to the file if there is one,
/// which may be the audit log. Libraries are kept at `info`, below which they would log tokens or codes with their
/// requests.
pub fn start_verbosely(config: &Config, verbosity: Verbosity) -> Result<(), LoggingError> {
    let seen = EnvFilter::new(match verbosity {
        Verbosity::Debug => VERBOSELY,
        Verbosity::Trace => MORE_VERBOSELY,
    });
    let kept = match &config.log.file {
        None => None,
        Some(path) => {
            let layer = fmt::layer().with_writer(Mutex::new(open(path)?)).with_ansi(false);
            Some(layer.with_filter(filter(config)?))
        }
    };
    let seen = fmt::layer().with_writer(io::stderr).with_ansi(false).with_filter(seen);
    tracing_subscriber::registry().with(kept).with(seen).try_init().map_err(|_| LoggingError::Twice)?;
    // Whoever starts logging a second time was refused above.
    let _ = VERBOSE.set(());
    Ok(())
}

/// `m4` is also the beginning of `m4_cli` and of every `m4::` target.
const VERBOSELY: &str = "info,rmcp=warn,m4=debug,mcp_server=debug,auth_core=debug";
const MORE_VERBOSELY: &str = "info,rmcp=warn,m4=trace,mcp_server=trace,auth_core=trace";

static VERBOSE: OnceLock<()> = OnceLock::new();

fn start_as_configured(config: &Config) -> Result<(), LoggingError> {
    let filter = filter(config)?;
    let builder = fmt().with_env_filter(filter).with_span_events(FmtSpan::NONE);
    match &config.log.file {
        None => builder.with_writer(io::stderr).with_ansi(false).finish().try_init(),
        Some(path) => builder.with_writer(Mutex::new(open(path)?)).with_ansi(false).finish().try_init(),
    }
    .map_err(|_| LoggingError::Twice)
}

fn open(path: &Path) -> Result<File, LoggingError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| LoggingError::File { path: path.to_owned(), source })
}

/// For commands, whose stderr is for people: logs only where the configuration names a level or a file.
pub fn start_if_asked_for(config: &Config) -> Result<(), LoggingError> {
    let keys = [setting::LOG.key, setting::LOG_FILE.key];
    let is_given = |shown: &Shown| keys.contains(&shown.setting.key) && shown.origin != Origin::Default;
    let is_asked_for = VERBOSE.get().is_some() || config.shown().iter().any(is_given);
    if is_asked_for { start(config) } else { Ok(()) }
}

/// The configured directives, more of our own where OAuth2 is to be debugged, and never below `info` from the libraries
/// that would log tokens or codes with their requests.
fn filter(config: &Config) -> Result<EnvFilter, LoggingError> {
    let mut directives = config.log.filter.clone();
    if matches!(&config.auth, AuthSetting::Enabled(auth) if auth.debug) {
        directives.push_str(",m4::jwks=debug,m4::audit=debug,mcp_server=debug,auth_core=debug");
    }
    let parse =
        |text: &str| EnvFilter::try_new(text).map_err(|_| LoggingError::Filter(config.log.filter.clone()));
    let filter = parse(&directives)?;
    let level = filter.max_level_hint();
    // Naming a library would raise it where less is asked for.
    if level.is_some_and(|level| level < LevelFilter::INFO) {
        return Ok(filter);
    }
    // The MCP library tells of every request at `info`; whoever names it gets that.
    directives = format!("rmcp=warn,{directives}");
    if level.is_none_or(|level| level > LevelFilter::INFO) {
        for library in ["rmcp", "reqwest", "hyper", "hyper_util", "rustls", "h2"] {
            directives = format!("{directives},{library}=info");
        }
    }
    parse(&directives)
}

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoggingError {
    /// `M4_LOG` is not a list of directives.
    #[error("M4_LOG is not a level or a list of directives (`{0}`)")]
    Filter(String),
    /// The log file cannot be opened.
    #[error("the log file {} cannot be opened", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else in this process logs already.
    #[error("logging was started twice")]
    Twice,
}

impl Explain for LoggingError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Filter(_) => {
                Some("use error, warn, info, debug or trace, or target=level pairs".to_owned())
            }
            Self::File { .. } => Some("correct M4_LOG_FILE, or unset it to log to stderr".to_owned()),
            Self::Twice => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Which of some events are logged with these directives.
    fn logged(directives: &str) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let builder = fmt().with_env_filter(EnvFilter::new(directives)).with_ansi(false).without_time();
        let subscriber = builder.with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "m4::audit", "1");
            tracing::debug!(target: "m4::jwks", "2");
            tracing::debug!(target: "m4_cli::commands", "3");
            tracing::trace!(target: "mcp_server::gate", "4");
            tracing::info!(target: "hyper_util::client", "5");
            tracing::debug!(target: "hyper_util::client", "library");
            tracing::trace!(target: "reqwest::connect", "library");
            tracing::debug!(target: "some_new_library", "library");
            tracing::info!(target: "rmcp::service", "library");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect()
    }

    #[test]
    fn verbose_shows_what_m4_does_and_nothing_of_libraries_that_could_hold_a_token() {
        assert_eq!(logged(VERBOSELY), "1235");
        assert_eq!(logged(MORE_VERBOSELY), "12345");
    }
}

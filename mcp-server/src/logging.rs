//! Where log lines go: stderr, or the file the configuration names. Never stdout, which belongs to MCP.

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{AuthSetting, Config, Origin, Shown, setting};
use crate::error::Explain;

/// Starts logging as configured, then logs the configuration's own warnings.
pub fn start(config: &Config) -> Result<(), LoggingError> {
    let filter = filter(config)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::NONE);
    match &config.log.file {
        None => builder.with_writer(io::stderr).with_ansi(false).finish().try_init(),
        Some(path) => {
            let mut options = OpenOptions::new();
            options.create(true).append(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file =
                options.open(path).map_err(|source| LoggingError::File { path: path.clone(), source })?;
            builder.with_writer(Mutex::new(file)).with_ansi(false).finish().try_init()
        }
    }
    .map_err(|_| LoggingError::Twice)?;
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

/// For commands, whose stderr is for people: logs only where the configuration names a level or a file.
pub fn start_if_asked_for(config: &Config) -> Result<(), LoggingError> {
    let keys = [setting::LOG.key, setting::LOG_FILE.key];
    let is_given = |shown: &Shown| keys.contains(&shown.setting.key) && shown.origin != Origin::Default;
    if config.shown().iter().any(is_given) { start(config) } else { Ok(()) }
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

//! `m4 login`.

use std::time::Duration;

use clap::Args;
use mcp_server::config::{Flags, duration_of, setting};

/// What `m4 login` takes. What is left out comes from the settings `M4_LOGIN_*`, else from OAuth2's own.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct LoginArgs {
    /// The issuer to log in at
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// Log in to this MCP server, at the issuer it names
    #[arg(long, value_name = "URL")]
    pub mcp: Option<String>,
    /// The client ID to use, in place of registering one
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The scopes to ask for
    #[arg(long, value_name = "SCOPES")]
    pub scope: Option<String>,
    /// The resource the login is for
    #[arg(long, value_name = "URL", conflicts_with = "mcp")]
    pub resource: Option<String>,
    /// Where the browser returns to, on this machine
    #[arg(long, value_name = "URL")]
    pub redirect_uri: Option<String>,
    /// Whose login it is, for people with several
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Open no browser; paste the address it ends at
    #[arg(long)]
    pub no_browser: bool,
    /// Confirm a short code on another device
    #[arg(long, conflicts_with_all = ["no_browser", "redirect_uri"])]
    pub device: bool,
    /// How long to wait for the person, in seconds or with a unit
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = timeout)]
    pub timeout: Duration,
    /// Log in though a configured token will be used instead
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl LoginArgs {
    /// What was typed, as a layer over the settings.
    pub fn flags(&self) -> Flags {
        Flags::new()
            .with(&setting::LOGIN_ISSUER_URL, "--issuer", self.issuer.clone())
            .with(&setting::LOGIN_CLIENT_ID, "--client-id", self.client_id.clone())
            .with(&setting::LOGIN_SCOPE, "--scope", self.scope.clone())
            .with(&setting::LOGIN_RESOURCE, "--resource", self.resource.clone())
            .with(&setting::LOGIN_REDIRECT_URI, "--redirect-uri", self.redirect_uri.clone())
            .with(&setting::LOGIN_PROFILE, "--profile", self.profile.clone())
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let within = |lasts: &Duration| (Duration::from_secs(1)..=LONGEST).contains(lasts);
    duration_of(text).filter(within).ok_or_else(|| "write 1 second to 1 hour, like 300 or 5m".to_owned())
}

const LONGEST: Duration = Duration::from_secs(3600);

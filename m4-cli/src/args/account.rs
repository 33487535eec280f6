//! `m4 logout`, `m4 token`, `m4 whoami` and `m4 auth status`, and how a login is named.

use clap::Args;
use mcp_server::credentials::store::{Profile, Selection};

/// What `m4 logout` takes.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// End the logins of every profile at every issuer
    #[arg(long, conflicts_with_all = ["profile", "issuer", "resource"])]
    pub all: bool,
    /// Which to end; left out, all of the profile.
    #[command(flatten)]
    pub which: WhichLogin,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `m4 token` takes.
#[derive(Debug, Args)]
pub struct PrintTokenArgs {
    /// Print it even where it stays on the screen
    #[arg(long)]
    pub force: bool,
    /// Whose token; left out, the one in effect.
    #[command(flatten)]
    pub which: WhichLogin,
}

/// What `m4 whoami` takes.
#[derive(Debug, Args)]
pub struct WhoamiArgs {
    /// Whose login.
    #[command(flatten)]
    pub profile: ProfileArg,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `m4 auth status` takes.
#[derive(Debug, Args)]
pub struct AuthStatusArgs {
    /// Whose login.
    #[command(flatten)]
    pub profile: ProfileArg,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Whose logins are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct ProfileArg {
    /// The profile; left out, the one that `M4_LOGIN_PROFILE` names, else `default`
    #[arg(long, value_name = "NAME")]
    pub profile: Option<Profile>,
}

/// Which logins are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct WhichLogin {
    /// Whose.
    #[command(flatten)]
    pub profile: ProfileArg,
    /// Only the logins at this issuer
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// Only the login for this resource, as `m4 login --mcp` makes it
    #[arg(long, visible_alias = "mcp", value_name = "URL")]
    pub resource: Option<String>,
}

impl WhichLogin {
    /// These logins of a profile.
    pub fn of(&self, profile: Profile) -> Selection {
        Selection { profile: Some(profile), issuer: self.issuer.clone(), resource: self.resource.clone() }
    }

    /// Whether more than the profile says which.
    pub const fn is_narrow(&self) -> bool {
        self.issuer.is_some() || self.resource.is_some()
    }
}

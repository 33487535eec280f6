//! `m4 keys`.

use clap::{Args, Subcommand};

/// What `m4 keys` takes.
#[derive(Debug, Args)]
pub struct ApiKeysArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: ApiKeysCommand,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum ApiKeysCommand {
    /// Make a key and print it, once
    Create(CreateKeyArgs),
    /// Show every key's name, scopes and times; never a key
    List(ListKeysArgs),
    /// Take a key out; running servers refuse it within a second
    Revoke(RevokeKeyArgs),
}

/// What `m4 keys create` takes.
#[derive(Debug, Args)]
pub struct CreateKeyArgs {
    /// What to call it; the audit log shows this as the subject
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it may do, separated by commas or spaces; left out, the scopes that every call needs
    #[arg(long, value_name = "SCOPES")]
    pub scopes: Option<String>,
    /// For how long it works: `90d`, `12h`, or seconds
    #[arg(long, value_name = "DURATION", default_value = "90d", conflicts_with = "no_expiry")]
    pub expires: String,
    /// Let it work until it is revoked
    #[arg(long)]
    pub no_expiry: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `m4 keys list` takes.
#[derive(Debug, Args)]
pub struct ListKeysArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `m4 keys revoke` takes.
#[derive(Debug, Args)]
pub struct RevokeKeyArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

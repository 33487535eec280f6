//! What can be typed. Nothing here looks at the environment or the configuration.

mod account;
mod auth;
mod backend;
mod config;
mod data;
mod dataset;
mod doctor;
mod download;
mod init;
mod keys;
mod login;
mod migrate;
mod query;
mod quickstart;
mod serve;
mod status;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::account::{AuthStatusArgs, LogoutArgs, PrintTokenArgs, ProfileArg, WhichLogin, WhoamiArgs};
pub use self::auth::{AuthArgs, AuthCommand, CheckArgs, KeysArgs, TokenArg};
pub use self::backend::BackendArgs;
pub use self::config::{
    CheckClientsArgs, ConfigArgs, ConfigTarget, RateLimit, ServerArgs, ShowArgs, Transport,
};
pub use self::data::{
    CallArgs, CapabilitiesArgs, DatasetArg, DescribeTableArgs, ListDatasetsArgs, SchemaArgs,
};
pub use self::dataset::{DefineDatasetArgs, RemoveDatasetArgs};
pub use self::doctor::DoctorArgs;
pub use self::download::DownloadArgs;
pub use self::init::{EventFormat, FetchArgs, InitArgs, TellArgs};
pub use self::keys::{ApiKeysArgs, ApiKeysCommand, CreateKeyArgs, ListKeysArgs, RevokeKeyArgs};
pub use self::login::LoginArgs;
pub use self::migrate::MigrateArgs;
pub use self::query::QueryArgs;
pub use self::quickstart::QuickstartArgs;
pub use self::serve::ServeArgs;
pub use self::status::StatusArgs;

/// Set up and query clinical databases over the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(
    name = "m4",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// When to use colour.
    #[arg(long, global = true, help_heading = "Global options", value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// Say nothing but results and errors.
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Show paths of this machine, which answers leave out otherwise.
    #[arg(long, global = true, help_heading = "Global options")]
    pub paths: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say who is logged in, whether and why a token is let in, and show the issuer's keys
    Auth(AuthArgs),
    /// Show or choose the engine that answers queries
    Backend(BackendArgs),
    /// Show what M4 can do: tools, datasets, limits
    Capabilities(CapabilitiesArgs),
    /// Write the configuration of MCP clients, or show M4's own
    Config(Box<ConfigArgs>),
    /// Define a dataset of your own from a folder of its files
    DefineDataset(DefineDatasetArgs),
    /// Show a table's columns and first rows
    DescribeTable(DescribeTableArgs),
    /// Say what is wrong with this set-up, and what mends it
    Doctor(DoctorArgs),
    /// Download a dataset's files without setting it up
    Download(DownloadArgs),
    /// Set up a dataset: from its files, downloaded where they are open to everybody
    Init(Box<InitArgs>),
    /// Make, list and revoke API keys
    Keys(ApiKeysArgs),
    /// List the datasets, and which of them are set up
    ListDatasets(ListDatasetsArgs),
    /// Log in, once, for every M4 program of this user
    Login(Box<LoginArgs>),
    /// End logins: remove them here, and give their tokens back to the issuer
    Logout(LogoutArgs),
    /// Take over what the Python packages and FluidMCP left: datasets, settings, client entries, logins
    Migrate(MigrateArgs),
    /// Run one read-only query
    Query(QueryArgs),
    /// Set everything up, step by step: dataset, engine, client, login
    Quickstart(QuickstartArgs),
    /// Remove a dataset's database
    RemoveDataset(RemoveDatasetArgs),
    /// List a dataset's tables
    Schema(SchemaArgs),
    /// Serve MCP over HTTP
    Serve(Box<ServeArgs>),
    /// Show backend, authentication and datasets
    Status(StatusArgs),
    /// Print the access token in effect, renewed if it is due, for scripts
    Token(PrintTokenArgs),
    /// Say whom the gate takes you for, and where your token comes from
    Whoami(WhoamiArgs),
}

#[cfg(test)]
mod tests;

//! What the commands do.

mod account;
pub mod answers;
mod ask;
mod auth;
mod backend;
mod capabilities;
mod config;
mod config_ask;
mod define_dataset;
mod doctor;
mod download;
mod guided;
mod init;
mod inventory;
mod keys;
mod list_datasets;
mod login;
mod migrate;
mod query;
mod quickstart;
mod remove_dataset;
mod serve;
mod status;
mod tables;

use mcp_server::env::Environment;

use crate::Outcome;
use crate::args::Command;
use crate::output::Printer;

/// Does what was asked.
pub fn run(command: &Command, env: &Environment, printer: &Printer) -> Outcome {
    match command {
        Command::Auth(args) => auth::run(args, env, printer),
        Command::Backend(args) => backend::run(args, env, printer),
        Command::Capabilities(args) => capabilities::run(args, env, printer),
        Command::Config(args) => config::run(args, env, printer),
        Command::DefineDataset(args) => define_dataset::run(args, env, printer),
        Command::DescribeTable(args) => tables::describe(args, env, printer),
        Command::Doctor(_) => doctor::run(env, printer),
        Command::Download(args) => download::run(args, env, printer),
        Command::Init(args) => init::run(args, env, printer),
        Command::Keys(args) => keys::run(args, env, printer),
        Command::ListDatasets(args) => list_datasets::run(args, env, printer),
        Command::Login(args) => login::run(args, env, printer),
        Command::Logout(args) => account::logout::run(args, env, printer),
        Command::Migrate(args) => migrate::run(args, env, printer),
        Command::Query(args) => query::run(args, env, printer),
        Command::Quickstart(args) => quickstart::run(args, env, printer),
        Command::RemoveDataset(args) => remove_dataset::run(args, env, printer),
        Command::Schema(args) => tables::list(args, env, printer),
        Command::Serve(args) => serve::run(args, env),
        Command::Status(args) => status::run(args, env, printer),
        Command::Token(args) => account::token::run(args, env, printer),
        Command::Whoami(args) => account::whoami::run(args, env, printer),
    }
}

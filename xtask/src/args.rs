//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::duckdb::Way;
use crate::failure::{Outcome, print, say};
use crate::workspace::{Profile, Workspace};
use crate::{
    bench, build, ci, clients, codegen, conformance, demo, duckdb, fuzz, ingest, interop, issuer, keyring,
    load, mutants, parallel, shells, sql, suite,
};

/// Contributors' workflows of M4.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds everything and shows one gated query, and how each bad token is refused.
    Demo(DemoArgs),
    /// Runs every test: cargo-nextest where it is installed, cargo test otherwise, and the documentation tests.
    Test(TestArgs),
    /// Builds `m4` and `m4-mcp-server` with the `DuckDB` library beside them.
    Build(BuildArgs),
    /// Runs the mock issuer until Ctrl-C; prints its address and a token.
    Issuer(issuer::ServeArgs),
    /// Prints a token minted by a running mock issuer.
    Token(issuer::TokenArgs),
    /// Runs the official MCP conformance suite against our fixtures, `m4-mcp-server` and our client.
    Conformance(LibraryArgs),
    /// Runs real MCP clients against `m4-mcp-server` over HTTP, with a real issuer, and rotates its keys under load.
    Interop(interop::InteropArgs),
    /// Has Claude Code, Codex, Gemini CLI and Cline read the files that `m4 config` writes, and reach the servers named there.
    Clients(LibraryArgs),
    /// Runs the Python package and M4 side by side from one client's file, over one set of files, while `m4 migrate` runs.
    Parallel(LibraryArgs),
    /// Has bash, zsh, fish and elvish read their completions; installs those on Debian where it may.
    Shells(LibraryArgs),
    /// Runs the tests of sealed logins against GNOME Keyring, which it installs on Debian where it may.
    Keyring(LibraryArgs),
    /// Measures the product beside what it replaces; lists the benches when none is named.
    Bench(bench::BenchArgs),
    /// Runs what the continuous integration runs.
    Ci(CiArgs),
    /// Makes the reference pages and schemas from the code, and manual pages and completions for packages.
    Codegen(codegen::CodegenArgs),
    /// Fuzzes what auth-core parses: tokens, key sets, metadata.
    Fuzz(fuzz::FuzzArgs),
    /// Shows that `m4 init` stays below 1 GB of memory on a generated `chartevents` of several gigabytes.
    IngestMemory(ingest::IngestArgs),
    /// Measures what authentication costs under load; non-zero when an aim is missed.
    Load(load::LoadArgs),
    /// Changes auth-core a little in every place and sees whether a test notices.
    Mutants(MutantsArgs),
    /// Puts the SQL corpus, or statements of your own, to both SQL defences, each by itself.
    Sql(sql::SqlArgs),
    /// Finds or fetches the `DuckDB` library and prints its directory.
    Duckdb(LibraryArgs),
}

/// Where the `DuckDB` library comes from.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LibraryArgs {
    /// Takes the library only this way instead of trying each in turn (also: `M4_DUCKDB`).
    #[arg(long, value_enum, value_name = "WAY")]
    duckdb: Option<Way>,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Prints one JSON object with the same facts.
    #[arg(long)]
    json: bool,
    /// Uses the MIMIC-IV demo in this directory (its `hosp/` and `icu/`) instead of the generated sample.
    #[arg(long, value_name = "DIR")]
    src: Option<PathBuf>,
    #[command(flatten)]
    library: LibraryArgs,
}

#[derive(Debug, Args)]
struct TestArgs {
    #[command(flatten)]
    library: LibraryArgs,
    /// Passed on to the test runner; the documentation tests are then left out.
    #[arg(last = true)]
    rest: Vec<String>,
}

#[derive(Debug, Args)]
struct BuildArgs {
    /// Optimised, into `target/release`.
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    library: LibraryArgs,
}

#[derive(Debug, Args)]
struct CiArgs {
    /// Leaves the tests out, for a script that has run them already.
    #[arg(long)]
    skip_test: bool,
    /// Only these steps.
    #[arg(value_enum)]
    steps: Vec<ci::Step>,
    #[command(flatten)]
    library: LibraryArgs,
}

#[derive(Debug, Args)]
struct MutantsArgs {
    /// Passed on to cargo-mutants: `-F token.rs` for one file, `--list` to see what there is.
    #[arg(last = true)]
    rest: Vec<String>,
}

impl LibraryArgs {
    pub(crate) fn resolve(self, workspace: &Workspace) -> Outcome<duckdb::Library> {
        duckdb::resolve(workspace, self.duckdb)
    }
}

/// Parses the command line and does what it says.
pub(crate) fn run() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            say(format_args!("error: {failure}\nhint: {}", failure.hint()));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Outcome<ExitCode> {
    let workspace = Workspace::find();
    match command {
        Command::Demo(args) => {
            return demo::run(&workspace, args.library, args.json, args.src.as_deref());
        }
        Command::Test(args) => suite::run(&workspace, &args.library.resolve(&workspace)?, &args.rest)?,
        Command::Build(args) => {
            let profile = if args.release { Profile::Release } else { Profile::Debug };
            for path in build::run(&workspace, &args.library.resolve(&workspace)?, profile)? {
                print(path.display());
            }
        }
        Command::Issuer(args) => return issuer::serve(&workspace, &args),
        Command::Token(args) => print(issuer::token(&args)?),
        Command::Conformance(args) => conformance::run(&workspace, args)?,
        Command::Interop(args) => interop::run(&workspace, &args)?,
        Command::Clients(args) => clients::run(&workspace, args)?,
        Command::Parallel(args) => {
            if let Some(skipped) = parallel::run(&workspace, &args.resolve(&workspace)?)? {
                say(format_args!("SKIPPED parallel: {skipped}"));
            }
        }
        Command::Shells(args) => shells::run(&workspace, &args.resolve(&workspace)?).map(|_| ())?,
        Command::Keyring(args) => keyring::run(&workspace, &args.resolve(&workspace)?)?,
        Command::Bench(args) => return bench::run(&workspace, &args),
        Command::Ci(args) => {
            let steps = ci::chosen(&args.steps, args.skip_test);
            ci::run(&workspace, args.library, &steps)?;
        }
        Command::Codegen(args) => codegen::run(&workspace, &args)?,
        Command::Fuzz(args) => fuzz::run(&workspace, &args)?,
        Command::IngestMemory(args) => ingest::run(&workspace, &args)?,
        Command::Load(args) => return load::run(&workspace, &args),
        Command::Mutants(args) => mutants::run(&workspace, &args.rest)?,
        Command::Sql(args) => return sql::run(&workspace, &args),
        Command::Duckdb(args) => match args.resolve(&workspace)? {
            duckdb::Library::Directory(directory) => print(directory.display()),
            duckdb::Library::Bundled => {
                say("there is no library to fetch: every build compiles DuckDB into the binaries");
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_after_two_dashes_goes_to_the_test_runner() {
        let cli = Cli::try_parse_from(["xtask", "test", "--", "-p", "auth-core"]).unwrap();
        let Command::Test(args) = cli.command else { panic!("not the test command") };
        assert_eq!(args.rest, ["-p", "auth-core"]);
    }
}

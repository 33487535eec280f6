//! Contributors' workflows: `cargo xtask help` lists them.
//!
//! It launches cargo and the binaries; it links none of the product, so that it compiles in seconds.

mod args;
mod background;
mod bench;
mod build;
mod ci;
mod clients;
mod codegen;
mod conformance;
mod debian;
mod demo;
mod duckdb;
mod environment;
mod failure;
mod fuzz;
mod ingest;
mod interop;
mod issuer;
mod keyring;
mod load;
mod modules;
mod mutants;
mod node;
mod parallel;
mod python;
mod security_page;
mod shells;
mod sql;
mod suite;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    args::run()
}

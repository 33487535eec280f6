//! `m4 download`: a dataset's published files, without a database.

use std::path::Path;

use indicatif::HumanBytes;
use mcp_server::config::{Config, Flags};
use mcp_server::dataset::{Definition, Registry};
use mcp_server::download::{self, Report, Request};
use mcp_server::env::Environment;
use schemars::JsonSchema;
use serde::Serialize;

use super::init::{Interrupt, Told, credentials};
use crate::Outcome;
use crate::args::{DownloadArgs, FetchArgs};
use crate::failure::Failure;
use crate::output::{Paths, Printer};

pub(super) fn run(args: &DownloadArgs, env: &Environment, printer: &Printer) -> Outcome {
    let mut told = Told::begin(printer, &args.dataset);
    let config = Config::load(env, &Flags::new());
    if !config.problems().is_empty() {
        return Err(config.problems().clone().into());
    }
    let registry = Registry::open(&config.locations.data_dir);
    for problem in registry.problems() {
        printer.warning(problem);
    }
    let definition = registry.find(&args.dataset)?;
    let usual = download::raw_files(&config.locations.data_dir, &definition.name);
    let folder = args.target.as_deref().unwrap_or(&usual);
    let interrupt = Interrupt::watch(printer);
    let report = fetch(definition, folder, &args.fetch, env, printer, &interrupt, &mut told)?;
    let answer = Downloaded::of(&report, printer.paths());
    printer.answer(&answer, |printer| {
        printer.data(format_args!("{}: {} files, {}", answer.dataset, answer.files, HumanBytes(answer.bytes)))
    })?;
    match args.target {
        None => printer.note(format_args!("next: m4 init {}", definition.name)),
        Some(_) => printer.note(format_args!("next: m4 init {} --src DIR", definition.name)),
    }
    Ok(())
}

/// Downloads what is missing, and warns of what is odd about what came.
pub(super) fn fetch(
    definition: &Definition,
    folder: &Path,
    args: &FetchArgs,
    env: &Environment,
    printer: &Printer,
    interrupt: &Interrupt,
    told: &mut Told<'_>,
) -> Result<Report, Failure> {
    let credentials = credentials::find(definition, args, env, printer)?;
    let request = Request {
        dataset: definition,
        folder,
        mirror: args.mirror.as_deref(),
        credentials: credentials.as_ref(),
    };
    let report = download::download(&request, &interrupt.stop, &mut |step| told.download(&step))?;
    told.downloaded(&report);
    if !report.refused.is_empty() {
        let links = report.refused.join(", ");
        printer.warning(format_args!(
            "the listing has links that are no plain files of it, and were not followed: {links}"
        ));
    }
    if !report.missing.is_empty() {
        let files = report.missing.join(", ");
        printer.warning(format_args!("published, and not on this server, so not downloaded: {files}"));
    }
    let unverified = report.unverified();
    if unverified > 0 {
        printer.warning(format_args!(
            "{unverified} files could not be checked: no checksum is published for them"
        ));
    }
    Ok(report)
}

/// What came of a download.
#[derive(Serialize, JsonSchema)]
pub(super) struct Downloaded {
    dataset: String,
    /// Where the files are.
    folder: String,
    files: usize,
    /// Of all files.
    bytes: u64,
    /// That came over the network this time.
    fetched_bytes: u64,
    /// Files that no published checksum vouches for.
    unverified: usize,
    /// Published files that the server does not have.
    missing: Vec<String>,
}

impl Downloaded {
    pub(super) fn of(report: &Report, paths: &Paths) -> Self {
        Self {
            dataset: report.dataset.clone(),
            folder: paths.path(&report.folder),
            files: report.files.len(),
            bytes: report.bytes(),
            fetched_bytes: report.fetched(),
            unverified: report.unverified(),
            missing: report.missing.clone(),
        }
    }
}

//! Fuzzes what auth-core parses, with libFuzzer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};

use crate::build::binary;
use crate::failure::{Failure, Outcome, print, say};
use crate::tools::Tool;
use crate::workspace::{Workspace, output, succeed};

#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only these targets.
    #[arg(value_enum)]
    targets: Vec<Target>,
}

/// A target of auth-core/fuzz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Credentials, through the whole decision.
    Token,
    /// JWK sets.
    Jwks,
    /// Issuers and their metadata.
    Metadata,
}

/// Builds the targets, runs each for the time given and sums up; fails when one found something.
pub(crate) fn run(workspace: &Workspace, args: &FuzzArgs) -> Outcome {
    let compiler = Compiler::find(workspace)?;
    let tool = CARGO_FUZZ.need(workspace)?;
    let folder = workspace.target()?.join("fuzz");
    compiler.build(workspace, &tool, &folder)?;
    let release = folder.join(&compiler.host).join("release");
    let targets = if args.targets.is_empty() { Target::value_variants() } else { &args.targets };
    let mut crashes = Vec::new();
    for target in targets {
        let found = target.fuzz(&binary(&release, target.name()), &folder, args.seconds)?;
        print(found.line(*target, args.seconds));
        crashes.extend(found.crash);
    }
    if crashes.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        format!("{} of {} targets found something", crashes.len(), targets.len()),
        format!("see it again with: {}", crashes.join("; ")),
    ))
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Jwks => "jwks",
            Self::Metadata => "metadata",
        }
    }

    /// Some more than the largest input that is not refused for its size, where the fuzzer can get that far.
    fn longest_input(self) -> usize {
        match self {
            Self::Token => 20 * 1024,
            Self::Jwks => 32 * 1024,
            Self::Metadata => 8 * 1024,
        }
    }

    fn fuzz(self, program: &Path, folder: &Path, seconds: u32) -> Outcome<Found> {
        let corpus = made(folder.join("corpus").join(self.name()))?;
        let artifacts = made(folder.join("artifacts").join(self.name()))?;
        say(format_args!("fuzzing {} for {seconds} s", self.name()));
        let mut command = Command::new(program);
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", self.longest_input()))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(LIMITS)
            .arg(&corpus)
            .env("M4_FUZZ_SEEDS", &corpus)
            .stdin(Stdio::null());
        let result = output(&mut command)?;
        let log = String::from_utf8_lossy(&result.stderr);
        let mut found = Found::read(&log);
        if !result.status.success() {
            let last: Vec<&str> = log.lines().rev().take(40).collect();
            last.iter().rev().for_each(say);
            let input = found.crash.take().unwrap_or_else(|| corpus.display().to_string());
            found.crash = Some(format!("{} {input}", program.display()));
        }
        Ok(found)
    }
}

/// What libFuzzer reports.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    executions: u64,
    /// Edges of the program that some input reached.
    coverage: u64,
    /// Inputs kept because each reached something new.
    corpus: u64,
    /// The input that failed.
    crash: Option<String>,
}

impl Found {
    fn read(log: &str) -> Self {
        let last = |label: &str| {
            log.rsplit_once(label).and_then(|(_, rest)| {
                let digits = rest.trim_start();
                let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
                digits[..end].parse().ok()
            })
        };
        let written = log.lines().rev().find_map(|line| line.split_once("Test unit written to "));
        Self {
            executions: last("stat::number_of_executed_units:").unwrap_or(0),
            coverage: last(" cov:").unwrap_or(0),
            corpus: last(" corp:").unwrap_or(0),
            crash: written.map(|(_, path)| path.trim().to_owned()),
        }
    }

    fn line(&self, target: Target, seconds: u32) -> String {
        let Self { executions, coverage, corpus, crash } = self;
        let rate = executions / u64::from(seconds);
        let end = crash.as_ref().map_or_else(|| "no crash".to_owned(), |crash| format!("CRASH: {crash}"));
        format!(
            "{}: {executions} executions ({rate}/s), {coverage} edges covered, corpus {corpus}, {end}",
            target.name()
        )
    }
}

/// A compiler that can instrument for coverage, and for memory errors where it has the runtime for that.
struct Compiler {
    host: String,
    /// Through rustup, which a cargo-fuzz that calls cargo then finds first; else the toolchain at hand.
    nightly: bool,
    sanitizer: bool,
}

impl Compiler {
    fn find(workspace: &Workspace) -> Outcome<Self> {
        let nightly = ask("rustup", &["run", "nightly", "rustc", "-vV"], workspace);
        let version =
            nightly.clone().or_else(|| ask("rustc", &["-vV"], workspace)).ok_or_else(no_compiler)?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or_else(no_compiler)?;
        let mut compiler = Self { host: host.to_owned(), nightly: nightly.is_some(), sanitizer: false };
        let sysroot = if compiler.nightly {
            ask("rustup", &["run", "nightly", "rustc", "--print", "sysroot"], workspace)
        } else {
            say("SKIPPED: nightly, which is not installed; using stable's own instrumentation instead");
            ask("rustc", &["--print", "sysroot"], workspace)
        };
        let runtimes = sysroot.map(|root| Path::new(root.trim()).join("lib/rustlib").join(host).join("lib"));
        compiler.sanitizer = runtimes.is_some_and(|folder| has_sanitizer(&folder));
        if !compiler.sanitizer {
            say(
                "SKIPPED: AddressSanitizer, which this toolchain lacks for this platform; panics and broken \
                 invariants are found all the same, memory errors in C code are not",
            );
        }
        Ok(compiler)
    }

    fn build(&self, workspace: &Workspace, tool: &Path, folder: &Path) -> Outcome {
        let fuzz = workspace.root().join("auth-core/fuzz");
        take_versions(&workspace.root().join("Cargo.lock"), &fuzz.join("Cargo.lock"))?;
        say("building the fuzz targets (the first time about 3 minutes on 2 cores)");
        let mut command = if self.nightly {
            let mut command = Command::new("rustup");
            command.args(["run", "nightly"]).arg(tool);
            command
        } else {
            let mut command = Command::new(tool);
            command.env("RUSTC_BOOTSTRAP", "1");
            command
        };
        command.args(["fuzz", "build", "--sanitizer", if self.sanitizer { "address" } else { "none" }]);
        command.arg("--fuzz-dir").arg(&fuzz).arg("--target-dir").arg(folder);
        // Whatever builds the workspace must not reach the other one.
        command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTUP_TOOLCHAIN");
        command.current_dir(workspace.root().join("auth-core")).stdin(Stdio::null());
        succeed(&mut command, "libFuzzer needs a C++ compiler; otherwise see the compiler's message above")
    }
}

/// The fuzzed dependencies are those of the shipped lock file; cargo adds what only fuzzing needs.
fn take_versions(shipped: &Path, fuzzed: &Path) -> Outcome {
    let age = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    if matches!((age(shipped), age(fuzzed)), (Ok(shipped), Ok(fuzzed)) if fuzzed >= shipped) {
        return Ok(());
    }
    fs::copy(shipped, fuzzed).map(drop).map_err(|error| Failure::io("copy Cargo.lock", &error))
}

fn has_sanitizer(folder: &Path) -> bool {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().contains("rt.asan"))
}

/// What a program answers, if it is there and answers.
fn ask(program: &str, args: &[&str], workspace: &Workspace) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).current_dir(workspace.root()).stdin(Stdio::null()).stderr(Stdio::null());
    let answer = output(&mut command).ok().filter(|answer| answer.status.success())?;
    String::from_utf8(answer.stdout).ok()
}

fn no_compiler() -> Failure {
    Failure::new(
        "rustc does not say what it is",
        "install Rust with rustup; `rustup toolchain install nightly` for fuzzing",
    )
}

fn made(folder: PathBuf) -> Outcome<PathBuf> {
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::io(&format!("make {}", folder.display()), &error))?;
    Ok(folder)
}

const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2", minutes: 1 };

/// A single allocation past 64 MiB, a process past 2 GiB or an input that takes 10 s is a finding too.
const LIMITS: [&str; 4] =
    ["-malloc_limit_mb=64", "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_read_from_what_libfuzzer_says_last() {
        let log = "#2\tINITED cov: 5 ft: 9 corp: 1/1b exec/s: 0 rss: 40Mb\n\
            #9000\tDONE   cov: 4123 ft: 9001 corp: 812/91Kb lim: 4096 exec/s: 150 rss: 90Mb\n\
            stat::number_of_executed_units: 9000\n";
        let found = Found::read(log);
        assert_eq!(found, Found { executions: 9000, coverage: 4123, corpus: 812, crash: None });
        assert!(found.line(Target::Jwks, 60).ends_with("4123 edges covered, corpus 812, no crash"));
    }

    #[test]
    fn a_crash_is_named_by_its_reproducer() {
        let log = "artifact_prefix='a/'; Test unit written to a/crash-1\nBase64: AA==\n";
        assert_eq!(Found::read(log).crash.as_deref(), Some("a/crash-1"));
    }

    #[test]
    fn every_target_is_one_of_the_fuzz_crate_and_none_is_left_out() {
        let manifest =
            fs::read_to_string(Workspace::find().root().join("auth-core/fuzz/Cargo.toml")).unwrap();
        for target in Target::value_variants() {
            assert!(manifest.contains(&format!("name = \"{}\"", target.name())), "{target:?}");
        }
        assert_eq!(manifest.matches("[[bin]]").count(), Target::value_variants().len());
    }
}

//! Real clients against the product, with a real issuer between them, in both of its default algorithms.

mod chromium;
mod issuer;
mod leash;
mod parts;
mod report;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum as _};

use crate::args::LibraryArgs;
use crate::background::free_address;
use crate::build;
use crate::failure::{Failure, Outcome, print, say};
use crate::node::Node;
use crate::workspace::{Profile, Workspace};
use issuer::{Issuer, PROVIDER};
use leash::Leash;
pub(crate) use leash::isolate;
use parts::{Part, Ready, scripts};
use report::{Report, Step};
use server::{Home, Server, resource};

/// Options of `interop`.
#[derive(Debug, Args)]
pub(crate) struct InteropArgs {
    /// Only these.
    #[arg(value_enum, value_name = "CLIENT")]
    parts: Vec<Part>,
    /// Uses `m4` and `m4-mcp-server` of this directory instead of building them.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    #[command(flatten)]
    library: LibraryArgs,
}

/// Installs what can be installed, runs it, prints a table, and fails when a step failed.
pub(crate) fn run(workspace: &Workspace, args: &InteropArgs) -> Outcome {
    let chosen = if args.parts.is_empty() { Part::value_variants() } else { &args.parts };
    let mut report = Report::default();
    let (ground, ready) = match prepare(workspace, chosen, &mut report) {
        Ok(prepared) => prepared,
        Err(failure) => {
            for part in chosen {
                say(report.skip(*part, &failure));
            }
            print(report.table());
            return Ok(());
        }
    };
    if !ready.is_empty() {
        let binaries = match &args.binaries {
            Some(directory) => std::path::absolute(directory)
                .map_err(|error| Failure::io("find the directory of the binaries", &error))?,
            None => {
                build::announce(workspace)?;
                build::run(workspace, &args.library.resolve(workspace)?, Profile::Debug)?;
                workspace.binaries(Profile::Debug)?
            }
        };
        ground.prove(workspace, &binaries, &ready, &mut report)?;
    }
    print(report.table());
    match report.failed() {
        0 => Ok(()),
        failed => Err(Failure::new(
            format!("{failed} steps failed"),
            format!("what every program said is in {}", ground.folder.display()),
        )),
    }
}

/// What every part stands on.
struct Ground {
    leash: Leash,
    /// The issuer's package.
    provider: PathBuf,
    /// For the home and the logs of a run.
    folder: PathBuf,
}

/// Installs the ground, and of the parts those that can be installed; the others are reported as skipped.
fn prepare(workspace: &Workspace, chosen: &[Part], report: &mut Report) -> Outcome<(Ground, Vec<Ready>)> {
    let node = Node::find(workspace)?;
    let provider = PROVIDER.install(workspace)?.folder().to_owned();
    let mut ready = Vec::new();
    for part in chosen {
        match part.prepare(workspace, &node) {
            Ok(prepared) => ready.push(prepared),
            Err(failure) => say(report.skip(*part, &failure)),
        }
    }
    let folder = workspace.target()?.join("interop");
    // Tokens, keys and data of an earlier run prove nothing of this one.
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(&folder),
    }
    .map_err(|error| Failure::io(&format!("empty {}", folder.display()), &error))?;
    let leash = Leash { node, script: scripts(workspace).join("leash.mjs") };
    Ok((Ground { leash, provider, folder }, ready))
}

impl Ground {
    /// Starts issuer and servers and runs each part once with each algorithm.
    fn prove(&self, workspace: &Workspace, binaries: &Path, ready: &[Ready], report: &mut Report) -> Outcome {
        say("setting up mimic-iv-sample");
        let home = Home::set_up(binaries, &self.folder.join("home"))?;
        let (at, rs256, es256) = (free_address()?, free_address()?, free_address()?);
        let servers = [(rs256, "RS256"), (es256, "ES256")];
        let resources = servers.map(|(address, algorithm)| (resource(address), algorithm));
        let script = scripts(workspace).join("issuer.mjs");
        let mut issuer = Issuer::start(&self.leash, &script, &self.provider, &self.folder, at, &resources)?;
        let mut running = Vec::new();
        for (address, algorithm) in servers {
            let log = self.folder.join(format!("m4-mcp-server-{algorithm}.log"));
            running.push(home.serve(&self.leash, address, algorithm, &issuer.url, &log)?);
        }
        for part in ready {
            for server in &running {
                say(format_args!("{} with {}", part.part.name(), server.algorithm));
                if let Err(failure) = self.run(workspace, &home, part, server, &mut issuer, report) {
                    say(report.fail(part.part, server.algorithm, &failure));
                }
            }
        }
        Ok(())
    }

    /// Runs the script of a part against a server, and does what its steps ask for.
    fn run(
        &self,
        workspace: &Workspace,
        home: &Home,
        ready: &Ready,
        server: &Server,
        issuer: &mut Issuer,
        report: &mut Report,
    ) -> Outcome {
        let (part, algorithm) = (ready.part, server.algorithm);
        let name = format!("{}-{algorithm}", part.name());
        let scratch = self.folder.join(&name);
        fs::create_dir_all(&scratch).map_err(|error| Failure::io("make a folder", &error))?;
        let mut command = ready.command(workspace);
        command.env("SERVER", &server.url).env("ISSUER", &issuer.url).env("ALGORITHM", algorithm);
        home.name(&mut command);
        // A home of its own: some clients keep tokens there, and none may find the developer's.
        command.env("SCRATCH", &scratch).env("HOME", &scratch).env("USERPROFILE", &scratch);
        let log = self.folder.join(format!("{name}.log"));
        let script = self.leash.start(&command, &log)?;
        while let Some(line) = script.line(PATIENCE)? {
            let Some(step) = Step::parse(&line) else {
                // Clients, too, write to the stdout that the script inherited.
                say(line);
                continue;
            };
            let rotate = part == Part::Rotation && ROTATE_AFTER.iter().any(|name| step.is_ok(name));
            let ok = step.ok;
            let line = report.add(part, algorithm, step);
            if !ok {
                say(line);
            }
            if rotate {
                issuer.rotate()?;
            }
        }
        if let Some(line) = report.complete(part, algorithm, &log.to_string_lossy()) {
            say(line);
        }
        match script.end()?.code() {
            Some(0) => Ok(()),
            // A failed step has been reported, and is the reason.
            _ if report.has_failed(part, algorithm) => Ok(()),
            _ => Err(Failure::new("the script failed after its last step", format!("see {}", log.display()))),
        }
    }
}

/// A script says nothing while it waits for a token to expire, or for a login.
const PATIENCE: Duration = Duration::from_secs(180);

const ROTATE_AFTER: [&str; 2] = ["under key 1", "under key 2"];

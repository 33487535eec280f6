//! A browser that can be told what to do: Debian's Chromium and its driver, or those on the PATH.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::environment;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::output;

/// A browser and the program that drives it.
#[derive(Clone, Debug)]
pub(super) struct Chromium {
    pub(super) browser: PathBuf,
    pub(super) driver: PathBuf,
}

impl Chromium {
    /// Those on the PATH. Where they are missing, they are installed if this is Debian and we may.
    pub(super) fn find() -> Outcome<Self> {
        Self::on_path().map_or_else(Self::install, Ok)
    }

    fn on_path() -> Option<Self> {
        // The driver wants to know where its browser is, not just its name.
        let browser = BROWSERS.into_iter().find_map(program)?;
        Some(Self { browser, driver: program("chromedriver")? })
    }

    fn install() -> Outcome<Self> {
        let missing = || {
            Failure::new(
                "there is no Chromium with a driver on the PATH",
                format!("install {} (Debian's names), or run this as root on Debian", PACKAGES.join(" and ")),
            )
        };
        if !is_root() || program(APT).is_none() {
            return Err(missing());
        }
        say(format_args!("installing {} with apt-get", PACKAGES.join(" and ")));
        let apt = |words: &[&str]| {
            let mut command = Command::new(APT);
            command.arg("--quiet").args(words).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
            output(&mut command).map(|result| result.status.success())
        };
        let install = [&["install", "--yes", "--no-install-recommends"][..], &PACKAGES].concat();
        if apt(&["update"])? && apt(&install)? {
            return Self::on_path().ok_or_else(missing);
        }
        Err(Failure::new(
            format!("apt-get could not install {}", PACKAGES.join(" and ")),
            "run `apt-get install` by hand to see why",
        ))
    }
}

fn is_root() -> bool {
    let mut command = Command::new("id");
    output(command.arg("-u").stdin(Stdio::null())).is_ok_and(|result| result.stdout.trim_ascii() == b"0")
}

fn program(name: &str) -> Option<PathBuf> {
    let path = environment::variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Debian's.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

const APT: &str = "apt-get";

//! Programs that are Debian packages: found on the PATH, or installed where this is Debian and we may.

use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome, say};
use crate::workspace::output;

/// Programs, each told by an argument that makes it end at once, and the packages that hold them.
pub(crate) struct Programs {
    pub(crate) names: &'static [(&'static str, &'static str)],
    pub(crate) packages: &'static [&'static str],
}

impl Programs {
    /// Fails, with what to install, where they are neither here nor to be had.
    pub(crate) fn need(&self) -> Outcome {
        if self.missing().is_none() {
            return Ok(());
        }
        let packages = self.packages.join(" and ");
        if is_root() && runs(APT, "--version") {
            say(format_args!("installing {packages} with apt-get"));
            // Old lists name versions that are gone.
            if !(self.install()? || (apt(&["update"])? && self.install()?)) {
                return Err(Failure::new(
                    format!("apt-get could not install {packages}"),
                    "run `apt-get install` by hand to see why",
                ));
            }
        }
        match self.missing() {
            None => Ok(()),
            Some(name) => Err(Failure::new(
                format!("{name} is not on the PATH"),
                format!("install {packages} (Debian's names), or run this as root on Debian"),
            )),
        }
    }

    fn missing(&self) -> Option<&'static str> {
        self.names.iter().find(|(name, argument)| !runs(name, argument)).map(|(name, _)| *name)
    }

    fn install(&self) -> Outcome<bool> {
        apt(&[&["install", "--yes", "--no-install-recommends"], self.packages].concat())
    }
}

fn apt(words: &[&str]) -> Outcome<bool> {
    let mut command = Command::new(APT);
    command.arg("--quiet").args(words).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    output(&mut command).map(|result| result.status.success())
}

fn is_root() -> bool {
    let mut command = Command::new("id");
    output(command.arg("-u").stdin(Stdio::null())).is_ok_and(|result| result.stdout.trim_ascii() == b"0")
}

fn runs(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

const APT: &str = "apt-get";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_missed_by_name() {
        let programs = Programs { names: &[("cargo", "--version"), ("no-such-program", "")], packages: &[] };
        assert_eq!(programs.missing(), Some("no-such-program"));
        assert!(Programs { names: &[("cargo", "--version")], packages: &[] }.need().is_ok());
    }
}

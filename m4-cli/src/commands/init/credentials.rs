//! Where the PhysioNet login comes from: standard input, a file, the environment's file, or whoever sits at the terminal.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use auth_core::secret::Secret;
use mcp_server::dataset::Definition;
use mcp_server::download::Credentials;
use mcp_server::env::Environment;

use crate::args::FetchArgs;
use crate::failure::Failure;
use crate::output::Printer;

/// The login for a download of this dataset; `None` where it needs none, or where there is none to be had.
pub(crate) fn find(
    definition: &Definition,
    args: &FetchArgs,
    env: &Environment,
    printer: &Printer,
) -> Result<Option<Credentials>, Failure> {
    if !definition.requires_authentication {
        if args.physionet_credentials_stdin || args.physionet_credentials_file.is_some() {
            printer
                .note(format_args!("{} is open to everybody: the credentials are not sent", definition.name));
        }
        return Ok(None);
    }
    if args.physionet_credentials_stdin {
        return Ok(Some(Credentials::from_reader(io::stdin().lock())?));
    }
    let named = args.physionet_credentials_file.clone();
    if let Some(file) = named.or_else(|| env.get(FILE_VARIABLE).map(PathBuf::from)) {
        return Ok(Some(Credentials::from_file(Path::new(&file))?));
    }
    let somebody_is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    if args.no_interactive || !somebody_is_there {
        return Ok(None);
    }
    ask(definition, printer).map(Some)
}

fn ask(definition: &Definition, printer: &Printer) -> Result<Credentials, Failure> {
    let unread =
        |error| Failure::io("the login could not be read", "use --physionet-credentials-file FILE", error);
    printer.ask(format_args!("{} needs a PhysioNet login with access to it. User:", definition.name));
    let mut user = String::new();
    io::stdin().lock().read_line(&mut user).map_err(unread)?;
    let password = Secret::new(rpassword::prompt_password("Password (not shown): ").map_err(unread)?);
    Ok(Credentials::new(user.trim(), password.expose())?)
}

/// Names a file, so that the login itself stays out of the environment, which other programs can read.
const FILE_VARIABLE: &str = "M4_PHYSIONET_CREDENTIALS_FILE";

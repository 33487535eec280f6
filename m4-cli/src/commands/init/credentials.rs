//! Where the PhysioNet login comes from: standard input, a file, the environment's file, or whoever sits at the terminal.

use std::io;
use std::path::{Path, PathBuf};

use mcp_server::dataset::Definition;
use mcp_server::download::Credentials;
use mcp_server::env::Environment;

use crate::args::FetchArgs;
use crate::ask::{self, Ask, Terminal};
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
    if args.no_interactive || !ask::somebody_is_there() {
        return Ok(None);
    }
    from_person(definition, &mut Terminal::new(printer.asks_in_color()), printer).map(Some)
}

fn from_person(
    definition: &Definition,
    person: &mut impl Ask,
    printer: &Printer,
) -> Result<Credentials, Failure> {
    printer.ask(format_args!("{} needs a PhysioNet login with access to it.", definition.name));
    let user = person.text("User", None)?;
    let password = person.secret("Password (not shown)")?;
    Ok(Credentials::new(&user, password.expose())?)
}

/// Names a file, so that the login itself stays out of the environment, which other programs can read.
const FILE_VARIABLE: &str = "M4_PHYSIONET_CREDENTIALS_FILE";

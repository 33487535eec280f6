//! How errors look: `error: …`, `Caused by: …`, `hint: …`.

use std::error::Error;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use mcp_server::error::Explain;

/// The error with its causes, the nearest first, and its hint. The last line has no line end.
pub(super) fn render(error: &dyn Explain) -> String {
    let mut text = format!("{ERROR}error{ERROR:#}: {error}");
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(known) = cause {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n  {BOLD}Caused by{BOLD:#}: {known}");
        cause = known.source();
    }
    if let Some(hint) = error.hint() {
        let _ = write!(text, "\n{HINT}hint{HINT:#}: {hint}");
    }
    text
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const BOLD: Style = Style::new().bold();

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::failure::Failure;

    #[test]
    fn an_error_its_cause_and_its_hint_are_a_line_each() {
        let cause = io::Error::new(io::ErrorKind::PermissionDenied, "Permission denied");
        let failure = Failure::io("cannot write /etc/x", "choose a file you may write", cause);
        let text = render(failure.error().unwrap());
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        error: cannot write /etc/x
          Caused by: Permission denied
        hint: choose a file you may write
        ");
    }
}

//! How errors look: `error: …`, `Caused by: …`, `hint: …`.

use anstyle::{AnsiColor, Style};
use mcp_server::error::{self, Explain, Label};

/// The error with its causes, the nearest first, and its hint. The last line has no line end.
pub(super) fn render(error: &dyn Explain) -> String {
    let line = |(label, text): (Label, String)| {
        let (indent, style) = match label {
            Label::Error => ("", ERROR),
            Label::CausedBy => ("  ", BOLD),
            Label::Hint => ("", HINT),
        };
        format!("{indent}{style}{label}{style:#}: {text}")
    };
    error::lines(error).into_iter().map(line).collect::<Vec<_>>().join("\n")
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

//! `docs/reference/exit-codes.md`: how a command ended, for programs.

use m4_cli::exit_code::Exit;
use mcp_server::error::codes;

use crate::{cell, head};

pub(crate) fn page() -> String {
    let mut page = head(
        "Exit codes and error codes",
        "What `m4` ends with, and the `error.code` of its answers in JSON. See [the command line](../cli.md#answers-in-json).",
    );
    page += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
    for exit in Exit::ALL {
        page.extend([format!("| {} | {} |\n", exit.code(), cell(exit.about()))]);
    }
    page += "| 130 | Ctrl-C: the process ends by `SIGINT`, which a shell shows as 130 |\n";
    page += "\n## Error codes\n\nCodes keep their meaning. New ones may be added, so a program treats one it does not know like \
             `failed`.\n\n| code | meaning |\n|---|---|\n";
    for (code, about) in codes::ALL {
        page.extend([format!("| `{code}` | {} |\n", cell(about))]);
    }
    page
}

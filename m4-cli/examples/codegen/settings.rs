//! `docs/reference/configuration.md`: every setting.

use mcp_server::config::setting::{ALL, Setting};

use crate::{cell, head};

pub(crate) fn page() -> String {
    let mut page = head(
        "Settings",
        "In the order of `m4 config show`. Each can be given as a variable or, by its key, in the file: `oauth2.enabled` is `enabled`\n\
         under `[oauth2]`. How values are written, which goes before which, and what settings do together is in\n\
         [configuration](../configuration.md).",
    );
    let mut section = "";
    for setting in ALL {
        if setting.section() != section {
            section = setting.section();
            page.extend([
                "\n## ",
                title(section),
                "\n\n| variable | key | default | meaning |\n|---|---|---|---|\n",
            ]);
        }
        page += &row(setting);
    }
    page
}

fn row(setting: &Setting) -> String {
    let default = setting.default.map_or_else(|| "–".to_owned(), |default| format!("`{default}`"));
    let secret = if setting.secret { " Never shown." } else { "" };
    format!(
        "| `{}` | `{}` | {} | {}{secret} |\n",
        setting.env,
        setting.key,
        cell(&default),
        cell(setting.about)
    )
}

/// A section's heading, which other pages link to.
fn title(section: &str) -> &str {
    match section {
        "oauth2" => "OAuth2",
        "api_keys" => "API keys",
        "backend" => "Backend",
        "locations" => "Data",
        "limits" => "Limits",
        "log" => "Log",
        "http" => "HTTP",
        "login" => "Login",
        other => other,
    }
}

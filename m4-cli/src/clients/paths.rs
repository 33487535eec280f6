//! Where each client keeps its file, as its documentation says; the pages are listed in `docs/clients.md`.

use std::path::{Path, PathBuf};

use mcp_server::env::{BaseDirs, Environment};

use super::Client;

impl Client {
    /// The client's file: that of the project in `working_directory`, or the user's.
    ///
    /// `None` where the client keeps no such file, and for the user's where there is no home.
    pub fn path(self, env: &Environment, working_directory: Option<&Path>) -> Option<PathBuf> {
        match working_directory {
            Some(folder) => self.project_file().map(|file| folder.join(file)),
            None => self.users_file(env, Os::HERE),
        }
    }

    /// Every client that keeps a file of the user's, with that file, which need not exist.
    pub fn users_files(env: &Environment) -> impl Iterator<Item = (Self, PathBuf)> {
        Self::ALL.into_iter().filter_map(|client| Some((client, client.path(env, None)?)))
    }

    /// The file of a project, relative to its folder; `None` where the client has none.
    pub const fn project_file(self) -> Option<&'static str> {
        match self {
            Self::ClaudeCode => Some(".mcp.json"),
            Self::Cursor => Some(".cursor/mcp.json"),
            Self::VsCode => Some(".vscode/mcp.json"),
            Self::Codex => Some(".codex/config.toml"),
            Self::Gemini => Some(".gemini/settings.json"),
            Self::Zed => Some(".zed/settings.json"),
            // Its one file is in the folder it is installed in.
            Self::LibreChat => Some("librechat.yaml"),
            Self::Claude | Self::Windsurf | Self::Cline => None,
        }
    }

    fn users_file(self, env: &Environment, os: Os) -> Option<PathBuf> {
        let dirs = env.base_dirs()?;
        let named = |variable: &str| env.os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = &dirs.home;
        let file = match self {
            Self::Claude => os.application_data(dirs).join("Claude/claude_desktop_config.json"),
            Self::ClaudeCode => {
                named("CLAUDE_CONFIG_DIR").unwrap_or_else(|| home.clone()).join(".claude.json")
            }
            Self::Cursor => home.join(".cursor/mcp.json"),
            Self::VsCode => os.application_data(dirs).join("Code/User/mcp.json"),
            Self::Windsurf => home.join(".codeium/windsurf/mcp_config.json"),
            Self::Cline => {
                let in_data = |data: PathBuf| data.join("settings").join(CLINES);
                let named = named("CLINE_MCP_SETTINGS_PATH")
                    .or_else(|| named("CLINE_DATA_DIR").map(in_data))
                    .or_else(|| Some(in_data(named("CLINE_DIR")?.join("data"))));
                let usual = in_data(home.join(".cline/data"));
                let extensions = os.application_data(dirs).join(EXTENSIONS_SETTINGS).join(CLINES);
                // Extensions of 2025 know no other place.
                let is_old = extensions.exists() && !usual.exists();
                named.unwrap_or(if is_old { extensions } else { usual })
            }
            Self::Codex => named("CODEX_HOME").unwrap_or_else(|| home.join(".codex")).join("config.toml"),
            Self::Gemini => home.join(".gemini/settings.json"),
            // Unlike most programs it uses ~/.config on macOS too.
            Self::Zed => {
                dirs.config.join(if os == Os::Windows { "Zed" } else { "zed" }).join("settings.json")
            }
            Self::LibreChat => return None,
        };
        Some(file)
    }
}

const CLINES: &str = "cline_mcp_settings.json";
/// Where VS Code keeps what Cline's extension stored there in the past.
const EXTENSIONS_SETTINGS: &str = "Code/User/globalStorage/saoudrizwan.claude-dev/settings";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Os {
    Linux,
    Mac,
    Windows,
}

impl Os {
    const HERE: Self = if cfg!(target_os = "macos") {
        Self::Mac
    } else if cfg!(windows) {
        Self::Windows
    } else {
        Self::Linux
    };

    /// Where Electron's programs keep their settings: `~/.config`, `~/Library/Application Support` or `%APPDATA%`.
    fn application_data(self, dirs: &BaseDirs) -> PathBuf {
        match self {
            Self::Mac => dirs.home.join("Library/Application Support"),
            Self::Linux | Self::Windows => dirs.config.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(os: Os, config: &str, more: &[(&str, &str)]) -> String {
        let dirs = BaseDirs { home: "/home/ann".into(), config: config.into(), data: "/unused".into() };
        let env = Environment::from_pairs(more.iter().copied()).with_base_dirs(dirs);
        let line = |client: &Client| {
            let file = client.users_file(&env, os).map(|path| path.display().to_string());
            format!("{:<12}{}\n", client.name(), file.unwrap_or_default()).replace('\\', "/")
        };
        Client::ALL.iter().map(line).collect()
    }

    #[test]
    fn every_platform_has_its_own_places() {
        insta::assert_snapshot!("linux", of(Os::Linux, "/home/ann/.config", &[]));
        insta::assert_snapshot!("macos", of(Os::Mac, "/home/ann/.config", &[]));
        insta::assert_snapshot!("windows", of(Os::Windows, "/home/ann/AppData/Roaming", &[]));
    }

    #[test]
    fn the_clients_own_variables_lead_elsewhere() {
        let named =
            [("CLAUDE_CONFIG_DIR", "/c"), ("CODEX_HOME", "/x"), ("CLINE_MCP_SETTINGS_PATH", "relative")];
        let paths = of(Os::Linux, "/home/ann/.config", &named);
        assert!(paths.contains("/c/.claude.json") && paths.contains("/x/config.toml"), "{paths}");
        assert!(!paths.contains("relative"), "{paths}");
        assert_eq!(Client::Cursor.path(&Environment::default(), None), None, "there is no home");
    }

    #[test]
    fn cline_is_found_where_it_is_now_and_where_its_extension_was() {
        let home = tempfile::tempdir().unwrap();
        let dirs =
            BaseDirs { home: home.path().into(), config: home.path().join(".config"), data: "/".into() };
        let file = |more: &[(&str, &str)]| {
            let env = Environment::from_pairs(more.iter().copied()).with_base_dirs(dirs.clone());
            Client::Cline.users_file(&env, Os::Linux).unwrap()
        };
        let now = home.path().join(".cline/data/settings").join(CLINES);
        let before = home.path().join(".config").join(EXTENSIONS_SETTINGS).join(CLINES);
        assert_eq!(file(&[]), now);
        for (there, expected) in [(&before, &before), (&now, &now)] {
            std::fs::create_dir_all(there.parent().unwrap()).unwrap();
            std::fs::write(there, "{}").unwrap();
            assert_eq!(file(&[]), *expected);
        }
        assert_eq!(file(&[("CLINE_DIR", "/c")]), Path::new("/c/data/settings").join(CLINES));
        assert_eq!(
            file(&[("CLINE_DIR", "/c"), ("CLINE_DATA_DIR", "/d")]),
            Path::new("/d/settings").join(CLINES)
        );
        assert_eq!(file(&[("CLINE_MCP_SETTINGS_PATH", "/x.json")]), Path::new("/x.json"));
    }

    #[test]
    fn a_project_has_the_file_that_its_client_looks_for() {
        let file = |client: Client| client.path(&Environment::default(), Some(Path::new("/ward")));
        assert_eq!(file(Client::VsCode), Some("/ward/.vscode/mcp.json".into()));
        assert_eq!(file(Client::ClaudeCode), Some("/ward/.mcp.json".into()));
        assert_eq!(file(Client::Claude), None);
    }
}

//! The MCP clients whose files M4 writes, and what is peculiar to each.

use clap::ValueEnum;

use super::document::Format;

/// An MCP client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Client {
    /// Claude Desktop
    Claude,
    /// Claude Code
    ClaudeCode,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    #[value(name = "vscode")]
    VsCode,
    /// Windsurf
    Windsurf,
    /// Cline
    Cline,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// Zed
    Zed,
    /// LibreChat
    #[value(name = "librechat")]
    LibreChat,
}

impl Client {
    /// Every client, in the order they are listed.
    pub const ALL: [Self; 10] = [
        Self::Claude,
        Self::ClaudeCode,
        Self::Cursor,
        Self::VsCode,
        Self::Windsurf,
        Self::Cline,
        Self::Codex,
        Self::Gemini,
        Self::Zed,
        Self::LibreChat,
    ];

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Claude => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::Windsurf => "Windsurf",
            Self::Cline => "Cline",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Zed => "Zed",
            Self::LibreChat => "LibreChat",
        }
    }

    /// What `m4 config` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::ClaudeCode => "claude-code",
            Self::Cursor => "cursor",
            Self::VsCode => "vscode",
            Self::Windsurf => "windsurf",
            Self::Cline => "cline",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Zed => "zed",
            Self::LibreChat => "librechat",
        }
    }

    /// The format of its file.
    pub const fn format(self) -> Format {
        match self {
            Self::Codex => Format::Toml,
            Self::LibreChat => Format::Yaml,
            _ => Format::Json,
        }
    }

    /// The key under which its servers are.
    pub const fn servers_key(self) -> &'static str {
        match self {
            Self::VsCode => "servers",
            Self::Codex => "mcp_servers",
            Self::Zed => "context_servers",
            _ => "mcpServers",
        }
    }

    /// What makes it read its file again.
    pub const fn afterwards(self) -> &'static str {
        match self {
            Self::Claude => "restart Claude Desktop to use it",
            Self::ClaudeCode => "start a new session of Claude Code to use it",
            Self::Cursor => "restart Cursor to use it",
            Self::VsCode => "start it in VS Code: MCP: List Servers",
            Self::Windsurf => "refresh the MCP servers in Windsurf to use it",
            Self::Cline => "Cline reads its file by itself",
            Self::Codex => "start a new session of Codex to use it",
            Self::Gemini => "restart Gemini CLI to use it",
            Self::Zed => "Zed reads its file by itself",
            Self::LibreChat => "restart LibreChat to use it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_listed_once_under_the_name_it_is_typed_by() {
        assert_eq!(Client::value_variants(), Client::ALL);
        for client in Client::ALL {
            assert_eq!(client.to_possible_value().unwrap().get_name(), client.name());
        }
    }
}

//! Asks a tool on behalf of whoever sits at the terminal: through the same gate as every client, with their own token.

use mcp_server::config::{Config, Flags};
use mcp_server::env::Environment;
use mcp_server::logging;
use mcp_server::tools::{Answer, Call, CallError, Output, Permit, QueryArgs, Toolbox};
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

use crate::failure::Failure;
use crate::output::Printer;

/// The tools as configured, and what runs them. Ctrl-C ends the process, and the engine with it.
pub(super) struct Asking {
    /// The configuration, with what was typed on top.
    pub(super) config: Config,
    toolbox: Toolbox,
    runtime: Runtime,
}

impl Asking {
    /// Reads the configuration with what was typed on top, and says what is odd about it.
    pub(super) fn begin(env: &Environment, flags: &Flags, printer: &Printer) -> Result<Self, Failure> {
        let config = Config::load(env, flags);
        logging::start_if_asked_for(&config)?;
        for warning in config.warnings() {
            printer.warning(warning);
        }
        Self::with(config)
    }

    /// The same with a configuration that was read already.
    pub(super) fn with(config: Config) -> Result<Self, Failure> {
        let runtime = Runtime::new().map_err(|error| {
            Failure::io("the operating system gave no threads to work with", "check `ulimit -u`", error)
        })?;
        let toolbox = {
            let _on_it = runtime.enter();
            Toolbox::new(&config)
        };
        Ok(Self { config, toolbox, runtime })
    }

    /// Calls a tool; `arguments` that are null are left out.
    pub(super) fn call(&self, tool: &str, arguments: Value) -> Result<Output, Failure> {
        let arguments: Map<String, Value> = match arguments {
            Value::Object(members) => members.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        };
        let call = Call::parse(tool, Some(arguments))
            .map_err(|bad| Failure::usage(bad.to_string(), "`--help` shows what can be typed"))?;
        let answer: Result<Output, CallError> = self.runtime.block_on(async {
            let credential = self.toolbox.own_credential().await;
            self.toolbox.call(Permit::Token(credential), &call).await
        });
        Ok(answer?)
    }

    /// Runs one query and gives its rows as values.
    pub(super) fn query(&self, args: &QueryArgs) -> Result<Answer, CallError> {
        self.runtime.block_on(async { self.toolbox.query(self.toolbox.own_credential().await, args).await })
    }
}

//! How many tokens a model reads, counted by a tokenizer that brings its vocabulary with it.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::node::{Node, Package};
use crate::workspace::Workspace;

/// The tokens of a text in each of [`VOCABULARIES`].
pub(super) type Counts = [u64; 2];

/// Counts the tokens of each text.
pub(super) fn count(workspace: &Workspace, texts: &[String]) -> Outcome<Vec<Counts>> {
    let node = Node::find(workspace)?;
    let tokenizer = TOKENIZER.install(workspace)?;
    let script = workspace.root().join("tests").join("bench").join("tokens.mjs");
    let mut command = node.run(&script);
    command.arg(tokenizer.folder()).args(VOCABULARIES).stdin(Stdio::piped()).stdout(Stdio::piped());
    let io = |error: std::io::Error| Failure::io("run the tokenizer", &error);
    let mut child = command.spawn().map_err(io)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It reads to the end before it writes.
        stdin.write_all(json!(texts).to_string().as_bytes()).map_err(io)?;
    }
    let said = child.wait_with_output().map_err(io)?;
    let counts: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
    let counts: Vec<Counts> = counts.as_array().into_iter().flatten().filter_map(pair).collect();
    if counts.len() == texts.len() {
        return Ok(counts);
    }
    Err(Failure::new("the tokenizer did not count every text", "see its message above"))
}

fn pair(counts: &Value) -> Option<Counts> {
    Some([counts.get(0)?.as_u64()?, counts.get(1)?.as_u64()?])
}

/// The vocabulary that the verdict is about, and an older one beside it.
pub(super) const VOCABULARIES: [&str; 2] = ["o200k_base", "cl100k_base"];

const TOKENIZER: Package = Package { name: "gpt-tokenizer", version: "4.0.0" };

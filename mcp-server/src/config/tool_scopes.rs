//! Scopes needed on top of the base set: `execute_query=query:database;dataset:mimic-iv-note=read:notes`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use auth_core::scope::ScopeSet;

use super::layers::Raw;
use super::parse::{self, Invalid, brief};
use super::setting::nearest;

/// Additional scopes by tool and by dataset.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ToolScopes {
    pub(crate) tools: BTreeMap<String, ScopeSet>,
    pub(crate) datasets: BTreeMap<String, ScopeSet>,
}

/// Entries `NAME=SCOPES` separated by semicolons, or a list of them. A tool that does not exist is an error: its entry would
/// guard nothing while the tool that was meant stayed open.
pub(crate) fn parse(raw: &Raw) -> Result<ToolScopes, Invalid> {
    let form = "write TOOL=SCOPES or dataset:NAME=SCOPES, separated by semicolons";
    let mut parsed = ToolScopes::default();
    for (name, scopes) in parse::scope_entries(raw, form)? {
        let (map, name) = match name.strip_prefix("dataset:") {
            Some(dataset) if !dataset.is_empty() => (&mut parsed.datasets, dataset),
            Some(_) => return Err(Invalid::new("has `dataset:` without a name")),
            None => (&mut parsed.tools, known_tool(&name)?),
        };
        match map.entry(name.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(scopes);
            }
            Entry::Occupied(taken) => {
                return Err(Invalid::new(format!("names {} twice", brief(taken.key()))));
            }
        }
    }
    Ok(parsed)
}

fn known_tool(name: &str) -> Result<&str, Invalid> {
    if TOOLS.contains(&name) {
        return Ok(name);
    }
    let hint = nearest(name, TOOLS).map_or_else(
        || format!("the tools are {}", TOOLS.join(", ")),
        |near| format!("did you mean {near}?"),
    );
    Err(Invalid::new(format!("names a tool that does not exist, {}", brief(name))).hint(hint))
}

/// Every tool a client can call.
pub const TOOLS: [&str; 11] = [
    "list_datasets",
    "get_database_schema",
    "get_table_info",
    "execute_query",
    "search_notes",
    "get_note",
    "list_patient_notes",
    "query_cohort",
    "capabilities",
    "whoami",
    "set_dataset",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ToolScopes, Invalid> {
        parse(&Raw::Text(text.to_owned()))
    }

    #[test]
    fn tools_and_datasets_are_told_apart() {
        let scopes =
            parsed("execute_query=query:database read:x; dataset:mimic-iv-note=read:notes;").unwrap();
        assert_eq!(scopes.tools["execute_query"].to_string(), "query:database, read:x");
        assert_eq!(scopes.datasets["mimic-iv-note"].to_string(), "read:notes");
        let list = Raw::List(vec!["get_note=a=b".into()]);
        assert_eq!(parse(&list).unwrap().tools["get_note"].to_string(), "a=b");
    }

    #[test]
    fn an_entry_that_would_guard_nothing_is_refused() {
        for text in [
            "execute_query",
            "execute_query=",
            "=a",
            "dataset:=a",
            "execute_query=a;execute_query=b",
            ";",
            "get_note=\"",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
        let error = parsed("execute_qeury=a").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean execute_query?"));
    }
}

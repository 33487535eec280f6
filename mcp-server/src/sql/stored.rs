//! What a database itself defines: views, macros and generated columns, which a query uses by a name that shows nothing
//! of what they do.
//!
//! A database may have been made elsewhere. So each view and macro that a query uses is put through the same policy as the
//! query, and what it reads counts as read by the query. A database that defines something under a name of the engine's own
//! is not queried at all: such a definition would be used in places where no name is written.

use std::collections::{BTreeSet, HashMap};

use super::functions::{self, Standing};
use super::lexer::{self, Kind, Token};
use super::parser::{self, Parsed};
use super::policy::{Checked, TableName};
use super::refusal::Refusal;
use super::tree::{self, Findings, Terms};

/// The definitions that a database holds.
#[derive(Debug, Default)]
pub struct Stored {
    /// What the database is called in its own catalog, in lower case.
    catalog: String,
    /// By schema and name, both in lower case.
    relations: HashMap<(String, String), Relation>,
    /// By name, in lower case.
    macros: HashMap<String, Vec<Macro>>,
    /// A definition that takes the place of one of the engine's own.
    hides: Option<String>,
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether it is a view.
    pub is_view: bool,
    /// The statement that makes it, as the engine shows it.
    pub definition: String,
}

/// A macro; one that takes several numbers of arguments is several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macro {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// How many parameters it has.
    pub parameters: usize,
    /// The expression or, for one that stands for a table, the query.
    pub definition: String,
    /// Whether it stands for a table.
    pub is_table: bool,
}

impl Stored {
    /// The definitions of the database that its own catalog calls `catalog`.
    pub fn new(
        catalog: &str,
        relations: impl IntoIterator<Item = Relation>,
        macros: impl IntoIterator<Item = Macro>,
    ) -> Self {
        let mut stored = Self { catalog: catalog.to_ascii_lowercase(), ..Self::default() };
        for relation in relations {
            let key = (relation.schema.to_ascii_lowercase(), relation.name.to_ascii_lowercase());
            if functions::is_system_view(&key.0, &key.1) {
                stored.hides = Some(format!("{}.{}", relation.schema, relation.name));
            }
            stored.relations.insert(key, relation);
        }
        for stored_macro in macros {
            let name = stored_macro.name.to_ascii_lowercase();
            if functions::scalar(&name) != Standing::Unknown || functions::table(&name) != Standing::Unknown {
                stored.hides = Some(format!("{}.{}", stored_macro.schema, stored_macro.name));
            }
            stored.macros.entry(name).or_default().push(stored_macro);
        }
        stored
    }

    /// The first table that a query names and that is not there.
    ///
    /// For whoever runs the query: a name that means nothing here must not come to mean something to the engine.
    pub fn missing<'a>(&self, checked: &'a Checked) -> Option<&'a TableName> {
        let is_found = |table: &TableName| {
            // What a recursive query has found so far goes by a schema of its own.
            table.schema.as_ref().is_some_and(|schema| schema.eq_ignore_ascii_case("recurring"))
                || !self.named(table, &[MAIN]).is_empty()
        };
        checked.tables().iter().find(|table| !is_found(table))
    }

    /// The schemas whose tables a query that was found to name these things reads, in lower case.
    pub(super) fn schemas_of(&self, findings: &Findings) -> Result<BTreeSet<String>, Refusal> {
        if let Some(name) = &self.hides {
            return Err(Refusal::Hides { name: name.clone() });
        }
        let mut reading = Reading { stored: self, schemas: BTreeSet::new(), seen: BTreeSet::new() };
        if findings.reads_catalog {
            reading.schemas.extend(self.relations.keys().map(|(schema, _)| schema.clone()));
        }
        reading.of(findings, &[MAIN], 0)?;
        Ok(reading.schemas)
    }

    /// The schemas whose tables are read when this table or view is.
    pub fn schemas_of_relation(&self, schema: &str, name: &str) -> Result<BTreeSet<String>, Refusal> {
        let table = TableName { catalog: None, schema: Some(schema.to_owned()), name: name.to_owned() };
        self.schemas_of(&Findings { tables: BTreeSet::from([table]), ..Findings::default() })
    }

    /// Whether there is a macro of this name that needs no default for this many arguments.
    ///
    /// What a default does is not to be seen in the catalog, so a call that would use one is not let through.
    pub(super) fn is_macro(&self, name: &str, arguments: usize) -> bool {
        let overloads = self.macros.get(name).map(Vec::as_slice).unwrap_or_default();
        overloads.iter().any(|overload| overload.parameters == arguments)
    }

    /// The tables and views that a name may mean where names without a schema are looked for in `homes`.
    fn named<'a>(&'a self, table: &TableName, homes: &[&str]) -> Vec<&'a Relation> {
        let lower = |text: &String| text.to_ascii_lowercase();
        if table.catalog.as_ref().is_some_and(|catalog| lower(catalog) != self.catalog) {
            return Vec::new();
        }
        let name = lower(&table.name);
        let mut schemas: Vec<String> = match table.schema.as_ref().map(lower) {
            // `a.b` is table b of schema a, or table b of the database a.
            Some(schema) if schema == self.catalog && table.catalog.is_none() => {
                vec![schema, MAIN.to_owned()]
            }
            Some(schema) => vec![schema],
            None => homes.iter().map(|&home| home.to_ascii_lowercase()).collect(),
        };
        schemas.dedup();
        schemas.into_iter().filter_map(|schema| self.relations.get(&(schema, name.clone()))).collect()
    }
}

/// What has been found to be read so far.
struct Reading<'a> {
    stored: &'a Stored,
    schemas: BTreeSet<String>,
    /// Views, tables and macros that were looked into: each once, so that a circle ends.
    seen: BTreeSet<(&'static str, String, String)>,
}

impl Reading<'_> {
    fn of(&mut self, findings: &Findings, homes: &[&str], depth: usize) -> Result<(), Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal::TooDeep);
        }
        for table in &findings.tables {
            let relations = self.stored.named(table, homes);
            if relations.is_empty() && depth > 0 {
                return Err(Refusal::Missing { name: table.name.clone() });
            }
            // A name the query itself uses and that is not there is the engine's to explain, which knows names alike.
            for relation in relations {
                self.relation(relation, depth)?;
            }
        }
        for name in &findings.macros {
            let overloads = self.stored.macros.get(name).map(Vec::as_slice).unwrap_or_default();
            for (place, overload) in overloads.iter().enumerate() {
                if self.seen.insert(("macro", place.to_string(), name.clone())) {
                    let sql = if overload.is_table {
                        overload.definition.clone()
                    } else {
                        format!("SELECT {}", overload.definition)
                    };
                    self.inside("Macro", &overload.name, &sql, &[MAIN, &overload.schema], depth)?;
                }
            }
        }
        Ok(())
    }

    fn relation(&mut self, relation: &Relation, depth: usize) -> Result<(), Refusal> {
        let Relation { schema, name, is_view, definition } = relation;
        self.schemas.insert(schema.to_ascii_lowercase());
        if !self.seen.insert(("relation", schema.to_ascii_lowercase(), name.to_ascii_lowercase())) {
            return Ok(());
        }
        if *is_view {
            let query = view_query(definition).ok_or_else(|| {
                refused("View", name, &Refusal::Unknown { what: "Its definition".to_owned() })
            })?;
            return self.inside("View", name, query, &[schema, MAIN], depth);
        }
        for expression in generated(definition) {
            self.inside("Table", name, &format!("SELECT {expression}"), &[MAIN], depth)?;
        }
        Ok(())
    }

    /// Looks into a definition.
    fn inside(
        &mut self,
        kind: &'static str,
        name: &str,
        sql: &str,
        homes: &[&str],
        depth: usize,
    ) -> Result<(), Refusal> {
        let stored = self.stored;
        let is_macro = |name: &str, arguments: usize| stored.is_macro(name, arguments);
        let terms = Terms { marker: None, parameters: false, is_macro: &is_macro };
        let parsed = parser::parse(sql).map_err(|error| {
            tracing::warn!(%error, "the SQL parser could not be asked");
            Refusal::Unchecked
        })?;
        let findings = match parsed {
            Parsed::Queries(trees) => match trees.as_slice() {
                [tree] => tree::walk(tree, terms),
                _ => Err(Refusal::SeveralStatements),
            },
            Parsed::TooDeep => Err(Refusal::TooDeep),
            Parsed::NotOnlyQueries | Parsed::Syntax { .. } => {
                Err(Refusal::Unknown { what: "Its definition".to_owned() })
            }
        };
        let outcome = findings.and_then(|findings| {
            if findings.reads_catalog {
                self.schemas.extend(stored.relations.keys().map(|(schema, _)| schema.clone()));
            }
            self.of(&findings, homes, depth + 1)
        });
        outcome.map_err(|why| refused(kind, name, &why))
    }
}

/// The refusal of what refers to something refused; the innermost reason is kept.
fn refused(kind: &'static str, name: &str, why: &Refusal) -> Refusal {
    match why {
        Refusal::Stored { .. } | Refusal::Unchecked | Refusal::TooDeep => why.clone(),
        _ => Refusal::Stored { kind, name: name.to_owned(), why: why.to_string() },
    }
}

/// The query in `CREATE VIEW name (columns) AS query;`, as the engine writes it.
fn view_query(definition: &str) -> Option<&str> {
    let tokens = lexer::tokens(definition).ok()?;
    let is_word = |token: &&Token, word: &str| token.is_word(definition, word);
    if !tokens.first().is_some_and(|token| is_word(&token, "CREATE")) {
        return None;
    }
    // A name that is the word AS is written in quotes, so the first such word outside brackets is the keyword.
    let mut depth = 0usize;
    let keyword = tokens.iter().position(|token| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && is_word(&token, "AS")
    })?;
    let start = tokens.get(keyword + 1)?.span.start;
    let last = tokens.iter().rev().find(|token| token.kind != Kind::Semicolon)?;
    definition.get(start..last.span.end)
}

/// The expressions of generated columns in `CREATE TABLE …`, as the engine writes it.
fn generated(definition: &str) -> Vec<&str> {
    let Ok(tokens) = lexer::tokens(definition) else { return vec![""] };
    let is = |index: usize, word: &str| {
        tokens.get(index).is_some_and(|token: &Token| token.is_word(definition, word))
    };
    let mut out = Vec::new();
    for index in 0..tokens.len() {
        if !(is(index, "GENERATED") && is(index + 1, "ALWAYS") && is(index + 2, "AS")) {
            continue;
        }
        let mut depth = 0usize;
        let inside = tokens[index + 3..].iter().take_while(|token| {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0
        });
        let end = inside.last().map_or(0, |token| token.span.end);
        let start = tokens.get(index + 3).map_or(0, |token| token.span.end);
        out.push(definition.get(start..end).unwrap_or_default());
    }
    out
}

/// Where names without a schema are looked for.
const MAIN: &str = "main";

/// Views within views.
const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests;

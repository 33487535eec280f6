//! Walks the tree of a parsed query and refuses what it does not know.
//!
//! Every object of the tree that says what it is must be of a known kind; every function and every table that is named
//! anywhere, however deep, is looked up. What a view or a macro *of the database* expands to is not in the tree; those are
//! named in the findings, and [`super::stored`] walks their own trees.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::functions::{self, Standing};
use super::order::{self, OrderKey};
use super::policy::TableName;
use super::refusal::Refusal;

/// What a query that passed reads.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Tables and views named, without the engine's own and without CTEs.
    pub(super) tables: BTreeSet<TableName>,
    /// Macros of the database that are called, in lower case.
    pub(super) macros: BTreeSet<String>,
    /// Whether it reads what the engine tells of all tables there are.
    pub(super) reads_catalog: bool,
    /// How the rows of the outermost query are ordered, unless by something that is no column.
    pub(super) order: Vec<OrderKey>,
    /// How many pivot elements hold the marker as their only value.
    pub(super) markers: usize,
}

/// What a walk takes for granted.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// A value to count where pivots hold it.
    pub(super) marker: Option<&'a str>,
    /// Whether placeholders have values.
    pub(super) parameters: bool,
    /// Whether the database has a macro of this name, in lower case, for this many arguments.
    pub(super) is_macro: &'a dyn Fn(&str, usize) -> bool,
}

/// Walks one statement.
pub(super) fn walk(statement: &Value, terms: Terms<'_>) -> Result<Findings, Refusal> {
    let mut walker = Walker { terms, ctes: Vec::new(), lambdas: 0, findings: Findings::default() };
    walker.visit(statement)?;
    let order = statement.get("node").and_then(order::keys).unwrap_or_default();
    Ok(Findings { order, ..walker.findings })
}

struct Walker<'a> {
    terms: Terms<'a>,
    /// Names of the common table expressions in scope, in lower case.
    ctes: Vec<String>,
    /// Lambdas around the current place.
    lambdas: usize,
    findings: Findings,
}

type Object = Map<String, Value>;

impl Walker<'_> {
    fn visit(&mut self, value: &Value) -> Result<(), Refusal> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
            Value::Object(object) => self.object(object),
            _ => Ok(()),
        }
    }

    fn object(&mut self, object: &Object) -> Result<(), Refusal> {
        if let Some(class) = object.get("class").and_then(Value::as_str) {
            self.expression(class, object)
        } else if let Some(kind) = object.get("type").and_then(Value::as_str) {
            self.structure(kind, object)
        } else {
            self.children(object, &[])
        }
    }

    fn children(&mut self, object: &Object, except: &[&str]) -> Result<(), Refusal> {
        let wanted = object.iter().filter(|(key, _)| !except.contains(&key.as_str()));
        wanted.map(|(_, child)| child).try_for_each(|child| self.visit(child))
    }

    fn expression(&mut self, class: &str, object: &Object) -> Result<(), Refusal> {
        match class {
            "FUNCTION" | "WINDOW" => {
                let name = lower(object, "function_name");
                self.admit_function(&name, functions::scalar(&name), object)?;
            }
            "PARAMETER" if self.terms.parameters => {}
            "PARAMETER" => return Err(Refusal::Parameter),
            "LAMBDA" => {
                // Binding takes time exponential in this depth, and cannot be interrupted.
                if self.lambdas == MAX_LAMBDAS {
                    return Err(Refusal::TooDeep);
                }
                self.lambdas += 1;
                let inside = self.children(object, &[]);
                self.lambdas -= 1;
                return inside;
            }
            "BETWEEN"
            | "CASE"
            | "CAST"
            | "COLLATE"
            | "COLUMN_REF"
            | "COMPARISON"
            | "CONJUNCTION"
            | "CONSTANT"
            | "LAMBDA_REF"
            | "OPERATOR"
            | "POSITIONAL_REFERENCE"
            | "STAR"
            | "SUBQUERY"
            | "TYPE" => {}
            other => return Err(Refusal::Unknown { what: format!("Expression {other}") }),
        }
        self.children(object, &[])
    }

    fn structure(&mut self, kind: &str, object: &Object) -> Result<(), Refusal> {
        match kind {
            "SELECT_NODE" | "SET_OPERATION_NODE" | "RECURSIVE_CTE_NODE" => self.query(object),
            "BASE_TABLE" => self.base_table(object),
            "TABLE_FUNCTION" => self.table_function(object),
            "SHOW_REF" => self.show(object),
            "PIVOT" => self.pivot(object),
            "SUBQUERY"
            | "JOIN"
            | "EXPRESSION_LIST"
            | "EMPTY"
            | "ORDER_MODIFIER"
            | "LIMIT_MODIFIER"
            | "LIMIT_PERCENT_MODIFIER"
            | "DISTINCT_MODIFIER"
            | "ORDER_DEFAULT"
            | "ASCENDING"
            | "DESCENDING" => self.children(object, &[]),
            info if info.ends_with("_TYPE_INFO") => self.children(object, &[]),
            other => Err(Refusal::Unknown { what: format!("Construct {other}") }),
        }
    }

    /// A query with its common table expressions: each sees the ones before it, and itself only when recursive.
    fn query(&mut self, object: &Object) -> Result<(), Refusal> {
        let outer = self.ctes.len();
        if object.contains_key("cte_name") {
            self.ctes.push(lower(object, "cte_name"));
        }
        let entries = object.get("cte_map").and_then(|map| map.get("map")).and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            self.visit(entry)?;
            if let Some(name) = entry.get("key").and_then(Value::as_str) {
                self.ctes.push(name.to_ascii_lowercase());
            }
        }
        self.children(object, &["cte_map"])?;
        self.ctes.truncate(outer);
        Ok(())
    }

    fn base_table(&mut self, object: &Object) -> Result<(), Refusal> {
        let (schema, name) = (lower(object, "schema_name"), lower(object, "table_name"));
        if name.is_empty() || name.contains(FILE_CHARACTERS) {
            return Err(Refusal::File { name });
        }
        let own = functions::is_system_view(&schema, &name);
        if own {
            match functions::view(&name) {
                Standing::Allowed => self.findings.reads_catalog = true,
                Standing::Denied(reason) => return Err(Refusal::View { name, reason }),
                Standing::Unknown => return Err(Refusal::View { name, reason: UNKNOWN }),
            }
        }
        // `recurring.x` is what a recursive query has found so far, unless the database has a schema of that name.
        let cte = schema.is_empty() && self.ctes.contains(&name);
        if !own && !cte {
            self.findings.tables.insert(TableName {
                catalog: text(object, "catalog_name").map(str::to_owned),
                schema: text(object, "schema_name").map(str::to_owned),
                name: text(object, "table_name").unwrap_or_default().to_owned(),
            });
        }
        self.children(object, &[])
    }

    fn table_function(&mut self, object: &Object) -> Result<(), Refusal> {
        let function = object.get("function").and_then(Value::as_object);
        let Some(function) = function.filter(|function| text(function, "class") == Some("FUNCTION")) else {
            return Err(Refusal::Unknown { what: "Table function".to_owned() });
        };
        let name = lower(function, "function_name");
        self.admit_function(&name, functions::table(&name), function)?;
        self.findings.reads_catalog |= functions::is_system_view("", &name);
        self.children(function, &[])?;
        self.children(object, &["function"])
    }

    fn show(&mut self, object: &Object) -> Result<(), Refusal> {
        let what = lower(object, "table_name");
        let what = what.trim_matches('"');
        if !matches!(what, "" | "tables" | "schemas" | "databases" | "__show_tables_expanded") {
            return Err(Refusal::Statement {
                kind: format!("SHOW {}", what.to_ascii_uppercase()),
                instead: "SHOW TABLES, SHOW ALL TABLES and DESCRIBE are answered",
            });
        }
        self.findings.reads_catalog |= !what.is_empty();
        self.children(object, &[])
    }

    fn pivot(&mut self, object: &Object) -> Result<(), Refusal> {
        let pivots = object.get("pivots").and_then(Value::as_array).into_iter().flatten();
        self.findings.markers += pivots.filter(|pivot| self.is_marked(pivot)).count();
        self.children(object, &[])
    }

    fn is_marked(&self, pivot: &Value) -> bool {
        let only =
            |value: &Value, key: &str| match value.get(key).and_then(Value::as_array).map(Vec::as_slice) {
                Some([one]) => Some(one.clone()),
                _ => None,
            };
        let value = only(pivot, "entries").and_then(|entry| only(&entry, "values"));
        let marker = self.terms.marker;
        marker.is_some() && value.as_ref().and_then(|value| value.get("value")?.as_str()) == marker
    }

    fn admit_function(&mut self, name: &str, standing: Standing, call: &Object) -> Result<(), Refusal> {
        let refused = |reason| Err(Refusal::Function { name: name.to_owned(), reason });
        match standing {
            Standing::Allowed => Ok(()),
            Standing::Denied(reason) => refused(reason),
            Standing::Unknown => {
                let arguments = call.get("children").and_then(Value::as_array).map_or(0, Vec::len);
                if !(self.terms.is_macro)(name, arguments) {
                    return refused(UNKNOWN);
                }
                self.findings.macros.insert(name.to_owned());
                Ok(())
            }
        }
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn lower(object: &Object, key: &str) -> String {
    text(object, key).unwrap_or_default().to_ascii_lowercase()
}

const UNKNOWN: &str = "this server does not know it";

/// No table of a dataset has these in its name; every path, pattern or address that the engine could open has.
const FILE_CHARACTERS: &[char] = &['.', '/', '\\', ':', '*', '?', '[', ']', '{', '}', '~'];

const MAX_LAMBDAS: usize = 6;

//! Every test that docs/security.md names exists: a page of proofs is worth what its proofs are.

use std::collections::{BTreeMap, BTreeSet};

/// The page.
pub(crate) const PAGE: &str = "docs/security.md";

/// The names of all tests, by the file they are in.
#[derive(Default)]
pub(crate) struct Tests(BTreeMap<String, BTreeSet<String>>);

impl Tests {
    /// Adds the tests of one source file.
    pub(crate) fn collect(&mut self, path: &str, text: &str) {
        let mut is_test = false;
        let mut names = BTreeSet::new();
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some(name) = function_name(line) {
                if is_test {
                    names.insert(name.to_owned());
                }
                is_test = false;
            }
        }
        self.0.insert(path.to_owned(), names);
    }

    /// What is wrong with the page: names of tests that are none.
    pub(crate) fn findings(&self, page: &str) -> Vec<String> {
        let named = named_tests(page);
        let unknown = named.iter().filter(|(_, name)| !self.has(name));
        unknown.map(|(line, name)| format!("line {line}: no test is called `{name}`")).collect()
    }

    fn has(&self, name: &str) -> bool {
        match name.strip_prefix("it::").and_then(|path| path.rsplit_once("::")) {
            Some((module, name)) => {
                let file = format!("tests/it/{}.rs", module.replace("::", "/"));
                self.0.get(&file).is_some_and(|names| names.contains(name))
            }
            None => self.0.values().any(|names| names.contains(name)),
        }
    }
}

/// Everything in backticks in the last column of the tables that call it `test`, and `it::…` wherever it stands; with
/// the number of the line.
fn named_tests(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_table = false;
    for (number, line) in page.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let is_row = line.starts_with('|');
        in_table = is_row && (in_table || cells.last() == Some(&"test"));
        let last_cell = cells.last().filter(|_| in_table).map_or("", |cell| cell);
        let integration = code(line).filter(|word| word.starts_with("it::") && !word.ends_with('…'));
        let mut names: Vec<&str> = code(last_cell).chain(integration).collect();
        names.sort_unstable();
        names.dedup();
        found.extend(names.into_iter().map(|name| (number + 1, name)));
    }
    found
}

/// What stands between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn function_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub(crate) ").unwrap_or(line);
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests() -> Tests {
        let mut tests = Tests::default();
        tests.collect(
            "a/src/x.rs",
            "//! X.\nfn helper() {}\n#[test]\n#[expect(x)]\nfn a_name_that_holds() {}\nfn other() {}\n",
        );
        tests.collect("tests/it/gate.rs", "    #[tokio::test(flavor = \"x\")]\n    async fn it_holds() {}\n");
        tests
    }

    #[test]
    fn a_page_whose_tests_exist_passes() {
        let page = "see `nothing` and `it::gate::it_holds`; `it::…` are elsewhere\n\n| attack | test |\n|---|---|\n\
            | `x`: y | `a_name_that_holds`, `it::gate::it_holds` |\n\n| code | is |\n|---|---|\n| a | `b` |\n";
        assert_eq!(tests().findings(page), Vec::<String>::new());
    }

    #[test]
    fn a_test_that_is_gone_or_none_is_found_with_its_line() {
        let page = "| a | test |\n|---|---|\n| x | `gone` |\n| y | `helper`, `it::other::it_holds` |\n";
        let findings = tests().findings(page);
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(findings[0].starts_with("line 3:") && findings[0].contains("`gone`"));
    }
}

//! Scopes that include others: `admin=read:mimic-data,query:database;query:database=read:mimic-data`.

use auth_core::scope::{ScopeHierarchy, ScopeSet};

use super::layers::Raw;
use super::parse::{self, Invalid, brief};

/// Entries `SCOPE=SCOPES` separated by semicolons, or a list of them.
pub(crate) fn parse(raw: &Raw) -> Result<ScopeHierarchy, Invalid> {
    let entries = parse::scope_entries(raw, "write SCOPE=SCOPES, separated by semicolons")?;
    let mut seen: Vec<&str> = Vec::new();
    for (name, _) in &entries {
        let is_scope = ScopeSet::parse(name).is_ok_and(|scopes| scopes.len() == 1 && scopes.contains(name));
        if !is_scope {
            return Err(Invalid::new(format!("has an entry for what is no scope: {}", brief(name))));
        }
        if seen.contains(&name.as_str()) {
            return Err(Invalid::new(format!("names {} twice", brief(name))));
        }
        seen.push(name);
    }
    Ok(ScopeHierarchy::new(entries))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<ScopeHierarchy, Invalid> {
        parse(&Raw::Text(text.to_owned()))
    }

    fn expanded(hierarchy: &ScopeHierarchy, scope: &str) -> String {
        hierarchy.expand(&ScopeSet::parse(scope).unwrap()).to_string()
    }

    #[test]
    fn an_entry_gives_a_scope_what_it_includes() {
        let text = "admin=query:database; query:database=read:mimic-data read:notes;";
        let list = Raw::List(vec![
            "admin=query:database".into(),
            "query:database=read:mimic-data,read:notes".into(),
        ]);
        for hierarchy in [parsed(text).unwrap(), parse(&list).unwrap()] {
            assert_eq!(expanded(&hierarchy, "admin"), "admin, query:database, read:mimic-data, read:notes");
            assert_eq!(expanded(&hierarchy, "read:notes"), "read:notes");
        }
    }

    #[test]
    fn an_entry_that_could_be_read_in_two_ways_is_refused() {
        for text in ["admin", "admin=", "=a", "a b=c", "a,b=c", "a=b;a=c", "é=a", "a=\"", ";", " "] {
            assert!(parsed(text).is_err(), "{text}");
        }
        assert!(parse(&Raw::Other("a table")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = parsed(&text);
        }

        #[test]
        fn what_is_written_is_what_is_included(scope in "[a-z:]{1,8}", included in "[A-Z:]{1,8}") {
            let hierarchy = parsed(&format!("{scope}={included}")).unwrap();
            let all = hierarchy.expand(&[scope.as_str()].into_iter().collect());
            prop_assert!(all.contains(&included) && all.contains(&scope));
        }
    }
}

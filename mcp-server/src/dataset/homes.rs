//! Whose tables a schema holds: a database may hold those of other datasets beside its own.
//!
//! The folder of `mimic-iv` may have the notes beside it, and then the notes lie in its database. Who guards `mimic-iv-note`
//! means those as well.

use super::definition::{Definition, Origin};
use crate::notes::{INDEX_SCHEMA, NOTE_SCHEMA};

/// The datasets that there are, as seen from the database of one of them.
#[derive(Debug, Clone)]
pub struct Homes {
    own: Option<Definition>,
    definitions: Vec<Definition>,
}

impl Homes {
    /// As seen from the database of the dataset called `own`.
    pub fn seen_from(own: &str, definitions: &[Definition]) -> Self {
        let own = definitions.iter().find(|definition| definition.name.as_str() == own).cloned();
        Self { own, definitions: definitions.to_vec() }
    }

    /// The other datasets whose rules hold for this schema, which is given in lower case.
    ///
    /// - None for a schema that the database's own dataset is verified by, and none for invented rows.
    /// - The built-in dataset that alone is verified by a table of this schema: the notes are those of `mimic-iv-note`,
    ///   whatever other dataset promises a schema of that name.
    /// - None where the database's own dataset has this schema.
    /// - Else every dataset that has it: it is not to be told which one's it is.
    pub fn others(&self, schema: &str) -> Vec<&str> {
        // The index of the notes is made of the notes.
        let schema = if schema == INDEX_SCHEMA { NOTE_SCHEMA } else { schema };
        let own = self.own.as_ref();
        if own.is_some_and(|own| own.synthetic && has(own, schema) || is_verified_by(own, schema)) {
            return Vec::new();
        }
        let real = || self.definitions.iter().filter(|definition| !definition.synthetic);
        let homes: Vec<&Definition> =
            real().filter(|d| d.origin == Origin::BuiltIn && is_verified_by(d, schema)).collect();
        let others = match homes.as_slice() {
            [_] => homes,
            _ if own.is_some_and(|own| has(own, schema)) => Vec::new(),
            _ => real().filter(|definition| has(definition, schema)).collect(),
        };
        others.into_iter().map(|definition| definition.name.as_str()).collect()
    }
}

fn has(definition: &Definition, schema: &str) -> bool {
    definition.schema_mapping.values().any(|name| name.eq_ignore_ascii_case(schema))
}

fn is_verified_by(definition: &Definition, schema: &str) -> bool {
    let table = definition.primary_verification_table.as_deref().unwrap_or_default();
    table.split_once('.').is_some_and(|(name, _)| name.eq_ignore_ascii_case(schema))
}

#[cfg(test)]
mod tests {
    use super::super::name::Name;
    use super::*;

    fn custom(name: &str, schema: &str, primary: Option<&str>) -> Definition {
        let name: Name = name.parse().unwrap();
        Definition {
            name,
            origin: Origin::File("x.json".to_owned()),
            schema_mapping: [("x".to_owned(), schema.to_owned())].into(),
            primary_verification_table: primary.map(str::to_owned),
            synthetic: false,
            ..Definition::built_in().remove(1)
        }
    }

    fn others(own: &str, schema: &str) -> Vec<String> {
        let mut definitions = Definition::built_in();
        definitions.push(custom("promising", "mimiciv_note", None));
        definitions.push(custom("noting", "MimicIV_Note", Some("mimiciv_note.discharge")));
        definitions.push(custom("ward", "ward_7", None));
        Homes::seen_from(own, &definitions).others(schema).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn notes_in_another_datasets_database_are_the_notes_datasets() {
        for own in ["mimic-iv", "mimic-iv-demo", "eicu", "promising", "ward", "nobody"] {
            assert_eq!(others(own, "mimiciv_note"), ["mimic-iv-note"], "{own}");
            assert_eq!(others(own, "m4_notes"), ["mimic-iv-note"], "{own}");
        }
        assert_eq!(others("mimic-iv", "eicu_crd"), ["eicu"]);
    }

    #[test]
    fn a_datasets_own_schemas_need_nothing_more() {
        for (own, schema) in [
            ("mimic-iv-note", "mimiciv_note"),
            ("noting", "mimiciv_note"),
            ("mimic-iv", "mimiciv_hosp"),
            ("mimic-iv-demo", "mimiciv_icu"),
            ("mimic-iv-sample", "mimiciv_note"),
            ("ward", "ward_7"),
            ("mimic-iv", "main"),
            ("mimic-iv", "m4_meta"),
        ] {
            assert_eq!(others(own, schema), [""; 0], "{own} {schema}");
        }
    }

    #[test]
    fn where_several_have_a_schema_every_one_counts() {
        assert_eq!(others("eicu", "mimiciv_hosp"), ["mimic-iv-demo", "mimic-iv"]);
        assert_eq!(others("mimic-iv", "ward_7"), ["ward"]);
    }
}

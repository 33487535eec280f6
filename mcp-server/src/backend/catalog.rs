//! What tables a dataset has, and which one a name means.

use super::result::ResultSet;

/// A table or view of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// Its canonical name: `mimiciv_hosp.patients`; without a schema when it is in the default one.
    pub name: String,
    /// How many columns it has.
    pub columns: usize,
    /// About how many rows it has, where that is known without counting.
    pub estimated_rows: Option<u64>,
}

/// A table or view with its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct TableInfo {
    /// Its canonical name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnInfo>,
    /// About how many rows it has, where that is known without counting.
    pub estimated_rows: Option<u64>,
    /// Its first rows, when asked for.
    pub sample: Option<ResultSet>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    pub type_name: String,
    /// Whether it may hold null.
    pub nullable: bool,
}

/// What a table name means among the tables there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved<'a> {
    /// The table at this place of the list.
    Table(usize),
    /// Several schemas have a table of this name.
    Ambiguous(Vec<&'a str>),
    /// There is none; these are spelt alike.
    Unknown(Vec<&'a str>),
}

/// Finds `wanted` among canonical `names`, case-insensitively: the whole name first, then the part after the schema.
pub(crate) fn resolve<'a>(wanted: &str, names: &[&'a str]) -> Resolved<'a> {
    if let Some(index) = names.iter().position(|name| *name == wanted) {
        return Resolved::Table(index);
    }
    let wanted = wanted.trim().replace('"', "").to_lowercase();
    let wanted = wanted.strip_prefix("main.").unwrap_or(&wanted);
    if let Some(index) = names.iter().position(|name| name.to_lowercase() == wanted) {
        return Resolved::Table(index);
    }
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let matching: Vec<usize> = (0..names.len()).filter(|&index| bare(names[index]) == wanted).collect();
    match matching.as_slice() {
        [] => Resolved::Unknown(near(wanted, names)),
        [index] => Resolved::Table(*index),
        several => Resolved::Ambiguous(several.iter().map(|&index| names[index]).collect()),
    }
}

/// The names most like `wanted`, best first.
pub(crate) fn near<'a>(wanted: &str, names: &[&'a str]) -> Vec<&'a str> {
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let wanted = bare(wanted);
    let mut scored: Vec<(f64, &str)> =
        names.iter().map(|name| (strsim::jaro_winkler(&wanted, &bare(name)), *name)).collect();
    scored.retain(|(score, _)| *score >= NEAR);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How alike (Jaro-Winkler) names must be to be worth suggesting.
const NEAR: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] =
        &["Local", "eicu.patient", "mimiciv_hosp.patients", "mimiciv_hosp.services", "mimiciv_icu.services"];

    #[test]
    fn a_name_is_found_whole_bare_quoted_and_in_any_case() {
        for name in
            ["mimiciv_hosp.patients", "patients", "PATIENTS", "\"mimiciv_hosp\".\"patients\"", " Patients "]
        {
            assert_eq!(resolve(name, NAMES), Resolved::Table(2), "{name}");
        }
        assert_eq!(resolve("main.local", NAMES), Resolved::Table(0));
    }

    #[test]
    fn a_bare_name_in_two_schemas_is_ambiguous() {
        let both = vec!["mimiciv_hosp.services", "mimiciv_icu.services"];
        assert_eq!(resolve("services", NAMES), Resolved::Ambiguous(both));
        assert_eq!(resolve("mimiciv_icu.services", NAMES), Resolved::Table(4));
    }

    #[test]
    fn an_unknown_name_comes_with_near_ones() {
        let near = vec!["mimiciv_hosp.patients", "eicu.patient"];
        assert_eq!(resolve("mimiciv_hosp.patiens", NAMES), Resolved::Unknown(near));
        assert_eq!(resolve("zzz", NAMES), Resolved::Unknown(vec![]));
    }
}

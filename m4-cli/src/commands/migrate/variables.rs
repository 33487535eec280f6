//! Environment variables of the Python packages: which have another name now, and which mean nothing to M4.

use mcp_server::env::Environment;
use serde_json::{Map, Value};

/// The variables as M4 is given them: under their names of today, and without those that are not for it.
pub(super) fn translated(variables: &Map<String, Value>) -> Map<String, Value> {
    let pairs = variables.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let aliases = Environment::from_pairs(pairs).aliases();
    let mut translated = Map::new();
    for (name, value) in variables {
        match aliases.iter().find(|alias| alias.old == *name) {
            None => translated.insert(name.clone(), value.clone()),
            Some(alias) if alias.in_effect => translated.insert(alias.name.clone(), value.clone()),
            // Another name for the same setting was in effect.
            Some(_) => None,
        };
    }
    translated.retain(|name, _| !PYTHONS_OWN.contains(&name.as_str()) && !PLACES.contains(&name.as_str()));
    translated
}

/// Where the Python package's data and settings are. M4 has its own, because both name their databases alike.
const PLACES: [&str; 2] = ["M4_DATA_DIR", "M4_HOME"];

/// What M4 has no setting for, under the `M4_` name.
const PYTHONS_OWN: [&str; 15] = [
    "M4_ACTOR",
    "M4_CONVERT_MAX_WORKERS",
    "M4_DB_PATH",
    "M4_DUCKDB_MEM",
    "M4_DUCKDB_THREADS",
    "M4_EVENT_LOG",
    "M4_LOG_SQL",
    "M4_PATH_DISCLOSURE",
    "M4_SESSION_ID",
    "M4_STUDY_ID",
    "M4_TELEMETRY",
    "M4_TELEMETRY_DIR",
    "M4_THEME",
    "M4_LOGO",
    "M4_TAGLINE",
];

#[cfg(test)]
mod tests {
    use mcp_server::config::setting::Setting;
    use serde_json::json;

    use super::*;

    #[test]
    fn old_names_become_new_ones_and_what_is_the_python_packages_own_goes() {
        let old = json!({
            "M3_OAUTH2_ENABLED": "true", "M3_BACKEND": "bigquery", "M4_BACKEND": "duckdb",
            "M3_DB_PATH": "/x", "M4_TELEMETRY": "off", "M3_DATA_DIR": "/old", "HTTPS_PROXY": "p",
        });
        let new = json!({ "M4_OAUTH2_ENABLED": "true", "M4_BACKEND": "duckdb", "HTTPS_PROXY": "p" });
        assert_eq!(Value::Object(translated(old.as_object().unwrap())), new);
    }

    #[test]
    fn what_goes_is_no_setting_of_ours_and_every_name_is_in_the_documentation() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/migration.md")).unwrap();
        for name in PYTHONS_OWN {
            assert!(Setting::by_env(name).is_none(), "{name} is one");
            assert!(page.contains(&format!("`{name}`")), "docs/migration.md lacks {name}");
        }
        for name in PLACES {
            assert!(
                page.contains(&format!("`{}`", name.replace("M4_", "M3_"))),
                "docs/migration.md lacks {name}"
            );
        }
    }
}

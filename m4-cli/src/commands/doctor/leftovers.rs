//! Looks at the data folder: work that was begun and not ended, and how much room there is for more.

use std::path::Path;

use mcp_server::config::Config;
use mcp_server::dataset::Registry;
use mcp_server::download::{self, free_space};

use super::finding::Finding;
use crate::output::size;

/// Nothing where there is no data folder yet.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let data_dir = &config.locations.data_dir;
    let mut findings = leftovers(&Registry::open(data_dir), data_dir);
    findings.extend(free_space(data_dir).and_then(space));
    findings
}

/// What downloads and loads that did not end left behind.
fn leftovers(registry: &Registry, data_dir: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for definition in registry.definitions() {
        let name = &definition.name;
        if download::is_unfinished(&download::raw_files(data_dir, name)) {
            findings.push(
                Finding::warn("download", format!("the download of {name} has not ended"))
                    .because("files are missing")
                    .mend(format!("run: m4 download {name}, which goes on where it ended")),
            );
        }
        let partial = registry.database(definition).with_file_name(format!(".{}.partial", name.file_stem()));
        if partial.is_dir() {
            findings.push(
                Finding::warn("load", format!("{name} is being set up, or that was not ended"))
                    .because("unfinished work takes space")
                    .mend(format!(
                        "wait for it, or run m4 init {name} again; m4 remove-dataset {name} takes it away"
                    )),
            );
        }
    }
    findings
}

fn space(free: u64) -> Option<Finding> {
    (free < LITTLE_SPACE).then(|| {
        Finding::warn("space", format!("{} are free where the data lies", size(free)))
            .because("loading a dataset needs about as much space as its files take unpacked")
            .mend("free some, or set M4_DATA_DIR to a folder on a larger disk")
    })
}

/// Less than the smallest published dataset takes to download and load, with room for a query to spill.
const LITTLE_SPACE: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_ended_is_pointed_out_with_the_way_on() {
        let home = tempfile::tempdir().unwrap();
        let registry = Registry::open(home.path());
        assert_eq!(leftovers(&registry, home.path()), []);
        std::fs::create_dir_all(home.path().join("databases/.mimic_iv_demo.partial")).unwrap();
        let raw = home.path().join("raw_files/eicu");
        std::fs::create_dir_all(&raw).unwrap();
        std::fs::write(raw.join("patient.csv.gz.part"), "x").unwrap();
        let findings = leftovers(&registry, home.path());
        let whats: Vec<_> = findings.iter().map(|finding| (finding.check, finding.what.as_str())).collect();
        assert_eq!(
            whats,
            [
                ("load", "mimic-iv-demo is being set up, or that was not ended"),
                ("download", "the download of eicu has not ended")
            ]
        );
        assert!(findings[1].mend.as_deref().unwrap().contains("m4 download eicu"));
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_pointed_out() {
        assert_eq!(space(LITTLE_SPACE), None);
        assert!(space(LITTLE_SPACE / 2).unwrap().what.starts_with("512.0 MiB are free"));
    }
}

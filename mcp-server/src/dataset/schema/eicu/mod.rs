//! The eICU Collaborative Research Database 2.0: one schema, its files in the root of the release.

mod bedside;
mod records;
mod scores;

use super::Module;

/// The module.
pub(super) fn module() -> Module {
    Module::known("", "eicu_crd", bedside::TABLES.iter().chain(&records::TABLES).chain(&scores::TABLES))
}

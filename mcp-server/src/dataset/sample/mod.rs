//! `mimic-iv-sample`: 100 invented patients in the layout of MIMIC-IV 2.2 and MIMIC-IV-Note.
//!
//! Made for trying things out offline, not for research: frequencies are guesses and outcomes are dice. What it
//! holds itself to, and tests: the rows are the same in every run and on every platform; identifiers resolve; times
//! nest (results inside admissions, stays inside admissions); deaths agree between tables; codes, items and
//! units are the real ones. Nobody in it exists: subjects are numbered from 90,000,001, beyond any of MIMIC's, and
//! every note begins with `[SYNTHETIC NOTE]`.

use std::io;
use std::path::Path;

mod bedside;
mod clock;
mod conditions;
mod drugs;
mod hospital;
mod labs;
mod notes;
mod orders;
mod out;
mod people;
mod random;
mod results;
#[cfg(test)]
mod tests;

use hospital::Ids;
use orders::Numbers;
use out::Tables;
use random::Random;

/// Writes every table as `<directory>/<module>/<table>.csv`.
pub(crate) fn write(directory: &Path) -> io::Result<()> {
    let mut tables = Tables::new()?;
    hospital::dictionaries(&mut tables)?;
    bedside::dictionaries(&mut tables)?;
    let mut ids = Ids::new();
    for patient in people::invent() {
        hospital::patient(&mut tables, &patient)?;
        let mut numbers = Numbers::default();
        for (index, admission) in patient.admissions.iter().enumerate() {
            // A stream per admission: a new kind of row for one leaves the others as they were.
            let mut random = Random::new(admission.hadm_id.unsigned_abs());
            hospital::admission(&mut tables, &patient, admission, &mut ids, &mut random)?;
            results::laboratory(&mut tables, &patient, admission, &mut ids, &mut random)?;
            results::microbiology(&mut tables, &patient, admission, &mut ids, &mut random)?;
            orders::write(&mut tables, &patient, admission, &mut numbers, &mut ids, &mut random)?;
            if let Some(stay) = admission.stay {
                bedside::stay(&mut tables, &patient, admission, stay, &mut random)?;
            }
            notes::write(&mut tables, &patient, admission, index + 1)?;
        }
    }
    tables.save(directory)
}

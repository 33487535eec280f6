//! Collects rows and writes them as the CSV files MIMIC publishes.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::Path;

use crate::dataset::schema::{self, Module, Table};

/// Every table, growing.
pub(super) struct Tables {
    files: Vec<(&'static Module, &'static Table, csv::Writer<Vec<u8>>)>,
}

impl Tables {
    /// Every table with its header and no rows.
    pub(super) fn new() -> io::Result<Self> {
        let mut files = Vec::new();
        for module in schema::mimic() {
            for table in &module.tables {
                let mut writer = csv::Writer::from_writer(Vec::new());
                writer.write_record(table.columns.iter().map(|column| &column.name))?;
                files.push((module, table, writer));
            }
        }
        Ok(Self { files })
    }

    /// Adds a row; columns not given are NULL. Use it through [`row!`].
    pub(super) fn row(&mut self, name: &str, values: &[(&str, &dyn Display)]) -> io::Result<()> {
        let (_, table, writer) = self
            .files
            .iter_mut()
            .find(|(_, table, _)| table.name == name)
            .ok_or_else(|| unknown(name, "table"))?;
        let mut fields = vec![String::new(); table.columns.len()];
        for (column, value) in values {
            let index = table.columns.iter().position(|known| known.name == *column);
            fields[index.ok_or_else(|| unknown(name, column))?] = value.to_string();
        }
        Ok(writer.write_record(&fields)?)
    }

    /// Writes `<directory>/<module>/<table>.csv`.
    pub(super) fn save(self, directory: &Path) -> io::Result<()> {
        for module in schema::mimic() {
            fs::create_dir_all(directory.join(&module.folder))?;
        }
        for (module, table, writer) in self.files {
            let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
            fs::write(directory.join(&module.folder).join(format!("{}.csv", table.name)), bytes)?;
        }
        Ok(())
    }
}

/// `row!(tables, "patients", { subject_id: 1, gender: "F" })`
macro_rules! row {
    ($tables:expr, $table:expr, { $($column:ident: $value:expr),* $(,)? }) => {
        $tables.row($table, &[$((stringify!($column), &$value as &dyn std::fmt::Display)),*])?
    };
}
pub(super) use row;

/// A value or NULL.
pub(super) struct Maybe<T>(pub(super) Option<T>);

impl<T: Display> Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

/// A decimal number kept as an integer, so that no platform rounds it differently: `Decimal(74, 1)` is 7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal(pub(super) i64, pub(super) u32);

impl Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, places) = *self;
        let one = 10_i64.pow(places);
        let sign = if value < 0 { "-" } else { "" };
        let (whole, rest) = (value.abs() / one, value.abs() % one);
        if places == 0 {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{rest:0width$}", width = places as usize)
        }
    }
}

fn unknown(table: &str, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("the sample writes {what} of {table}, which does not exist"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_zeros_and_sign() {
        assert_eq!(Decimal(705, 2).to_string(), "7.05");
        assert_eq!(Decimal(-3, 1).to_string(), "-0.3");
        assert_eq!(Decimal(42, 0).to_string(), "42");
    }

    #[test]
    fn a_column_that_does_not_exist_is_refused() {
        let mut tables = Tables::new().unwrap();
        assert!(tables.row("patients", &[("subject_id", &1)]).is_ok());
        assert!(tables.row("patients", &[("subjectid", &1)]).is_err());
        assert!(tables.row("patient", &[]).is_err());
    }
}

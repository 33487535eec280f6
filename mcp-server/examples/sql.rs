//! Puts statements to both SQL defences, each by itself: `cargo xtask sql [FILE | -e SQL]`.
//!
//! Without arguments: the corpus in `tests/sql`, where every statement has to go as its file says.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use duckdb::Connection;
use mcp_server::backend::duckdb::{Resources, open};
use mcp_server::backend::{Backend as _, DuckDb, QueryError, QueryLimits};
use mcp_server::dataset::{Dataset, Reach};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let trial = Trial::new(folder.path())?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {
            let allowed = trial.file(include_str!("../../tests/sql/allowed.sql"), true, &mut out)?;
            let denied = trial.file(include_str!("../../tests/sql/denied.sql"), false, &mut out)?;
            let wrong = allowed.refused + allowed.not_as_marked + denied.let_through + denied.not_as_marked;
            writeln!(out, "allowed.sql: {allowed:?}\ndenied.sql: {denied:?}\nnot as the files say: {wrong}")?;
            return Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ["--execute", sql] => trial.statement(sql, true, &mut Counts::default(), &mut out)?,
        [file] => {
            let counts = trial.file(&std::fs::read_to_string(file)?, true, &mut out)?;
            writeln!(out, "{counts:?}")?;
        }
        _ => return Err("give one file, --execute and a statement, or nothing".into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// A small database, asked through the policy and without it.
struct Trial {
    runtime: tokio::runtime::Runtime,
    backend: DuckDb,
    dataset: Dataset,
    locked: Connection,
}

#[derive(Debug, Default)]
struct Counts {
    let_through: usize,
    refused: usize,
    refused_by_engine_alone: usize,
    not_as_marked: usize,
}

impl Trial {
    fn new(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let database = folder.join("hospital.duckdb");
        Connection::open(&database)?.execute_batch(include_str!("../../tests/sql/schema.sql"))?;
        let locked = open::locked(&database, &Resources::default())?;
        let dataset = Dataset {
            name: "hospital".to_owned(),
            description: "invented".to_owned(),
            database,
            reach: Reach::default(),
        };
        Ok(Self { runtime: tokio::runtime::Runtime::new()?, backend: DuckDb::default(), dataset, locked })
    }

    /// Statements one a line, after a first line that says what they are; `# …` is a heading.
    ///
    /// Unless a heading says otherwise, the engine alone is expected to answer all of them, or none.
    fn file(
        &self,
        text: &str,
        engine_answers: bool,
        out: &mut impl std::io::Write,
    ) -> Result<Counts, Box<dyn Error>> {
        let (mut counts, mut marked) = (Counts::default(), engine_answers);
        for line in
            text.lines().filter(|line| !line.is_empty()).skip_while(|line| line.starts_with("-- Statements"))
        {
            match line.strip_prefix("# ") {
                Some(heading) => marked = heading.ends_with("the engine alone answers"),
                None => self.statement(&line.replace("\\n", "\n"), marked, &mut counts, out)?,
            }
        }
        Ok(counts)
    }

    fn statement(
        &self,
        sql: &str,
        engine_answers: bool,
        counts: &mut Counts,
        out: &mut impl std::io::Write,
    ) -> Result<(), Box<dyn Error>> {
        let limits = QueryLimits::default();
        let policy = match self.runtime.block_on(self.backend.inspect(&self.dataset, sql, &limits)) {
            Err(QueryError::Refused(refusal)) => {
                counts.refused += 1;
                format!("refused ({refusal})")
            }
            Ok(()) | Err(_) => {
                counts.let_through += 1;
                "let through".to_owned()
            }
        };
        let engine = match self.without_policy(sql) {
            Ok(()) => "answers".to_owned(),
            Err(error) => {
                counts.refused_by_engine_alone += 1;
                format!("does not ({})", error.to_string().lines().next().unwrap_or_default())
            }
        };
        counts.not_as_marked += usize::from((engine == "answers") != engine_answers);
        writeln!(out, "{sql}\n    policy: {policy}\n    engine alone: {engine}")?;
        Ok(())
    }

    fn without_policy(&self, sql: &str) -> Result<(), duckdb::Error> {
        let connection = self.locked.try_clone()?;
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }
}

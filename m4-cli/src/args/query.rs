//! `m4 query`.

use std::io::{self, Read};

use clap::Args;

use super::data::{CallArgs, DatasetArg};
use crate::failure::Failure;

/// What `m4 query` takes.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The query; `-` reads it from standard input
    #[arg(value_name = "SQL", required_unless_present = "sql", conflicts_with = "sql")]
    pub statement: Option<String>,
    /// The same
    #[arg(long, value_name = "SQL", allow_hyphen_values = true)]
    pub sql: Option<String>,
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetArg,
    /// How it is asked.
    #[command(flatten)]
    pub call: CallArgs,
    /// The most rows to print
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
}

impl QueryArgs {
    /// The query's text, from `input` where `--sql -` says so.
    pub fn text(&self, input: impl Read) -> Result<String, Failure> {
        let typed = self.sql.as_ref().or(self.statement.as_ref()).map_or("", String::as_str);
        let sql = if typed == "-" { read(input)? } else { typed.to_owned() };
        if sql.trim().is_empty() {
            return Err(Failure::usage(
                "there is no query",
                "write it in quotes, or pipe it into `m4 query -`",
            ));
        }
        Ok(sql)
    }
}

fn read(input: impl Read) -> Result<String, Failure> {
    let unreadable = |source: io::Error| {
        Failure::io("cannot read the query from standard input", "pipe the query's text, in UTF-8", source)
    };
    let mut sql = String::new();
    input.take(LARGEST + 1).read_to_string(&mut sql).map_err(unreadable)?;
    if sql.len() as u64 > LARGEST {
        return Err(Failure::usage("the query is larger than 1 MiB", "pipe one query, not its data"));
    }
    Ok(sql)
}

const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::exit_code::Exit;

    #[derive(Parser)]
    struct Query {
        #[command(flatten)]
        args: QueryArgs,
    }

    fn args(sql: &str) -> QueryArgs {
        Query::try_parse_from(["m4", "--sql", sql]).unwrap().args
    }

    #[test]
    fn a_dash_reads_the_query_from_standard_input() {
        assert_eq!(args("SELECT 1").text(&b"no"[..]).unwrap(), "SELECT 1");
        assert_eq!(args("-").text(&b"SELECT 2"[..]).unwrap(), "SELECT 2");
        assert_eq!(args("--note\nSELECT 3").text(&b""[..]).unwrap(), "--note\nSELECT 3");
    }

    #[test]
    fn a_query_is_typed_once_with_the_option_or_without() {
        let typed =
            |words: &[&str]| Query::try_parse_from(["m4"].iter().chain(words)).map(|query| query.args);
        assert_eq!(typed(&["SELECT 4"]).unwrap().text(&b""[..]).unwrap(), "SELECT 4");
        assert_eq!(typed(&["-"]).unwrap().text(&b"SELECT 5"[..]).unwrap(), "SELECT 5");
        assert!(typed(&[]).is_err() && typed(&["SELECT 4", "--sql", "SELECT 4"]).is_err());
    }

    #[test]
    fn no_query_at_all_is_a_usage_error() {
        for sql in ["-", " "] {
            assert_eq!(args(sql).text(&b" \n"[..]).unwrap_err().exit(), Exit::Usage);
        }
        assert!(args("-").text(&vec![b'x'; 1 << 21][..]).is_err());
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        assert!(Query::try_parse_from(["m4", "--sql", "x", "--limit", "0"]).is_err());
    }
}

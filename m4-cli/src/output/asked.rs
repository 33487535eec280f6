//! Which command was typed, and whether it is to answer in JSON: known before, and though, the rest is not understood.

use std::ffi::OsString;

use clap::{ArgMatches, Command};

use crate::args::{JSON, OUTPUT_FORMAT};

/// What was asked, as far as it matters to how the answer is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The command in words: `auth check`; empty where none was typed.
    pub command: String,
    /// Whether the answer is to be JSON, which it is where it is an event.
    pub json: bool,
    /// Whether it is to be the last of several events.
    pub events: bool,
}

impl Asked {
    /// Reads it off what clap made of the command line.
    pub fn of(matches: &ArgMatches) -> Self {
        let (mut words, mut innermost) = (Vec::new(), matches);
        while let Some((word, inner)) = innermost.subcommand() {
            words.push(word);
            innermost = inner;
        }
        let events = matches!(innermost.try_contains_id(EVENTS), Ok(true));
        let is_json = |format: &String| format == JSON;
        let json = events
            || matches!(innermost.try_get_one::<bool>(JSON), Ok(Some(true)))
            || matches!(innermost.try_get_one(OUTPUT_FORMAT), Ok(Some(format)) if is_json(format));
        Self { command: words.join(" "), json, events }
    }

    /// Reads it off a command line that makes no sense otherwise.
    pub fn guessed(command: &Command, line: &[OsString]) -> Self {
        let (mut words, mut innermost) = (Vec::new(), command);
        let typed = line.iter().skip(1).filter_map(|word| word.to_str()).take_while(|word| *word != "--");
        let (mut json, mut before) = (false, "");
        for word in typed {
            if let Some(inner) = innermost.find_subcommand(word) {
                words.push(inner.get_name());
                innermost = inner;
            }
            json |=
                matches!((before, word), (_, "--json" | "--output-format=json") | ("--output-format", JSON));
            before = word;
        }
        let answers = innermost.get_arguments().any(|argument| argument.get_id() == JSON);
        Self { command: words.join(" "), json: json && answers, events: false }
    }
}

const EVENTS: &str = "events";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    fn line(text: &str) -> Vec<OsString> {
        std::iter::once("m4").chain(text.split_whitespace()).map(Into::into).collect()
    }

    #[test]
    fn the_command_is_named_by_its_words() {
        let of = |text| Asked::of(&command().try_get_matches_from(line(text)).unwrap());
        assert_eq!(
            of("auth check --json t"),
            Asked { command: "auth check".to_owned(), json: true, events: false }
        );
        assert_eq!(
            of("auth check t"),
            Asked { command: "auth check".to_owned(), json: false, events: false }
        );
        assert_eq!(of("-q status --json"), Asked { command: "status".to_owned(), json: true, events: false });
        assert!(of("status --output-format json").json && !of("status --output-format text").json);
        assert_eq!(of("logout --all").command, "logout");
        let events = of("init mimic-iv-demo --events ndjson");
        assert!(events.events && events.json, "{events:?}");
    }

    #[test]
    fn a_line_that_makes_no_sense_still_says_who_is_to_answer_and_how() {
        let guessed = |text| Asked::guessed(&command(), &line(text));
        assert_eq!(
            guessed("query --json --nope"),
            Asked { command: "query".to_owned(), json: true, events: false }
        );
        assert_eq!(guessed("auth check --tool x --json").command, "auth check");
        assert!(guessed("query --output-format json --nope").json);
        assert!(guessed("query --output-format=json --nope").json);
        assert!(!guessed("query --output-format text --nope").json);
        assert!(!guessed("query -- --json").json);
        assert!(!guessed("nope --json").json && !guessed("serve --json").json && !guessed("").json);
    }
}

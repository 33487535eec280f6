//! When to use colour: as asked, else on a terminal unless `NO_COLOR` is set (no-color.org).

use anstream::ColorChoice;
use mcp_server::env::Environment;

use crate::args::Color;

/// The choice for a stream.
pub fn choose(asked: Color, env: &Environment, is_terminal: bool) -> ColorChoice {
    let use_color = match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && !is_unwanted(env),
    };
    if use_color { ColorChoice::Always } else { ColorChoice::Never }
}

/// The choice for help and usage errors, which are printed before `--color` is known. clap looks at the terminal itself.
pub fn for_clap(env: &Environment) -> clap::ColorChoice {
    if is_unwanted(env) { clap::ColorChoice::Never } else { clap::ColorChoice::Auto }
}

fn is_unwanted(env: &Environment) -> bool {
    env.os("NO_COLOR").is_some() || env.get("TERM") == Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_needs_a_terminal_and_nobody_against_it() {
        let plain = Environment::default();
        let no_color = Environment::from_pairs([("NO_COLOR", "1")]);
        let dumb = Environment::from_pairs([("TERM", "dumb")]);
        assert_eq!(choose(Color::Auto, &plain, true), ColorChoice::Always);
        assert_eq!(choose(Color::Auto, &plain, false), ColorChoice::Never);
        assert_eq!(choose(Color::Auto, &no_color, true), ColorChoice::Never);
        assert_eq!(choose(Color::Auto, &dumb, true), ColorChoice::Never);
        assert_eq!(choose(Color::Always, &no_color, false), ColorChoice::Always);
        assert_eq!(choose(Color::Never, &plain, true), ColorChoice::Never);
    }
}

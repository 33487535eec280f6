//! The part of a note that shows best why it was found.

use std::ops::Range;

use super::found_in::Text;
use super::query::Query;

/// About `length` characters of `text`, where most of what is looked for stands together; matches stand between `**`, cut ends
/// show `…`, and every run of spaces and line breaks is one space.
pub(super) fn of(text: &str, query: &Query, length: usize) -> String {
    let matches = matches(text, query);
    let window = widen(text, best_window(&matches, length), length);
    let mut out = String::with_capacity(window.len() + 32);
    if window.start > 0 {
        out.push('…');
    }
    let mut at = window.start;
    for (_, place) in &matches {
        if place.start < at || place.end > window.end {
            continue;
        }
        spaced(&mut out, &text[at..place.start]);
        out.push_str(MARK);
        spaced(&mut out, &text[place.clone()]);
        out.push_str(MARK);
        at = place.end;
    }
    spaced(&mut out, &text[at..window.end]);
    let mut out = out.trim().to_owned();
    if window.end < text.len() {
        out.push('…');
    }
    out
}

/// Which clause matches where, by place.
fn matches(text: &str, query: &Query) -> Vec<(usize, Range<usize>)> {
    let words = Text::new(text);
    let mut matches = Vec::new();
    for (clause, wanted) in query.wanted.iter().enumerate() {
        for atom in &wanted.atoms {
            matches.extend(words.places(atom).map(|place| (clause, place)));
        }
    }
    matches.sort_by_key(|(_, place)| (place.start, std::cmp::Reverse(place.end)));
    matches
}

/// The span of the matches within `length` bytes that have most clauses, and then most matches.
fn best_window(matches: &[(usize, Range<usize>)], length: usize) -> Range<usize> {
    let mut best = ((0, 0), 0..0);
    // Which clauses the window has, and how often.
    let mut having = [0_u32; 64];
    let mut clauses = 0;
    let mut end = 0;
    for start in 0..matches.len() {
        let from = matches[start].1.start;
        while end < matches.len() && (matches[end].1.end <= from + length || end == start) {
            let count = &mut having[matches[end].0 % 64];
            clauses += u32::from(*count == 0);
            *count += 1;
            end += 1;
        }
        if (clauses, end - start) > best.0 {
            best = ((clauses, end - start), from..matches[end - 1].1.end);
        }
        let count = &mut having[matches[start].0 % 64];
        *count -= 1;
        clauses -= u32::from(*count == 0);
    }
    best.1
}

/// The window with as much before as after it, `length` characters in all, without cutting words where that can be helped.
fn widen(text: &str, window: Range<usize>, length: usize) -> Range<usize> {
    let inside = text[window.clone()].chars().count();
    if inside >= length {
        let end =
            text[window.start..].char_indices().nth(length).map_or(text.len(), |(at, _)| window.start + at);
        return window.start..end;
    }
    let spare = length - inside;
    let before: Vec<usize> =
        text[..window.start].char_indices().rev().take(spare).map(|(at, _)| at).collect();
    let after_count = text[window.end..].chars().take(spare).count();
    let lead = before.len().min((spare / 2).max(spare - after_count.min(spare)));
    let mut start = lead.checked_sub(1).map_or(window.start, |last| before[last]);
    let end_at = |characters: usize| {
        text[window.end..].char_indices().nth(characters).map_or(text.len(), |(at, _)| window.end + at)
    };
    let mut end = end_at(spare - lead);
    if start > 0
        && let Some(space) = text[start..window.start].find(char::is_whitespace).filter(|at| *at < NEAR)
    {
        start += space;
    }
    if end < text.len()
        && let Some(space) = text[window.end..end].rfind(char::is_whitespace)
        && end - (window.end + space) < NEAR
    {
        end = window.end + space;
    }
    start..end
}

/// Appends text with its white space made single.
fn spaced(out: &mut String, text: &str) {
    for letter in text.chars() {
        if !letter.is_whitespace() {
            out.push(letter);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
}

/// What a match stands between.
const MARK: &str = "**";
/// How many bytes are given up to end with a whole word.
const NEAR: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, query: &str, length: usize) -> String {
        of(text, &Query::parse(query).unwrap(), length)
    }

    #[test]
    fn matches_are_marked_and_white_space_is_single() {
        assert_eq!(
            shown("Pt has\n\n FEVER and  cough.", "cough fever", 100),
            "Pt has **FEVER** and **cough**."
        );
        assert_eq!(shown("x-ray of chest; X ray", "x-ray", 100), "**x-ray** of chest; **X ray**");
        assert_eq!(shown("pneumonia pneumothorax", "pneumo*", 100), "**pneumonia** **pneumothorax**");
        assert_eq!(shown("nothing here", "fever", 7), "nothing…");
    }

    #[test]
    fn the_part_with_most_of_the_query_is_shown() {
        let filler = "lorem ipsum ".repeat(40);
        let text = format!("fever {filler} fever with cough {filler} cough {filler}");
        let part = shown(&text, "fever cough", 60);
        assert!(part.contains("**fever** with **cough**"), "{part}");
        assert!(part.starts_with('…') && part.ends_with('…'), "{part}");
        assert!(part.chars().count() <= 60 + 2 + 8, "{part}");
    }

    proptest! {
        #[test]
        fn any_text_and_length_give_a_part_of_the_text(
            text in "[a-cä東 \n*-]{0,80}", query in "[a-cä東]{1,3}( [a-c*\"-]{1,4}){0,3}", length in 1..50_usize
        ) {
            let Ok(query) = Query::parse(&query) else { return Ok(()) };
            let part = of(&text, &query, length);
            let bare: String = part.chars().filter(|c| !"*… ".contains(*c) && !c.is_whitespace()).collect();
            let whole: String = text.chars().filter(|c| !"*… ".contains(*c) && !c.is_whitespace()).collect();
            prop_assert!(whole.contains(&bare), "{bare} in {whole}");
            prop_assert!(bare.chars().count() <= length);
        }
    }
}

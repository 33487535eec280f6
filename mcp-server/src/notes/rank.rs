//! Which notes fit best: BM25 over what a query looks for.

use super::postings::Posting;
use super::query::Query;
use super::search::Match;

/// Notes that fit, the best first.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    /// Row and score, at most as many as asked for.
    pub(super) best: Vec<(u32, f32)>,
    /// How many notes fit.
    pub(super) total: u64,
    /// How many notes have each clause of the query, in its order.
    pub(super) counts: Vec<u64>,
}

/// The average length of notes, at least one word, so that one may divide by it.
#[expect(clippy::cast_precision_loss, reason = "seven digits are more than a ranking needs")]
pub(super) fn average(words: u64, notes: u64) -> f32 {
    (words as f32 / notes.max(1) as f32).max(1.0)
}

/// Scores notes, clause by clause.
pub(super) struct Scores<'a> {
    lengths: &'a [u16],
    average: f32,
    notes: u64,
    points: Vec<f32>,
    /// Clauses that a note has.
    clauses: Vec<u8>,
    counts: Vec<u64>,
}

impl<'a> Scores<'a> {
    /// Nothing yet. `lengths` are words of each note by row, `average` is of `notes` notes.
    pub(super) fn new(lengths: &'a [u16], average: f32, notes: u64) -> Self {
        Self {
            lengths,
            average,
            notes,
            points: vec![0.0; lengths.len()],
            clauses: vec![0; lengths.len()],
            counts: Vec::new(),
        }
    }

    /// Adds what the notes that have the next clause are worth for it.
    #[expect(clippy::cast_precision_loss, reason = "seven digits are more than a ranking needs")]
    pub(super) fn add(&mut self, postings: &[Posting]) {
        self.counts.push(postings.len() as u64);
        let having = postings.len() as f32;
        // Never negative, so that a word in most notes still counts for a little.
        let rarity = (1.0 + (self.notes as f32 - having + 0.5) / (having + 0.5)).max(1.0).ln();
        for posting in postings {
            let note = posting.note as usize;
            let Some(&length) = self.lengths.get(note) else { continue };
            let count = posting.count as f32;
            let norm = SATURATION * (1.0 - LENGTH + LENGTH * f32::from(length) / self.average);
            self.points[note] += rarity * count * (SATURATION + 1.0) / (count + norm);
            self.clauses[note] += 1;
        }
    }

    /// Strikes out notes.
    pub(super) fn exclude(&mut self, postings: &[Posting]) {
        for posting in postings {
            if let Some(clauses) = self.clauses.get_mut(posting.note as usize) {
                *clauses = 0;
            }
        }
    }

    /// The notes that have every clause, or any; by score, then by row.
    pub(super) fn best(self, query: &Query, wanted: Match, limit: usize) -> Ranked {
        let least = match wanted {
            Match::All => u8::try_from(query.wanted.len()).unwrap_or(u8::MAX),
            Match::Any => 1,
        };
        let fitting = (0_u32..).zip(self.clauses.iter().zip(&self.points));
        let mut best: Vec<(u32, f32)> = fitting
            .filter(|(_, (clauses, _))| **clauses >= least)
            .map(|(note, (_, score))| (note, *score))
            .collect();
        let total = best.len() as u64;
        let better = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if best.len() > limit {
            best.select_nth_unstable_by(limit, better);
            best.truncate(limit);
        }
        best.sort_unstable_by(better);
        Ranked { best, total, counts: self.counts }
    }
}

/// How soon further occurrences of a word stop counting (k1).
const SATURATION: f32 = 1.2;
/// How much long notes are held back (b).
const LENGTH: f32 = 0.75;

#[cfg(test)]
mod tests {
    use super::*;

    fn posting(note: u32, count: u32) -> Posting {
        Posting { note, count }
    }

    #[test]
    fn rare_words_frequent_ones_and_short_notes_count_for_more() {
        let lengths = [100, 100, 100, 20, 100, 100];
        let query = Query::parse("rare common").unwrap();
        let mut scores = Scores::new(&lengths, 80.0, 6);
        scores.add(&[posting(0, 1)]);
        scores.add(&[posting(1, 1), posting(2, 5), posting(3, 1), posting(4, 1)]);
        let ranked = scores.best(&query, Match::Any, 10);
        let order: Vec<u32> = ranked.best.iter().map(|(note, _)| *note).collect();
        assert_eq!(order, [0, 2, 3, 1, 4]);
        assert_eq!((ranked.total, ranked.counts), (5, vec![1, 4]));
    }

    #[test]
    fn all_needs_every_clause_and_what_is_excluded_is_out() {
        let lengths = [10; 4];
        let query = Query::parse("a b").unwrap();
        let scores = || {
            let mut scores = Scores::new(&lengths, 10.0, 4);
            scores.add(&[posting(0, 1), posting(1, 1), posting(2, 1)]);
            scores.add(&[posting(1, 1), posting(2, 1)]);
            scores.exclude(&[posting(2, 1), posting(99, 1)]);
            scores
        };
        assert_eq!(scores().best(&query, Match::All, 10).total, 1);
        let any = scores().best(&query, Match::Any, 1);
        assert_eq!((any.total, any.best.len()), (2, 1));
    }
}

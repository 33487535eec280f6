//! Notes like discharge summaries in length and in how often words occur, the same in every run. Nothing in them means anything.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of words are small, and shares are between 0 and 1"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// Writes so many notes as the CSV of `mimiciv_note.discharge`; returns its bytes.
pub(super) fn write(path: &Path, notes: u32) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut bytes = HEADER.len() as u64;
    out.write_all(HEADER)?;
    let words = Words::new();
    let mut random = Random(42);
    let mut line = String::with_capacity(16 << 10);
    for number in 0..notes {
        line.clear();
        note(&mut line, &words, &mut random, number);
        out.write_all(line.as_bytes())?;
        bytes += line.len() as u64;
    }
    out.flush()?;
    Ok(bytes)
}

fn note(line: &mut String, words: &Words, random: &mut Random, number: u32) {
    let subject = 10_000_000 + number / 3;
    let length = 8_000 + random.below(2_000);
    // Writing to a string cannot fail.
    let _ = write!(
        line,
        "{subject}-DS-{number},{subject},{},DS,{},2150-01-01 00:00:00,2150-01-02 10:00:00,\"",
        20_000_000 + number,
        number % 3
    );
    let start = line.len();
    let _ = write!(line, "Unit No: {number:07}\n\nHistory of Present Illness:\nThe patient was admitted. ");
    for (every, planted) in PLANTED {
        if number.is_multiple_of(every) {
            line.push_str(planted);
            line.push_str(". ");
        }
    }
    let mut in_sentence = 0;
    while line.len() - start < length as usize {
        if random.below(400) == 0 {
            line.push_str(PHRASES[random.below(PHRASES.len() as u32) as usize]);
        } else if random.below(40) == 0 {
            line.push_str(&random.below(2_000).to_string());
        } else {
            line.push_str(words.pick(random));
        }
        in_sentence += 1;
        if in_sentence > 8 && random.below(6) == 0 {
            line.push_str(if random.below(4) == 0 { ".\n" } else { ". " });
            in_sentence = 0;
        } else {
            line.push(' ');
        }
    }
    line.push_str("\"\n");
}

/// A vocabulary in which the n-th word is about n times rarer than the first (Zipf).
struct Words {
    vocabulary: Vec<String>,
    /// Shares of [`u32::MAX`] up to and with each word.
    shares: Vec<u32>,
}

impl Words {
    fn new() -> Self {
        let mut random = Random(7);
        let mut vocabulary: Vec<String> = FREQUENT.split_whitespace().map(str::to_owned).collect();
        while vocabulary.len() < VOCABULARY {
            let syllables = 2 + random.below(4);
            vocabulary.push(
                (0..syllables).map(|_| SYLLABLES[random.below(SYLLABLES.len() as u32) as usize]).collect(),
            );
        }
        let weights = (1..=VOCABULARY).map(|rank| 1.0 / (rank as f64 + 2.0));
        let total: f64 = weights.clone().sum();
        let mut sum = 0.0;
        let shares = weights.map(|weight| {
            sum += weight;
            (sum / total * f64::from(u32::MAX)) as u32
        });
        Self { shares: shares.collect(), vocabulary }
    }

    fn pick(&self, random: &mut Random) -> &str {
        let at = self.shares.partition_point(|&share| share < random.peek());
        random.next();
        &self.vocabulary[at.min(VOCABULARY - 1)]
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    fn peek(&self) -> u32 {
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 32) as u32
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next();
        ((u64::from(self.peek()) * u64::from(bound)) >> 32) as u32
    }
}

const HEADER: &[u8] = b"note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n";

/// About what MIMIC's discharge summaries have, misspellings aside.
const VOCABULARY: usize = 120_000;

/// What every so-manieth note has.
const PLANTED: [(u32, &str); 4] = [
    (500, "Amyloidosis was considered"),
    (1_000, "Takotsubo cardiomyopathy"),
    (3_000, "Resection of pheochromocytoma"),
    (50_000, "Erdheim-Chester disease"),
];

const PHRASES: [&str; 12] = [
    "chest pain",
    "shortness of breath",
    "pneumonia",
    "fever and chills",
    "chest x-ray",
    "renal failure",
    "sepsis",
    "hepatitis C",
    "hypertension",
    "pneumothorax",
    "hyperkalemia",
    "dialysis",
];

const FREQUENT: &str = "the of and was to with patient in on for a history he she is no daily at his her mg as were by po that had \
    tablet discharge from blood this or be not right left pain which given day normal admission have medications an but times are \
    pt due one after hospital continued noted she's well status disease";

const SYLLABLES: [&str; 40] = [
    "ba", "co", "di", "fe", "gu", "ha", "jo", "ki", "la", "me", "no", "pi", "qua", "ro", "su", "ta", "ve",
    "wi", "ya", "cra", "tri", "plo", "ster", "mon", "der", "lin", "gas", "tro", "car", "dio", "neph", "hep",
    "osis", "itis", "emia", "ine", "ol", "ide", "ate", "um",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_the_same_in_every_run_and_long_as_the_real_ones() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str| {
            let path = folder.path().join(name);
            let bytes = write(&path, 50).unwrap();
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(bytes, text.len() as u64);
            text
        };
        let text = written("a");
        assert_eq!(text, written("b"));
        assert!((8_000..10_500).contains(&(text.len() / 50)), "{}", text.len() / 50);
        assert_eq!(text.matches("The patient was").count(), 50);
    }
}

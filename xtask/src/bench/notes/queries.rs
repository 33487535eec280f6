//! What is searched for, and how many notes have it.

/// One search.
pub(super) struct Query {
    pub(super) text: &'static str,
    pub(super) kind: &'static str,
    fits: Fits,
}

/// How many notes have to fit.
enum Fits {
    /// Every so-manieth one.
    OneIn(u32),
    /// Every one.
    All,
    /// None.
    None,
    /// None whole, some in part.
    Part,
    /// More than none, less than all.
    Some,
    /// What chance made of it: common words that hardly ever follow each other, which is the most work.
    Whatever,
}

impl Query {
    /// Whether it is right that so many fit.
    pub(super) fn expects(&self, fits: u64, notes: u32, all: bool) -> bool {
        match self.fits {
            Fits::OneIn(every) => all && fits == u64::from(notes.div_ceil(every)),
            Fits::All => all && fits == u64::from(notes),
            Fits::None => fits == 0,
            Fits::Part => !all && fits > 0,
            Fits::Whatever => true,
            Fits::Some => all && fits > 0 && fits < u64::from(notes),
        }
    }
}

const fn query(kind: &'static str, text: &'static str, fits: Fits) -> Query {
    Query { text, kind, fits }
}

/// Rare and common words, several, phrases, beginnings, alternatives, exclusions, and what is not there.
pub(super) const ALL: &[Query] = &[
    query("rare", "pheochromocytoma", Fits::OneIn(3_000)),
    query("rare", "erdheim", Fits::OneIn(50_000)),
    query("rare", "amyloidosis", Fits::OneIn(500)),
    query("rare", "Takotsubo", Fits::OneIn(1_000)),
    query("number", "0000077", Fits::OneIn(u32::MAX)),
    query("common", "patient", Fits::All),
    query("common", "history", Fits::All),
    query("common", "the", Fits::All),
    query("common", "pain", Fits::Some),
    query("common", "pneumonia", Fits::Some),
    query("common", "fever", Fits::Some),
    query("one letter", "c", Fits::Some),
    query("several", "pneumonia fever", Fits::Some),
    query("several", "patient history of present illness", Fits::All),
    query("several", "the patient was admitted to the hospital with pain and fever", Fits::Some),
    query("several", "sepsis renal failure dialysis", Fits::Some),
    query("several", "pheochromocytoma hypertension", Fits::Some),
    query("several", "amyloidosis patient", Fits::OneIn(500)),
    query("phrase", "\"history of present illness\"", Fits::All),
    query("phrase", "\"the patient was\"", Fits::All),
    query("phrase", "\"of the\"", Fits::Some),
    query("phrase", "\"chest pain\"", Fits::Some),
    query("phrase", "\"takotsubo cardiomyopathy\"", Fits::OneIn(1_000)),
    query("phrase", "\"shortness of breath\"", Fits::Some),
    query("phrase", "\"patient the history of\"", Fits::Whatever),
    query("phrase", "x-ray", Fits::Some),
    query("phrase and word", "\"chest pain\" fever -pneumonia", Fits::Some),
    query("beginning", "pneumo*", Fits::Some),
    query("beginning", "pheo*", Fits::OneIn(3_000)),
    query("beginning", "hyper*", Fits::Some),
    query("alternatives", "pneumonia OR sepsis OR fever", Fits::Some),
    query("alternatives", "erdheim OR pheochromocytoma", Fits::Some),
    query("exclusion", "pain -fever", Fits::Some),
    query("exclusion", "patient -history", Fits::None),
    query("no hit", "xylophone", Fits::None),
    query("phrase", "\"breath of shortness\"", Fits::Whatever),
    query("no hit", "\"chest xylophone\"", Fits::None),
    query("no hit", "zz*", Fits::None),
    query("in part", "pheochromocytoma xylophone", Fits::Part),
    query("in part", "patient xylophone history", Fits::Part),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_queries_of_every_kind() {
        assert!(ALL.len() >= 30);
        for kind in ["rare", "common", "several", "phrase", "beginning", "no hit"] {
            assert!(ALL.iter().filter(|query| query.kind == kind).count() >= 3, "{kind}");
        }
    }
}

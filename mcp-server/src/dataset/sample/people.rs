//! The invented patients and their admissions: who, when, why, and how it ended.

use super::clock::{DAY, Day, HOUR, MINUTE, Time};
use super::conditions::{self, CHRONIC, Coded, Condition};
use super::random::Random;

/// A patient.
#[derive(Debug)]
pub(super) struct Patient {
    pub(super) subject_id: i64,
    pub(super) gender: &'static str,
    pub(super) anchor_age: i64,
    pub(super) anchor_year: i64,
    pub(super) anchor_year_group: &'static str,
    pub(super) race: &'static str,
    pub(super) language: &'static str,
    pub(super) marital_status: &'static str,
    pub(super) insurance: &'static str,
    pub(super) weight_kg: i64,
    pub(super) height_cm: i64,
    pub(super) chronic: Vec<(&'static str, &'static Coded)>,
    pub(super) admissions: Vec<Admission>,
    pub(super) died: Option<Day>,
}

/// One hospital admission.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) hadm_id: i64,
    pub(super) condition: &'static Condition,
    pub(super) kind: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) age: i64,
    /// 9 before 2016 of the unshifted calendar, else 10. (The United States changed in October 2015.)
    pub(super) icd_version: i64,
    pub(super) arrived: Option<Time>,
    pub(super) admitted: Time,
    pub(super) discharged: Time,
    pub(super) dies: bool,
    pub(super) stay: Option<Stay>,
    pub(super) provider: &'static str,
}

/// The part of an admission spent in intensive care.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    pub(super) id: i64,
    pub(super) unit: &'static str,
    pub(super) entered: Time,
    pub(super) left: Time,
}

impl Admission {
    /// How far through the admission `time` is, in percent.
    pub(super) fn progress(&self, time: Time) -> i64 {
        ((time - self.admitted) * 100 / (self.discharged - self.admitted)).clamp(0, 100)
    }

    /// Whether creatinine came in at 2 mg/dL or more.
    pub(super) fn poor_kidneys(&self) -> bool {
        self.condition.labs.iter().any(|(itemid, value)| *itemid == CREATININE && *value >= 20)
    }

    /// The principal diagnosis first.
    pub(super) fn diagnoses<'a>(&self, patient: &'a Patient) -> Vec<&'a Coded> {
        let mut all: Vec<&Coded> = vec![&self.condition.diagnosis];
        all.extend(self.condition.also);
        let known = patient.chronic.iter().filter(|(name, _)| !self.condition.replaces.contains(name));
        all.extend(known.map(|(_, coded)| *coded));
        let mut seen = Vec::new();
        all.retain(|coded| {
            let code = coded.edition(self.icd_version).0;
            !seen.contains(&code) && {
                seen.push(code);
                true
            }
        });
        all
    }
}

impl Coded {
    /// Code and title in ICD-9 or ICD-10.
    pub(super) fn edition(&self, version: i64) -> (&'static str, &'static str) {
        if version == 9 { self.icd9 } else { self.icd10 }
    }
}

/// Invents everyone. `MIMIC` gives no subject an identifier of 90 million or more.
pub(super) fn invent() -> Vec<Patient> {
    let mut patients: Vec<_> = (1..=PATIENTS).map(patient).collect();
    let (mut hadm_id, mut stay_id) = (FIRST_HADM, FIRST_STAY);
    for admission in patients.iter_mut().flat_map(|patient| &mut patient.admissions) {
        admission.hadm_id = hadm_id;
        hadm_id += 1;
        if let Some(stay) = &mut admission.stay {
            stay.id = stay_id;
            stay_id += 1;
        }
    }
    patients
}

fn patient(number: i64) -> Patient {
    let mut random = Random::new(SEED.wrapping_add_signed(number));
    let gender = random.pick(&["F", "M"]);
    let anchor_age = random.between(24, 91).max(random.between(24, 91));
    // Ages above 89 are published as 91.
    let anchor_age = if anchor_age > 89 { 91 } else { anchor_age };
    let anchor_year = random.between(2110, 2190);
    let (group, first_year) = random.pick(&GROUPS);
    let tall = if gender == "F" { 162 } else { 176 };
    let mut patient = Patient {
        subject_id: FIRST_SUBJECT + number,
        gender,
        anchor_age,
        anchor_year,
        anchor_year_group: group,
        race: random.pick(&RACES),
        language: if random.percent(90) { "ENGLISH" } else { "?" },
        marital_status: random.pick(&["MARRIED", "MARRIED", "SINGLE", "WIDOWED", "DIVORCED"]),
        insurance: if anchor_age >= 65 { "Medicare" } else { random.pick(&["Other", "Other", "Medicaid"]) },
        weight_kg: random.between(52, 112),
        height_cm: tall + random.between(-12, 12),
        chronic: Vec::new(),
        admissions: Vec::new(),
        died: None,
    };
    for (chance, name, coded) in &CHRONIC {
        if random.percent(*chance) {
            patient.chronic.push((name, coded));
        }
    }
    admit(&mut patient, first_year, &mut random);
    patient
}

fn admit(patient: &mut Patient, first_year: i64, random: &mut Random) {
    let mut earliest = Time::start_of(patient.anchor_year) + random.between(0, 300) * DAY;
    for _ in 0..random.pick(&[1, 1, 1, 2, 2, 3]) {
        let admission = admission(patient, earliest, first_year, random);
        earliest = admission.discharged + random.between(20, 400) * DAY;
        let dies = admission.dies;
        patient.died = dies.then(|| admission.discharged.day());
        patient.admissions.push(admission);
        if dies {
            return;
        }
    }
    if let Some(last) = patient.admissions.last().filter(|_| random.percent(8)) {
        patient.died = Some(last.discharged.day().plus(random.between(15, 300)));
    }
}

fn admission(patient: &Patient, earliest: Time, first_year: i64, random: &mut Random) -> Admission {
    let admitted = earliest + random.between(0, 24 * 60 - 1) * MINUTE;
    let years = admitted.year() - patient.anchor_year;
    let age = patient.anchor_age + years;
    let possible = conditions::all().filter(|c| (c.ages.0..=c.ages.1).contains(&age));
    let possible: Vec<_> = possible.flat_map(|c| std::iter::repeat_n(c, c.weight)).collect();
    let condition: &'static Condition = random.pick(&possible);
    let elderly = if patient.anchor_age > 75 { 5 } else { 0 };
    let dies = random.percent(condition.death_chance + elderly);
    let length =
        random.between(condition.days.0 * 24, condition.days.1 * 24) * HOUR + random.between(0, 59) * MINUTE;
    let discharged = admitted + length;
    let planned = condition.service == "ORTHO" && random.percent(20);
    let (from, kind) = if planned { PLANNED } else { random.pick(&UNPLANNED) };
    let stay = (dies || random.percent(condition.icu_chance))
        .then(|| stay(condition, admitted, discharged, dies, random));
    let short = length < 3 * DAY && stay.is_none();
    Admission {
        hadm_id: 0,
        condition,
        kind: if short { "OBSERVATION ADMIT" } else { kind },
        from,
        to: if dies {
            "DIED"
        } else {
            random.pick(&["HOME", "HOME", "HOME HEALTH CARE", "SKILLED NURSING FACILITY", "REHAB"])
        },
        age,
        icd_version: if first_year + years < 2016 { 9 } else { 10 },
        arrived: THROUGH_EMERGENCY.contains(&from).then(|| admitted + -random.between(90, 540) * MINUTE),
        admitted,
        discharged,
        dies,
        stay,
        provider: random.pick(&PROVIDERS),
    }
}

fn stay(
    condition: &'static Condition,
    admitted: Time,
    discharged: Time,
    dies: bool,
    random: &mut Random,
) -> Stay {
    let entered = if random.percent(60) { admitted } else { admitted + random.between(4, 20) * HOUR };
    let most = (discharged - entered) / HOUR;
    let left = if dies { discharged } else { entered + random.between(most / 4, most * 3 / 4).max(8) * HOUR };
    Stay { id: 0, unit: condition.icu, entered, left: left.min(discharged) }
}

/// How many there are.
pub(super) const PATIENTS: i64 = 100;

/// Those who order, admit and write.
pub(super) static PROVIDERS: [&str; 8] =
    ["PSYN01", "PSYN02", "PSYN03", "PSYN04", "PSYN05", "PSYN06", "PSYN07", "PSYN08"];

const CREATININE: i64 = 50912;
const SEED: u64 = 0x4d34_5341_4d50_4c45;
const FIRST_SUBJECT: i64 = 90_000_000;
const FIRST_HADM: i64 = 92_000_001;
const FIRST_STAY: i64 = 93_000_001;

/// Published groups, each with the middle year, for the year an ICD edition depends on.
static GROUPS: [(&str, i64); 4] =
    [("2008 - 2010", 2009), ("2011 - 2013", 2012), ("2014 - 2016", 2015), ("2017 - 2019", 2018)];

/// Where people come from, with the type of admission it makes.
static UNPLANNED: [(&str, &str); 6] = [
    ("EMERGENCY ROOM", "EW EMER."),
    ("EMERGENCY ROOM", "EW EMER."),
    ("EMERGENCY ROOM", "EW EMER."),
    ("WALK-IN/SELF REFERRAL", "EW EMER."),
    ("TRANSFER FROM HOSPITAL", "URGENT"),
    ("PHYSICIAN REFERRAL", "DIRECT EMER."),
];

const PLANNED: (&str, &str) = ("PHYSICIAN REFERRAL", "SURGICAL SAME DAY ADMISSION");

const THROUGH_EMERGENCY: [&str; 2] = ["EMERGENCY ROOM", "WALK-IN/SELF REFERRAL"];

static RACES: [&str; 10] = [
    "WHITE",
    "WHITE",
    "WHITE",
    "WHITE",
    "WHITE",
    "BLACK/AFRICAN AMERICAN",
    "BLACK/AFRICAN AMERICAN",
    "HISPANIC OR LATINO",
    "ASIAN",
    "UNKNOWN",
];

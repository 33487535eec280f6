//! Rows of the `icu` module: what the bedside system records during a stay.

use std::io;

use super::clock::{DAY, HOUR, MINUTE, Time};
use super::conditions::{Culture, Vitals, WELL};
use super::out::{Decimal, Tables, row};
use super::people::{Admission, Patient, Stay};
use super::random::Random;

/// The dictionaries.
pub(super) fn dictionaries(tables: &mut Tables) -> io::Result<()> {
    for caregiver in CAREGIVERS {
        row!(tables, "caregiver", { caregiver_id: caregiver });
    }
    for (itemid, label, abbreviation, linksto, category, unit, kind) in ITEMS {
        row!(tables, "d_items", {
            itemid: itemid,
            label: label,
            abbreviation: abbreviation,
            linksto: linksto,
            category: category,
            unitname: unit,
            param_type: kind,
        });
    }
    Ok(())
}

/// Everything recorded during one stay.
pub(super) fn stay(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    stay: Stay,
    random: &mut Random,
) -> io::Result<()> {
    let seconds = stay.left - stay.entered;
    row!(tables, "icustays", {
        subject_id: patient.subject_id,
        hadm_id: admission.hadm_id,
        stay_id: stay.id,
        first_careunit: stay.unit,
        last_careunit: stay.unit,
        intime: stay.entered,
        outtime: stay.left,
        los: Decimal(seconds * 10_000 / DAY, 4),
    });
    let mut bedside = Bedside { tables, patient, admission, stay, order: stay.id * 10, random };
    bedside.chart()?;
    bedside.urine()?;
    bedside.procedures()?;
    bedside.fluids()
}

struct Bedside<'a> {
    tables: &'a mut Tables,
    patient: &'a Patient,
    admission: &'a Admission,
    stay: Stay,
    order: i64,
    random: &'a mut Random,
}

impl Bedside<'_> {
    /// Vital signs every two hours, temperature and coma scale every four.
    fn chart(&mut self) -> io::Result<()> {
        let caregiver = self.random.pick(&CAREGIVERS);
        self.measure(caregiver, self.stay.entered + 10 * MINUTE, (226_512, self.patient.weight_kg, 0, "kg"))?;
        let mut time = self.stay.entered + self.random.between(2, 20) * MINUTE;
        let mut round = 0;
        while time < self.stay.left {
            let caregiver = self.random.pick(&CAREGIVERS);
            let Vitals { heart_rate, systolic, respirations, saturation, temperature } = self.vitals(time);
            let diastolic = systolic * 57 / 100 + self.random.between(-4, 4);
            let mean = (systolic + 2 * diastolic) / 3;
            for sign in [
                (220_045, heart_rate, 0, "bpm"),
                (220_179, systolic, 0, "mmHg"),
                (220_180, diastolic, 0, "mmHg"),
                (220_181, mean, 0, "mmHg"),
                (220_210, respirations, 0, "insp/min"),
                (220_277, saturation, 0, "%"),
            ] {
                self.measure(caregiver, time, sign)?;
            }
            if round % 2 == 0 {
                self.measure(caregiver, time, (223_761, temperature, 1, "°F"))?;
                self.coma_scale(caregiver, time)?;
            }
            round += 1;
            time = time + 2 * HOUR;
        }
        Ok(())
    }

    /// From the condition's worst towards normal, or further away where the patient is dying.
    fn vitals(&mut self, time: Time) -> Vitals {
        let worst = self.admission.condition.vitals;
        let progress = self.admission.progress(time);
        let share = if self.admission.dies { 100 + progress / 3 } else { 100 - progress * 9 / 10 };
        let random = &mut *self.random;
        let mut drift = |worst: i64, well: i64, spread: i64| {
            well + (worst - well) * share / 100 + random.between(-spread, spread)
        };
        Vitals {
            heart_rate: drift(worst.heart_rate, WELL.heart_rate, 6).clamp(38, 178),
            systolic: drift(worst.systolic, WELL.systolic, 8).clamp(58, 224),
            respirations: drift(worst.respirations, WELL.respirations, 2).clamp(8, 44),
            saturation: drift(worst.saturation, WELL.saturation, 1).clamp(74, 100),
            temperature: drift(worst.temperature, WELL.temperature, 4).clamp(940, 1054),
        }
    }

    fn measure(
        &mut self,
        caregiver: i64,
        time: Time,
        (itemid, value, places, unit): (i64, i64, u32, &str),
    ) -> io::Result<()> {
        let value = Decimal(value, places);
        self.charted(caregiver, time, itemid, &value.to_string(), &value.to_string(), unit)
    }

    fn coma_scale(&mut self, caregiver: i64, time: Time) -> io::Result<()> {
        let level = match (self.admission.dies, self.admission.condition.service) {
            (true, _) => 0,
            (false, "NSURG" | "NMED") => 1,
            (false, _) => 2,
        };
        for (itemid, scale) in &COMA_SCALE {
            let (text, points) = scale[level];
            self.charted(caregiver, time, *itemid, text, points, "")?;
        }
        Ok(())
    }

    fn charted(
        &mut self,
        caregiver: i64,
        time: Time,
        itemid: i64,
        value: &str,
        number: &str,
        unit: &str,
    ) -> io::Result<()> {
        row!(self.tables, "chartevents", {
            subject_id: self.patient.subject_id,
            hadm_id: self.admission.hadm_id,
            stay_id: self.stay.id,
            caregiver_id: caregiver,
            charttime: time,
            storetime: time + 6 * MINUTE,
            itemid: itemid,
            value: value,
            valuenum: number,
            valueuom: unit,
            warning: 0,
        });
        Ok(())
    }

    /// Little, where creatinine came in high.
    fn urine(&mut self) -> io::Result<()> {
        let poor = self.admission.poor_kidneys();
        let mut time = self.stay.entered + 4 * HOUR;
        while time < self.stay.left {
            let volume = if poor { self.random.between(15, 110) } else { self.random.between(120, 420) };
            row!(self.tables, "outputevents", {
                subject_id: self.patient.subject_id,
                hadm_id: self.admission.hadm_id,
                stay_id: self.stay.id,
                caregiver_id: self.random.pick(&CAREGIVERS),
                charttime: time,
                storetime: time + 9 * MINUTE,
                itemid: 226_559,
                value: volume,
                valueuom: "ml",
            });
            time = time + 4 * HOUR;
        }
        Ok(())
    }

    fn procedures(&mut self) -> io::Result<()> {
        let (entered, left) = (self.stay.entered, self.stay.left);
        self.procedure(225_459, "None", "Imaging", "Task", (entered + HOUR, entered + HOUR + MINUTE))?;
        self.procedure(
            224_275,
            "min",
            "Peripheral Lines",
            "ContinuousProcess",
            (entered + 20 * MINUTE, left),
        )?;
        if self.is_ventilated() {
            self.procedure(225_792, "min", "Ventilation", "ContinuousProcess", (entered + 2 * HOUR, left))?;
        }
        if self.is_shocked() {
            let placed = entered + 3 * HOUR;
            self.procedure(225_752, "min", "Invasive Lines", "ContinuousProcess", (placed, left))?;
            row!(self.tables, "datetimeevents", {
                subject_id: self.patient.subject_id,
                hadm_id: self.admission.hadm_id,
                stay_id: self.stay.id,
                caregiver_id: self.random.pick(&CAREGIVERS),
                charttime: placed + HOUR,
                storetime: placed + HOUR + 5 * MINUTE,
                itemid: 224_288,
                value: format!("{} 00:00:00", placed.day()),
                valueuom: "Date",
                warning: 0,
            });
        }
        Ok(())
    }

    fn procedure(
        &mut self,
        itemid: i64,
        unit: &str,
        category: &str,
        kind: &str,
        (start, end): (Time, Time),
    ) -> io::Result<()> {
        self.order += 1;
        let minutes = (end - start) / MINUTE;
        row!(self.tables, "procedureevents", {
            subject_id: self.patient.subject_id,
            hadm_id: self.admission.hadm_id,
            stay_id: self.stay.id,
            caregiver_id: self.random.pick(&CAREGIVERS),
            starttime: start,
            endtime: end,
            storetime: end,
            itemid: itemid,
            value: minutes,
            valueuom: unit,
            orderid: self.order,
            linkorderid: self.order,
            ordercategoryname: category,
            ordercategorydescription: kind,
            patientweight: self.patient.weight_kg,
            isopenbag: i64::from(kind == "ContinuousProcess"),
            continueinnextdept: 0,
            statusdescription: "FinishedRunning",
            originalamount: minutes,
            originalrate: 1,
        });
        Ok(())
    }

    /// Saline for everyone; norepinephrine in shock; propofol on the ventilator.
    fn fluids(&mut self) -> io::Result<()> {
        let entered = self.stay.entered;
        let hours = ((self.stay.left - entered) / HOUR).min(24);
        let rate = self.random.between(50, 125);
        let run = (entered + 30 * MINUTE, entered + 30 * MINUTE + (hours - 1) * HOUR);
        let volume = rate * (hours - 1);
        self.infuse(225_158, (volume, 0, "ml"), (rate, 0, "mL/hour"), "02-Fluids (Crystalloids)", run)?;
        self.ingredient(volume, rate, run)?;
        let later = (entered + HOUR, entered + HOUR + (hours - 2) * HOUR);
        let minutes = (later.1 - later.0) / MINUTE;
        if self.is_shocked() {
            // Thousandths of mcg/kg/min over kilograms and minutes make thousandths of mcg; amounts are in mg.
            let rate = self.random.between(40, 280);
            let amount = rate * self.patient.weight_kg * minutes / 1000;
            self.infuse(221_906, (amount, 3, "mg"), (rate, 3, "mcg/kg/min"), "01-Drips", later)?;
        }
        if self.is_ventilated() {
            let rate = self.random.between(10, 45);
            let amount = rate * self.patient.weight_kg * minutes / 1000;
            self.infuse(222_168, (amount, 0, "mg"), (rate, 0, "mcg/kg/min"), "01-Drips", later)?;
        }
        Ok(())
    }

    fn infuse(
        &mut self,
        itemid: i64,
        (amount, amount_places, amount_unit): (i64, u32, &str),
        (rate, rate_places, rate_unit): (i64, u32, &str),
        category: &str,
        (start, end): (Time, Time),
    ) -> io::Result<()> {
        self.order += 1;
        row!(self.tables, "inputevents", {
            subject_id: self.patient.subject_id,
            hadm_id: self.admission.hadm_id,
            stay_id: self.stay.id,
            caregiver_id: self.random.pick(&CAREGIVERS),
            starttime: start,
            endtime: end,
            storetime: end,
            itemid: itemid,
            amount: Decimal(amount, amount_places),
            amountuom: amount_unit,
            rate: Decimal(rate, rate_places),
            rateuom: rate_unit,
            orderid: self.order,
            linkorderid: self.order,
            ordercategoryname: category,
            ordercomponenttypedescription: "Main order parameter",
            ordercategorydescription: if category == "01-Drips" { "Continuous Med" } else { "Continuous IV" },
            patientweight: self.patient.weight_kg,
            isopenbag: 0,
            continueinnextdept: 0,
            statusdescription: "FinishedRunning",
            originalamount: Decimal(amount, amount_places),
            originalrate: Decimal(rate, rate_places),
        });
        Ok(())
    }

    /// The water in the order just infused.
    fn ingredient(&mut self, volume: i64, rate: i64, (start, end): (Time, Time)) -> io::Result<()> {
        row!(self.tables, "ingredientevents", {
            subject_id: self.patient.subject_id,
            hadm_id: self.admission.hadm_id,
            stay_id: self.stay.id,
            caregiver_id: self.random.pick(&CAREGIVERS),
            starttime: start,
            endtime: end,
            storetime: end,
            itemid: 220_490,
            amount: volume,
            amountuom: "ml",
            rate: rate,
            rateuom: "mL/hour",
            orderid: self.order,
            linkorderid: self.order,
            statusdescription: "FinishedRunning",
            originalamount: 0,
            originalrate: rate,
        });
        Ok(())
    }

    fn is_shocked(&self) -> bool {
        self.admission.condition.culture == Some(Culture::Blood) || self.admission.dies
    }

    fn is_ventilated(&self) -> bool {
        self.admission.dies || self.admission.condition.service == "NSURG"
    }
}

static CAREGIVERS: [i64; 12] = [
    900_001, 900_002, 900_003, 900_004, 900_005, 900_006, 900_007, 900_008, 900_009, 900_010, 900_011,
    900_012,
];

/// Per item, the words and points of someone comatose, drowsy and awake.
static COMA_SCALE: [(i64, [(&str, &str); 3]); 3] = [
    (220_739, [("None", "1"), ("To Speech", "3"), ("Spontaneously", "4")]),
    (223_900, [("No Response", "1"), ("Confused", "4"), ("Oriented", "5")]),
    (223_901, [("Flex-withdraws", "4"), ("Localizes Pain", "5"), ("Obeys Commands", "6")]),
];

type Item = (i64, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
static ITEMS: [Item; 21] = [
    (220_045, "Heart Rate", "HR", "chartevents", "Routine Vital Signs", "bpm", "Numeric"),
    (220_179, "Non Invasive Blood Pressure systolic", "NBPs", "chartevents", "Routine Vital Signs", "mmHg", "Numeric"),
    (220_180, "Non Invasive Blood Pressure diastolic", "NBPd", "chartevents", "Routine Vital Signs", "mmHg", "Numeric"),
    (220_181, "Non Invasive Blood Pressure mean", "NBPm", "chartevents", "Routine Vital Signs", "mmHg", "Numeric"),
    (220_210, "Respiratory Rate", "RR", "chartevents", "Respiratory", "insp/min", "Numeric"),
    (220_277, "O2 saturation pulseoxymetry", "SpO2", "chartevents", "Respiratory", "%", "Numeric"),
    (220_739, "GCS - Eye Opening", "Eye Opening", "chartevents", "Neurological", "", "Text"),
    (223_761, "Temperature Fahrenheit", "Temperature F", "chartevents", "Routine Vital Signs", "°F", "Numeric"),
    (223_900, "GCS - Verbal Response", "Verbal Response", "chartevents", "Neurological", "", "Text"),
    (223_901, "GCS - Motor Response", "Motor Response", "chartevents", "Neurological", "", "Text"),
    (226_512, "Admission Weight (Kg)", "Admission Weight (Kg)", "chartevents", "General", "kg", "Numeric"),
    (226_559, "Foley", "Foley", "outputevents", "Output", "mL", "Numeric"),
    (225_158, "NaCl 0.9%", "NaCl 0.9%", "inputevents", "Fluids/Intake", "mL", "Solution"),
    (221_906, "Norepinephrine", "Norepinephrine", "inputevents", "Medications", "mg", "Solution"),
    (222_168, "Propofol", "Propofol", "inputevents", "Medications", "mg", "Solution"),
    (220_490, "Water", "Water", "ingredientevents", "Ingredients - general (Not In Use)", "mL", "Ingredient"),
    (224_275, "20 Gauge", "20 Gauge", "procedureevents", "Access Lines - Peripheral", "None", "Processes"),
    (225_459, "Chest X-Ray", "Chest X-Ray", "procedureevents", "5-Imaging", "None", "Processes"),
    (225_752, "Arterial Line", "Arterial Line", "procedureevents", "Access Lines - Invasive", "None", "Processes"),
    (225_792, "Invasive Ventilation", "Invasive Ventilation", "procedureevents", "2-Ventilation", "None", "Processes"),
    (224_288, "Arterial line Insertion Date", "Arterial line Insertion Date", "datetimeevents", "Access Lines - Invasive", "", "Date and time"),
];

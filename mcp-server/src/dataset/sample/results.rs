//! Laboratory and microbiology results.

use std::io;

use super::clock::{DAY, HOUR, MINUTE, Time};
use super::conditions::Culture;
use super::hospital::Ids;
use super::labs;
use super::out::{Decimal, Tables, row};
use super::people::{Admission, Patient};
use super::random::Random;

/// Blood is taken on admission and then every 12 hours in intensive care, every 24 on the ward.
pub(super) fn laboratory(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    ids: &mut Ids,
    random: &mut Random,
) -> io::Result<()> {
    let mut taken = admission.admitted + random.between(5, 50) * MINUTE;
    while taken < admission.discharged {
        let in_icu = admission.stay.is_some_and(|stay| (stay.entered..stay.left).contains(&taken));
        let results =
            labs::draw(admission.condition, admission.progress(taken), admission.dies, in_icu, random);
        let reported = taken + random.between(35, 90) * MINUTE;
        let mut specimen = ("", 0);
        for (lab, value) in results {
            if specimen.0 != lab.category {
                specimen = (lab.category, Ids::next(&mut ids.specimen));
            }
            let outside = value < lab.low || value > lab.high;
            let value = Decimal(value, lab.places);
            row!(tables, "labevents", {
                labevent_id: Ids::next(&mut ids.labevent),
                subject_id: patient.subject_id,
                hadm_id: admission.hadm_id,
                specimen_id: specimen.1,
                itemid: lab.itemid,
                order_provider_id: admission.provider,
                charttime: taken,
                storetime: reported,
                value: value,
                valuenum: value,
                valueuom: lab.unit,
                ref_range_lower: Decimal(lab.low, lab.places),
                ref_range_upper: Decimal(lab.high, lab.places),
                flag: if outside { "abnormal" } else { "" },
                priority: if in_icu { "STAT" } else { "ROUTINE" },
            });
        }
        taken = taken + if in_icu { 12 } else { 24 } * HOUR + random.between(-40, 40) * MINUTE;
    }
    Ok(())
}

/// Cultures on admission: those that grow are tested against antibiotics.
pub(super) fn microbiology(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    ids: &mut Ids,
    random: &mut Random,
) -> io::Result<()> {
    let taken = admission.admitted + random.between(10, 90) * MINUTE;
    let specimen = Ids::next(&mut ids.specimen);
    let grows = admission.condition.culture.filter(|_| random.percent(70));
    let Some(culture) = grows.or_else(|| random.percent(30).then_some(Culture::Blood)) else { return Ok(()) };
    let (spec_itemid, spec, test_itemid, test) = match culture {
        Culture::Urine => (70079, "URINE", 90039, "URINE CULTURE"),
        Culture::Blood => (70012, "BLOOD CULTURE", 90201, "Blood Culture, Routine"),
        Culture::Sputum => (70062, "SPUTUM", 90055, "RESPIRATORY CULTURE"),
    };
    let done = (taken + 3 * DAY).min(admission.discharged);
    let mut result = |organism: Option<(i64, &str)>, antibiotic: Option<&Antibiotic>| -> io::Result<()> {
        let (org_itemid, org_name) =
            organism.map_or((String::new(), ""), |(id, name)| (id.to_string(), name));
        let (ab_itemid, ab_name) = antibiotic.map_or((String::new(), ""), |ab| (ab.0.to_string(), ab.1));
        let (comparison, dilution, interpretation) = antibiotic.map_or(("", "", ""), |ab| (ab.2, ab.3, ab.4));
        row!(tables, "microbiologyevents", {
            microevent_id: Ids::next(&mut ids.microevent),
            subject_id: patient.subject_id,
            hadm_id: admission.hadm_id,
            micro_specimen_id: specimen,
            order_provider_id: admission.provider,
            chartdate: midnight(taken),
            charttime: taken,
            spec_itemid: spec_itemid,
            spec_type_desc: spec,
            test_seq: 1,
            storedate: midnight(done),
            storetime: done,
            test_itemid: test_itemid,
            test_name: test,
            org_itemid: org_itemid,
            org_name: org_name,
            isolate_num: if organism.is_some() { "1" } else { "" },
            ab_itemid: ab_itemid,
            ab_name: ab_name,
            dilution_text: format!("{comparison}{dilution}"),
            dilution_comparison: comparison,
            dilution_value: dilution,
            interpretation: interpretation,
            comments: if organism.is_some() { "" } else { "NO GROWTH.  " },
        });
        Ok(())
    };
    if grows.is_none() {
        return result(None, None);
    }
    let (organism, antibiotics) = match culture {
        Culture::Sputum => ((80023, "STAPH AUREUS COAG +"), &STAPH_AUREUS[..]),
        Culture::Urine | Culture::Blood => ((80002, "ESCHERICHIA COLI"), &E_COLI[..]),
    };
    antibiotics.iter().try_for_each(|antibiotic| result(Some(organism), Some(antibiotic)))
}

fn midnight(time: Time) -> String {
    format!("{} 00:00:00", time.day())
}

/// Identifier, name, comparison, dilution, interpretation.
type Antibiotic = (i64, &'static str, &'static str, &'static str, &'static str);

static E_COLI: [Antibiotic; 5] = [
    (90004, "AMPICILLIN", "=>", "32", "R"),
    (90018, "CEFTRIAXONE", "<=", "1", "S"),
    (90019, "CIPROFLOXACIN", "<=", "0.25", "S"),
    (90012, "GENTAMICIN", "<=", "1", "S"),
    (90029, "MEROPENEM", "<=", "0.25", "S"),
];

static STAPH_AUREUS: [Antibiotic; 3] = [
    (90016, "OXACILLIN", "=>", "4", "R"),
    (90012, "GENTAMICIN", "<=", "0.5", "S"),
    (90007, "CLINDAMYCIN", "<=", "0.25", "S"),
];

//! Rows of the `hosp` module about people, stays and billing.

use std::collections::BTreeMap;
use std::io;

use super::clock::{DAY, Time};
use super::conditions::{self, CHRONIC, Coded};
use super::labs::LABS;
use super::out::{Decimal, Maybe, Tables, row};
use super::people::{Admission, PROVIDERS, Patient};
use super::random::Random;

/// The dictionaries, which do not depend on anyone.
pub(super) fn dictionaries(tables: &mut Tables) -> io::Result<()> {
    for provider in PROVIDERS {
        row!(tables, "provider", { provider_id: provider });
    }
    for lab in &LABS {
        row!(tables, "d_labitems", { itemid: lab.itemid, label: lab.label, fluid: "Blood", category: lab.category });
    }
    let diagnoses = conditions::all().flat_map(|c| std::iter::once(&c.diagnosis).chain(c.also));
    titles(tables, "d_icd_diagnoses", diagnoses.chain(CHRONIC.iter().map(|(_, _, coded)| coded)))?;
    titles(
        tables,
        "d_icd_procedures",
        conditions::all().filter_map(|condition| condition.procedure.as_ref()),
    )?;
    row!(tables, "d_hcpcs", {
        code: "G0378",
        long_description: "Hospital observation service, per hour",
        short_description: "Hospital observation per hr",
    });
    for code in ["99218", "99219"] {
        row!(tables, "d_hcpcs", { code: code, category: 1, short_description: "Hospital observation services" });
    }
    Ok(())
}

fn titles<'a>(tables: &mut Tables, table: &str, all: impl Iterator<Item = &'a Coded>) -> io::Result<()> {
    let mut sorted = BTreeMap::new();
    for coded in all {
        sorted.insert((9, coded.icd9.0), coded.icd9.1);
        sorted.insert((10, coded.icd10.0), coded.icd10.1);
    }
    for ((version, code), title) in sorted {
        row!(tables, table, { icd_code: code, icd_version: version, long_title: title });
    }
    Ok(())
}

/// The patient's own row.
pub(super) fn patient(tables: &mut Tables, patient: &Patient) -> io::Result<()> {
    row!(tables, "patients", {
        subject_id: patient.subject_id,
        gender: patient.gender,
        anchor_age: patient.anchor_age,
        anchor_year: patient.anchor_year,
        anchor_year_group: patient.anchor_year_group,
        dod: Maybe(patient.died),
    });
    Ok(())
}

/// Everything about one admission except orders, results and intensive care.
pub(super) fn admission(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    ids: &mut Ids,
    random: &mut Random,
) -> io::Result<()> {
    row!(tables, "admissions", {
        subject_id: patient.subject_id,
        hadm_id: admission.hadm_id,
        admittime: admission.admitted,
        dischtime: admission.discharged,
        deathtime: Maybe(admission.dies.then_some(admission.discharged)),
        admission_type: admission.kind,
        admit_provider_id: admission.provider,
        admission_location: admission.from,
        discharge_location: admission.to,
        insurance: patient.insurance,
        language: patient.language,
        marital_status: patient.marital_status,
        race: patient.race,
        edregtime: Maybe(admission.arrived),
        edouttime: Maybe(admission.arrived.map(|_| admission.admitted)),
        hospital_expire_flag: i64::from(admission.dies),
    });
    transfers(tables, patient, admission, ids)?;
    row!(tables, "services", {
        subject_id: patient.subject_id,
        hadm_id: admission.hadm_id,
        transfertime: admission.admitted,
        curr_service: admission.condition.service,
    });
    billing(tables, patient, admission, random)?;
    measurements(tables, patient, admission, random)
}

/// Identifiers that count up over the whole sample.
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) transfer: i64,
    pub(super) labevent: i64,
    pub(super) specimen: i64,
    pub(super) microevent: i64,
    pub(super) pharmacy: i64,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { transfer: 94_000_000, labevent: 0, specimen: 95_000_000, microevent: 0, pharmacy: 96_000_000 }
    }

    /// Counts one of them up.
    pub(super) fn next(counter: &mut i64) -> i64 {
        *counter += 1;
        *counter
    }
}

fn transfers(tables: &mut Tables, patient: &Patient, admission: &Admission, ids: &mut Ids) -> io::Result<()> {
    let (admitted, discharged) = (admission.admitted, admission.discharged);
    let mut places: Vec<(&str, &str, Time, Option<Time>)> = Vec::new();
    if let Some(arrived) = admission.arrived {
        places.push(("ED", "Emergency Department", arrived, Some(admitted)));
    }
    let ward = admission.condition.ward;
    match admission.stay {
        None => places.push(("admit", ward, admitted, Some(discharged))),
        Some(stay) => {
            let direct = stay.entered == admitted;
            if !direct {
                places.push(("admit", ward, admitted, Some(stay.entered)));
            }
            places.push((
                if direct { "admit" } else { "transfer" },
                stay.unit,
                stay.entered,
                Some(stay.left),
            ));
            if stay.left < discharged {
                places.push(("transfer", ward, stay.left, Some(discharged)));
            }
        }
    }
    places.push(("discharge", "", discharged, None));
    for (event, unit, intime, outtime) in places {
        row!(tables, "transfers", {
            subject_id: patient.subject_id,
            hadm_id: admission.hadm_id,
            transfer_id: Ids::next(&mut ids.transfer),
            eventtype: event,
            careunit: unit,
            intime: intime,
            outtime: Maybe(outtime),
        });
    }
    Ok(())
}

fn billing(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    random: &mut Random,
) -> io::Result<()> {
    let (subject, hadm, version) = (patient.subject_id, admission.hadm_id, admission.icd_version);
    for (index, coded) in admission.diagnoses(patient).into_iter().enumerate() {
        row!(tables, "diagnoses_icd", {
            subject_id: subject,
            hadm_id: hadm,
            seq_num: index + 1,
            icd_code: coded.edition(version).0,
            icd_version: version,
        });
    }
    if let Some(procedure) = &admission.condition.procedure {
        row!(tables, "procedures_icd", {
            subject_id: subject,
            hadm_id: hadm,
            seq_num: 1,
            chartdate: (admission.admitted + DAY.min((admission.discharged - admission.admitted) / 2)).day(),
            icd_code: procedure.edition(version).0,
            icd_version: version,
        });
    }
    let (hcfa, hcfa_title, apr, apr_title) = admission.condition.drg;
    row!(tables, "drgcodes", {
        subject_id: subject, hadm_id: hadm, drg_type: "HCFA", drg_code: hcfa, description: hcfa_title,
    });
    let severity =
        if admission.dies { 4 } else { random.between(1, 3) + i64::from(admission.stay.is_some()) };
    row!(tables, "drgcodes", {
        subject_id: subject,
        hadm_id: hadm,
        drg_type: "APR",
        drg_code: apr,
        description: apr_title,
        drg_severity: severity,
        drg_mortality: if admission.dies { 4 } else { random.between(1, severity) },
    });
    if admission.kind == "OBSERVATION ADMIT" {
        row!(tables, "hcpcsevents", {
            subject_id: subject,
            hadm_id: hadm,
            chartdate: admission.admitted.day(),
            hcpcs_cd: "G0378",
            seq_num: 1,
            short_description: "Hospital observation per hr",
        });
    }
    Ok(())
}

/// What a clinic wrote down some days before.
fn measurements(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    random: &mut Random,
) -> io::Result<()> {
    let day = (admission.admitted + -random.between(3, 30) * DAY).day();
    let pounds = patient.weight_kg * 2205 / 1000;
    let body_mass = patient.weight_kg * 100_000 / (patient.height_cm * patient.height_cm);
    let pressure = format!("{}/{}", random.between(108, 148), random.between(62, 88));
    let inches = patient.height_cm * 100 / 254;
    for (name, value) in [
        ("Blood Pressure", pressure),
        ("Weight (Lbs)", pounds.to_string()),
        ("Height (Inches)", inches.to_string()),
        ("BMI (kg/m2)", Decimal(body_mass, 1).to_string()),
    ] {
        row!(tables, "omr", {
            subject_id: patient.subject_id, chartdate: day, seq_num: 1, result_name: name, result_value: value,
        });
    }
    Ok(())
}

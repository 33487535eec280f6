//! Discharge summaries and radiology reports, templated from the same facts as the tables.

use std::io;

use super::clock::{DAY, HOUR};
use super::out::{Tables, row};
use super::people::{Admission, Patient};

/// How every note begins, so that none is taken for a real one.
pub(super) const MARK: &str = "[SYNTHETIC NOTE]";

/// Both notes of one admission, the `number`th of its patient.
pub(super) fn write(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    number: usize,
) -> io::Result<()> {
    let signed = admission.discharged + DAY;
    let discharge = format!("{}-DS-{number}", patient.subject_id);
    row!(tables, "discharge", {
        note_id: discharge,
        subject_id: patient.subject_id,
        hadm_id: admission.hadm_id,
        note_type: "DS",
        note_seq: number,
        charttime: format!("{} 00:00:00", admission.discharged.day()),
        storetime: signed,
        text: summary(patient, admission),
    });
    detail(tables, "discharge_detail", patient, &discharge, "author", admission.provider)?;
    let taken = (admission.admitted + HOUR).min(admission.discharged);
    let radiology = format!("{}-RR-{number}", patient.subject_id);
    let (exam, findings, impression) = admission.condition.imaging;
    row!(tables, "radiology", {
        note_id: radiology,
        subject_id: patient.subject_id,
        hadm_id: admission.hadm_id,
        note_type: "RR",
        note_seq: number,
        charttime: taken,
        storetime: taken + 2 * HOUR,
        text: format!(
            "{MARK}\nEXAMINATION: {exam}\n\nINDICATION: {} year old {} with {}.\n\nFINDINGS:\n{findings}\n\nIMPRESSION:\n{impression}\n",
            admission.age,
            sex(patient),
            admission.condition.complaint,
        ),
    });
    detail(tables, "radiology_detail", patient, &radiology, "exam_name", exam)
}

fn detail(
    tables: &mut Tables,
    table: &str,
    patient: &Patient,
    note: &str,
    field: &str,
    value: &str,
) -> io::Result<()> {
    row!(tables, table, {
        note_id: note,
        subject_id: patient.subject_id,
        field_name: field,
        field_value: value,
        field_ordinal: 1,
    });
    Ok(())
}

fn summary(patient: &Patient, admission: &Admission) -> String {
    let condition = admission.condition;
    let history = match patient.chronic.as_slice() {
        [] => "None.".to_owned(),
        some => some.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ") + ".",
    };
    let diagnoses: Vec<_> = admission
        .diagnoses(patient)
        .iter()
        .map(|coded| format!("- {}", coded.edition(admission.icd_version).1))
        .collect();
    let stay = admission
        .stay
        .map_or(String::new(), |stay| format!(" The first days were spent in the {}.", stay.unit));
    let end = if admission.dies {
        "Despite treatment the patient deteriorated and died in hospital.".to_owned()
    } else {
        format!("Discharged to {} in stable condition.", admission.to.to_lowercase())
    };
    format!(
        "{MARK}\nName: ___   Unit No: ___\nAdmission Date: {}   Discharge Date: {}\nSex: {}   Service: {}\n\n\
         Chief Complaint:\n{}\n\nHistory of Present Illness:\n{} year old {} who presented with {}.\n\n\
         Past Medical History:\n{history}\n\nBrief Hospital Course:\nAdmitted with {}. {}{stay} {end}\n\n\
         Medications during admission:\n{}\n\nDischarge Diagnoses:\n{}\n\nFollowup Instructions:\n___\n",
        admission.admitted.day(),
        admission.discharged.day(),
        patient.gender,
        condition.service,
        condition.complaint,
        admission.age,
        sex(patient),
        condition.complaint,
        condition.name,
        condition.course,
        condition.drugs.join(", "),
        diagnoses.join("\n"),
    )
}

fn sex(patient: &Patient) -> &'static str {
    if patient.gender == "F" { "woman" } else { "man" }
}

//! Orders and what follows from them: provider orders, pharmacy, prescriptions and what nurses gave.

use std::io;

use super::clock::{DAY, HOUR, MINUTE, Time};
use super::drugs::{Drug, drug};
use super::hospital::Ids;
use super::out::{Tables, row};
use super::people::{Admission, Patient};
use super::random::Random;

/// Writes everything ordered in one admission. Order and dose numbers count on over a patient's admissions.
pub(super) fn write(
    tables: &mut Tables,
    patient: &Patient,
    admission: &Admission,
    numbers: &mut Numbers,
    ids: &mut Ids,
    random: &mut Random,
) -> io::Result<()> {
    let by = Orders { patient, admission };
    let admit = by.order(tables, numbers, admission.admitted, "ADT orders", "Admit")?;
    row!(tables, "poe_detail", {
        poe_id: admit.0,
        poe_seq: admit.1,
        subject_id: patient.subject_id,
        field_name: "Admit to",
        field_value: admission.condition.ward,
    });
    by.order(tables, numbers, admission.admitted + 5 * MINUTE, "Lab", "")?;
    let withheld = |name: &&str| admission.poor_kidneys() && HARD_ON_KIDNEYS.contains(name);
    let home = patient.chronic.iter().filter_map(|(name, _)| home_drug(name)).filter(|name| !withheld(name));
    let mut ordered: Vec<&Drug> = Vec::new();
    for name in admission.condition.drugs.iter().copied().chain(home) {
        if let Some(drug) = drug(name).filter(|drug| !ordered.iter().any(|known| known.name == drug.name)) {
            ordered.push(drug);
        }
    }
    for drug in ordered {
        // A vasopressor is for the unit; elsewhere it is not ordered.
        let window = if drug.daily == 0 {
            admission.stay.map(|stay| (stay.entered, stay.left.min(stay.entered + 2 * DAY)))
        } else {
            Some((admission.admitted + random.between(1, 5) * HOUR, admission.discharged))
        };
        if let Some((start, stop)) = window {
            by.medicate(tables, drug, (start, stop), numbers, ids, random)?;
        }
    }
    Ok(())
}

/// Per patient, as `MIMIC` numbers them.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    order: i64,
    dose: i64,
}

struct Orders<'a> {
    patient: &'a Patient,
    admission: &'a Admission,
}

impl Orders<'_> {
    fn order(
        &self,
        tables: &mut Tables,
        numbers: &mut Numbers,
        time: Time,
        kind: &str,
        detail: &str,
    ) -> io::Result<(String, i64)> {
        numbers.order += 1;
        let id = format!("{}-{}", self.patient.subject_id, numbers.order);
        row!(tables, "poe", {
            poe_id: id,
            poe_seq: numbers.order,
            subject_id: self.patient.subject_id,
            hadm_id: self.admission.hadm_id,
            ordertime: time,
            order_type: kind,
            order_subtype: detail,
            transaction_type: "New",
            order_provider_id: self.admission.provider,
            order_status: "Inactive",
        });
        Ok((id, numbers.order))
    }

    fn medicate(
        &self,
        tables: &mut Tables,
        drug: &Drug,
        (start, stop): (Time, Time),
        numbers: &mut Numbers,
        ids: &mut Ids,
        random: &mut Random,
    ) -> io::Result<()> {
        let (subject, hadm) = (self.patient.subject_id, self.admission.hadm_id);
        let pharmacy = Ids::next(&mut ids.pharmacy);
        let ordered = start + -20 * MINUTE;
        let (poe, poe_seq) = self.order(tables, numbers, ordered, "Medications", "")?;
        let per_day = if drug.daily == 0 { String::new() } else { drug.daily.to_string() };
        let drip = drug.daily == 0;
        row!(tables, "pharmacy", {
            subject_id: subject,
            hadm_id: hadm,
            pharmacy_id: pharmacy,
            poe_id: poe,
            starttime: start,
            stoptime: stop,
            medication: drug.name,
            proc_type: if drip { "IV Large Volume" } else { "Unit Dose" },
            status: "Discontinued via patient discharge",
            entertime: ordered,
            verifiedtime: start + -10 * MINUTE,
            route: drug.route,
            frequency: drug.frequency(),
            doses_per_24_hrs: per_day,
            duration_interval: "Ongoing",
            dispensation: "Omnicell",
        });
        row!(tables, "prescriptions", {
            subject_id: subject,
            hadm_id: hadm,
            pharmacy_id: pharmacy,
            poe_id: poe,
            poe_seq: poe_seq,
            order_provider_id: self.admission.provider,
            starttime: start,
            stoptime: stop,
            drug_type: "MAIN",
            drug: drug.name,
            formulary_drug_cd: drug.code,
            ndc: drug.ndc,
            prod_strength: drug.strength,
            dose_val_rx: drug.dose,
            dose_unit_rx: drug.unit,
            form_val_disp: drug.form.0,
            form_unit_disp: drug.form.1,
            doses_per_24_hrs: per_day,
            route: drug.route,
        });
        let every = if drip { 12 } else { 24 / drug.daily } * HOUR;
        let mut due = start;
        while due < stop {
            numbers.dose += 1;
            let emar = format!("{subject}-{}", numbers.dose);
            let given = random.percent(94);
            let late = random.between(0, 50) * MINUTE;
            row!(tables, "emar", {
                subject_id: subject,
                hadm_id: hadm,
                emar_id: emar,
                emar_seq: numbers.dose,
                poe_id: poe,
                pharmacy_id: pharmacy,
                enter_provider_id: self.admission.provider,
                charttime: (due + late).min(stop),
                medication: drug.name,
                event_txt: if given { "Administered" } else { "Not Given" },
                scheduletime: due,
                storetime: (due + late + MINUTE).min(stop),
            });
            row!(tables, "emar_detail", {
                subject_id: subject,
                emar_id: emar,
                emar_seq: numbers.dose,
                administration_type: "Standard Maintenance Medication",
                pharmacy_id: pharmacy,
                dose_due: drug.dose,
                dose_due_unit: drug.unit,
                dose_given: if given { drug.dose } else { "" },
                dose_given_unit: if given { drug.unit } else { "" },
                route: drug.route,
            });
            due = due + every;
        }
        Ok(())
    }
}

fn home_drug(illness: &str) -> Option<&'static str> {
    Some(match illness {
        "hypertension" => "Lisinopril",
        "hyperlipidemia" => "Atorvastatin",
        "type 2 diabetes" => "MetFORMIN (Glucophage)",
        "atrial fibrillation" => "Metoprolol Tartrate",
        "reflux" => "Pantoprazole",
        "depression" => "Sertraline",
        _ => return None,
    })
}

static HARD_ON_KIDNEYS: [&str; 2] = ["Lisinopril", "MetFORMIN (Glucophage)"];

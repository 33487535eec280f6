//! The formulary: drugs as hospitals order them.

/// A drug as ordered.
#[derive(Debug)]
pub(super) struct Drug {
    pub(super) name: &'static str,
    pub(super) code: &'static str,
    pub(super) ndc: &'static str,
    pub(super) strength: &'static str,
    pub(super) dose: &'static str,
    pub(super) unit: &'static str,
    pub(super) form: (&'static str, &'static str),
    /// Doses a day; 0 for a drip.
    pub(super) daily: i64,
    pub(super) route: &'static str,
}

impl Drug {
    /// Frequency as pharmacies write it.
    pub(super) fn frequency(&self) -> &'static str {
        match self.daily {
            0 => "INFUSION",
            1 => "DAILY",
            2 => "BID",
            3 => "TID",
            _ => "Q6H",
        }
    }
}

/// The drug called `name`.
pub(super) fn drug(name: &str) -> Option<&'static Drug> {
    DRUGS.iter().find(|drug| drug.name == name)
}

#[rustfmt::skip]
static DRUGS: [Drug; 21] = [
    order("Acetaminophen", "ACET325", "00904198261", "325mg Tablet", "650", "mg", ("2", "TAB"), 4, "PO/NG"),
    order("Aspirin", "ASA81", "00904404073", "81mg Tab", "81", "mg", ("1", "TAB"), 1, "PO/NG"),
    order("Atorvastatin", "ATOR80", "00071015892", "80mg Tablet", "80", "mg", ("1", "TAB"), 1, "PO/NG"),
    order("Azithromycin", "AZIT500I", "62756051244", "500mg Vial", "500", "mg", ("1", "VIAL"), 1, "IV"),
    order("CefePIME", "CEFE2I", "60505068104", "2g Vial", "2", "g", ("1", "VIAL"), 2, "IV"),
    order("CeftriaXONE", "CEFR1MB", "00004196401", "1g Vial (For Mini Bag plus)", "1", "gm", ("1", "VIAL"), 1, "IV"),
    order("Clopidogrel", "CLOP75", "00904629461", "75 mg Tablet", "75", "mg", ("1", "TAB"), 1, "PO/NG"),
    order("Furosemide", "FURO20I", "00409610202", "20mg/2mL Vial", "40", "mg", ("2", "VIAL"), 2, "IV"),
    order("Heparin", "HEPA5I", "63323026201", "5000 Units / mL- 1mL Vial", "5000", "UNIT", ("1", "mL"), 3, "SC"),
    order("Insulin", "HUMU100I", "00002751001", "100 Units / mL - 10 mL Vial", "8", "UNIT", ("0.08", "mL"), 3, "SC"),
    order("Lactulose", "LACT30L", "00121457735", "20g/30mL Cup", "30", "mL", ("1", "UDCUP"), 3, "PO/NG"),
    order("LevETIRAcetam", "LEVE500I", "14789040005", "500mg/5mL Vial", "500", "mg", ("5", "mL"), 2, "IV"),
    order("Lisinopril", "LISI10", "00904580861", "10mg Tablet", "10", "mg", ("1", "TAB"), 1, "PO/NG"),
    order("MetFORMIN (Glucophage)", "METF500", "51079097220", "500mg Tablet", "500", "mg", ("1", "TAB"), 2, "PO"),
    order("Metoprolol Tartrate", "METO25", "51079025520", "25mg Tablet", "25", "mg", ("1", "TAB"), 2, "PO/NG"),
    order("NORepinephrine", "NORE8/250N", "61553012011", "8 mg / 250 mL Premix Bag", "8", "mg", ("1", "BAG"), 0, "IV DRIP"),
    order("Pantoprazole", "PANT40", "00904623561", "40mg Tablet", "40", "mg", ("1", "TAB"), 1, "PO"),
    order("Potassium Chloride", "MICROK10", "00245004101", "10mEq ER Tablet", "40", "mEq", ("4", "TAB"), 1, "PO"),
    order("PredniSONE", "PRED10", "63739051910", "10 mg Tablet", "40", "mg", ("4", "TAB"), 1, "PO/NG"),
    order("Sertraline", "SERT50", "51079092220", "50mg Tablet", "50", "mg", ("1", "TAB"), 1, "PO"),
    order("Vancomycin", "VANC1F", "00338355248", "1g Frozen Bag", "1000", "mg", ("1", "BAG"), 2, "IV"),
];

#[expect(clippy::too_many_arguments, reason = "a row of a table, one argument a column")]
const fn order(
    name: &'static str,
    code: &'static str,
    ndc: &'static str,
    strength: &'static str,
    dose: &'static str,
    unit: &'static str,
    form: (&'static str, &'static str),
    daily: i64,
    route: &'static str,
) -> Drug {
    Drug { name, code, ndc, strength, dose, unit, form, daily, route }
}

#[cfg(test)]
mod tests {
    use super::super::conditions;
    use super::*;

    #[test]
    fn every_drug_a_condition_calls_for_can_be_ordered() {
        for name in conditions::all().flat_map(|condition| condition.drugs) {
            assert!(drug(name).is_some(), "{name} is not in the formulary");
        }
    }
}

//! Why people are admitted: a dozen common reasons with their real codes, typical findings and treatment.
//!
//! Codes and titles are facts of ICD-9-CM, ICD-10-CM/PCS and the DRG systems. Laboratory values are given at
//! admission, in the last place the laboratory reports (see `labs`): creatinine 24 is 2.4 mg/dL.

/// A diagnosis or procedure in both editions: (code, title) in ICD-10 and in ICD-9.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) icd10: (&'static str, &'static str),
    pub(super) icd9: (&'static str, &'static str),
}

/// A reason for admission.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) name: &'static str,
    /// How often it is met, against the others.
    pub(super) weight: usize,
    pub(super) diagnosis: Coded,
    pub(super) also: &'static [Coded],
    pub(super) procedure: Option<Coded>,
    /// (HCFA code, title, APR code, title).
    pub(super) drg: (&'static str, &'static str, &'static str, &'static str),
    pub(super) service: &'static str,
    pub(super) ward: &'static str,
    pub(super) icu: &'static str,
    /// Chances in percent.
    pub(super) icu_chance: i64,
    pub(super) death_chance: i64,
    pub(super) days: (i64, i64),
    /// Youngest and oldest it happens to here.
    pub(super) ages: (i64, i64),
    /// Chronic illness that is the same thing, and not coded again.
    pub(super) replaces: &'static [&'static str],
    /// Values at admission that differ from the usual: (itemid, value).
    pub(super) labs: &'static [(i64, i64)],
    pub(super) drugs: &'static [&'static str],
    pub(super) vitals: Vitals,
    /// Which culture grows something, if one does.
    pub(super) culture: Option<Culture>,
    pub(super) complaint: &'static str,
    pub(super) course: &'static str,
    pub(super) imaging: (&'static str, &'static str, &'static str),
}

/// Vital signs at their worst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vitals {
    pub(super) heart_rate: i64,
    pub(super) systolic: i64,
    pub(super) respirations: i64,
    pub(super) saturation: i64,
    /// Tenths of a degree Fahrenheit.
    pub(super) temperature: i64,
}

/// Vital signs of someone well.
pub(super) const WELL: Vitals = vitals(78, 122, 16, 97, 982);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Culture {
    Urine,
    Blood,
    Sputum,
}

const fn coded(icd10: (&'static str, &'static str), icd9: (&'static str, &'static str)) -> Coded {
    Coded { icd10, icd9 }
}

const fn vitals(
    heart_rate: i64,
    systolic: i64,
    respirations: i64,
    saturation: i64,
    temperature: i64,
) -> Vitals {
    Vitals { heart_rate, systolic, respirations, saturation, temperature }
}

const MEDICINE: &str = "Medicine";
const MICU: &str = "Medical Intensive Care Unit (MICU)";
const CCU: &str = "Coronary Care Unit (CCU)";
const NEURO_ICU: &str = "Neuro Surgical Intensive Care Unit (Neuro SICU)";
const TSICU: &str = "Trauma SICU (TSICU)";

pub(super) static CONDITIONS: [Condition; 14] = [
    Condition {
        name: "sepsis",
        weight: 16,
        diagnosis: coded(("A419", "Sepsis, unspecified organism"), ("0389", "Unspecified septicemia")),
        also: &[
            coded(("R6521", "Severe sepsis with septic shock"), ("78552", "Septic shock")),
            coded(
                ("N179", "Acute kidney failure, unspecified"),
                ("5849", "Acute kidney failure, unspecified"),
            ),
        ],
        procedure: Some(coded(
            ("02HV33Z", "Insertion of Infusion Device into Superior Vena Cava, Percutaneous Approach"),
            ("3897", "Central venous catheter placement with guidance"),
        )),
        drg: (
            "871",
            "SEPTICEMIA OR SEVERE SEPSIS W/O MV >96 HOURS W MCC",
            "720",
            "SEPTICEMIA & DISSEMINATED INFECTIONS",
        ),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 90,
        death_chance: 32,
        days: (5, 14),
        ages: (18, 120),
        replaces: &[],
        labs: &[
            (50813, 52),
            (51301, 192),
            (50912, 24),
            (51006, 48),
            (50882, 16),
            (51265, 118),
            (50820, 724),
            (51237, 16),
        ],
        drugs: &["Vancomycin", "CefePIME", "NORepinephrine", "Heparin"],
        vitals: vitals(124, 82, 28, 91, 1024),
        culture: Some(Culture::Blood),
        complaint: "fever and confusion",
        course: "Broad-spectrum antibiotics and fluids were given within the hour; norepinephrine was needed for blood pressure. Lactate was followed.",
        imaging: (
            "CHEST (PORTABLE AP)",
            "Patchy opacity at the right base. No pleural effusion. Heart size normal.",
            "Right basal opacity, which may be pneumonia in the right setting.",
        ),
    },
    Condition {
        name: "pneumonia",
        weight: 12,
        diagnosis: coded(
            ("J189", "Pneumonia, unspecified organism"),
            ("486", "Pneumonia, organism unspecified"),
        ),
        also: &[coded(
            ("J9601", "Acute respiratory failure with hypoxia"),
            ("51881", "Acute respiratory failure"),
        )],
        procedure: None,
        drg: ("193", "SIMPLE PNEUMONIA & PLEURISY W MCC", "139", "OTHER PNEUMONIA"),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 35,
        death_chance: 8,
        days: (3, 9),
        ages: (18, 120),
        replaces: &[],
        labs: &[(51301, 156), (50813, 21), (50983, 133)],
        drugs: &["CeftriaXONE", "Azithromycin", "Heparin", "Acetaminophen"],
        vitals: vitals(108, 112, 26, 88, 1014),
        culture: Some(Culture::Sputum),
        complaint: "cough and shortness of breath",
        course: "Oxygen was weaned as the fever settled on ceftriaxone and azithromycin.",
        imaging: (
            "CHEST (PA AND LAT)",
            "Dense consolidation in the left lower lobe with air bronchograms.",
            "Left lower lobe pneumonia.",
        ),
    },
    Condition {
        name: "heart failure",
        weight: 12,
        diagnosis: coded(
            ("I5023", "Acute on chronic systolic (congestive) heart failure"),
            ("42823", "Acute on chronic systolic heart failure"),
        ),
        also: &[],
        procedure: Some(coded(
            ("B24BZZZ", "Ultrasonography of Heart with Aorta"),
            ("8872", "Diagnostic ultrasound of heart"),
        )),
        drg: ("291", "HEART FAILURE & SHOCK W MCC", "194", "HEART FAILURE"),
        service: "CMED",
        ward: "Medicine/Cardiology",
        icu: CCU,
        icu_chance: 25,
        death_chance: 5,
        days: (3, 9),
        ages: (45, 120),
        replaces: &[],
        labs: &[(50983, 131), (50912, 16), (51006, 38), (51003, 4)],
        drugs: &["Furosemide", "Metoprolol Tartrate", "Lisinopril", "Potassium Chloride", "Heparin"],
        vitals: vitals(104, 146, 24, 90, 979),
        culture: None,
        complaint: "swollen legs and breathlessness lying flat",
        course: "Weight fell with intravenous furosemide; potassium was replaced and beta blockade resumed before discharge.",
        imaging: (
            "CHEST (PORTABLE AP)",
            "Cardiomegaly, perihilar haze and small bilateral effusions.",
            "Pulmonary oedema, moderate.",
        ),
    },
    Condition {
        name: "myocardial infarction",
        weight: 9,
        diagnosis: coded(
            ("I214", "Non-ST elevation (NSTEMI) myocardial infarction"),
            ("41071", "Subendocardial infarction, initial episode of care"),
        ),
        also: &[coded(
            ("I2510", "Atherosclerotic heart disease of native coronary artery without angina pectoris"),
            ("41401", "Coronary atherosclerosis of native coronary artery"),
        )],
        procedure: Some(coded(
            (
                "027034Z",
                "Dilation of Coronary Artery, One Artery with Drug-eluting Intraluminal Device, Percutaneous Approach",
            ),
            ("0066", "Percutaneous transluminal coronary angioplasty [PTCA]"),
        )),
        drg: (
            "247",
            "PERC CARDIOVASC PROC W DRUG-ELUTING STENT W/O MCC",
            "174",
            "PERCUTANEOUS CORONARY INTERVENTION W AMI",
        ),
        service: "CMED",
        ward: "Medicine/Cardiology",
        icu: CCU,
        icu_chance: 45,
        death_chance: 5,
        days: (2, 6),
        ages: (40, 120),
        replaces: &[],
        labs: &[(51003, 142), (50931, 148)],
        drugs: &["Aspirin", "Clopidogrel", "Atorvastatin", "Metoprolol Tartrate", "Heparin"],
        vitals: vitals(92, 138, 18, 95, 983),
        culture: None,
        complaint: "pressure in the chest",
        course: "Troponin rose; catheterisation showed a tight proximal lesion, which was stented. No pain since.",
        imaging: (
            "CHEST (PORTABLE AP)",
            "Lungs clear. Heart size upper normal.",
            "No acute cardiopulmonary process.",
        ),
    },
    Condition {
        name: "COPD exacerbation",
        weight: 8,
        diagnosis: coded(
            ("J441", "Chronic obstructive pulmonary disease with (acute) exacerbation"),
            ("49121", "Obstructive chronic bronchitis with (acute) exacerbation"),
        ),
        also: &[coded(
            ("Z87891", "Personal history of nicotine dependence"),
            ("V1582", "Personal history of tobacco use"),
        )],
        procedure: Some(coded(
            (
                "5A09357",
                "Assistance with Respiratory Ventilation, Less than 24 Consecutive Hours, Continuous Positive Airway Pressure",
            ),
            ("9390", "Non-invasive mechanical ventilation"),
        )),
        drg: (
            "190",
            "CHRONIC OBSTRUCTIVE PULMONARY DISEASE W MCC",
            "140",
            "CHRONIC OBSTRUCTIVE PULMONARY DISEASE",
        ),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 30,
        death_chance: 4,
        days: (3, 7),
        ages: (45, 120),
        replaces: &["COPD"],
        labs: &[(50882, 33), (50820, 729), (50931, 165)],
        drugs: &["PredniSONE", "Azithromycin", "Heparin"],
        vitals: vitals(106, 138, 27, 87, 986),
        culture: None,
        complaint: "wheeze and worsening breathlessness",
        course: "Improved on steroids, nebulisers and a night of non-invasive ventilation.",
        imaging: (
            "CHEST (PA AND LAT)",
            "Hyperinflated lungs with flattened diaphragms. No consolidation.",
            "Emphysema without pneumonia.",
        ),
    },
    Condition {
        name: "acute kidney injury",
        weight: 8,
        diagnosis: coded(
            ("N179", "Acute kidney failure, unspecified"),
            ("5849", "Acute kidney failure, unspecified"),
        ),
        also: &[coded(
            ("E871", "Hypo-osmolality and hyponatremia"),
            ("2761", "Hyposmolality and/or hyponatremia"),
        )],
        procedure: None,
        drg: ("682", "RENAL FAILURE W MCC", "469", "ACUTE KIDNEY INJURY"),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 15,
        death_chance: 4,
        days: (3, 8),
        ages: (18, 120),
        replaces: &[],
        labs: &[(50912, 48), (51006, 82), (50971, 58), (50882, 17), (50970, 61), (50983, 129)],
        drugs: &["Heparin", "Pantoprazole"],
        vitals: vitals(88, 104, 18, 96, 978),
        culture: None,
        complaint: "vomiting and little urine for two days",
        course: "Creatinine fell with fluids and with lisinopril held; no dialysis was needed.",
        imaging: ("RENAL U.S.", "Kidneys normal in size. No hydronephrosis or stone.", "No obstruction."),
    },
    Condition {
        name: "gastrointestinal bleeding",
        weight: 8,
        diagnosis: coded(
            ("K922", "Gastrointestinal hemorrhage, unspecified"),
            ("5789", "Hemorrhage of gastrointestinal tract, unspecified"),
        ),
        also: &[coded(("D62", "Acute posthemorrhagic anemia"), ("2851", "Acute posthemorrhagic anemia"))],
        procedure: Some(coded(
            (
                "0W3P8ZZ",
                "Control Bleeding in Gastrointestinal Tract, Via Natural or Artificial Opening Endoscopic",
            ),
            ("4443", "Endoscopic control of gastric or duodenal bleeding"),
        )),
        drg: ("377", "G.I. HEMORRHAGE W MCC", "253", "OTHER & UNSPECIFIED GASTROINTESTINAL HEMORRHAGE"),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 45,
        death_chance: 6,
        days: (2, 7),
        ages: (18, 120),
        replaces: &[],
        labs: &[(51222, 68), (51006, 46), (50813, 26)],
        drugs: &["Pantoprazole", "Acetaminophen"],
        vitals: vitals(114, 94, 20, 97, 979),
        culture: None,
        complaint: "black stools and dizziness",
        course: "Two units of red cells were given; endoscopy found a bleeding ulcer, which was clipped.",
        imaging: (
            "CHEST (PORTABLE AP)",
            "Lungs clear. No free air under the diaphragm.",
            "No acute process.",
        ),
    },
    Condition {
        name: "cirrhosis with ascites",
        weight: 5,
        diagnosis: coded(
            ("K7031", "Alcoholic cirrhosis of liver with ascites"),
            ("5712", "Alcoholic cirrhosis of liver"),
        ),
        also: &[coded(("G9341", "Metabolic encephalopathy"), ("34831", "Metabolic encephalopathy"))],
        procedure: Some(coded(
            ("0W9G3ZZ", "Drainage of Peritoneal Cavity, Percutaneous Approach"),
            ("5491", "Percutaneous abdominal drainage"),
        )),
        drg: ("432", "CIRRHOSIS & ALCOHOLIC HEPATITIS W MCC", "280", "ALCOHOLIC LIVER DISEASE"),
        service: "MED",
        ward: "Transplant",
        icu: MICU,
        icu_chance: 25,
        death_chance: 12,
        days: (4, 11),
        ages: (35, 78),
        replaces: &[],
        labs: &[(50885, 62), (51237, 21), (51265, 74), (50983, 128), (50861, 58), (51222, 96)],
        drugs: &["Lactulose", "CeftriaXONE", "Furosemide", "Pantoprazole"],
        vitals: vitals(96, 98, 18, 96, 984),
        culture: None,
        complaint: "a swollen belly and drowsiness",
        course: "Four litres were drained; confusion cleared on lactulose.",
        imaging: (
            "ABDOMEN U.S.",
            "Nodular liver, large ascites, patent portal vein. Spleen enlarged.",
            "Cirrhosis with portal hypertension.",
        ),
    },
    Condition {
        name: "ischaemic stroke",
        weight: 6,
        diagnosis: coded(
            ("I639", "Cerebral infarction, unspecified"),
            ("43491", "Cerebral artery occlusion, unspecified with cerebral infarction"),
        ),
        also: &[],
        procedure: None,
        drg: (
            "065",
            "INTRACRANIAL HEMORRHAGE OR CEREBRAL INFARCTION W CC",
            "045",
            "CVA & PRECEREBRAL OCCLUSIONS W INFARCT",
        ),
        service: "NMED",
        ward: "Neurology",
        icu: NEURO_ICU,
        icu_chance: 30,
        death_chance: 7,
        days: (3, 10),
        ages: (40, 120),
        replaces: &[],
        labs: &[(50931, 142)],
        drugs: &["Aspirin", "Atorvastatin", "Heparin", "LevETIRAcetam"],
        vitals: vitals(84, 172, 17, 97, 982),
        culture: None,
        complaint: "sudden weakness of the right arm and slurred speech",
        course: "Outside the window for thrombolysis; antiplatelet and statin were started, with gains in therapy.",
        imaging: (
            "CT HEAD W/O CONTRAST",
            "Loss of grey-white differentiation in the left middle cerebral artery territory. No bleeding.",
            "Evolving left MCA infarct.",
        ),
    },
    Condition {
        name: "intracerebral haemorrhage",
        weight: 3,
        diagnosis: coded(
            ("I619", "Nontraumatic intracerebral hemorrhage, unspecified"),
            ("431", "Intracerebral hemorrhage"),
        ),
        also: &[],
        procedure: Some(coded(
            ("5A1945Z", "Respiratory Ventilation, 24-96 Consecutive Hours"),
            ("9671", "Continuous invasive mechanical ventilation for less than 96 consecutive hours"),
        )),
        drg: (
            "064",
            "INTRACRANIAL HEMORRHAGE OR CEREBRAL INFARCTION W MCC",
            "044",
            "INTRACRANIAL HEMORRHAGE",
        ),
        service: "NSURG",
        ward: "Neurology",
        icu: NEURO_ICU,
        icu_chance: 100,
        death_chance: 35,
        days: (4, 13),
        ages: (18, 120),
        replaces: &[],
        labs: &[(51237, 14), (50931, 168)],
        drugs: &["LevETIRAcetam", "Pantoprazole", "Acetaminophen"],
        vitals: vitals(76, 192, 18, 97, 990),
        culture: None,
        complaint: "the worst headache of their life, then collapse",
        course: "Blood pressure was brought below 140 and repeat imaging obtained.",
        imaging: (
            "CT HEAD W/O CONTRAST",
            "Left basal ganglia haemorrhage, 4 cm, with 5 mm of midline shift.",
            "Acute intraparenchymal haemorrhage with mass effect.",
        ),
    },
    Condition {
        name: "diabetic ketoacidosis",
        weight: 6,
        diagnosis: coded(
            ("E1010", "Type 1 diabetes mellitus with ketoacidosis without coma"),
            ("25013", "Diabetes with ketoacidosis, type I [juvenile type], uncontrolled"),
        ),
        also: &[coded(("E876", "Hypokalemia"), ("2768", "Hypopotassemia"))],
        procedure: None,
        drg: ("638", "DIABETES W CC", "420", "DIABETES"),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 75,
        death_chance: 1,
        days: (2, 5),
        ages: (18, 58),
        replaces: &["type 2 diabetes"],
        labs: &[(50931, 486), (50882, 9), (50983, 131), (50902, 97), (50820, 712), (50971, 54), (50912, 15)],
        drugs: &["Insulin", "Potassium Chloride", "Heparin"],
        vitals: vitals(118, 106, 26, 98, 981),
        culture: None,
        complaint: "thirst, vomiting and abdominal pain",
        course: "The anion gap closed on an insulin drip; subcutaneous insulin was resumed.",
        imaging: ("CHEST (PORTABLE AP)", "Lungs clear.", "No pneumonia."),
    },
    Condition {
        name: "hip fracture",
        weight: 6,
        diagnosis: coded(
            (
                "S72001A",
                "Fracture of unspecified part of neck of right femur, initial encounter for closed fracture",
            ),
            ("82021", "Closed fracture of intertrochanteric section of neck of femur"),
        ),
        also: &[coded(("D62", "Acute posthemorrhagic anemia"), ("2851", "Acute posthemorrhagic anemia"))],
        procedure: Some(coded(
            (
                "0SRR0J9",
                "Replacement of Right Hip Joint, Femoral Surface with Synthetic Substitute, Cemented, Open Approach",
            ),
            ("7935", "Open reduction of fracture with internal fixation, femur"),
        )),
        drg: ("481", "HIP & FEMUR PROCEDURES EXCEPT MAJOR JOINT W CC", "308", "HIP & FEMUR FRACTURE REPAIR"),
        service: "ORTHO",
        ward: "Med/Surg/Trauma",
        icu: TSICU,
        icu_chance: 10,
        death_chance: 2,
        days: (4, 8),
        ages: (60, 120),
        replaces: &[],
        labs: &[(51222, 92)],
        drugs: &["Acetaminophen", "Heparin", "Pantoprazole"],
        vitals: vitals(90, 134, 17, 96, 985),
        culture: None,
        complaint: "a fall at home with hip pain",
        course: "The hip was repaired on the second day; walking with a frame at discharge.",
        imaging: (
            "HIP UNILAT MIN 2 VIEWS",
            "Displaced fracture of the femoral neck. Joint space preserved.",
            "Femoral neck fracture.",
        ),
    },
    Condition {
        name: "urinary tract infection",
        weight: 8,
        diagnosis: coded(
            ("N390", "Urinary tract infection, site not specified"),
            ("5990", "Urinary tract infection, site not specified"),
        ),
        also: &[],
        procedure: None,
        drg: ("690", "KIDNEY & URINARY TRACT INFECTIONS W/O MCC", "463", "KIDNEY & URINARY TRACT INFECTIONS"),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 5,
        death_chance: 1,
        days: (2, 5),
        ages: (18, 120),
        replaces: &[],
        labs: &[(51301, 138), (50912, 14)],
        drugs: &["CeftriaXONE", "Acetaminophen", "Heparin"],
        vitals: vitals(98, 118, 18, 97, 1008),
        culture: Some(Culture::Urine),
        complaint: "burning urine and chills",
        course: "Afebrile within a day of ceftriaxone; the course was finished by mouth.",
        imaging: ("RENAL U.S.", "No hydronephrosis. Bladder wall mildly thickened.", "No obstruction."),
    },
    Condition {
        name: "pulmonary embolism",
        weight: 5,
        diagnosis: coded(
            ("I2699", "Other pulmonary embolism without acute cor pulmonale"),
            ("41519", "Other pulmonary embolism and infarction"),
        ),
        also: &[coded(
            ("Z7901", "Long term (current) use of anticoagulants"),
            ("V5861", "Long-term (current) use of anticoagulants"),
        )],
        procedure: None,
        drg: ("176", "PULMONARY EMBOLISM W/O MCC", "134", "PULMONARY EMBOLISM"),
        service: "MED",
        ward: MEDICINE,
        icu: MICU,
        icu_chance: 25,
        death_chance: 4,
        days: (3, 6),
        ages: (18, 120),
        replaces: &[],
        labs: &[(51003, 6), (50813, 18)],
        drugs: &["Heparin", "Acetaminophen"],
        vitals: vitals(116, 110, 25, 90, 990),
        culture: None,
        complaint: "sharp chest pain on breathing in",
        course: "Heparin was started at once and changed to tablets before discharge.",
        imaging: (
            "CTA CHEST W&W/O C&RECONS, NON-CORONARY",
            "Filling defects in the right lower lobe arteries. No right heart strain.",
            "Acute pulmonary embolism, right lower lobe.",
        ),
    },
];

/// Long-standing illness that people bring with them, with its chance in percent.
pub(super) static CHRONIC: [(i64, &str, Coded); 9] = [
    (
        55,
        "hypertension",
        coded(("I10", "Essential (primary) hypertension"), ("4019", "Unspecified essential hypertension")),
    ),
    (
        40,
        "hyperlipidemia",
        coded(("E785", "Hyperlipidemia, unspecified"), ("2724", "Other and unspecified hyperlipidemia")),
    ),
    (
        28,
        "type 2 diabetes",
        coded(
            ("E119", "Type 2 diabetes mellitus without complications"),
            (
                "25000",
                "Diabetes mellitus without mention of complication, type II or unspecified type, not stated as uncontrolled",
            ),
        ),
    ),
    (
        22,
        "atrial fibrillation",
        coded(("I4891", "Unspecified atrial fibrillation"), ("42731", "Atrial fibrillation")),
    ),
    (
        18,
        "chronic kidney disease",
        coded(
            ("N189", "Chronic kidney disease, unspecified"),
            ("5859", "Chronic kidney disease, unspecified"),
        ),
    ),
    (
        14,
        "COPD",
        coded(
            ("J449", "Chronic obstructive pulmonary disease, unspecified"),
            ("496", "Chronic airway obstruction, not elsewhere classified"),
        ),
    ),
    (
        24,
        "reflux",
        coded(
            ("K219", "Gastro-esophageal reflux disease without esophagitis"),
            ("53081", "Esophageal reflux"),
        ),
    ),
    (
        20,
        "depression",
        coded(
            ("F329", "Major depressive disorder, single episode, unspecified"),
            ("311", "Depressive disorder, not elsewhere classified"),
        ),
    ),
    (15, "anemia", coded(("D649", "Anemia, unspecified"), ("2859", "Anemia, unspecified"))),
];

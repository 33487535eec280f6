//! The index against reading every note, and what it is made of.

use duckdb::{AccessMode, Config, Connection, params};
use proptest::prelude::*;

use super::*;

const NOTES: [(&str, &str); 5] = [
    ("1-DS-1", "Fever and cough. Chest X-ray: pneumonia. Treated for community acquired pneumonia."),
    ("1-DS-2", "No fever. Chest pain, ruled out for MI."),
    ("2-DS-1", "Vitamin D deficiency; type 2 diabetes. No chest pain."),
    ("2-DS-2", "Pain in the chest wall. Hepatitis C."),
    ("3-DS-1", ""),
];

/// A database with these notes as discharge summaries, and one radiology report.
fn database(notes: &[(&str, &str)]) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    fill(&connection, notes);
    connection
}

fn fill(connection: &Connection, notes: &[(&str, &str)]) {
    for table in ["discharge", "radiology"] {
        connection
            .execute_batch(&format!(
                "CREATE SCHEMA IF NOT EXISTS mimiciv_note; CREATE TABLE mimiciv_note.{table} (note_id VARCHAR, \
                 subject_id INTEGER, hadm_id INTEGER, charttime TIMESTAMP, text VARCHAR)"
            ))
            .unwrap();
    }
    let insert = "INSERT INTO mimiciv_note.discharge VALUES (?, 1, NULL, TIMESTAMP '2180-01-02 03:04:05', ?)";
    for (id, text) in notes {
        connection.execute(insert, params![id, text]).unwrap();
    }
    connection
        .execute(
            "INSERT INTO mimiciv_note.radiology VALUES ('1-RR-1', 1, 7, NULL, 'Chest film. No pneumonia.')",
            [],
        )
        .unwrap();
}

fn indexed(connection: &Connection) -> Vec<Indexed> {
    let scratch = tempfile::tempdir().unwrap();
    index_all(connection, scratch.path(), &mut |_, _, _| {}).unwrap()
}

fn find(connection: &Connection, typed: &str, limit: usize) -> Found {
    let query = Query::parse(typed).unwrap();
    let wanted = Search { query, kinds: Kind::ALL.to_vec(), limit, snippet_length: 60 };
    search(connection, &wanted, 1 << 20, &|| false).unwrap()
}

fn ids(found: &Found) -> Vec<String> {
    let hits = found.sections.iter().flat_map(|section| &section.hits);
    hits.map(|hit| hit.note_id.clone().unwrap()).collect()
}

#[test]
fn the_engine_has_no_full_text_search_of_its_own() {
    let connection = Connection::open_in_memory().unwrap();
    let there: bool = connection
        .query_row(
            "SELECT count(*) > 0 FROM duckdb_extensions() WHERE extension_name = 'fts' AND loaded",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(!there, "decision 16 was made without it: measure again");
}

#[test]
fn every_form_of_a_query_finds_what_it_means_with_an_index_and_without() {
    let plain = database(&NOTES);
    let with = database(&NOTES);
    assert_eq!(indexed(&with).len(), 2);
    for (typed, expected) in [
        ("pneumonia", vec!["1-DS-1", "1-RR-1"]),
        ("\"chest pain\"", vec!["1-DS-2", "2-DS-1"]),
        ("chest pain", vec!["2-DS-2", "1-DS-2", "2-DS-1"]),
        ("\"vitamin d\"", vec!["2-DS-1"]),
        ("hepatitis c", vec!["2-DS-2"]),
        ("x-ray OR film", vec!["1-DS-1", "1-RR-1"]),
        ("pneumo* -cough", vec!["1-RR-1"]),
        ("chest NOT pain", vec!["1-DS-1", "1-RR-1"]),
        ("diabet*", vec!["2-DS-1"]),
        ("FEVER Cough", vec!["1-DS-1"]),
    ] {
        for connection in [&plain, &with] {
            let found = find(connection, typed, 5);
            let mut got = ids(&found);
            let mut expected: Vec<_> = expected.iter().map(|&id| id.to_owned()).collect();
            got.sort();
            expected.sort();
            assert_eq!(got, expected, "{typed}");
            assert_eq!(found.matching, Match::All, "{typed}");
        }
    }
    assert!(find(&with, "fever", 5).indexed && !find(&plain, "fever", 5).indexed);
}

#[test]
fn what_no_note_has_whole_is_found_in_part_and_said_to_be() {
    let connection = database(&NOTES);
    indexed(&connection);
    let found = find(&connection, "pneumonia zebra hepatitis", 5);
    assert_eq!(found.matching, Match::Any);
    let section = &found.sections[0];
    assert_eq!(section.parts, [("pneumonia".into(), 1), ("zebra".into(), 0), ("hepatitis".into(), 1)]);
    assert_eq!((section.total, section.notes), (2, 5));
    let none = find(&connection, "zebra", 5);
    assert_eq!((none.matching, ids(&none).len()), (Match::All, 0));
}

#[test]
fn hits_say_whose_and_when_and_how_long() {
    let connection = database(&NOTES);
    indexed(&connection);
    let found = find(&connection, "diabetes", 5);
    let hit = &found.sections[0].hits[0];
    assert_eq!(hit.snippet, "Vitamin D deficiency; type 2 **diabetes**. No chest pain.");
    assert_eq!((hit.subject_id, hit.hadm_id, hit.length), (Some(1), None, NOTES[2].1.len()));
    assert_eq!(hit.charttime.as_deref(), Some("2180-01-02 03:04:05"));
}

#[test]
fn an_index_of_other_notes_is_not_believed_and_is_made_again() {
    let connection = database(&NOTES);
    assert_eq!(indexed(&connection).len(), 2);
    assert_eq!(indexed(&connection), [], "it was there");
    connection
        .execute("INSERT INTO mimiciv_note.discharge VALUES ('4-DS-1', 4, 4, NULL, 'zebra')", [])
        .unwrap();
    let found = find(&connection, "zebra", 5);
    assert_eq!((ids(&found), found.indexed), (vec!["4-DS-1".to_owned()], false));
    assert_eq!(indexed(&connection).iter().map(|made| made.kind).collect::<Vec<_>>(), [Kind::Discharge]);
    assert!(find(&connection, "zebra", 5).indexed);
}

#[test]
fn an_index_of_as_many_other_notes_is_made_again() {
    let connection = database(&NOTES);
    indexed(&connection);
    connection
        .execute("UPDATE mimiciv_note.discharge SET text = 'zebra' WHERE note_id = '3-DS-1'", [])
        .unwrap();
    assert_eq!(indexed(&connection).len(), 1);
    assert_eq!(ids(&find(&connection, "zebra", 5)), ["3-DS-1"]);
}

#[test]
fn a_limit_keeps_the_best_and_the_count_of_all() {
    let notes: Vec<(String, String)> =
        (0..300).map(|n| (format!("{n}-DS-1"), format!("fever {}", "filler ".repeat(n)))).collect();
    let notes: Vec<(&str, &str)> = notes.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    let connection = database(&notes);
    indexed(&connection);
    let found = find(&connection, "fever", 3);
    assert_eq!(ids(&found), ["0-DS-1", "1-DS-1", "2-DS-1"]);
    assert_eq!(found.sections[0].total, 300);
    let query = Query::parse("fever").unwrap();
    let wanted = Search { query, kinds: vec![Kind::Discharge], limit: 100, snippet_length: 1_000 };
    let small = search(&connection, &wanted, 5_000, &|| false).unwrap();
    assert!(small.cut && small.sections[0].hits.len() < 30, "{}", small.sections[0].hits.len());
}

#[test]
fn many_blocks_and_chunks_make_one_index() {
    let connection = database(&[]);
    // More notes than a block and than the engine's batches, over several chunks.
    connection
        .execute_batch(
            "INSERT INTO mimiciv_note.discharge SELECT range || '-DS-1', range, range, NULL, \
             'common word ' || range || CASE WHEN range % 1000 = 7 THEN ' rare find' ELSE ' find' END FROM range(40000)",
        )
        .unwrap();
    let made = indexed(&connection);
    assert_eq!((made[0].notes, made[0].words), (40_000, 160_040));
    let found = find(&connection, "\"common word\" find", 2);
    assert_eq!((found.sections[0].total, found.indexed), (40_000, true));
    assert_eq!(find(&connection, "\"rare find\"", 100).sections[0].total, 40);
    assert_eq!(ids(&find(&connection, "\"word 31007 rare\"", 5)), ["31007-DS-1"]);
    let blocks: i64 = connection
        .query_row("SELECT count(*) FROM m4_notes.discharge_words WHERE word = 'common'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(blocks, 3);
}

#[test]
fn a_search_that_is_stopped_ends() {
    let connection = database(&NOTES);
    let query = Query::parse("fever").unwrap();
    let wanted = Search { query, kinds: Kind::ALL.to_vec(), limit: 5, snippet_length: 60 };
    for _ in 0..2 {
        let stopped = search(&connection, &wanted, 1 << 20, &|| true);
        assert!(matches!(stopped, Err(SearchError::Stopped)));
        indexed(&connection);
    }
}

#[test]
fn a_database_without_notes_has_no_sections() {
    let connection = Connection::open_in_memory().unwrap();
    assert_eq!(indexed(&connection), []);
    assert_eq!(find(&connection, "fever", 5).sections, []);
}

#[test]
fn the_index_is_read_from_a_read_only_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.duckdb");
    let writable = Connection::open(&path).unwrap();
    fill(&writable, &NOTES);
    indexed(&writable);
    writable.close().unwrap();
    let locked = Config::default().access_mode(AccessMode::ReadOnly).unwrap();
    let connection = Connection::open_with_flags(&path, locked).unwrap();
    assert!(find(&connection, "fever", 5).indexed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Scores may differ, because a scan knows only the notes it reads; what fits may not.
    #[test]
    fn an_index_finds_what_reading_every_note_finds(
        notes in prop::collection::vec("([a-d]{1,3}|É|x-ray|2)([ .,\n]([a-d]{1,3}|É|x-ray|2)){0,12}", 0..12),
        typed in "(-|\"|NOT )?[a-dé]{1,4}\\*?( (OR |-|\")?[a-dé]{1,3}\"?){0,3}",
    ) {
        let Ok(query) = Query::parse(&typed) else { return Ok(()) };
        let names: Vec<String> = (0..notes.len()).map(|n| format!("{n}")).collect();
        let notes: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(notes.iter().map(String::as_str)).collect();
        let connection = database(&notes);
        let wanted = Search { query, kinds: vec![Kind::Discharge], limit: 100, snippet_length: 40 };
        let read = search(&connection, &wanted, 1 << 20, &|| false).unwrap();
        indexed(&connection);
        let looked_up = search(&connection, &wanted, 1 << 20, &|| false).unwrap();
        prop_assert!(looked_up.indexed && !read.indexed);
        prop_assert_eq!(looked_up.matching, read.matching);
        let sorted = |found: &Found| {
            let mut list = ids(found);
            list.sort();
            (found.sections[0].total, list)
        };
        prop_assert_eq!(sorted(&looked_up), sorted(&read), "{}", typed);
    }

    #[test]
    fn any_text_can_be_searched_for_and_indexed(typed in any::<String>(), note in any::<String>()) {
        let note = note.replace('\0', "");
        let connection = database(&[("1", &note)]);
        indexed(&connection);
        if let Ok(query) = Query::parse(&typed) {
            let wanted = Search { query, kinds: Kind::ALL.to_vec(), limit: 5, snippet_length: 1 };
            search(&connection, &wanted, 1 << 20, &|| false).unwrap();
        }
        if let Ok(query) = Query::parse(&note) {
            let wanted = Search { query, kinds: vec![Kind::Discharge], limit: 5, snippet_length: 5 };
            let found = search(&connection, &wanted, 1 << 20, &|| false).unwrap();
            prop_assert!(found.sections[0].notes == 1);
        }
    }
}

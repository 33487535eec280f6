//! A database made anew while the server answers: every answer is of one database or of the other, and none is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use m4_tests::cli::m4;
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::http_setup::Web;
use crate::setup::{Reply, answers, begin, call, empty, start};

/// In one statement: patients and admissions, whose numbers belong together.
const BOTH: &str = "SELECT (SELECT count(*) FROM mimiciv_hosp.patients) AS p, (SELECT count(*) FROM mimiciv_hosp.admissions) AS a";

/// A source with so many patients, each admitted twice.
fn source(root: &Path, patients: u32) -> PathBuf {
    let folder = root.join(format!("source-{patients}/hosp"));
    fs::create_dir_all(&folder).unwrap();
    let patient = |id: u32| format!("{id},F,71,2180,2011 - 2013,\n");
    let stay = |id: u32| format!("{},{id},2180-01-01 08:00:00,2180-01-02 08:00:00,,URGENT\n", id / 10);
    let rows: String = (1..=patients).map(patient).collect();
    let stays: String = (1..=patients).flat_map(|id| [id * 10, id * 10 + 1]).map(stay).collect();
    let rows = format!("subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n{rows}");
    let stays = format!("subject_id,hadm_id,admittime,dischtime,deathtime,admission_type\n{stays}");
    fs::write(folder.join("patients.csv"), rows).unwrap();
    fs::write(folder.join("admissions.csv"), stays).unwrap();
    folder.parent().unwrap().to_owned()
}

fn init(sandbox: &Sandbox, source: &Path) {
    let args = ["init", "mimic-iv-demo", "--force", "--src", source.to_str().unwrap()];
    let output = m4(sandbox, args).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

fn asking(sql: &str) -> Value {
    json!({ "sql_query": sql, "dataset": "mimic-iv-demo" })
}

#[test]
fn no_query_fails_or_mixes_two_databases_while_they_change() {
    let web = Web::with(|sandbox| {
        let first = source(sandbox.root(), 3);
        init(&sandbox, &first);
        sandbox
    });
    let sources = [source(web.sandbox.root(), 5), source(web.sandbox.root(), 3)];
    let (token, done) = (web.token(), AtomicBool::new(false));
    let asked = web.server.call("execute_query", &asking(BOTH)).bearer(&token);
    let (asked, done) = (&asked, &done);
    let answers = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    let mut seen = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        let answer = asked.send().unwrap();
                        let rows = answer.json()["result"]["structuredContent"]["rows"].clone();
                        assert!(rows == json!([[3, 6]]) || rows == json!([[5, 10]]), "{}", answer.body);
                        seen.push(rows[0][0].as_u64().unwrap());
                    }
                    seen
                })
            })
            .collect();
        for round in 0..6 {
            init(&web.sandbox, &sources[round % 2]);
        }
        done.store(true, Ordering::Relaxed);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    println!("{} answers during 6 inits", answers.len());
    assert!(answers.contains(&3) && answers.contains(&5), "{answers:?}");
    let last = asked.send().unwrap();
    assert_eq!(last.json()["result"]["structuredContent"]["rows"], json!([[3, 6]]));
}

#[test]
fn a_query_under_way_ends_on_the_database_it_began_on() {
    let sandbox = empty();
    let (three, five) = (source(sandbox.root(), 3), source(sandbox.root(), 5));
    init(&sandbox, &three);
    let mut server = start(&sandbox);
    assert_eq!(call(&mut server, "execute_query", asking(BOTH)).rows(), &[json!([3, 6])]);
    // It reads the patients again after a while that outlasts the change.
    let slow = "SELECT (SELECT count(*) FROM mimiciv_hosp.patients) AS before, \
                (SELECT count(*) FROM range(150000000) r WHERE r.range % 11 = 3) AS work, \
                (SELECT count(*) FROM mimiciv_hosp.admissions) AS after";
    let id = begin(&mut server, "execute_query", &asking(slow));
    init(&sandbox, &five);
    let meanwhile = begin(&mut server, "execute_query", &asking(BOTH));
    let answered = answers(&mut server, &[id, meanwhile]);
    assert_eq!(Reply::of(&answered[&meanwhile]).rows(), &[json!([5, 10])]);
    let slow = Reply::of(&answered[&id]);
    let row = &slow.rows()[0];
    assert!(row[0] == 3 && row[2] == 6 || row[0] == 5 && row[2] == 10, "{row}");
}

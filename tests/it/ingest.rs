//! Setting datasets up from files that are not as they should be, by runs that do not end as they should.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use m4_tests::cli::{Output, m4, run};
use m4_tests::sandbox::Sandbox;
use m4_tests::{ambient, binaries};

use crate::setup::{empty, skip};

/// A source of eight tables with so many rows each.
fn source(sandbox: &Sandbox, name: &str, rows: u32) -> PathBuf {
    let src = sandbox.root().join(name);
    for (file, header) in TABLES {
        let mut text = format!("{header}\n");
        for row in 0..rows {
            let (a, b) = (row.wrapping_mul(7919) % 99_991, row % 97);
            writeln!(text, "{a},\"some {b} text, with a comma\",{row}").unwrap();
        }
        write(&src.join(file), text.as_bytes());
    }
    src
}

const TABLES: [(&str, &str); 8] = [
    ("hosp/d_labitems.csv", "itemid,label,category"),
    ("hosp/d_hcpcs.csv", "extra,long_description,code"),
    ("hosp/omr.csv", "subject_id,result_name,seq_num"),
    ("hosp/provider.csv", "a,b,provider_id"),
    ("hosp/services.csv", "subject_id,prev_service,hadm_id"),
    ("icu/caregiver.csv", "caregiver_id,note,other"),
    ("icu/d_items.csv", "itemid,label,category"),
    ("icu/icustays.csv", "subject_id,first_careunit,stay_id"),
];

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn init(sandbox: &Sandbox, src: &Path) -> Output {
    m4(sandbox, ["init", "mimic-iv-demo", "--force", "--src", src.to_str().unwrap()]).unwrap()
}

fn database(sandbox: &Sandbox) -> PathBuf {
    sandbox.data_dir().join("databases/mimic_iv_demo.duckdb")
}

/// What queries say of every table; none if the dataset is not set up.
fn content(sandbox: &Sandbox) -> Option<String> {
    let tables = TABLES.map(|(file, header)| {
        let name = format!("mimiciv_{}", file.trim_end_matches(".csv").replace('/', "."));
        let columns: Vec<_> = header.split(',').collect();
        format!(
            "SELECT '{name}' AS name, count(*) AS n, sum({0}::BIGINT) AS a, sum(length({1})) AS b, \
             sum({2}::BIGINT) AS c, count(DISTINCT {0}) AS d FROM {name}",
            columns[0], columns[1], columns[2]
        )
    });
    let sql = format!("{} ORDER BY name", tables.join(" UNION ALL "));
    let output = m4(sandbox, ["query", "--dataset", "mimic-iv-demo", "--sql", &sql]).unwrap();
    match output.code {
        Some(0) => Some(output.stdout),
        _ => {
            assert!(output.stderr.contains("is not set up"), "{}", output.stderr);
            None
        }
    }
}

/// Delays that are the same in every run, and spread over it.
fn delays(within: Duration) -> impl Iterator<Item = Duration> {
    let mut state = 0x2545_f491_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        within.mul_f64(f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1_u32 << 24))
    })
}

/// Starts `m4 init` and kills it after a while; says whether it was killed before its end.
fn killed(sandbox: &Sandbox, src: &Path, after: Duration) -> bool {
    let mut child = Command::new(binaries::find("m4").unwrap())
        .args(["init", "mimic-iv-demo", "--force", "--src", src.to_str().unwrap()])
        .env_clear()
        .envs(sandbox.variables())
        .current_dir(sandbox.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

#[test]
fn runs_killed_at_any_moment_leave_the_old_database_or_none_and_the_next_ends_as_if_there_were_none() {
    let kills =
        ambient::variable("M4_TEST_KILLS").map_or(4, |kills| kills.to_str().unwrap().parse().unwrap());
    let whole = empty();
    let large = source(&whole, "large", 80_000);
    let start = Instant::now();
    assert_eq!(init(&whole, &large).code, Some(0));
    let took = start.elapsed();
    let expected = content(&whole).unwrap();

    for with_old in [false, true] {
        let sandbox = empty();
        let small = source(&sandbox, "small", 3);
        let reset = || {
            let _ = fs::remove_file(database(&sandbox));
            assert!(!with_old || init(&sandbox, &small).code == Some(0));
            content(&sandbox)
        };
        let old = reset();
        assert_eq!(old.is_some(), with_old);
        let mut cut_short = 0;
        for delay in delays(took).take(kills) {
            let killed = killed(&sandbox, &large, delay);
            cut_short += u32::from(killed);
            let now = content(&sandbox);
            assert!(now == old || now.as_ref() == Some(&expected), "after {delay:?}: {now:?}");
            if now != old {
                // It was at its end before.
                reset();
            }
        }
        assert!(cut_short > 0, "no run was killed before its end");
        let last = init(&sandbox, &large);
        assert_eq!(last.code, Some(0), "{}", last.stderr);
        assert_eq!(content(&sandbox).unwrap(), expected);
        let folder = database(&sandbox).parent().unwrap().to_owned();
        assert!(!folder.join(".mimic_iv_demo.partial").exists());
    }
}

#[test]
fn a_file_that_is_not_as_it_should_be_is_named_and_the_old_database_stays() {
    let sandbox = empty();
    assert_eq!(init(&sandbox, &source(&sandbox, "small", 3)).code, Some(0));
    let before = fs::read(database(&sandbox)).unwrap();
    let packed = |text: &str| {
        let file = sandbox.root().join("packed");
        write(&file, text.as_bytes());
        assert_eq!(run("gzip", &sandbox, ["-kf", "packed"]).unwrap().code, Some(0));
        fs::read(file.with_extension("gz")).unwrap()
    };
    let rows = (0..50_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    let gz = packed(&format!("caregiver_id\n{rows}"));
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("caregiver.csv.gz", gz[..gz.len() / 2].to_vec(), "is damaged or incomplete"),
        ("caregiver.csv.gz", [&gz, &b"garbage"[..]].concat(), "is damaged or incomplete"),
        ("caregiver.csv", Vec::new(), "names none of its columns"),
        ("caregiver.csv", b"no,such,columns\n1,2,3\n".to_vec(), "names none of its columns"),
        ("caregiver.csv", b"caregiver_id,x,Caregiver_ID\n1,2,3\n".to_vec(), "names caregiver_id twice"),
        ("caregiver.csv", b"caregiver_id\n1\nx\ny\n".to_vec(), "2 rows failed and 1 loaded"),
        ("caregiver.csv", b"caregiver_id,x\n1,a\r\n2,b\n".to_vec(), "line 2"),
        ("caregiver.csv", b"caregiver_id,x\n1,a\n2,\"b\n3,c\n".to_vec(), "line 3"),
        ("caregiver.parquet", b"no parquet".to_vec(), "could not load"),
    ];
    for (name, bytes, said) in cases {
        let src = sandbox.root().join("it's [a] \"source\" ünï");
        write(&src.join("icu").join(name), &bytes);
        let output = init(&sandbox, &src);
        assert_eq!(output.code, Some(1), "{name}: {}", output.stderr);
        assert!(output.stderr.contains(name) && output.stderr.contains(said), "{said}: {}", output.stderr);
        assert_eq!(fs::read(database(&sandbox)).unwrap(), before, "{said}");
        fs::remove_dir_all(&src).unwrap();
    }
}

#[test]
fn a_line_of_a_gigabyte_is_refused_in_bounded_memory() {
    let sandbox = empty();
    let file = sandbox.root().join("src/hosp/d_labitems.csv");
    write(&file, b"itemid,label\n1,a\n2,");
    // A gigabyte that takes no room on the disk: the rest of the file is a hole.
    fs::File::options().write(true).open(&file).unwrap().set_len(1 << 30).unwrap();
    // Half of what the program would need to hold the line: the address space of libraries and threads is in it too.
    let program = binaries::find("m4").unwrap();
    let script = format!("ulimit -v 4000000; exec '{}' init mimic-iv-demo --src src", program.display());
    let output = run("sh", &sandbox, ["-c", &script]).unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("d_labitems.csv") && output.stderr.contains("line 3"),
        "{}",
        output.stderr
    );
    assert!(!database(&sandbox).exists());
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_the_source_is_refused() {
    let sandbox = empty();
    write(&sandbox.root().join("elsewhere.csv"), b"caregiver_id\n1\n");
    let src = sandbox.root().join("src");
    fs::create_dir_all(src.join("icu")).unwrap();
    std::os::unix::fs::symlink(sandbox.root().join("elsewhere.csv"), src.join("icu/caregiver.csv")).unwrap();
    let output = init(&sandbox, &src);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("caregiver.csv is a link that leads out of the source directory"));
    assert!(!database(&sandbox).exists());
}

#[test]
fn a_definition_that_leads_elsewhere_or_is_no_definition_is_named_and_not_used() {
    let definition = |file: &str| {
        format!(
            "{{\"name\": \"ward\", \"tables\": {{\"t\": {{\"file\": {file:?}, \"columns\": {{\"a\": \"INTEGER\"}}}}}}}}"
        )
    };
    let cases = [
        definition("../secret.csv"),
        definition("/etc/secret.csv"),
        definition("a/../../secret.csv"),
        definition("t.csv").replace("INTEGER", "INTEGER); DROP TABLE t; --"),
        definition("t.csv").replace("\"t\"", "\"t\\\"; DROP TABLE x; --\""),
        definition("t.csv").replace("\"ward\"", "\"../ward\""),
        format!("{}{}", definition("t.csv"), " ".repeat(100_000_000)),
    ];
    for (number, json) in cases.iter().enumerate() {
        let sandbox = empty();
        write(&sandbox.root().join("secret.csv"), b"a\n1\n");
        write(&sandbox.root().join("src/t.csv"), b"a\n1\n");
        write(&sandbox.data_dir().join("datasets/ward-7.json"), json.as_bytes());
        let output = m4(&sandbox, ["init", "ward", "--src", "src"]).unwrap();
        assert_eq!(output.code, Some(1), "{number}: {}", output.stderr);
        assert!(output.stderr.contains("ward-7.json is not usable"), "{number}: {}", output.stderr);
        assert!(!sandbox.data_dir().join("databases/ward.duckdb").exists());
        assert!(output.elapsed < Duration::from_secs(20), "{:?}", output.elapsed);
    }
}

#[test]
fn a_dataset_with_tables_of_its_own_is_set_up_and_queried() {
    let sandbox = empty();
    write(&sandbox.root().join("src/sub/results.csv"), b"ID,Value (mg)\n1,0.5\n2,oops\n3,1.5\n");
    let json = r#"{"name": "ward", "tables": {"lab.results": {"file": "sub/results.csv", "columns": {"id": "INTEGER", "value (mg)": "DECIMAL(6,2)"}}}}"#;
    write(&sandbox.data_dir().join("datasets/ward.json"), json.as_bytes());
    let output = m4(&sandbox, ["init", "ward", "--src", "src"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("results.csv line 3, column value (mg)"), "{}", output.stderr);
    let query = m4(&sandbox, ["query", "--sql", "SELECT sum(\"value (mg)\") AS s FROM lab.results"]).unwrap();
    assert!(query.stdout.contains("2.00"), "{} {}", query.stdout, query.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_old_database_stays() {
    let sandbox = empty();
    source(&sandbox, "small", 3);
    source(&sandbox, "large", 300_000);
    let program = binaries::find("m4").unwrap().display().to_string();
    // A file system of its own, which nothing else sees, where the system lets us have one.
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size=6m tmpfs disk || exit 77; export M4_DATA_DIR=$PWD/disk; \
         '{program}' init mimic-iv-demo --src small || exit 78; '{program}' init mimic-iv-demo --force --src large; \
         echo \"ended with $?\"; '{program}' query --json --sql 'SELECT count(*) AS n FROM mimiciv_icu.caregiver' | tr -d ' \\n'"
    );
    let output = run("unshare", &sandbox, ["-m", "sh", "-c", &script]);
    let Some(output) = output.ok().filter(|output| output.code != Some(77) && output.code != Some(1)) else {
        skip("no file system can be mounted here, so nothing is tested on a full disk");
        return;
    };
    assert!(output.stdout.contains("ended with 1"), "{} {}", output.stdout, output.stderr);
    assert!(output.stderr.contains("is full"), "{}", output.stderr);
    assert!(output.stdout.contains("[3]"), "{} {}", output.stdout, output.stderr);
}

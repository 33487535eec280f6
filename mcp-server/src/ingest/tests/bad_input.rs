//! Files that are not what they should be: counted and located, or refused by name, and never a database that lacks
//! rows nobody was told of.

use super::*;

const LABELS: &str = "itemid,label,fluid,category\n";

/// Loads `d_labitems.csv` with these bytes, and the same compressed: both must come to the same.
fn load_both(bytes: &[u8]) -> Result<TableReport, String> {
    let plain = Case::new(&[]);
    plain.write("hosp/d_labitems.csv", bytes);
    let packed = Case::new(&[]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    packed.write("hosp/d_labitems.csv.gz", &encoder.finish().unwrap());
    let of = |case: &Case| match case.load() {
        Ok(mut report) => {
            let table = report.tables.remove(0);
            let sql = "SELECT count(*) FROM mimiciv_hosp.d_labitems";
            assert_eq!(number(&case.database(), sql), i64::try_from(table.rows).unwrap());
            Ok(table)
        }
        Err(error) => {
            assert!(!case.database().exists());
            assert!(error.to_string().contains("d_labitems.csv"), "{error}");
            assert!(error.hint().is_some(), "{error}");
            Err(error.to_string())
        }
    };
    let (plain, packed) = (of(&plain), of(&packed));
    match (&plain, &packed) {
        (Ok(a), Ok(b)) => {
            assert_eq!((a.rows, a.rejected, a.rejects.len()), (b.rows, b.rejected, b.rejects.len()));
        }
        (Err(_), Err(_)) => {}
        _ => panic!("{plain:?} {packed:?}"),
    }
    plain
}

fn located(table: &TableReport) -> Vec<(u64, &str)> {
    table.rejects.iter().map(|reject| (reject.line, reject.column.as_deref().unwrap_or_default())).collect()
}

fn with_rows(rows: &str) -> Vec<u8> {
    // Enough good rows that a few bad ones do not make the file unreadable.
    let good = (1..=9).map(|n| format!("{n},l,f,c\n")).collect::<Vec<_>>().concat();
    format!("{LABELS}{good}{rows}").into_bytes()
}

#[test]
fn rows_that_are_short_long_or_no_utf8_are_located() {
    let mut bytes = with_rows("10,short\n11,l,f,c,surplus\n12,l,f,c\n");
    bytes.extend(b"13,\xff\xfe,f,c\n14,l,f,c\n");
    let table = load_both(&bytes).unwrap();
    assert_eq!((table.rows, table.rejected), (11, 3), "{table:?}");
    let lines: std::collections::BTreeSet<_> = table.rejects.iter().map(|reject| reject.line).collect();
    assert_eq!(lines, [11, 12, 14].into());
}

#[test]
fn a_line_is_the_files_line_even_after_quoted_line_ends() {
    let table =
        load_both(&with_rows("10,\"two\nlines\",f,c\nbad,l,f,c\n12,\"a\nb\nc\",f,c\nworse,l,f,c\n")).unwrap();
    assert_eq!((table.rows, table.rejected), (11, 2));
    assert_eq!(located(&table), [(13, "itemid"), (17, "itemid")]);
}

#[test]
fn nul_bytes_are_text_in_text_and_no_number() {
    let table = load_both(&with_rows("10,a\0b,f,c\n1\x001,l,f,c\n")).unwrap();
    assert_eq!((table.rows, table.rejected), (10, 1));
    assert_eq!(located(&table), [(12, "itemid")]);
}

#[test]
fn any_one_kind_of_line_end_will_do_and_two_are_refused() {
    for end in ["\n", "\r\n", "\r"] {
        let text = String::from_utf8(with_rows("")).unwrap().replace('\n', end);
        assert_eq!(load_both(text.as_bytes()).unwrap().rows, 9, "{end:?}");
        assert_eq!(load_both(text.trim_end().as_bytes()).unwrap().rows, 9, "{end:?}");
    }
    let error = load_both(&with_rows("10,l,f,c\r\n11,l,f,c\n")).unwrap_err();
    assert!(error.contains("line 11: it does not end as the lines before it do"), "{error}");
}

#[test]
fn blank_lines_are_nothing_where_there_are_several_columns() {
    let table = load_both(&with_rows("\n\n10,l,f,c\n\n")).unwrap();
    assert_eq!((table.rows, table.rejected), (10, 0));
}

#[test]
fn in_a_table_of_one_column_a_blank_line_is_a_null() {
    let case = Case::new(&[("icu/caregiver.csv", "caregiver_id\n1\n\n2\n")]);
    assert_eq!((case.load().unwrap().rows(), case.load().unwrap().rejected()), (3, 0));
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_rest() {
    let error = load_both(&with_rows("10,\"open,f,c\n11,l,f,c\n12,l,f,c\n")).unwrap_err();
    assert!(error.contains("line 11: a quote is opened there and never closed"), "{error}");
    let last = load_both(&with_rows("10,\"open,f,c")).unwrap();
    assert_eq!((last.rows, last.rejected), (9, 1));
}

#[test]
fn lines_swallowed_by_a_stray_quote_are_counted_one_by_one() {
    let table = load_both(&with_rows("10,\"stray,f,c\n11,l,f,c\n12,\"l\",f,c\n13,l,f,c\n")).unwrap();
    assert_eq!((table.rows, table.rejected), (10, 3), "{table:?}");
    assert_eq!(table.rejects[0].line, 11);
}

#[test]
fn rows_of_megabytes_are_rejected_or_the_load_fails_and_none_is_lost() {
    for megabytes in [1, 3] {
        let long = "x".repeat(megabytes * 1_000_000);
        let table = load_both(&with_rows(&format!("10,{long},f,c\n11,l,f,c\n"))).unwrap();
        // DuckDB takes rows of up to two million bytes, and beyond that those that lie well in its buffer.
        assert_eq!(table.rows + table.rejected, 11, "{megabytes} MB");
    }
    for megabytes in [4, 40] {
        let long = "x".repeat(megabytes * 1_000_000);
        let error = load_both(&with_rows(&format!("10,{long},f,c\n11,l,f,c\n"))).unwrap_err();
        assert!(error.contains("line 11: the record that starts there is longer than"), "{error}");
    }
}

#[test]
fn a_file_that_is_one_endless_line_is_refused_at_once() {
    let error = load_both(&[b"itemid,label,".as_slice(), &vec![b'x'; 1 << 20]].concat()).unwrap_err();
    assert!(error.contains("its first line is longer than 65536 bytes"), "{error}");
}

#[test]
fn headers_are_refused_with_what_is_wrong_with_them() {
    for (header, wrong) in [
        ("", "names none of its columns"),
        ("\n", "names none of its columns"),
        ("a,b,c,d\n", "names none of its columns"),
        ("itemid,label,ITEMID\n", "names itemid twice"),
        ("itemid,la\nbel,fluid\n", ""),
        ("itemid,\"la\nbel\",fluid\n", "has a control character in its name"),
        ("itemid;label\n1;x\n", "names none of its columns"),
    ] {
        let loaded = load_both(header.as_bytes());
        if wrong.is_empty() {
            continue;
        }
        let error = loaded.unwrap_err();
        assert!(error.contains(wrong), "{header:?}: {error}");
    }
    let error = load_both(b"itemid,\xff\xfe\n1,x\n").unwrap_err();
    assert!(error.contains("it is not UTF-8"), "{error}");
    let empty = load_both(LABELS.as_bytes()).unwrap();
    assert_eq!((empty.rows, empty.rejected), (0, 0), "a header and no rows is an empty table");
}

#[test]
fn what_follows_the_end_of_a_compressed_file_is_damage() {
    let case = Case::new(&[]);
    for garbage in [&b"garbage"[..], &[0; 64]] {
        case.write("icu/caregiver.csv.gz", &[&gzip("caregiver_id\n1\n"), garbage].concat());
        let error = case.load().unwrap_err();
        assert!(matches!(error, IngestError::Damaged { .. }), "{error}");
    }
    case.write("icu/caregiver.csv.gz", b"caregiver_id\n1\n");
    assert!(matches!(case.load(), Err(IngestError::Damaged { .. })), "not compressed at all");
    case.write("icu/caregiver.csv.gz", &[gzip("caregiver_id\n1\n"), gzip("2\n")].concat());
    assert_eq!(case.load().unwrap().rows(), 2, "several members are one file");
}

#[test]
fn a_wrong_header_is_told_before_anything_is_loaded() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS), ("icu/icustays.csv", "nothing,known\n")]);
    let mut started = 0;
    let outcome = load(&demo(), &case.src(), &case.database(), &mut |step| {
        started += u32::from(matches!(step, Progress::Started { .. }));
    });
    assert!(matches!(outcome, Err(IngestError::Header { .. })));
    assert_eq!(started, 0);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_source_pipes_and_loops_are_refused_by_name() {
    use std::os::unix::fs::symlink;
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    let file = case.src().join("icu/caregiver.csv");
    fs::create_dir(case.src().join("icu")).unwrap();
    let outside = case.home.path().join("outside.csv");
    fs::write(&outside, "caregiver_id\n1\n").unwrap();
    symlink(&outside, &file).unwrap();
    assert!(matches!(case.load(), Err(IngestError::Outside { path }) if path == file));
    fs::remove_file(&file).unwrap();
    symlink(&file, &file).unwrap();
    assert!(matches!(case.load(), Err(IngestError::Read { path, .. }) if path == file));
    fs::remove_file(&file).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap();
    assert!(matches!(case.load(), Err(IngestError::NotAFile { path }) if path == file));
}

#[test]
fn one_bad_file_among_several_ends_the_load_and_the_old_database_stays() {
    let case = Case::new(&[("hosp/patients.csv", PATIENTS)]);
    case.load().unwrap();
    let before = fs::read(case.database()).unwrap();
    let rows = (0..50_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    case.write("icu/caregiver.csv", format!("caregiver_id\n{rows}").as_bytes());
    case.write("hosp/provider.csv", format!("provider_id\n{rows}").as_bytes());
    case.write("hosp/d_labitems.csv", &with_rows("10,\"open,f,c\n11,l,f,c\n"));
    let error = case.load().unwrap_err();
    assert!(matches!(error, IngestError::NotCsv { .. }), "{error}");
    assert_eq!(fs::read(case.database()).unwrap(), before);
}

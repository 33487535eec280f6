//! Proves the bound on memory: a `chartevents` of several gigabytes, made here, loaded by the real `m4 init`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::args::LibraryArgs;
use crate::build;
use crate::failure::{Failure, Outcome, print, say};
use crate::workspace::{Profile, Workspace};

/// What `cargo xtask ingest-memory` takes.
#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// How much CSV to generate, in gigabytes (10⁹ bytes).
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    gigabytes: u64,
    /// Writes the CSV as it is instead of compressing it.
    #[arg(long)]
    plain: bool,
    /// Measures the unoptimised binary, which is there sooner. Its memory is the product's, its speed is not.
    #[arg(long)]
    debug: bool,
    #[command(flatten)]
    library: LibraryArgs,
}

/// Builds, generates, loads, and fails when the process ever had more than [`LIMIT_KB`] resident.
pub(crate) fn run(workspace: &Workspace, args: &IngestArgs) -> Outcome {
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let home = workspace.target()?.join("ingest-memory");
    remove(&home)?;
    fs::create_dir_all(home.join("src/icu")).map_err(|error| Failure::io("make the directory", &error))?;
    refuse_without_room(&home, args)?;
    let library = args.library.resolve(workspace)?;
    build::run(workspace, &library, profile)?;
    let binary = build::binary(&workspace.binaries(profile)?, "m4");
    let measured = generate(&home.join("src/icu"), args).and_then(|made| measure(&binary, &home, &made));
    remove(&home)?;
    let (made, ran) = measured?;
    report(&made, &ran);
    if ran.rows != made.rows {
        return Err(Failure::new(
            "the database has other rows than the file",
            "look at what m4 init printed",
        ));
    }
    if ran.peak_kb > LIMIT_KB {
        return Err(Failure::new("more than 1 GB was resident", "look at MEMORY_LIMIT in ingest/build.rs"));
    }
    Ok(())
}

struct Made {
    rows: u64,
    bytes: u64,
    on_disk: u64,
}

struct Ran {
    rows: u64,
    peak_kb: u64,
    took: Duration,
    database: u64,
}

fn refuse_without_room(home: &Path, args: &IngestArgs) -> Outcome {
    // The file, its database, and what the engine spills: compressed about half of the CSV, with a margin.
    let needed = args.gigabytes * if args.plain { 2 } else { 1 } + 1;
    let output = Command::new("df").arg("-Pk").arg(home).output();
    let output = output.map_err(|error| Failure::io("ask df for free space", &error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let free: u64 = text
        .lines()
        .last()
        .and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
        .ok_or_else(|| Failure::new(format!("df said {text:?}"), "this workflow needs df and /proc"))?;
    if free / 1_000_000 < needed {
        let what = format!("{} GB are free on the disk of target/, {needed} are needed", free / 1_000_000);
        return Err(Failure::new(what, "free some, or give fewer --gigabytes"));
    }
    Ok(())
}

/// Writes rows like those of the real table: ids by stay, times that ascend, values of all kinds.
fn generate(folder: &Path, args: &IngestArgs) -> Outcome<Made> {
    let wanted = args.gigabytes * 1_000_000_000;
    say(format_args!("generating {} GB of chartevents…", args.gigabytes));
    let path = folder.join(if args.plain { "chartevents.csv" } else { "chartevents.csv.gz" });
    let failed = |error: io::Error| Failure::io("write the generated file", &error);
    let file = File::create(&path).map_err(failed)?;
    let made = if args.plain {
        write(BufWriter::with_capacity(1 << 20, file), wanted).map_err(failed)?
    } else {
        let mut gzip = Command::new("gzip")
            .arg("-1")
            .stdin(Stdio::piped())
            .stdout(file)
            .spawn()
            .map_err(|error| Failure::io("start gzip", &error))?;
        let input: Option<ChildStdin> = gzip.stdin.take();
        let input = input.ok_or_else(|| Failure::new("gzip has no input", "run it again"))?;
        let made = write(BufWriter::with_capacity(1 << 20, input), wanted).map_err(failed)?;
        gzip.wait().map_err(|error| Failure::io("wait for gzip", &error))?;
        made
    };
    let on_disk = fs::metadata(&path).map_err(failed)?.len();
    Ok(Made { on_disk, ..made })
}

fn write(mut output: impl Write, wanted: u64) -> io::Result<Made> {
    output.write_all(HEADER.as_bytes())?;
    let tails: Vec<String> = (0..TAILS).map(tail).collect();
    let (mut rows, mut bytes) = (0_u64, HEADER.len() as u64);
    for stay in 0_u64.. {
        let ids = format!("{},{},{},", 10_000_000 + stay / 4, 20_000_000 + stay / 2, 30_000_000 + stay);
        // A step that shares no factor with their number takes every stay through other tails.
        let mut at = stay.wrapping_mul(7_919) % TAILS;
        for _ in 0..ROWS_PER_STAY {
            let tail = usize::try_from(at).ok().and_then(|at| tails.get(at)).map_or("", String::as_str);
            output.write_all(ids.as_bytes())?;
            output.write_all(tail.as_bytes())?;
            bytes += (ids.len() + tail.len()) as u64;
            rows += 1;
            at = (at + 1) % TAILS;
        }
        if bytes >= wanted {
            break;
        }
    }
    output.flush()?;
    Ok(Made { rows, bytes, on_disk: 0 })
}

/// What follows the ids in a row.
fn tail(number: u64) -> String {
    let scattered = number.wrapping_mul(2_654_435_761) % 1_000_003;
    let (day, hour, minute) = (1 + number / 5_000 % 28, number / 200 % 24, number % 60);
    let at = format!("2150-{:02}-{day:02} {hour:02}:{minute:02}:00", 1 + number / 140_000 % 12);
    let item = 220_000 + scattered % 9_000;
    let (value, number_value, unit) = match scattered % 4 {
        0 => (format!("{}", scattered % 200), format!("{}", scattered % 200), "mmHg"),
        1 => (
            format!("{}.{}", scattered % 40, scattered % 10),
            format!("{}.{}", scattered % 40, scattered % 10),
            "°C",
        ),
        2 => ("\"1-2 \"\"Normal\"\", warm\"".to_owned(), String::new(), ""),
        _ => (format!("Free text {}", scattered % 5_000), String::new(), ""),
    };
    format!("{},{at},{at},{item},{value},{number_value},{unit},{}\n", scattered % 90_000, scattered % 2)
}

/// Runs `m4 init` and watches its memory.
fn measure(binary: &Path, home: &Path, made: &Made) -> Outcome<(Made, Ran)> {
    say(format_args!("loading {} rows…", made.rows));
    let start = Instant::now();
    let mut child = Command::new(binary)
        .args(["init", "mimic-iv-demo", "--src"])
        .arg(home.join("src"))
        .env("M4_HOME", home.join("config"))
        .env("M4_DATA_DIR", home.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::io("start m4", &error))?;
    let (mut peak_kb, status) = (0, format!("/proc/{}/status", child.id()));
    // The system itself keeps the peak; it is read until it is gone with the process.
    while child.try_wait().map_err(|error| Failure::io("wait for m4", &error))?.is_none() {
        peak_kb = fs::read_to_string(&status).ok().and_then(|text| peak(&text)).unwrap_or(0).max(peak_kb);
        thread::sleep(Duration::from_millis(50));
    }
    let took = start.elapsed();
    let output = child.wait_with_output().map_err(|error| Failure::io("read what m4 said", &error))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || peak_kb == 0 {
        return Err(Failure::new(
            format!("m4 init failed or was not seen: {said}"),
            "mend that and run it again",
        ));
    }
    let database =
        fs::metadata(home.join("data/databases/mimic_iv_demo.duckdb")).map_or(0, |about| about.len());
    let ran = Ran { rows: rows(&said).unwrap_or(0), peak_kb, took, database };
    Ok((Made { ..*made }, ran))
}

fn peak(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

fn rows(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("mimiciv_icu.chartevents: "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(made: &Made, ran: &Ran) {
    let (seconds, mega) = (ran.took.as_secs_f64(), |bytes: u64| bytes as f64 / 1e6);
    print("| what | figure |\n|---|---|");
    print(format_args!("| rows | {} |", made.rows));
    print(format_args!("| CSV | {:.0} MB, on disk {:.0} MB |", mega(made.bytes), mega(made.on_disk)));
    print(format_args!("| database | {:.0} MB |", mega(ran.database)));
    print(format_args!(
        "| time | {seconds:.1} s: {:.0} rows/s, {:.0} MB/s of CSV |",
        made.rows as f64 / seconds,
        mega(made.bytes) / seconds
    ));
    print(format_args!(
        "| peak resident memory | {} kB: {:.2} of the 1 GB allowed, 1/{:.0} of the CSV |",
        ran.peak_kb,
        ran.peak_kb as f64 / LIMIT_KB as f64,
        made.bytes as f64 / 1024.0 / ran.peak_kb as f64
    ));
}

fn remove(directory: &Path) -> Outcome {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::io("remove target/ingest-memory", &error))
        }
        _ => Ok(()),
    }
}

const HEADER: &str =
    "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,valuenum,valueuom,warning\n";
const TAILS: u64 = 200_003;
const ROWS_PER_STAY: u64 = 4_000;
/// 10⁹ bytes, in the kernel's kB of 1024 bytes.
const LIMIT_KB: u64 = 976_562;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_the_columns_of_the_header_and_the_count_is_that_of_the_rows() {
        let mut text = Vec::new();
        let made = write(&mut text, 1_000_000).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!((text.lines().count() as u64, text.len() as u64), (made.rows + 1, made.bytes));
        let commas = |line: &str| line.replace("\"1-2 \"\"Normal\"\", warm\"", "").matches(',').count();
        assert!(text.lines().all(|line| commas(line) == 10));
    }

    #[test]
    fn what_the_kernel_and_m4_say_is_read() {
        assert_eq!(peak("Name:\tm4\nVmHWM:\t  123456 kB\n"), Some(123_456));
        assert_eq!(rows("loading …\n  mimiciv_icu.chartevents: 4000 rows\n"), Some(4_000));
    }
}

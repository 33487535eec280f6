//! Commands that do what they should, and those that don't.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::*;

fn words(text: &str) -> Result<Vec<String>, InvalidCommandLine> {
    let line: CommandLine = text.parse()?;
    let mut words = vec![line.program.expose().to_owned()];
    words.extend(line.arguments.iter().map(|argument| argument.expose().to_owned()));
    Ok(words)
}

fn run(line: &CommandLine, limit: Duration) -> Result<Secret, CommandError> {
    let program = Program { line: line.clone(), limit };
    program.fetch(UnixTime(0)).map(|issued| issued.token)
}

/// What a script of `/bin/sh` gives, within a generous time.
fn shell(script: &str) -> Result<String, CommandError> {
    let line = CommandLine::from_words(["/bin/sh", "-c", script].map(str::to_owned).to_vec()).unwrap();
    run(&line, TIME_LIMIT).map(|token| token.expose().to_owned())
}

#[test]
fn a_command_is_split_as_a_shell_does_and_nothing_in_it_is_expanded() {
    for (text, expected) in [
        ("print-token", vec!["print-token"]),
        ("op read 'op://Work/M4 token/password'", vec!["op", "read", "op://Work/M4 token/password"]),
        (r#"a "b \"c\"" d\ e"#, vec!["a", "b \"c\"", "d e"]),
        (r"'C:\Program Files\t.exe' -x", vec![r"C:\Program Files\t.exe", "-x"]),
        (
            "a $HOME `id` $(id) ~ * ; b | c > d && e",
            vec!["a", "$HOME", "`id`", "$(id)", "~", "*", ";", "b", "|", "c", ">", "d", "&&", "e"],
        ),
    ] {
        assert_eq!(words(text).unwrap(), expected, "{text}");
    }
    for (text, error) in [
        ("a 'b", InvalidCommandLine::Unfinished),
        ("a \"b", InvalidCommandLine::Unfinished),
        ("a \\", InvalidCommandLine::Unfinished),
        ("''", InvalidCommandLine::Empty),
        ("# a comment", InvalidCommandLine::Empty),
    ] {
        assert_eq!(words(text), Err(error), "{text}");
    }
}

#[test]
fn what_stands_in_the_command_is_not_run_by_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let line: CommandLine = format!("echo token;touch '{}'", trace.display()).parse().unwrap();
    assert_eq!(run(&line, TIME_LIMIT).unwrap().expose(), format!("token;touch {}", trace.display()));
    assert!(!trace.exists());
}

#[test]
fn the_token_is_what_is_printed() {
    for script in ["echo a.b.c", "printf '\\357\\273\\277a.b.c\\r\\n'", "echo '  a.b.c'; echo noise >&2"] {
        assert_eq!(shell(script).as_deref(), Ok("a.b.c"), "{script}");
    }
    assert_eq!(shell("echo Bearer a.b.c").as_deref(), Ok("Bearer a.b.c"));
}

#[test]
fn what_is_not_one_token_is_refused() {
    for (script, error) in [
        ("true", CommandError::Nothing),
        ("echo; echo", CommandError::Nothing),
        ("echo a; echo b", CommandError::NotAToken),
        ("printf '\\377'", CommandError::NotAToken),
        ("head -c 65537 /dev/zero | tr '\\0' a", CommandError::TooMuch),
        ("echo s3cr3t; exit 3", CommandError::Failed { code: 3 }),
        ("echo s3cr3t; kill -9 $$", CommandError::Ended),
    ] {
        assert_eq!(shell(script), Err(error), "{script}");
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("s3cr3t"));
    }
    assert!(shell("head -c 65536 /dev/zero | tr '\\0' a").is_ok());
    let line: CommandLine = "/no/such/program".parse().unwrap();
    let error = run(&line, TIME_LIMIT).unwrap_err();
    assert_eq!(error, CommandError::NotStarted { kind: io::ErrorKind::NotFound });
}

#[test]
fn a_command_reads_nothing_from_standard_input() {
    assert_eq!(shell("cat; echo end").as_deref(), Ok("end"));
}

#[test]
fn endless_output_ends_the_command_at_once() {
    let start = Instant::now();
    assert_eq!(shell("yes"), Err(CommandError::TooMuch));
    assert!(start.elapsed() < TIME_LIMIT / 2);
}

#[test]
fn a_flood_of_errors_keeps_no_token_back() {
    assert_eq!(shell("head -c 1000000 /dev/zero >&2; echo t").as_deref(), Ok("t"));
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let script = format!("sleep 600 & echo $! $$ > '{}'; wait", pids.display());
    let line = CommandLine::from_words(["/bin/sh", "-c", &script].map(str::to_owned).to_vec()).unwrap();
    let limit = Duration::from_secs(2);
    let start = Instant::now();
    assert_eq!(run(&line, limit).unwrap_err(), CommandError::TimedOut { limit });
    assert!(start.elapsed() < Duration::from_secs(20));
    let pids = fs::read_to_string(pids).unwrap();
    for pid in pids.split_whitespace() {
        wait_until_gone(pid);
    }
}

fn wait_until_gone(pid: &str) {
    let start = Instant::now();
    while is_running(pid) {
        assert!(start.elapsed() < Duration::from_secs(10), "{pid} still runs");
        std::thread::yield_now();
    }
}

/// A process that has ended and that nobody has asked about yet runs no more.
#[cfg(target_os = "linux")]
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

#[cfg(not(target_os = "linux"))]
fn is_running(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

#[test]
fn what_a_command_leaves_in_the_background_keeps_nobody_waiting() {
    let start = Instant::now();
    // As `ssh` with a shared connection does: the child keeps the pipes open.
    assert_eq!(shell("sleep 5 & echo t").as_deref(), Ok("t"));
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn debug_output_shows_neither_program_nor_arguments() {
    let line: CommandLine = "get-token --password s3cr3t".parse().unwrap();
    let shown = format!("{:?}", TokenCommand::new(line));
    assert!(!shown.contains("s3cr3t") && !shown.contains("get-token"), "{shown}");
}

//! Files and disks that `m4 config` cannot write: a clear error, and every byte as it was.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use m4_tests::binaries;
use m4_tests::cli::{Output, m4, run};
use m4_tests::sandbox::Sandbox;
use serde_json::Value;

use crate::setup::{skip, with_sample};

fn cursor_file(sandbox: &Sandbox) -> PathBuf {
    let file = sandbox.home().join(".cursor/mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    file
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// An error in words, with what to do about it.
fn refused(output: &Output) {
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.starts_with("error: ") && output.stderr.contains("\nhint: "), "{}", output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

#[test]
fn a_file_that_is_not_understood_is_left_as_it_was_in_every_format() {
    let sandbox = with_sample();
    let folder = sandbox.root().join("files");
    fs::create_dir(&folder).unwrap();
    let deep = "[".repeat(10_000);
    let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(70 << 20));
    let cases: [(&str, &[u8]); 18] = [
        ("cursor", b"{ \"mcpServers\": {"),
        ("cursor", b"[]"),
        ("cursor", b"{\"mcpServers\": []}"),
        ("cursor", b"{\"mcpServers\": {\"m4\": 7}}"),
        ("cursor", b"{\"a\": 1, \"a\": 2}"),
        ("cursor", b"{\"a\": \"\xff\"}"),
        ("cursor", b"\xff\xfe{\0}\0"),
        ("cursor", b"{\"mcpServers\": {\"m4\": {\"env\": {\"A\": 1}}}}"),
        ("cursor", deep.as_bytes()),
        ("cursor", huge.as_bytes()),
        ("codex", b"[mcp_servers.x\ncommand = 1"),
        ("codex", b"[[mcp_servers]]\nname = 'm4'\n"),
        ("codex", b"mcp_servers = 1\n"),
        ("codex", b"a = 1\na = 2\n"),
        ("librechat", b"mcpServers:\n\t- x\n"),
        ("librechat", b"mcpServers: [a, b]\n"),
        ("librechat", b"a: 1\n---\nb: 2\n"),
        ("librechat", b"mcpServers: {m4: \"x\"\n"),
    ];
    for (number, (client, text)) in cases.into_iter().enumerate() {
        let file = folder.join(format!("{number}"));
        fs::write(&file, text).unwrap();
        for line in [&["config", client][..], &["config", client, "--remove"]] {
            let output =
                m4(&sandbox, line.iter().copied().chain(["--output", file.to_str().unwrap()])).unwrap();
            // An entry whose parts are odd can be removed all the same.
            if line.len() == 2 || output.code != Some(0) {
                refused(&output);
                assert!(fs::read(&file).unwrap() == text, "{number} {client} was changed");
            }
        }
        fs::remove_file(&file).unwrap();
    }
    assert!(names(&folder).iter().all(|name| name.contains(".bak")), "{:?}", names(&folder));
}

#[test]
fn links_are_followed_and_what_is_no_file_is_refused() {
    let sandbox = with_sample();
    let file = cursor_file(&sandbox);
    let real = sandbox.root().join("dotfiles.json");
    fs::write(&real, "{}").unwrap();
    symlink(&real, &file).unwrap();
    assert_eq!(m4(&sandbox, ["config", "cursor"]).unwrap().code, Some(0));
    assert!(file.symlink_metadata().unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("m4-mcp-server"));

    fs::remove_file(&file).unwrap();
    symlink(sandbox.root().join("nowhere"), &file).unwrap();
    refused(&m4(&sandbox, ["config", "cursor"]).unwrap());
    assert!(file.symlink_metadata().unwrap().is_symlink() && !sandbox.root().join("nowhere").exists());

    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused(&m4(&sandbox, ["config", "cursor"]).unwrap());
    assert_eq!(names(file.parent().unwrap()), ["mcp.json"]);

    fs::remove_dir(&file).unwrap();
    if run("mkfifo", &sandbox, [&file]).is_ok_and(|output| output.code == Some(0)) {
        refused(&m4(&sandbox, ["config", "cursor"]).unwrap());
    } else {
        skip("there is no mkfifo here, so nothing is tested on pipes");
    }
}

#[test]
fn a_home_that_does_not_exist_is_not_made() {
    let sandbox = with_sample();
    let home = sandbox.root().join("gone");
    let sandbox = sandbox.without("XDG_CONFIG_HOME").with("HOME", &home);
    for client in ["claude", "cursor", "codex", "zed"] {
        let output = m4(&sandbox, ["config", client]).unwrap();
        refused(&output);
        assert!(output.stderr.contains("there is no home folder"), "{}", output.stderr);
        assert!(!home.exists());
    }
}

#[test]
fn a_read_only_folder_leaves_the_file_alone() {
    let sandbox = with_sample();
    let file = cursor_file(&sandbox);
    fs::write(&file, "{}").unwrap();
    let folder = file.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o500)).unwrap();
    let may_write_anyway = fs::write(folder.join("probe"), "").is_ok();
    if !may_write_anyway {
        refused(&m4(&sandbox, ["config", "cursor"]).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    if may_write_anyway {
        on_a_disk(
            &sandbox,
            "1m",
            "echo {} > disk/mcp.json; cp disk/mcp.json before; mount -o remount,ro disk",
            "read",
        );
    }
}

/// Runs `m4 config` on a file system of its own, which nothing else sees, where the system lets us have one; `prepare` makes
/// `disk/mcp.json` and a copy `before`.
fn on_a_disk(sandbox: &Sandbox, size: &str, prepare: &str, told: &str) {
    let program = binaries::find("m4").unwrap().display().to_string();
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size={size} tmpfs disk || exit 77; {prepare}; \
         '{program}' config cursor --output disk/mcp.json; echo \"ended with $?\"; \
         cmp disk/mcp.json before && echo same; ls -A disk"
    );
    let output = run("unshare", sandbox, ["-m", "sh", "-c", &script]);
    let Some(output) = output.ok().filter(|output| output.code == Some(0)) else {
        skip("no file system can be mounted here, so nothing is tested on a disk that cannot be written");
        return;
    };
    assert_eq!(output.stdout, "ended with 1\nsame\nmcp.json\n", "{}", output.stderr);
    assert!(output.stderr.to_lowercase().contains(told), "{}", output.stderr);
}

#[test]
fn owner_and_mode_stay_when_root_writes_the_file_of_somebody_else() {
    let sandbox = with_sample();
    let file = cursor_file(&sandbox);
    fs::write(&file, "{}").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    if chown(&file, Some(1234), Some(2345)).is_err() {
        skip("this user may not give files away, so their owner cannot change either");
        return;
    }
    assert_eq!(m4(&sandbox, ["config", "cursor"]).unwrap().code, Some(0));
    for name in names(file.parent().unwrap()) {
        let meta = fs::metadata(file.with_file_name(&name)).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o777), (1234, 2345, 0o640), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_file_and_nothing_else() {
    let prepare = "printf '{\"a\": \"%040000d\"}' 1 > disk/mcp.json; cp disk/mcp.json before";
    on_a_disk(&with_sample(), "64k", prepare, "make room on its disk");
}

#[test]
fn writers_at_the_same_time_lose_nobodys_entry() {
    let sandbox = with_sample();
    let file = cursor_file(&sandbox);
    fs::write(&file, "{\n  // mine\n  \"mcpServers\": {}\n}\n").unwrap();
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let sandbox = sandbox.clone();
            std::thread::spawn(move || {
                m4(&sandbox, ["config", "cursor", "--server-name", &format!("ward-{number}")]).unwrap()
            })
        })
        .collect();
    for writer in writers {
        let output = writer.join().unwrap();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("// mine"));
    let servers: Value = json5::from_str(&text).unwrap();
    assert_eq!(servers["mcpServers"].as_object().unwrap().len(), 8, "{text}");
    // The eight copies are the eight states before, and there is nothing else.
    assert_eq!(names(file.parent().unwrap()).len(), 9);
}

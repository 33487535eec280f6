//! Holds the line that auth-core does no I/O: every crate it links is on a list somebody looked at.
#![expect(
    clippy::expect_used,
    clippy::disallowed_types,
    reason = "the test asks cargo; auth-core itself starts no process"
)]

use std::collections::BTreeSet;
use std::process::Command;

/// Crates without sockets, files, threads or a runtime, as far as auth-core uses them.
const ALLOWED: &[&str] = &[
    "allocator-api2",
    "aws-lc-rs",
    "aws-lc-sys",
    "base64",
    "block-buffer",
    "cfg-if",
    "cpufeatures",
    "crypto-common",
    "digest",
    "equivalent",
    "foldhash",
    "form_urlencoded",
    "generic-array",
    "governor",
    "hashbrown",
    "icu_collections",
    "icu_locale_core",
    "icu_normalizer",
    "icu_normalizer_data",
    "icu_properties",
    "icu_properties_data",
    "icu_provider",
    "idna",
    "idna_adapter",
    "itoa",
    "jsonwebtoken",
    "litemap",
    "lock_api",
    "lru",
    "memchr",
    "nonzero_ext",
    "percent-encoding",
    "portable-atomic",
    "potential_utf",
    "rustc-std-workspace-alloc",
    "scopeguard",
    "serde",
    "serde_core",
    "serde_json",
    "sha2",
    "signature",
    "smallvec",
    "smol_str",
    "spinning_top",
    "stable_deref_trait",
    "subtle",
    "thiserror",
    "tinystr",
    "typenum",
    "untrusted",
    "url",
    "utf8_iter",
    "utf_types",
    "web-time",
    "writeable",
    "yoke",
    "zerofrom",
    "zeroize",
    "zerotrie",
    "zerovec",
    "zmij",
];

#[test]
fn auth_core_links_pure_crates_only() {
    let linked = linked_crates();
    assert!(linked.contains("jsonwebtoken"), "cargo tree answered something else: {linked:?}");
    let allowed: BTreeSet<String> = ALLOWED.iter().map(|name| (*name).to_owned()).collect();
    let unknown: Vec<_> = linked.difference(&allowed).collect();
    assert!(unknown.is_empty(), "not on the list of pure crates: {unknown:?}");
}

#[test]
fn the_list_of_pure_crates_has_no_leftovers_and_no_runtime() {
    let linked = linked_crates();
    let leftovers: Vec<_> = ALLOWED.iter().filter(|name| !linked.contains(**name)).collect();
    // Another platform links a few crates less; on this one the list is exact.
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert!(leftovers.is_empty(), "no longer linked, take them off the list: {leftovers:?}");
    }
    for banned in
        ["tokio", "mio", "socket2", "hyper", "reqwest", "async-std", "smol", "rustls", "futures-timer"]
    {
        assert!(!ALLOWED.contains(&banned), "{banned} does I/O");
    }
}

/// Names of the crates linked into auth-core, proc macros aside.
fn linked_crates() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "auth-core", "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "auth-core").map(str::to_owned).collect()
}

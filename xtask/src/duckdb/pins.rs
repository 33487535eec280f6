//! The one table of what is fetched and what it must be.
//!
//! Each row was checked by hand: `npm view @duckdb/node-bindings-<platform>@<version> dist.integrity` agrees with the
//! SHA-512 of the file whose SHA-256 stands here. A platform without a row is not fetched from npm.

/// `DuckDB` itself, as the `duckdb` crate of the workspace expects it.
pub(crate) const VERSION: &str = "1.5.6";

/// Version of the npm packages.
pub(crate) const PACKAGE_VERSION: &str = "1.5.6-r.1";

/// A package's expected hashes, SHA-256 in lowercase hex.
pub(crate) struct Pin {
    pub(crate) platform: &'static str,
    pub(crate) tarball: &'static str,
    pub(crate) library: &'static str,
}

impl Pin {
    pub(crate) fn of(platform: &str) -> Option<&'static Self> {
        PINS.iter().find(|pin| pin.platform == platform)
    }

    /// What `npm pack` is asked for.
    pub(crate) fn package(&self) -> String {
        format!("@duckdb/node-bindings-{}@{PACKAGE_VERSION}", self.platform)
    }
}

const PINS: &[Pin] = &[Pin {
    platform: "linux-x64",
    tarball: "1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff",
    library: "3f4962cdd266eab2b479a5b5a4a6d063d279b2954ae814ed00385d553b747633",
}];

/// This machine's platform as npm names it.
pub(crate) fn platform() -> Option<String> {
    let os = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        "windows" => "win32",
        _ => return None,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("{os}-{arch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_is_a_sha256_and_no_platform_comes_twice() {
        for (index, pin) in PINS.iter().enumerate() {
            for hash in [pin.tarball, pin.library] {
                assert!(hash.len() == 64 && hash.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
            }
            assert!(PINS[..index].iter().all(|other| other.platform != pin.platform));
        }
    }

    #[test]
    fn the_pinned_version_is_the_one_the_duckdb_crate_links() {
        // The crate's version reads 1.MAJOR_MINOR_PATCH.x, each of the three in two digits.
        let manifest = include_str!("../../../Cargo.toml");
        let digits: Vec<u32> = VERSION.split('.').map(|part| part.parse().unwrap()).collect();
        let crate_version = format!("=1.{}{:02}{:02}.", digits[0], digits[1], digits[2]);
        assert!(manifest.contains(&format!("duckdb = {{ version = \"{crate_version}")), "{crate_version}");
    }
}

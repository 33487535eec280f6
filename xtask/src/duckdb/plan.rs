//! Which ways to the `DuckDB` library to try, decided from facts alone.

use std::path::PathBuf;

use clap::ValueEnum;

/// A way to the library, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Way {
    /// The directory that `DUCKDB_LIB_DIR` names.
    Dir,
    /// What an earlier run left in the target directory.
    Cached,
    /// The npm package that carries the library.
    Npm,
    /// The duckdb crate's own download of the upstream release.
    Download,
    /// Compiled from source into the binaries.
    Bundled,
}

/// All that the decision depends on.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) forced: Option<Way>,
    pub(crate) lib_dir: Option<LibDir>,
    pub(crate) cached: Cached,
    /// Like `linux-x64`; `None` for a platform without a package.
    pub(crate) platform: Option<String>,
    pub(crate) pinned: bool,
    pub(crate) npm: bool,
    pub(crate) compiler: bool,
}

/// The directory of `DUCKDB_LIB_DIR`.
#[derive(Clone, Debug)]
pub(crate) struct LibDir {
    pub(crate) path: PathBuf,
    pub(crate) has_library: bool,
}

/// What is in the target directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    Absent,
    Intact,
    /// Not what was put there; says in what it differs.
    Damaged(String),
}

/// One way and whether it is worth trying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) way: Way,
    /// Why not, and what would change that.
    pub(crate) obstacle: Option<String>,
}

/// What to try, in order. The list ends with the first way that cannot fail, or that the user insists on.
pub(crate) fn decide(facts: &Facts) -> Vec<Decision> {
    if let Some(way) = facts.forced {
        return vec![decision(way, facts)];
    }
    // Whoever sets the variable means that library: falling back to another one would hide the mistake.
    if facts.lib_dir.is_some() {
        return vec![decision(Way::Dir, facts)];
    }
    let mut decisions = vec![decision(Way::Cached, facts)];
    if facts.cached == Cached::Intact {
        return decisions;
    }
    decisions.extend([Way::Npm, Way::Download, Way::Bundled].map(|way| decision(way, facts)));
    decisions
}

fn decision(way: Way, facts: &Facts) -> Decision {
    Decision { way, obstacle: obstacle(way, facts) }
}

fn obstacle(way: Way, facts: &Facts) -> Option<String> {
    match way {
        Way::Dir => match &facts.lib_dir {
            None => Some("DUCKDB_LIB_DIR is not set; set it to the directory that holds libduckdb".into()),
            Some(dir) if !dir.has_library => Some(format!(
                "DUCKDB_LIB_DIR is {}, which holds no {}; correct it, or unset it to have the library fetched",
                dir.path.display(),
                super::LIBRARY
            )),
            Some(_) => None,
        },
        Way::Cached => match &facts.cached {
            Cached::Intact => None,
            Cached::Absent => Some("nothing was fetched yet".into()),
            Cached::Damaged(how) => Some(format!("not used: {how}; it will be replaced")),
        },
        Way::Npm => match &facts.platform {
            None => Some("there is no npm package for this platform".into()),
            Some(platform) if !facts.pinned => Some(format!(
                "no pinned hash for {platform}; add one to xtask/src/duckdb/pins.rs after checking the package"
            )),
            Some(_) if !facts.npm => {
                Some("npm is not installed; install Node.js (Debian: `apt-get install npm`)".into())
            }
            Some(_) => None,
        },
        Way::Bundled if !facts.compiler => Some(
            "no C++ compiler; install one (Debian: `apt-get install g++`, macOS: `xcode-select --install`, \
             Windows: Visual Studio Build Tools)"
                .into(),
        ),
        Way::Download | Way::Bundled => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            forced: None,
            lib_dir: None,
            cached: Cached::Absent,
            platform: Some("linux-x64".into()),
            pinned: true,
            npm: true,
            compiler: true,
        }
    }

    fn tried(facts: &Facts) -> Vec<Way> {
        decide(facts).into_iter().filter(|one| one.obstacle.is_none()).map(|one| one.way).collect()
    }

    #[test]
    fn an_empty_target_directory_tries_npm_then_the_crates_download_then_the_source() {
        assert_eq!(tried(&facts()), [Way::Npm, Way::Download, Way::Bundled]);
    }

    #[test]
    fn an_intact_library_is_the_only_thing_tried() {
        assert_eq!(tried(&Facts { cached: Cached::Intact, ..facts() }), [Way::Cached]);
    }

    #[test]
    fn a_damaged_library_is_never_used() {
        let facts = Facts { cached: Cached::Damaged("half of it is missing".into()), ..facts() };
        assert_eq!(tried(&facts), [Way::Npm, Way::Download, Way::Bundled]);
        assert!(decide(&facts)[0].obstacle.as_ref().unwrap().contains("half of it is missing"));
    }

    #[test]
    fn the_users_directory_wins_over_everything_fetched() {
        let lib_dir = Some(LibDir { path: "/opt/duckdb".into(), has_library: true });
        assert_eq!(tried(&Facts { lib_dir, cached: Cached::Intact, ..facts() }), [Way::Dir]);
    }

    #[test]
    fn a_users_directory_without_the_library_is_an_error_that_says_so_and_nothing_else_is_tried() {
        let lib_dir = Some(LibDir { path: "/opt/empty".into(), has_library: false });
        let decisions = decide(&Facts { lib_dir, cached: Cached::Intact, ..facts() });
        assert_eq!(decisions.len(), 1);
        let obstacle = decisions[0].obstacle.as_ref().unwrap();
        assert!(obstacle.contains("/opt/empty") && obstacle.contains("unset it"), "{obstacle}");
    }

    #[test]
    fn a_platform_without_a_pin_passes_npm_by_and_says_so() {
        let facts = Facts { platform: Some("darwin-arm64".into()), pinned: false, ..facts() };
        assert_eq!(tried(&facts), [Way::Download, Way::Bundled]);
        let obstacle = decide(&facts)[1].obstacle.clone().unwrap();
        assert!(obstacle.starts_with("no pinned hash for darwin-arm64"), "{obstacle}");
    }

    #[test]
    fn without_npm_or_a_compiler_each_names_what_to_install() {
        let facts = Facts { npm: false, compiler: false, ..facts() };
        assert_eq!(tried(&facts), [Way::Download]);
        let obstacles: Vec<String> = decide(&facts).into_iter().filter_map(|one| one.obstacle).collect();
        assert!(obstacles.iter().any(|text| text.contains("apt-get install npm")));
        assert!(obstacles.iter().any(|text| text.contains("apt-get install g++")));
    }

    #[test]
    fn a_forced_way_is_the_only_one_even_against_the_users_directory() {
        let lib_dir = Some(LibDir { path: "/opt/duckdb".into(), has_library: true });
        for way in [Way::Cached, Way::Npm, Way::Download, Way::Bundled] {
            let decisions = decide(&Facts { forced: Some(way), lib_dir: lib_dir.clone(), ..facts() });
            assert_eq!(decisions.iter().map(|one| one.way).collect::<Vec<_>>(), [way]);
        }
    }
}

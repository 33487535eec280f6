//! Finds source files that no crate compiles: a merge can bring one back, and no compiler looks at it.

use std::collections::BTreeMap;
use std::path::Path;

/// The source files of modules, with their text, by path from the workspace's root.
#[derive(Default)]
pub(crate) struct Modules(BTreeMap<String, String>);

impl Modules {
    /// Takes a file that belongs to a module tree: anything below a `src` folder, and the integration tests.
    pub(crate) fn collect(&mut self, path: &str, text: &str) {
        if path.contains("/src/") || path.starts_with("tests/it/") {
            self.0.insert(path.to_owned(), text.to_owned());
        }
    }

    /// The files that no other declares.
    pub(crate) fn undeclared(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|path| !self.is_declared(path)).collect()
    }

    fn is_declared(&self, path: &str) -> bool {
        let path = Path::new(path);
        let (Some(folder), Some(name)) = (path.parent(), path.file_stem().and_then(|name| name.to_str()))
        else {
            return true;
        };
        let is_root = matches!(name, "main" | "lib") && !folder.ends_with("bin");
        // A folder of binaries, and of a binary of several files: cargo finds their roots by itself.
        if is_root || folder.ends_with("src/bin") {
            return true;
        }
        let (folder, name) = match (name, folder.parent(), folder.file_name().and_then(|name| name.to_str()))
        {
            ("mod", Some(parent), Some(module)) => (parent, module),
            _ => (folder, name),
        };
        let declares = |file: &Path| {
            let text = file.to_str().and_then(|file| self.0.get(file));
            let (declared, published) = (format!("mod {name};"), format!("mod {name} {{"));
            text.is_some_and(|text| {
                text.lines().any(|line| line.contains(&declared) || line.contains(&published))
            })
        };
        ["mod.rs", "lib.rs", "main.rs"].iter().any(|file| declares(&folder.join(file)))
            || declares(&folder.with_extension("rs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_declares_is_found_wherever_it_lies() {
        let mut modules = Modules::default();
        for (path, text) in [
            ("a/src/lib.rs", "mod one;\npub(crate) mod two;\nmod four;"),
            ("a/src/one.rs", "#[cfg(test)]\nmod tests;"),
            ("a/src/one/tests.rs", ""),
            ("a/src/one/stray.rs", ""),
            ("a/src/two/mod.rs", "mod three;"),
            ("a/src/two/three.rs", "// mod five;"),
            ("a/src/two/four.rs", ""),
            ("a/src/bin/tool.rs", ""),
            ("a/src/three.rs", ""),
            ("a/benches/speed.rs", ""),
            ("tests/it/main.rs", "mod login;"),
            ("tests/it/login.rs", ""),
            ("tests/it/logout.rs", ""),
        ] {
            modules.collect(path, text);
        }
        let strays = ["a/src/one/stray.rs", "a/src/three.rs", "a/src/two/four.rs", "tests/it/logout.rs"];
        assert_eq!(modules.undeclared(), strays);
    }
}

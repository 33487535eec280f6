//! The file from both sides: what is written is private, whole and complete; what is wrong is refused.

use super::*;
use crate::error::Explain as _;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn scopes() -> ScopeSet {
    ScopeSet::parse("read:mimic-data").unwrap()
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

fn make(path: &Path, key: &str) -> Result<NewKey, KeyFileError> {
    create(path, name(key), scopes(), NOW, None)
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = read(path).unwrap().iter().map(|key| key.name().to_string()).collect();
    names.sort();
    names
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777
}

#[test]
fn two_new_keys_differ_and_neither_text_is_in_the_file() {
    let folder = folder();
    let path = folder.path().join("deep/er/keys.json");
    let texts = ["a", "b"].map(|key| make(&path, key).unwrap().text);
    assert_ne!(texts[0].expose(), texts[1].expose());
    let content = std::fs::read_to_string(&path).unwrap();
    for text in &texts {
        assert!(text.expose().starts_with("m4_") && text.expose().len() == 46);
        assert!(!content.contains(text.expose()) && !content.contains(&text.expose()[3..20]));
    }
    #[cfg(unix)]
    {
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("deep/er/keys.json.lock")), 0o600);
        assert_eq!([mode(&folder.path().join("deep")), mode(&folder.path().join("deep/er"))], [0o700, 0o700]);
    }
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_old_key_stays() {
    let folder = folder();
    let path = folder.path().join("keys.json");
    make(&path, "ci").unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = make(&path, "ci").unwrap_err();
    assert!(error.to_string().contains("called ci") && error.hint().unwrap().contains("revoke"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_revoked_key_is_gone_and_an_unknown_one_is_an_error_that_repeats_no_key() {
    let folder = folder();
    let path = folder.path().join("keys.json");
    assert!(matches!(revoke(&path, "ci"), Err(KeyFileError::Missing(_))));
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was made");
    let text = make(&path, "ci").unwrap().text;
    make(&path, "other").unwrap();
    assert_eq!(revoke(&path, "ci").unwrap().name().as_str(), "ci");
    assert_eq!(names(&path), ["other"]);
    let error = revoke(&path, "ci").unwrap_err();
    assert!(error.to_string().contains("`ci`"));
    let error = revoke(&path, text.expose()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(text.expose()));
}

#[test]
fn what_many_writers_add_at_once_is_all_there() {
    let folder = folder();
    let path = folder.path().join("keys.json");
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..5 {
                    make(path, &format!("k-{writer}-{number}")).unwrap();
                }
            });
        }
    });
    assert_eq!(names(&path).len(), 40);
}

#[test]
fn one_key_is_ensured_once() {
    let folder = folder();
    let path = folder.path().join("keys.json");
    let first = ensure_one(&path, scopes(), NOW).unwrap().unwrap();
    assert_eq!((first.key.name().as_str(), first.key.expires_at()), ("default", None));
    assert_eq!(first.key.scopes(), &scopes());
    assert!(ensure_one(&path, scopes(), NOW).unwrap().is_none());
    assert_eq!(names(&path), ["default"]);
}

#[test]
fn keys_that_all_expired_do_not_count_as_one() {
    let folder = folder();
    let path = folder.path().join("keys.json");
    create(&path, name("default"), scopes(), NOW, Some(NOW.saturating_add(10))).unwrap();
    assert!(ensure_one(&path, scopes(), NOW).unwrap().is_none());
    assert!(ensure_one(&path, scopes(), NOW.saturating_add(10)).unwrap().is_some());
    assert_eq!(names(&path), ["default"]);
}

#[test]
fn a_text_of_ones_own_is_kept_when_it_is_strong_and_may_come_again() {
    let folder = folder();
    let path = folder.path().join("keys.json");
    let add = |text: &str| add_text(&path, name("operator"), &Secret::new(text), scopes(), NOW);
    let weak = add("hunter2").unwrap_err();
    assert!(matches!(weak, KeyFileError::Weak(_)) && weak.hint().unwrap().contains("openssl rand"));
    assert!(!format!("{weak} {weak:?}").contains("hunter2") && !path.exists());
    let strong = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
    add(strong).unwrap();
    add(strong).unwrap();
    assert_eq!(names(&path), ["operator"]);
    assert!(matches!(add("0b7e6d081884c7d659a2feaa0c55ad015a3bf4f1b"), Err(KeyFileError::Conflict(_))));
    assert!(!std::fs::read_to_string(&path).unwrap().contains(strong));
}

#[test]
fn a_file_that_cannot_be_used_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("keys.json");
    assert!(matches!(read(&path), Err(KeyFileError::Missing(_))));
    assert!(matches!(read(folder.path()), Err(KeyFileError::NotAFile(_))));
    make(&path, "a").unwrap();
    for content in ["", "{", "[]", r#"{"version":9,"keys":[]}"#] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(read(&path), Err(KeyFileError::Unusable { .. })), "{content}");
        assert!(make(&path, "b").is_err() && revoke(&path, "a").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    std::fs::write(&path, vec![b' '; 2 << 20]).unwrap();
    assert!(matches!(read(&path), Err(KeyFileError::Unusable { .. })));
}

#[cfg(unix)]
#[test]
fn a_file_of_keys_that_others_can_open_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let path = folder.path().join("keys.json");
    make(&path, "a").unwrap();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o666] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::OpenToOthers(_)), "{mode:o}");
        assert!(error.hint().unwrap().contains("chmod 600"));
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert!(read(&path).is_ok());
}

#[cfg(unix)]
#[test]
fn a_link_to_the_file_of_keys_stays_a_link() {
    let folder = folder();
    let (real, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
    std::os::unix::fs::symlink("real.json", &link).unwrap();
    assert!(matches!(make(&link, "a"), Err(KeyFileError::Unwritable { .. })));
    make(&real, "a").unwrap();
    make(&link, "b").unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(names(&real), ["a", "b"]);
}

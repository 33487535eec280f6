//! Writing a user's files so that a crash leaves the old one or the new one, never half of one.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The file a path leads to, through any links: what a rename would have to replace to keep the links.
///
/// `Ok(None)` when there is nothing yet; a link that leads nowhere is an error, because writing there would either break
/// the link or put a file where nobody looks.
pub fn resolve(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(Some(real)),
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(io::Error::new(ErrorKind::NotFound, "it is a link to a file that does not exist")),
            Err(_) => Ok(None),
        },
        Err(error) => Err(error),
    }
}

/// Writes `content` in one step, making the folder where it is missing. `mode` is the permissions' bits on Unix, where
/// `None` keeps those of the file that is replaced and makes a new one private.
pub fn write(path: &Path, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    let target = resolve(path)?.unwrap_or_else(|| path.to_owned());
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    let permissions = permissions(mode).or_else(|| fs::metadata(&target).ok().map(|meta| meta.permissions()));
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

#[cfg(unix)]
fn permissions(mode: Option<u32>) -> Option<Permissions> {
    mode.map(std::os::unix::fs::PermissionsExt::from_mode)
}

#[cfg(not(unix))]
fn permissions(_: Option<u32>) -> Option<Permissions> {
    None
}

/// Readable and writable by its owner alone.
pub const PRIVATE: u32 = 0o600;

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file");
        write(&path, b"1", None).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write(&path, b"2", None).unwrap();
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o640, b"2".to_vec()));
        write(&path, b"3", Some(PRIVATE)).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        symlink("real", &link).unwrap();
        write(&link, b"new", None).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("nowhere", &link).unwrap();
        assert!(write(&link, b"x", None).is_err());
        assert!(!folder.path().join("nowhere").exists());
    }
}

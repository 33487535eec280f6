//! Writing a user's files so that a crash leaves the old one or the new one, never half of one.

use std::fs::{self, File, Metadata, Permissions};
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
/// `None` keeps those of the file that is replaced and makes a new one private. The owner stays who it was.
pub fn write(path: &Path, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    Prepared::new(path, content, mode)?.put()
}

/// A file that is on the disk whole, beside the one it is to replace.
pub struct Prepared {
    file: NamedTempFile,
    target: PathBuf,
}

impl Prepared {
    /// Writes `content`, as [`write()`] does, up to the last step.
    pub fn new(path: &Path, content: &[u8], mode: Option<u32>) -> io::Result<Self> {
        let target = resolve(path)?.unwrap_or_else(|| path.to_owned());
        let folder = folder_of(&target);
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        if let Ok(old) = fs::metadata(&target) {
            belong(file.as_file(), &old)?;
        }
        if let Some(permissions) = permissions(mode) {
            file.as_file().set_permissions(permissions)?;
        }
        file.as_file().sync_all()?;
        Ok(Self { file, target })
    }

    /// Puts it in the other's place.
    pub fn put(self) -> io::Result<()> {
        self.file.persist(&self.target)?;
        Ok(())
    }

    /// Puts it where nothing is; an error where something came to be there.
    pub fn put_new(self) -> io::Result<()> {
        self.file.persist_noclobber(&self.target)?;
        Ok(())
    }
}

/// The folder a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a file the owner and the permissions of another; an error where it may not, because whoever could read or change
/// the other would be different people then.
pub fn belong(file: &File, other: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let own = file.metadata()?;
        let of_group = other.permissions().mode() & 0o070;
        if own.uid() != other.uid() {
            fchown(file, Some(other.uid()), None)?;
        }
        if own.gid() != other.gid() {
            match fchown(file, None, Some(other.gid())) {
                Err(_) if of_group == 0 => {}
                changed => changed?,
            }
        }
    }
    file.set_permissions(other.permissions())
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
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

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
    fn the_owner_stays_who_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        if chown(&path, Some(1234), Some(2345)).is_err() {
            println!("skipped: this user may not give files away, so their owner cannot change either");
            return;
        }
        fs::set_permissions(&path, Permissions::from_mode(0o4750)).unwrap();
        write(&path, b"new", None).unwrap();
        let meta = path.metadata().unwrap();
        assert_eq!((meta.uid(), meta.gid(), mode(&path)), (1234, 2345, 0o750));
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn what_is_new_does_not_replace_what_came_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let prepared = Prepared::new(&path, b"mine", None).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert_eq!(prepared.put_new().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
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

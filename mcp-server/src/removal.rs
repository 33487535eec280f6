//! Removing what may not be there.

use std::io::{self, ErrorKind};

/// The outcome of a removal whose aim is that the thing is gone: one that was not there is no error.
pub(crate) fn gone(removal: io::Result<()>) -> io::Result<()> {
    match removal {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_gone_and_what_cannot_be_removed_is_not() {
        assert!(gone(Ok(())).is_ok());
        assert!(gone(Err(ErrorKind::NotFound.into())).is_ok());
        assert_eq!(
            gone(Err(ErrorKind::PermissionDenied.into())).unwrap_err().kind(),
            ErrorKind::PermissionDenied
        );
    }
}

//! Sets a dataset up by name: what `m4 init` does.

use std::path::Path;

use super::{IngestError, Progress, Report, generate, load};
use crate::dataset::{Name, Registry, ResolveError, Setup, WORKS_TODAY};
use crate::error::Explain;

/// Makes the database of the dataset called `name`, from the files in `src` where it is not generated.
pub fn init(
    registry: &Registry,
    name: &str,
    src: Option<&Path>,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, InitError> {
    let definition = registry.find(name)?;
    let database = registry.database(definition);
    let report = match (definition.setup, src) {
        (Setup::Generated, None) => generate(definition, &database, on_progress)?,
        (Setup::Directory, Some(src)) => load(definition, src, &database, on_progress)?,
        (Setup::Generated, Some(_)) => {
            return Err(InitError::SourceNotUsed { name: definition.name.clone() });
        }
        (Setup::Directory, None) => {
            let url = definition.file_listing_url.clone();
            return Err(InitError::SourceNeeded { name: definition.name.clone(), url });
        }
        (Setup::Unsupported, _) => return Err(InitError::Unsupported { name: definition.name.clone() }),
    };
    Ok(report)
}

/// Why a dataset was not set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is no such dataset.
    #[error(transparent)]
    Unknown(#[from] ResolveError),
    /// It is loaded from files, and none were given.
    #[error("{name} is loaded from its published files, and this version does not download them")]
    SourceNeeded {
        /// Which.
        name: Name,
        /// Where they are published, where that is known.
        url: Option<String>,
    },
    /// It is generated, and files were given.
    #[error("{name} is generated and takes no source directory")]
    SourceNotUsed {
        /// Which.
        name: Name,
    },
    /// It is known by name only.
    #[error("{name} cannot be set up by this version")]
    Unsupported {
        /// Which.
        name: Name,
    },
    /// Loading failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl Explain for InitError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown(error) => return error.hint(),
            Self::Ingest(error) => return error.hint(),
            Self::SourceNeeded { name, url: Some(url) } => {
                format!("fetch {url}, then run: m4 init {name} --src DIR")
            }
            Self::SourceNeeded { name, url: None } => format!("run: m4 init {name} --src DIR"),
            Self::SourceNotUsed { name } => format!("run: m4 init {name}"),
            Self::Unsupported { .. } => WORKS_TODAY.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, src: Option<&Path>) -> InitError {
        init(&Registry::open(Path::new("/nonexistent/m4")), name, src, &mut |_| {}).unwrap_err()
    }

    #[test]
    fn the_demo_without_files_says_where_they_are() {
        let hint = refusal("mimic-iv-demo", None).hint().unwrap();
        assert_eq!(
            hint,
            "fetch https://physionet.org/files/mimic-iv-demo/2.2/, then run: m4 init mimic-iv-demo --src DIR"
        );
    }

    #[test]
    fn the_sample_does_not_pretend_to_use_files() {
        assert!(matches!(
            refusal("mimic-iv-sample", Some(Path::new("/data"))),
            InitError::SourceNotUsed { .. }
        ));
    }

    #[test]
    fn an_unknown_name_is_not_a_path() {
        assert!(matches!(refusal("../x", None), InitError::Unknown(ResolveError::Invalid(_))));
    }
}

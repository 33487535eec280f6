//! How far into a database one caller may see.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use auth_core::rejection::Rejection;

/// Decides, schema by schema, whether a caller may read what a call reads.
///
/// A backend asks it before it reads, about every schema that a statement reaches. Each is decided once per call.
#[derive(Clone, Default)]
pub struct Reach(Option<Arc<Decisions>>);

struct Decisions {
    decide: Box<Decide>,
    made: Mutex<BTreeMap<String, Result<(), Rejection>>>,
}

type Decide = dyn Fn(&str) -> Result<(), Rejection> + Send + Sync;

impl Reach {
    /// Asks `decide`, which gets a schema's name in lower case.
    pub fn decided_by(decide: impl Fn(&str) -> Result<(), Rejection> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Decisions { decide: Box::new(decide), made: Mutex::default() })))
    }

    /// Whether all of these schemas may be read. The error is the first no.
    pub fn check<'a>(&self, schemas: impl IntoIterator<Item = &'a String>) -> Result<(), Rejection> {
        let Some(decisions) = &self.0 else { return Ok(()) };
        schemas.into_iter().try_for_each(|schema| decisions.on(schema))
    }

    /// The schemas that were asked about and may not be read, with the reasons.
    pub fn withheld(&self) -> Vec<(String, Rejection)> {
        let Some(decisions) = &self.0 else { return Vec::new() };
        let made = decisions.made.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |(schema, outcome): (&String, &Result<(), Rejection>)| {
            Some((schema.clone(), outcome.clone().err()?))
        };
        made.iter().filter_map(refused).collect()
    }
}

impl Decisions {
    fn on(&self, schema: &str) -> Result<(), Rejection> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(schema.to_owned()).or_insert_with(|| (self.decide)(schema)).clone()
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_none() { "Reach(everything)" } else { "Reach(decided per schema)" })
    }
}

/// Equal when the same decides.
impl PartialEq for Reach {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(another)) => Arc::ptr_eq(one, another),
            _ => false,
        }
    }
}

impl Eq for Reach {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schema_is_decided_once_and_a_no_is_remembered() {
        let asked = Arc::new(Mutex::new(0));
        let counter = asked.clone();
        let reach = Reach::decided_by(move |schema| {
            *counter.lock().unwrap() += 1;
            if schema == "notes" { Err(Rejection::MissingToken) } else { Ok(()) }
        });
        let schemas = ["hosp".to_owned(), "notes".to_owned()];
        assert!(reach.check(&schemas).is_err() && reach.check(&schemas).is_err());
        assert!(reach.check(&schemas[..1]).is_ok());
        assert_eq!(*asked.lock().unwrap(), 2);
        assert_eq!(reach.withheld(), [("notes".to_owned(), Rejection::MissingToken)]);
        assert!(Reach::default().check(&schemas).is_ok());
    }
}

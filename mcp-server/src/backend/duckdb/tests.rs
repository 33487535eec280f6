//! The backend as its callers see it.

use super::fixture::Fixture;
use super::*;
use crate::sql::corpus;

fn limits() -> QueryLimits {
    QueryLimits::default()
}

#[tokio::test]
async fn every_allowed_statement_of_the_corpus_runs() {
    let (fixture, backend) = (Fixture::hospital(), DuckDb::default());
    let mut failed = Vec::new();
    for sql in corpus::allowed() {
        if let Err(error) = backend.query(&fixture.dataset(), &sql, &limits()).await {
            failed.push((sql, error));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

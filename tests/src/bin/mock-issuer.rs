//! Mock issuer.
fn main() {}

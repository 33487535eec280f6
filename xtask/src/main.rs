//! Contributors' workflows.
fn main() {}

//! What a check costs with 1, 10,000 and 1,000,000 subjects remembered, beside the first.
fn main() {}

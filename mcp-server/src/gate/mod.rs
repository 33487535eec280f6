//! The gate every data access passes.

pub mod clock;

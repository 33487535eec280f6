//! Keeps values that different threads write out of each other's cache lines.

/// A value whose cache lines it shares with no other: a pair of 64 bytes, since processors fetch them by twos.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

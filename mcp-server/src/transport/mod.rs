//! How clients reach the tools.

mod handler;
pub mod stdio;

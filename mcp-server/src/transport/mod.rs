//! How clients reach the tools.

mod handler;
pub mod http;
mod signals;
pub mod stdio;

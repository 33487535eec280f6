//! Integration tests: the real binaries and the mock issuer, from the outside.
#![expect(clippy::unwrap_used, reason = "a helper that fails ends the test that called it")]

#[cfg(unix)]
mod account;
mod api_keys;
mod auth_check;
mod cli;
mod cli_json;
mod client;
mod client_credentials;
mod cohort;
mod command_line;
mod concurrency;
#[cfg(unix)]
mod config_bad_input;
mod config_claude;
mod config_clients;
mod credentials;
mod datasets_cli;
mod doctor;
mod download;
mod download_abuse;
mod download_credentials;
mod fail_closed;
mod gate;
mod http_abuse;
mod http_api_keys;
mod http_authorization;
mod http_dpop;
mod http_operations;
mod http_setup;
mod http_transport;
#[cfg(unix)]
mod ingest;
mod init_sources;
#[cfg(unix)]
mod interactive;
mod introspection;
mod issuer;
mod json_schema;
#[cfg(target_os = "linux")]
mod keyring;
mod keys;
mod limits;
#[cfg(unix)]
mod login_bad_answers;
#[cfg(unix)]
mod login_browser;
#[cfg(unix)]
mod login_clients;
#[cfg(unix)]
mod login_device;
#[cfg(unix)]
mod logins;
#[cfg(unix)]
mod logout;
#[cfg(unix)]
mod migrate;
mod mock_issuer_binary;
mod notes;
mod one_gate;
mod policy;
#[cfg(unix)]
mod pty;
mod real_demo;
mod refusals;
mod reinit;
mod setup;
mod several_issuers;
mod shells;
mod sql_memory;
mod sql_scopes;
mod stdio;
#[cfg(unix)]
mod stored_logins;
mod token_command;
mod tools;
mod whoami;

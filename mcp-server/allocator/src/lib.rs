//! How the allocator inside of DuckDB's library for Linux (jemalloc) treats addresses that it no longer needs: it returns
//! them to the operating system.
//!
//! By default it keeps them for later. The server holds its memory down by a limit of the addresses it has
//! (`RLIMIT_DATA`), and addresses that are kept would count for ever. The allocator reads its options when it is loaded,
//! before `main`: from an environment variable, which could only be set for a process that is started again, or from this
//! symbol, which a program may define. Where the library has another allocator, nobody reads it.
//!
//! A crate of its own because it is the one place in the workspace that needs an `unsafe` attribute: a symbol of this name
//! in another crate would be taken for this one.

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the name is the allocator's, and is defined nowhere else")]
mod options {
    /// jemalloc's `malloc_conf_2_conf_harder`, a C string, with the prefix that DuckDB gives it: read last, after the
    /// environment.
    #[unsafe(no_mangle)]
    #[used]
    static duckdb_je_malloc_conf_2_conf_harder: &[u8; 13] = b"retain:false\0";
}

//! The words that programs tell failures by. A word keeps its meaning; new ones may be added.

/// Every code with what it means, in the order of the documentation.
pub const ALL: &[(&str, &str)] = &[
    (USAGE, "what was typed makes no sense"),
    (FAILED, "it failed in a way that has no word of its own: read the message"),
    (IO, "a file, a folder or a pipe could not be read or written"),
    (MISCONFIGURED, "a setting is wrong, and nobody gets data until it is mended"),
    (NEEDS_MENDING, "the command did its work, and what it looked at needs mending"),
    (NOT_CONFIRMED, "nobody said yes to what cannot be undone"),
    (EXISTS, "what was to be made is there already"),
    (BUSY, "another program is at work on the same thing"),
    (CANCELLED, "it was stopped before its end"),
    (INTERNAL, "something that is nobody's doing went wrong inside M4"),
    // Datasets.
    (INVALID_NAME, "the text cannot name a dataset"),
    (UNKNOWN_DATASET, "there is no dataset of that name"),
    (DATASET_NOT_SET_UP, "the dataset is known, and its database is not there"),
    (NO_DATASET, "no dataset was named, and none is set up"),
    (AMBIGUOUS_DATASET, "no dataset was named, and several are set up"),
    (BAD_DEFINITION, "a dataset's definition cannot be used, or not be made"),
    (BAD_SOURCE, "the files of a dataset cannot be used"),
    (DISK_FULL, "the disk has no space left"),
    (DATABASE_UNREADABLE, "the database is damaged, in use by a writer, or of a newer version"),
    // Downloads.
    (MISSING_CREDENTIALS, "a download needs a PhysioNet login, and none that can be used was given"),
    (PHYSIONET_AUTH_FAILED, "the server does not accept the PhysioNet login"),
    (PHYSIONET_ACCESS_FORBIDDEN, "the login is good, and its agreement for this dataset is missing"),
    (PHYSIONET_URL_REQUIRED, "a PhysioNet login would have gone to another server"),
    (RAW_FILES_MISSING, "the dataset's files are not here, or not all of them"),
    (DOWNLOAD_FAILED, "the server, or the network, did not give a file"),
    (WRONG_CHECKSUM, "a file is not the one that was published"),
    // Queries.
    (BACKEND_UNAVAILABLE, "the configured backend cannot answer in this version"),
    (REFUSED_BY_POLICY, "the SQL policy does not let the statement through"),
    (QUERY_FAILED, "the engine did not run the query"),
    (UNKNOWN_TABLE, "the dataset has no such table"),
    (AMBIGUOUS_TABLE, "several schemas have a table of that name"),
    (TIMEOUT, "the query took longer than it may"),
    (OUT_OF_MEMORY, "the query needs more memory than it is given"),
    // Logins.
    (NOT_LOGGED_IN, "nobody is logged in, and no token is configured"),
    (NO_CREDENTIAL, "the caller's own token cannot be had"),
    (LOGIN_FAILED, "a login did not come about, or cannot be used any more"),
    (STORE_FAILED, "the stored logins cannot be read or changed"),
    (NO_SUCH_LOGIN, "no stored login is meant, or more than one could be"),
    (NO_SUCH_KEY, "there is no API key of that name"),
    (OAUTH2_OFF, "OAuth2 is switched off, so that no token is looked at"),
    // The gate: the words of the audit log.
    ("missing_token", "the gate: there is no token"),
    ("malformed", "the gate: the text is no token"),
    ("missing_kid", "the gate: the token names no key, and several could be meant"),
    ("unknown_kid", "the gate: the issuer has no such key"),
    ("algorithm_not_allowed", "the gate: the token's algorithm is not allowed"),
    ("algorithm_not_of_key", "the gate: the token's algorithm is not its key's"),
    ("bad_signature", "the gate: the signature does not hold"),
    ("expired", "the gate: the token or API key has expired"),
    ("not_yet_valid", "the gate: the token is not valid yet"),
    ("wrong_issuer", "the gate: the token is another issuer's"),
    ("wrong_audience", "the gate: the token is for another audience"),
    ("missing_claim", "the gate: the token lacks a claim"),
    ("wrong_kind", "the gate: the token is no access token"),
    ("unknown_critical_header", "the gate: the token has a critical header that is not understood"),
    ("sender_constrained", "the gate: the token is bound to a key that did not sign the request"),
    ("missing_scopes", "the gate: the token lacks scopes"),
    ("rate_limited", "the gate: too many calls; wait"),
    ("not_active", "the gate: the issuer says the token is not active"),
    ("introspection_unavailable", "the gate: the issuer could not be asked about the token"),
    ("keys_unavailable", "the gate: the issuer's keys cannot be had"),
    ("invalid_api_key", "the gate: the API key is not known"),
    ("api_keys_unavailable", "the gate: the file of API keys cannot be read"),
    ("unknown", "the gate: nothing speaks against the token, and its signature was not checked"),
];

/// Whether programs may rely on this word.
pub fn is_known(code: &str) -> bool {
    ALL.iter().any(|(known, _)| *known == code)
}

/// What was typed makes no sense.
pub const USAGE: &str = "usage";
/// No other word fits.
pub const FAILED: &str = "failed";
/// A file, a folder or a pipe could not be read or written.
pub const IO: &str = "io";
/// A setting is wrong.
pub const MISCONFIGURED: &str = "misconfigured";
/// The command did its work, and what it looked at needs mending.
pub const NEEDS_MENDING: &str = "needs_mending";
/// Nobody said yes to what cannot be undone.
pub const NOT_CONFIRMED: &str = "not_confirmed";
/// What was to be made is there already.
pub const EXISTS: &str = "exists";
/// Another program is at work on the same thing.
pub const BUSY: &str = "busy";
/// It was stopped before its end.
pub const CANCELLED: &str = "cancelled";
/// Something that is nobody's doing.
pub const INTERNAL: &str = "internal";
/// The text cannot name a dataset.
pub const INVALID_NAME: &str = "invalid_name";
/// There is no dataset of that name.
pub const UNKNOWN_DATASET: &str = "unknown_dataset";
/// The dataset's database is not there.
pub const DATASET_NOT_SET_UP: &str = "dataset_not_set_up";
/// No dataset was named, and none is set up.
pub const NO_DATASET: &str = "no_dataset";
/// No dataset was named, and several are set up.
pub const AMBIGUOUS_DATASET: &str = "ambiguous_dataset";
/// A definition cannot be used, or not be made.
pub const BAD_DEFINITION: &str = "bad_definition";
/// The files of a dataset cannot be used.
pub const BAD_SOURCE: &str = "bad_source";
/// The disk has no space left.
pub const DISK_FULL: &str = "disk_full";
/// The database is damaged, in use by a writer, or of a newer version.
pub const DATABASE_UNREADABLE: &str = "database_unreadable";
/// A download needs a login, and none that can be used was given.
pub const MISSING_CREDENTIALS: &str = "missing_credentials";
/// The server does not accept the login.
pub const PHYSIONET_AUTH_FAILED: &str = "physionet_auth_failed";
/// The login's agreement for this dataset is missing.
pub const PHYSIONET_ACCESS_FORBIDDEN: &str = "physionet_access_forbidden";
/// The login would have gone to another server.
pub const PHYSIONET_URL_REQUIRED: &str = "physionet_url_required";
/// The dataset's files are not here, or not all of them.
pub const RAW_FILES_MISSING: &str = "raw_files_missing";
/// The server, or the network, did not give a file.
pub const DOWNLOAD_FAILED: &str = "download_failed";
/// A file is not the one that was published.
pub const WRONG_CHECKSUM: &str = "wrong_checksum";
/// The configured backend cannot answer.
pub const BACKEND_UNAVAILABLE: &str = "backend_unavailable";
/// The SQL policy does not let the statement through.
pub const REFUSED_BY_POLICY: &str = "refused_by_policy";
/// The engine did not run the query.
pub const QUERY_FAILED: &str = "query_failed";
/// The dataset has no such table.
pub const UNKNOWN_TABLE: &str = "unknown_table";
/// Several schemas have a table of that name.
pub const AMBIGUOUS_TABLE: &str = "ambiguous_table";
/// The query took longer than it may.
pub const TIMEOUT: &str = "timeout";
/// The query needs more memory than it is given.
pub const OUT_OF_MEMORY: &str = "out_of_memory";
/// Nobody is logged in, and no token is configured.
pub const NOT_LOGGED_IN: &str = "not_logged_in";
/// The caller's own token cannot be had.
pub const NO_CREDENTIAL: &str = "no_credential";
/// A login did not come about, or cannot be used any more.
pub const LOGIN_FAILED: &str = "login_failed";
/// The stored logins cannot be read or changed.
pub const STORE_FAILED: &str = "store_failed";
/// No stored login is meant, or more than one could be.
pub const NO_SUCH_LOGIN: &str = "no_such_login";
/// There is no API key of that name.
pub const NO_SUCH_KEY: &str = "no_such_key";
/// OAuth2 is switched off.
pub const OAUTH2_OFF: &str = "oauth2_off";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_one_word_and_there_once() {
        let words: BTreeSet<_> = ALL.iter().map(|(word, _)| *word).collect();
        assert_eq!(words.len(), ALL.len());
        let plain =
            |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(words.iter().all(|word| plain(word)));
    }
}

//! What the tests start from: a sandbox with the sample dataset, OAuth2 against a mock issuer, and a call in one line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use m4_tests::binaries;
use m4_tests::cli::m4;
use m4_tests::issuer::{MockIssuer, Options, TokenSpec};
use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::{Value, json};

/// How long anything may take before the test fails. Generous: the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Every tool, with arguments it accepts.
pub(crate) fn every_tool() -> [(&'static str, Value); 11] {
    [
        ("list_datasets", json!({})),
        ("get_database_schema", json!({})),
        ("get_table_info", json!({ "table_name": "mimiciv_hosp.patients" })),
        ("execute_query", json!({ "sql_query": COUNT_PATIENTS })),
        ("search_notes", json!({ "query": "pneumonia" })),
        ("get_note", json!({ "note_id": FIRST_NOTE })),
        ("list_patient_notes", json!({ "subject_id": FIRST_PATIENT })),
        ("query_cohort", json!({ "age_min": 60, "icd_codes": ["I", "4"], "has_icu_stay": true })),
        ("capabilities", json!({})),
        ("whoami", json!({})),
        ("set_dataset", json!({ "dataset_name": "mimic-iv-sample" })),
    ]
}

/// A patient of the sample dataset.
pub(crate) const FIRST_PATIENT: u64 = 90_000_001;

/// That patient's first note.
pub(crate) const FIRST_NOTE: &str = "90000001-DS-1";

/// Every resource.
pub(crate) const RESOURCES: [&str; 2] = ["m4://capabilities", "m4://whoami"];

/// Answers 100 on the sample dataset and on the real demo.
pub(crate) const COUNT_PATIENTS: &str = "SELECT count(*) AS n FROM mimiciv_hosp.patients";

/// A sandbox where no dataset is set up.
pub(crate) fn empty() -> Sandbox {
    Sandbox::new().unwrap()
}

/// A sandbox where the demo was made from a table of one patient, and nothing else.
pub(crate) fn with_patients_alone() -> Sandbox {
    let sandbox = empty();
    let source = sandbox.root().join("source/hosp");
    fs::create_dir_all(&source).unwrap();
    let table = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n1,F,50,2150,x,\n";
    fs::write(source.join("patients.csv"), table).unwrap();
    let output =
        m4(&sandbox, ["init", "mimic-iv-demo", "--src", source.parent().unwrap().to_str().unwrap()]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    sandbox
}

/// A sandbox with a copy of the sample dataset.
pub(crate) fn with_sample() -> Sandbox {
    let sandbox = empty();
    install(&sandbox, &sample_database(), "mimic_iv_sample.duckdb");
    sandbox
}

/// Puts a database into a sandbox.
pub(crate) fn install(sandbox: &Sandbox, database: &Path, file_name: &str) {
    let folder = sandbox.data_dir().join("databases");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(database, folder.join(file_name)).unwrap();
}

/// The sample dataset's database, made by `m4 init` once per build of `m4`: every test has its own process, and one
/// that only wants data need not wait for it to be generated.
pub(crate) fn sample_database() -> PathBuf {
    made_once("sample", |sandbox| {
        let output = m4(sandbox, ["init", "mimic-iv-sample"]).unwrap();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        sandbox.data_dir().join("databases/mimic_iv_sample.duckdb")
    })
}

/// A file that `make` leaves in its sandbox, kept until `m4` is built again.
pub(crate) fn made_once(name: &str, make: impl FnOnce(&Sandbox) -> PathBuf) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built = fs::metadata(binaries::find("m4").unwrap()).unwrap().modified().unwrap();
    let stamp = built.duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let kept = folder.join(format!("{name}-{stamp}.duckdb"));
    if kept.is_file() {
        return kept;
    }
    let sandbox = empty();
    let fresh = make(&sandbox);
    let outdated = |file: &str| file.starts_with(&format!("{name}-")) && !file.contains(&stamp.to_string());
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if outdated(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    // Several tests may make it at once; each puts a whole file into place.
    let partial = tempfile::NamedTempFile::new_in(folder).unwrap();
    fs::copy(fresh, partial.path()).unwrap();
    partial.persist(&kept).unwrap();
    kept
}

/// An issuer with its usual keys.
pub(crate) fn issuer() -> MockIssuer {
    MockIssuer::start(Options::default())
}

/// OAuth2 on, for tokens of this issuer that [`present`] puts into a file.
pub(crate) fn protected(sandbox: Sandbox, issuer: &MockIssuer) -> Sandbox {
    let token_file = token_file(&sandbox);
    sandbox
        .with("M4_OAUTH2_ENABLED", "true")
        .with("M4_OAUTH2_ISSUER_URL", issuer.url())
        .with("M4_OAUTH2_AUDIENCE", issuer.audience())
        .with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "100000")
        .with("M4_OAUTH2_TOKEN_FILE", token_file)
}

/// A server in a sandbox, with the issuer its callers get their tokens from.
pub(crate) struct Guarded {
    pub(crate) issuer: MockIssuer,
    pub(crate) sandbox: Sandbox,
    pub(crate) server: RawServer,
}

impl Guarded {
    /// Starts issuer and server, on the sample dataset.
    pub(crate) fn start() -> Self {
        Self::with(issuer(), |sandbox| sandbox)
    }

    /// Starts a server for this issuer, in the sandbox that `adjust` returns.
    pub(crate) fn with(issuer: MockIssuer, adjust: impl FnOnce(Sandbox) -> Sandbox) -> Self {
        let sandbox = adjust(protected(with_sample(), &issuer));
        let server = start(&sandbox);
        Self { issuer, sandbox, server }
    }

    /// Presents this token from now on.
    pub(crate) fn present(&self, token: &str) {
        present(&self.sandbox, token);
    }

    /// Counts the patients with this token.
    pub(crate) fn count_with(&mut self, token: &str) -> Reply {
        self.present(token);
        sql(&mut self.server, COUNT_PATIENTS)
    }

    /// Counts the patients with a token as specified.
    pub(crate) fn count(&mut self, spec: TokenSpec) -> Reply {
        let token = self.issuer.mint(spec);
        self.count_with(&token)
    }
}

/// Puts a token where the server of this sandbox looks for it.
pub(crate) fn present(sandbox: &Sandbox, token: &str) {
    let next = sandbox.root().join("token.next");
    fs::write(&next, token).unwrap();
    fs::rename(next, token_file(sandbox)).unwrap();
}

fn token_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.root().join("token")
}

/// A server past its handshake.
pub(crate) fn start(sandbox: &Sandbox) -> RawServer {
    let mut server = RawServer::spawn(sandbox).unwrap();
    server.initialize(DEADLINE).unwrap();
    server
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) is_error: bool,
    pub(crate) text: String,
    pub(crate) structured: Value,
}

impl Reply {
    /// Takes the `result` of a `tools/call` apart.
    pub(crate) fn of(answer: &Value) -> Self {
        let result = &answer["result"];
        assert!(result["content"].is_array(), "not a tool's result: {answer}");
        Self {
            is_error: result["isError"] == true,
            text: result["content"][0]["text"].as_str().unwrap().to_owned(),
            structured: result["structuredContent"].clone(),
        }
    }

    /// The rows of `execute_query`; fails the test when there are none.
    pub(crate) fn rows(&self) -> &Vec<Value> {
        assert!(!self.is_error, "{}", self.text);
        self.structured["rows"].as_array().unwrap()
    }

    /// The text of a refusal; fails the test when data came back.
    pub(crate) fn refusal(&self) -> &str {
        assert!(self.is_error, "not refused: {}", self.text);
        assert!(self.structured.is_null(), "a refusal with data: {}", self.structured);
        &self.text
    }
}

/// Says aloud what is not tested here, and why.
#[expect(clippy::print_stderr, reason = "a skipped test has nobody else to tell")]
pub(crate) fn skip(what: &str) {
    eprintln!("skipped: {what}");
}

/// Calls a tool.
#[expect(clippy::needless_pass_by_value, reason = "arguments are built in the call")]
pub(crate) fn call(server: &mut RawServer, tool: &str, arguments: Value) -> Reply {
    Reply::of(&server.call_tool(tool, &arguments, DEADLINE).unwrap())
}

/// Reads a resource; gives its JSON.
pub(crate) fn read_resource(server: &mut RawServer, uri: &str) -> Value {
    let answer = server.request("resources/read", &json!({ "uri": uri }), DEADLINE).unwrap();
    let contents = &answer["result"]["contents"][0];
    assert_eq!(
        (&contents["uri"], &contents["mimeType"]),
        (&json!(uri), &json!("application/json")),
        "{answer}"
    );
    serde_json::from_str(contents["text"].as_str().unwrap()).unwrap()
}

/// The text with which reading a resource is refused; fails the test when anything of it came back.
pub(crate) fn refusal_to_read(server: &mut RawServer, uri: &str) -> String {
    let answer = server.request("resources/read", &json!({ "uri": uri }), DEADLINE).unwrap();
    assert!(answer["result"].is_null(), "not refused: {answer}");
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

/// Runs one query.
pub(crate) fn sql(server: &mut RawServer, query: &str) -> Reply {
    call(server, "execute_query", json!({ "sql_query": query }))
}

/// Sends a call without waiting; returns its id.
pub(crate) fn begin(server: &mut RawServer, tool: &str, arguments: &Value) -> u64 {
    server.start_request("tools/call", &json!({ "name": tool, "arguments": arguments })).unwrap()
}

/// The answers to these requests, in whatever order they come.
pub(crate) fn answers(server: &mut RawServer, ids: &[u64]) -> BTreeMap<u64, Value> {
    let mut answers = BTreeMap::new();
    while answers.len() < ids.len() {
        let message = server.read(DEADLINE).unwrap();
        if let Some(id) = message["id"].as_u64().filter(|id| ids.contains(id)) {
            assert!(answers.insert(id, message).is_none(), "{id} was answered twice");
        }
    }
    answers
}

/// Asks again and again until the answer is yes.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

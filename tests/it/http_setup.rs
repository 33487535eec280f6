//! What the HTTP tests start from.

use m4_tests::http::{Answer, Asking, HttpServer};
use m4_tests::issuer::{MockIssuer, TokenSpec};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{COUNT_PATIENTS, issuer, protected, with_sample};

/// An HTTP server and the issuer its callers get their tokens from.
pub(crate) struct Web {
    pub(crate) issuer: MockIssuer,
    pub(crate) sandbox: Sandbox,
    pub(crate) server: HttpServer,
}

impl Web {
    /// OAuth2 on, on the sample dataset.
    pub(crate) fn start() -> Self {
        Self::with(|sandbox| sandbox)
    }

    /// The same in the sandbox that `adjust` returns.
    pub(crate) fn with(adjust: impl FnOnce(Sandbox) -> Sandbox) -> Self {
        let issuer = issuer();
        // Nobody's requests may pass because the server has a token of its own.
        let sandbox = adjust(protected(with_sample(), &issuer).without("M4_OAUTH2_TOKEN_FILE"));
        let server = HttpServer::spawn(&sandbox).unwrap();
        Self { issuer, sandbox, server }
    }

    /// A token that suffices for everything that needs no scope of its own.
    pub(crate) fn token(&self) -> String {
        self.issuer.mint(TokenSpec::new())
    }

    /// Counts the patients with a token.
    pub(crate) fn count(&self, token: &str) -> Asking {
        self.server.call("execute_query", &json!({ "sql_query": COUNT_PATIENTS })).bearer(token)
    }

    /// Begins a session as clients of the revisions before 2026-07-28 do, and gives its id.
    pub(crate) fn open_session(&self, token: &str) -> String {
        let answer = self.initialize().bearer(token).send().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let id = answer.field("mcp-session-id").unwrap().to_owned();
        let initialized = self.server.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        let answer = initialized.bearer(token).field("mcp-session-id", &id).send().unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
        id
    }

    pub(crate) fn initialize(&self) -> Asking {
        self.server.rpc(
            "initialize",
            &json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "m4-tests", "version": "1" },
            }),
        )
    }
}

/// A request in the manner of 2026-07-28: revision and client with every request, and headers that repeat the body.
pub(crate) fn modern(server: &HttpServer, method: &str, mut params: Value) -> Asking {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "m4-tests", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().or(params["uri"].as_str()).map(str::to_owned);
    let asking =
        server.rpc(method, &params).field("mcp-protocol-version", MODERN).field("mcp-method", method);
    match name {
        Some(name) => asking.field("mcp-name", &name),
        None => asking,
    }
}

pub(crate) const MODERN: &str = "2026-07-28";

/// The count in the answer of [`Web::count`]; fails the test when there is none.
pub(crate) fn counted(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rows = &answer.json()["result"]["structuredContent"]["rows"];
    rows[0][0].as_u64().unwrap_or_else(|| panic!("no count in {}", answer.body))
}

/// The parameters of the challenge of a scheme; fails the test when there is no such challenge.
pub(crate) fn challenge(answer: &Answer, scheme: &str) -> Vec<(String, String)> {
    let challenges = answer.all("www-authenticate");
    let found = challenges.iter().find_map(|text| text.strip_prefix(scheme));
    let text = found.unwrap_or_else(|| panic!("no {scheme} challenge in {challenges:?}"));
    let parameter = |part: &str| {
        let (name, value) = part.trim().split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    text.split("\", ").filter(|part| !part.trim().is_empty()).map(parameter).collect()
}

/// One of them.
pub(crate) fn parameter(answer: &Answer, name: &str) -> Option<String> {
    challenge(answer, "Bearer").into_iter().find(|(present, _)| present == name).map(|(_, value)| value)
}

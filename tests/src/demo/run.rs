//! The steps of the demonstration.

use std::io;
use std::path::Path;
use std::time::Instant;

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::report::{Count, Query, Refusal, Report};
use crate::cli;
use crate::client::{Client, is_error, text_of};
use crate::issuer::{MockIssuer, Options, TokenSpec};
use crate::sandbox::Sandbox;

pub(super) async fn run(source: Option<&Path>) -> io::Result<Report> {
    let start = Instant::now();
    let issuer = MockIssuer::try_start(Options { scopes: SCOPES.to_owned(), ..Options::default() })?;
    let dataset = if source.is_some() { "mimic-iv-demo" } else { "mimic-iv-sample" };
    let home = set_up(dataset, source)?;
    let demo = Demo { issuer, home, dataset };
    let valid = demo.issuer.mint(TokenSpec::new());

    let client = Client::connect(&demo.server(Some(&valid))).await?;
    let tools = client.tools().await.map_err(io::Error::other)?;
    let tools = tools.into_iter().map(|tool| tool.name.into_owned()).collect();
    let description = demo.describe(&client).await?;
    let mut counts = Vec::new();
    for table in COUNTED {
        counts.push(Count { table: table.to_owned(), rows: demo.count(&client, table).await? });
    }
    let answer = demo.query(&client, CLINICAL_QUERY).await?;
    client.close().await?;

    let expired = TokenSpec::new().issued_in(-7200).expires_in(-3600);
    let refusals = vec![
        demo.refused("no token", None, "Missing OAuth2 access token").await?,
        demo.refused("an expired token", Some(expired), "Token has expired").await?,
        demo.refused(
            "a token for another audience",
            Some(TokenSpec::new().audience("other-api")),
            "Invalid token audience",
        )
        .await?,
        demo.refused(
            "a token without the scope",
            Some(TokenSpec::new().scope("openid")),
            "Missing required scopes: ",
        )
        .await?,
        demo.rate_limited(&valid).await?,
    ];
    Ok(Report {
        issuer: demo.issuer.url().to_owned(),
        dataset: description,
        tools,
        counts,
        query: Query {
            sql: CLINICAL_QUERY.to_owned(),
            text: text_of(&answer),
            structured: answer.structured_content.unwrap_or_default(),
        },
        refusals,
        client_config: client_config()?,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// A temporary home with the dataset in it.
fn set_up(dataset: &str, source: Option<&Path>) -> io::Result<Sandbox> {
    let home = Sandbox::new()?;
    let mut args = vec!["init".into(), dataset.into(), "--quiet".into()];
    if let Some(source) = source {
        args.extend(["--src".into(), source.as_os_str().to_owned()]);
    }
    let output = cli::m4::<std::ffi::OsString>(&home, args)?;
    if output.code != Some(0) {
        return Err(io::Error::other(format!("m4 init {dataset} failed: {}", output.stderr)));
    }
    Ok(home)
}

/// What `m4 config` prints for a home that is not the temporary one.
fn client_config() -> io::Result<Value> {
    let elsewhere = Sandbox::new()?.without("M4_HOME").without("M4_DATA_DIR");
    let options = ["--oauth2-issuer", "https://your-issuer.example", "--oauth2-audience", "m4-api"];
    let args = ["config", "--quiet", "--enable-oauth2"].into_iter().chain(options);
    let output = cli::m4(&elsewhere, args.chain(["--oauth2-scopes", SCOPES]))?;
    if output.code != Some(0) {
        return Err(io::Error::other(format!("m4 config failed: {}", output.stderr)));
    }
    Ok(serde_json::from_str(&output.stdout)?)
}

struct Demo {
    issuer: MockIssuer,
    home: Sandbox,
    dataset: &'static str,
}

impl Demo {
    /// The environment of a server behind the issuer.
    fn server(&self, token: Option<&str>) -> Sandbox {
        let sandbox = self
            .home
            .clone()
            .with("M4_OAUTH2_ENABLED", "true")
            .with("M4_OAUTH2_ISSUER_URL", self.issuer.url())
            .with("M4_OAUTH2_AUDIENCE", self.issuer.audience())
            .with("M4_OAUTH2_REQUIRED_SCOPES", SCOPES);
        match token {
            Some(token) => sandbox.with("M4_OAUTH2_TOKEN", token),
            None => sandbox,
        }
    }

    async fn describe(&self, client: &Client) -> io::Result<String> {
        let result = client.call("list_datasets", Value::Null).await.map_err(io::Error::other)?;
        let datasets = answered(result)?.structured_content.unwrap_or_default();
        let known = datasets["datasets"].as_array().into_iter().flatten();
        let mine = known.into_iter().find(|dataset| dataset["name"] == self.dataset);
        let description = mine.and_then(|dataset| dataset["description"].as_str());
        let description =
            description.ok_or_else(|| io::Error::other("list_datasets does not list the dataset"))?;
        Ok(format!("{}, {description}", self.dataset))
    }

    async fn query(&self, client: &Client, sql: &str) -> io::Result<CallToolResult> {
        let result =
            client.call("execute_query", json!({ "sql_query": sql })).await.map_err(io::Error::other)?;
        answered(result)
    }

    async fn count(&self, client: &Client, table: &str) -> io::Result<u64> {
        let result = self.query(client, &format!("SELECT count(*) FROM {table}")).await?;
        let rows = &result.structured_content.unwrap_or_default()["rows"][0][0];
        rows.as_u64().ok_or_else(|| io::Error::other(format!("no count of {table}")))
    }

    async fn refused(
        &self,
        case: &'static str,
        token: Option<TokenSpec>,
        begins: &str,
    ) -> io::Result<Refusal> {
        let token = token.map(|spec| self.issuer.mint(spec));
        let client = Client::connect(&self.server(token.as_deref())).await?;
        let refusal = self.refusal(&client, case, begins).await;
        client.close().await?;
        refusal
    }

    async fn rate_limited(&self, token: &str) -> io::Result<Refusal> {
        let server = self.server(Some(token)).with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "2");
        let client = Client::connect(&server).await?;
        for _ in 0..2 {
            self.query(&client, "SELECT 1").await?;
        }
        let refusal = self
            .refusal(&client, "the third call where two an hour are allowed", "Rate limit exceeded")
            .await;
        client.close().await?;
        refusal
    }

    async fn refusal(&self, client: &Client, case: &'static str, begins: &str) -> io::Result<Refusal> {
        let arguments = json!({ "sql_query": "SELECT count(*) FROM mimiciv_hosp.patients" });
        let result = client.call("execute_query", arguments).await.map_err(io::Error::other)?;
        let text = text_of(&result);
        if !is_error(&result) || !text.starts_with(&format!("Error: {begins}")) {
            return Err(io::Error::other(format!("{case}: expected a refusal «{begins}», got «{text}»")));
        }
        Ok(Refusal { case, text })
    }
}

fn answered(result: CallToolResult) -> io::Result<CallToolResult> {
    if is_error(&result) { Err(io::Error::other(text_of(&result))) } else { Ok(result) }
}

const SCOPES: &str = "read:mimic-data";

const COUNTED: [&str; 4] =
    ["mimiciv_hosp.patients", "mimiciv_hosp.admissions", "mimiciv_hosp.labevents", "mimiciv_icu.icustays"];

/// How long patients stay on each intensive-care unit, and how many of them die in hospital.
const CLINICAL_QUERY: &str = "\
SELECT i.first_careunit AS unit,
       count(*) AS stays,
       round(median(i.los), 1) AS median_days,
       round(100 * avg(a.hospital_expire_flag), 1) AS died_percent
FROM mimiciv_icu.icustays i
JOIN mimiciv_hosp.admissions a USING (hadm_id)
GROUP BY ALL
ORDER BY stays DESC, unit
LIMIT 6";

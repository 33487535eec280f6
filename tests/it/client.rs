//! A real MCP client (rmcp's) beside the raw one: what it is told is what the raw bytes say.

use m4_tests::client::{Client, is_error, text_of};
use m4_tests::issuer::TokenSpec;
use serde_json::json;

use crate::setup::{COUNT_PATIENTS, every_tool, issuer, present, protected, with_sample};

#[tokio::test]
async fn a_real_client_lists_the_tools_and_gets_data_only_with_a_token() {
    let issuer = issuer();
    let sandbox = protected(with_sample(), &issuer);
    present(&sandbox, &issuer.mint(TokenSpec::new()));
    let client = Client::connect(&sandbox).await.unwrap();
    let tools = client.tools().await.unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, every_tool().map(|(name, _)| name));

    let query = json!({ "sql_query": COUNT_PATIENTS });
    let answer = client.call("execute_query", query.clone()).await.unwrap();
    assert!(!is_error(&answer), "{}", text_of(&answer));
    assert_eq!(answer.structured_content.unwrap()["rows"], json!([[100]]));

    present(&sandbox, &issuer.mint(TokenSpec::new().audience("other")));
    let refused = client.call("execute_query", query).await.unwrap();
    assert!(is_error(&refused) && refused.structured_content.is_none());
    assert!(text_of(&refused).starts_with("Error: Invalid token audience: "), "{}", text_of(&refused));
    client.close().await.unwrap();
}

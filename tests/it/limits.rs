//! The rate limit per subject.

use m4_tests::issuer::TokenSpec;
use m4_tests::sandbox::Sandbox;
use serde_json::json;

use crate::setup::{Guarded, call, every_tool, issuer, sql, start};

fn three_a_minute() -> Guarded {
    Guarded::with(issuer(), |sandbox| {
        sandbox.with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "3").with("M4_OAUTH2_RATE_LIMIT_WINDOW", "60")
    })
}

#[test]
fn the_call_after_the_last_allowed_one_is_refused_with_the_time_to_wait() {
    let mut guarded = three_a_minute();
    for _ in 0..3 {
        assert!(!guarded.count(TokenSpec::new()).is_error);
    }
    let reply = guarded.count(TokenSpec::new());
    let (message, hint) = reply.refusal().split_once("\nHint: ").unwrap();
    let wait = message.strip_prefix("Error: Rate limit exceeded: try again in ").unwrap();
    let seconds: u32 = wait.trim_end_matches('s').trim_end_matches(" second").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{message}");
    assert!(hint.starts_with("Wait ") && hint.contains("M4_OAUTH2_RATE_LIMIT_…"), "{hint}");
}

#[test]
fn each_subject_has_its_own_rate_and_every_tool_counts() {
    let mut guarded = three_a_minute();
    guarded.present(&guarded.issuer.mint(TokenSpec::new().subject("ann")));
    for tool in ["list_datasets", "capabilities", "get_database_schema"] {
        assert!(!call(&mut guarded.server, tool, json!({})).is_error);
    }
    assert!(guarded.count(TokenSpec::new().subject("ann")).text.starts_with("Error: Rate limit exceeded"));
    assert!(!guarded.count(TokenSpec::new().subject("bob")).is_error);
}

#[test]
fn refused_calls_cost_nothing_of_the_rate() {
    let mut guarded = three_a_minute();
    for _ in 0..10 {
        assert!(guarded.count(TokenSpec::new().scope("other")).is_error);
        assert!(guarded.count(TokenSpec::new().audience("other")).is_error);
    }
    for _ in 0..3 {
        assert!(!guarded.count(TokenSpec::new()).is_error);
    }
}

#[test]
fn the_limit_can_be_switched_off() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        sandbox.with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "1").with("M4_OAUTH2_RATE_LIMIT_ENABLED", "off")
    });
    for _ in 0..5 {
        assert!(!guarded.count(TokenSpec::new()).is_error);
    }
}

/// The memory store is this process's: a restart starts counting anew.
#[test]
fn a_restart_forgets_what_was_used_up() {
    let mut guarded = three_a_minute();
    for _ in 0..3 {
        assert!(!guarded.count(TokenSpec::new()).is_error);
    }
    assert!(guarded.count(TokenSpec::new()).is_error);
    let mut restarted = start(&guarded.sandbox);
    assert!(!sql(&mut restarted, "SELECT 1").is_error);
}

#[test]
fn a_tool_can_have_a_rate_of_its_own_and_the_others_do_not_pay_for_it() {
    let mut guarded =
        Guarded::with(issuer(), |sandbox| sandbox.with("M4_OAUTH2_RATE_LIMIT_TOOLS", "execute_query=1/60"));
    assert!(!guarded.count(TokenSpec::new()).is_error);
    let refused = guarded.count(TokenSpec::new());
    assert!(refused.refusal().starts_with("Error: Rate limit exceeded: try again in "), "{}", refused.text);
    assert!(!call(&mut guarded.server, "list_datasets", json!({})).is_error);
    assert!(!guarded.count(TokenSpec::new().subject("bob")).is_error, "the rate is each subject's own");
}

#[test]
fn a_rate_for_a_tool_that_does_not_exist_admits_nobody() {
    let mut guarded = Guarded::with(issuer(), |sandbox| {
        sandbox.with("M4_OAUTH2_RATE_LIMIT_TOOLS", "execute_query=1/60, execute_qury=1/60")
    });
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    for (tool, arguments) in every_tool() {
        let reply = call(&mut guarded.server, tool, arguments);
        let (message, hint) = reply.refusal().split_once("\nHint: ").unwrap();
        assert!(
            message.starts_with("Error: OAuth2 is misconfigured: M4_OAUTH2_RATE_LIMIT_TOOLS "),
            "{message}"
        );
        assert!(message.contains("execute_qury") && hint.contains("execute_query"), "{}", reply.text);
    }
}

#[test]
fn rates_of_several_tools_are_written_with_commas_or_as_a_list() {
    let both = "oauth2.rate_limit_tools = ['execute_query=1/60', 'list_datasets=2/60']";
    let variable = |sandbox: Sandbox| {
        sandbox.with("M4_OAUTH2_RATE_LIMIT_TOOLS", "execute_query=1/60, list_datasets=2/60")
    };
    let file = |sandbox: Sandbox| {
        std::fs::write(sandbox.config_dir().join("config.toml"), both).unwrap();
        sandbox
    };
    for mut guarded in [Guarded::with(issuer(), variable), Guarded::with(issuer(), file)] {
        guarded.present(&guarded.issuer.mint(TokenSpec::new()));
        for (tool, arguments, allowed) in
            [("execute_query", json!({ "sql_query": "SELECT 1" }), 1), ("list_datasets", json!({}), 2)]
        {
            let mut refused = || call(&mut guarded.server, tool, arguments.clone()).is_error;
            let admitted = (0..4).take_while(|_| !refused()).count();
            assert_eq!(admitted, allowed, "{tool}");
        }
        assert!(!call(&mut guarded.server, "capabilities", json!({})).is_error);
    }
}

//! `kliento agent status`.

use super::fixture::Fixture;

#[tokio::test]
async fn shows_what_is_fresh_until_when() {
    let fixture = Fixture::new();
    let _agent = fixture.start();
    let token = fixture.token().await;
    let json = fixture.run(&["agent", "status", "--json", "--socket", "agent.sock"]);
    assert_eq!(json.status, 0, "{json:?}");
    let report = json.json();
    assert_eq!((&report["fresh"], &report["organisation"]), (&true.into(), &"example.com".into()));
    assert_eq!(report["tokens"][0]["valid_until"], token["expires_at"]);
    assert!(report["chain"]["error"].is_null() && report["chain"]["next_fetch"].is_string());

    let run = fixture.run(&["agent", "status", "--config", "agent.toml"]);
    assert_eq!((run.status, run.errors.as_str()), (0, ""));
    assert!(run.output.starts_with("fresh: example.com\n"), "{}", run.output);
    for text in ["DNSSEC chain", "https://api.example.com", " left, until ", "▼", "┤"] {
        assert!(run.output.contains(text), "{text}: {}", run.output);
    }
    assert!(!run.output.contains(token["token"].as_str().unwrap()));
}

/// More than a client reads at once: the report says how many are left out.
#[tokio::test]
async fn bounds_the_report_of_tokens() {
    let fixture = Fixture::new();
    fixture.configure("");
    let config = std::fs::read_to_string(fixture.path("agent.toml")).unwrap();
    fixture.write_config(&config.replace("permission = [\"read-only\"]", "note = \"*\""));
    let _agent = fixture.start();
    fixture.token().await;
    for index in 0..40 {
        let note = format!("{index:02}{}", "x".repeat(8_000));
        let path = format!("/token?audience=https://api.example.com&claim=note={note}");
        assert_eq!(fixture.get(&path).await.status, reqwest::StatusCode::OK);
    }
    let run = fixture.run(&["agent", "status", "--socket", "agent.sock"]);
    assert_eq!((run.status, run.errors.as_str()), (0, ""));
    assert!(run.output.contains(" further tokens"), "{}", run.output.len());
}

#[tokio::test]
async fn reports_a_chain_that_is_not_valid() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("chain.der"), b"").unwrap();
    let agent = fixture.start();
    loop {
        let run = fixture.run(&["agent", "status", "--socket", "agent.sock"]);
        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.output.starts_with("not fresh: example.com\n"), "{}", run.output);
        if run.output.contains("the last fetch of the chain failed") {
            break;
        }
    }
    agent.stop();
    let run = fixture.run(&["agent", "status", "--socket", "agent.sock"]);
    assert_eq!((run.status, run.errors.contains("failed to ask the agent")), (2, true), "{run:?}");
}

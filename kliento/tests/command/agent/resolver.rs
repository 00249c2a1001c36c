//! Chains from BIND, over UDP and HTTPS.

use reqwest::StatusCode;

use super::fixture::{AUDIENCE, Agent, Fixture};
use crate::name_server::{ED25519, NameServers};

/// The zones publish another key than the agent's, so the chain is fresh, and no token is valid.
#[tokio::test]
async fn fetches_chains_and_hands_out_no_token_with_another_key() {
    let servers = NameServers::start();
    for resolver in [servers.resolver().to_string(), servers.https()] {
        let fixture = Fixture::new();
        let config =
            fixture.common("").replace("file = \"\"", &format!("resolver = \"{resolver}\""));
        let config = config.replace(&fixture.anchor(), servers.trust_anchor());
        let config = config.replace("example.com", ED25519.name);
        fixture.write_config(&format!(
            "{config}\n[listen]\nsocket = \"agent.sock\"\n[[allow]]\naudiences = [\"{AUDIENCE}\"]"
        ));
        let mut command = fixture.command(&[]);
        command.env("SSL_CERT_FILE", servers.certificate());
        let _agent = Agent::start(command);
        let report = loop {
            let report = fixture.get("/status").await.json();
            if report["chain"]["valid_until"].is_string() {
                break report;
            }
            let error = &report["chain"]["error"];
            assert!(error.is_null(), "{resolver}: {error} {}", servers.log());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert!(report["chain"]["valid_until"].as_str().unwrap().starts_with("20"), "{report}");
        assert_eq!(report["fresh"], false);
        let error = report["identity_error"].as_str().unwrap();
        assert!(error.contains("publishes the key"), "{error}");
        let answer = fixture.get(&format!("/token?audience={AUDIENCE}")).await;
        answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "token_unavailable");
        let report = fixture.get("/status").await.json();
        assert!(report["token_error"].as_str().unwrap().contains("publish"), "{report}");
    }
}

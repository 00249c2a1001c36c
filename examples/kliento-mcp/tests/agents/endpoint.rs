//! Which requests reach the MCP endpoint.

use kliento::Token;
use serde_json::{Value, json};

use crate::AUDIENCE;
use crate::agent::Agent;
use crate::organisations::Organisations;
use crate::server::Server;

/// Sends a call of a tool without MCP's client. Returns the status, the challenge and the body.
async fn post(
    server: &Server,
    authorization: Option<&str>,
    headers: &[(&str, &str)],
) -> (u16, Option<String>, Value) {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let call = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": "whoami", "arguments": {}, "_meta": meta },
    });
    let mut request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(&server.url)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "whoami")
        .json(&call);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = request.send().await.unwrap();
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, challenge, response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn admitted_agent_reaches_the_tools() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    let authorization = organisations.agent("example.com", "agent", 1);
    let (status, challenge, body) = post(&server, Some(&authorization), &[]).await;
    assert_eq!((status, challenge), (200, None));
    assert_eq!(body["result"]["structuredContent"]["subject"], "agent@example.com");
}

#[tokio::test]
async fn missing_and_invalid_bundles_get_401() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    let stranger = Organisations::new().agent("example.com", "agent", 1);
    let elsewhere = Token::new("https://mcp.example.com");
    let elsewhere = organisations.sign("example.com", "agent", &elsewhere);
    let bearer = stranger.replace("Kliento ", "Bearer ");
    for (authorization, code) in [
        (None, "credentials_missing"),
        (Some(bearer.as_str()), "credentials_missing"),
        (Some("Kliento QQ=="), "credentials_malformed"),
        (Some(stranger.as_str()), "credentials_invalid"),
        (Some(elsewhere.as_str()), "credentials_invalid"),
    ] {
        let (status, challenge, body) = post(&server, authorization, &[]).await;
        assert_eq!((status, &body["code"]), (401, &json!(code)));
        let expected = format!("Kliento realm=\"{AUDIENCE}\"");
        assert!(challenge.unwrap().starts_with(&expected));
    }
    assert!(Agent::connect(&server, None).await.is_err());
}

#[tokio::test]
async fn agents_that_are_not_admitted_get_403() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    for (organisation, name) in
        [("other.example", "agent"), ("partner.example", "agent"), ("example.com", "mallory")]
    {
        let authorization = organisations.agent(organisation, name, 1);
        let (status, challenge, body) = post(&server, Some(&authorization), &[]).await;
        assert_eq!((status, challenge), (403, None), "{name}@{organisation}");
        assert_eq!(body["code"], "permission_denied");
        assert!(Agent::connect(&server, Some(&authorization)).await.is_err());
    }
}

#[tokio::test]
async fn organisation_without_budget_gets_429() {
    let organisations = Organisations::new();
    let rules = "[[allow]]\norganisations = ['example.com', 'other.example']\n\
        [[quota]]\nrequests = 1\nperiod = 86400\n";
    let server = Server::start_with_rules(&organisations, rules);
    let [agent, other] = ["example.com", "other.example"]
        .map(|organisation| organisations.agent(organisation, "agent", 1));
    assert_eq!(post(&server, Some(&agent), &[]).await.0, 200);
    let (status, _, body) = post(&server, Some(&agent), &[]).await;
    assert_eq!((status, &body["code"]), (429, &json!("quota_exceeded")));
    assert_eq!(post(&server, Some(&other), &[]).await.0, 200);
}

/// Against DNS rebinding (MCP, "Streamable HTTP", 2).
#[tokio::test]
async fn pages_of_browsers_are_rejected() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    let authorization = organisations.agent("example.com", "agent", 1);
    for header in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let (status, ..) = post(&server, Some(&authorization), &[header]).await;
        assert_eq!(status, 403, "{header:?}");
    }
}

#[test]
fn invalid_rules_stop_the_start() {
    let organisations = Organisations::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("admission.toml");
    std::fs::write(&file, "[[allow]]\norganisations = ['*', 'a b']\n").unwrap();
    let output = std::process::Command::new(crate::SERVER)
        .args(["--listen", "127.0.0.1:0", "--audience", AUDIENCE])
        .args(["--trust-anchor", &organisations.trust_anchor()])
        .arg("--admission")
        .arg(&file)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("line 2, column 23: invalid organisation \\\"a b\\\""), "{error}");
}

//! What the tools know about the agents that call them.

use kliento::Token;
use rmcp::ClientLifecycleMode;
use serde_json::json;

use crate::AUDIENCE;
use crate::agent::Agent;
use crate::organisations::Organisations;
use crate::server::Server;

#[tokio::test]
async fn tools_see_the_agent() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    for (organisation, name) in [("example.com", "agent"), ("eu.partner.example", "bot")] {
        let authorization = organisations.agent(organisation, name, 100);
        let agent = Agent::connect(&server, Some(&authorization)).await.unwrap();
        let mut tools = agent.tools().await;
        tools.sort();
        assert_eq!(tools, ["list_orders", "place_order", "whoami"]);
        let expected = json!({
            "subject": format!("{name}@{organisation}"),
            "organisation": organisation,
            "valid_until": "2026-11-22T19:00:00Z",
        });
        assert_eq!(agent.call("whoami", json!({})).await.unwrap(), expected);
    }
}

/// Older clients initialise first. Each of their requests carries the bundle, too.
#[tokio::test]
async fn tools_see_the_agent_of_an_older_client() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    let authorization = organisations.agent("example.com", "agent", 100);
    let lifecycle = ClientLifecycleMode::Initialize;
    let agent = Agent::connect_with(&server, Some(&authorization), lifecycle).await.unwrap();
    let whoami = agent.call("whoami", json!({})).await.unwrap();
    assert_eq!(whoami["subject"], "agent@example.com");
}

#[tokio::test]
async fn orders_are_separate_per_organisation() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    let connect = async |organisation, name| {
        let authorization = organisations.agent(organisation, name, 100);
        Agent::connect(&server, Some(&authorization)).await.unwrap()
    };
    let (agent, colleague) = (connect("example.com", "a").await, connect("example.com", "b").await);
    let other = connect("eu.partner.example", "a").await;
    let orders = json!({ "orders": [{ "placed_by": "a@example.com", "amount": 70 }] });
    assert_eq!(agent.call("place_order", json!({ "amount": 70 })).await.unwrap(), orders);
    assert_eq!(colleague.call("list_orders", json!({})).await.unwrap(), orders);
    let none = json!({ "orders": [] });
    assert_eq!(other.call("list_orders", json!({})).await.unwrap(), none);
}

#[tokio::test]
async fn claims_limit_what_an_agent_may_order() {
    let organisations = Organisations::new();
    let server = Server::start(&organisations);
    let limited = organisations.agent("example.com", "agent", 100);
    let agent = Agent::connect(&server, Some(&limited)).await.unwrap();
    assert!(agent.call("place_order", json!({ "amount": 100 })).await.is_ok());
    let error = agent.call("place_order", json!({ "amount": 101 })).await.unwrap_err();
    assert!(error.to_string().contains("the token allows 100 at most"), "{error}");

    let without = organisations.sign("example.com", "agent", &Token::new(AUDIENCE));
    let agent = Agent::connect(&server, Some(&without)).await.unwrap();
    let error = agent.call("place_order", json!({ "amount": 1 })).await.unwrap_err();
    assert!(error.to_string().contains("missing claim \"max_amount\""), "{error}");
    let own = agent.call("list_orders", json!({})).await.unwrap();
    assert_eq!(own, json!({ "orders": [{ "placed_by": "agent@example.com", "amount": 100 }] }));
}

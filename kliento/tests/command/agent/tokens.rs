//! Which tokens a caller gets.

use kliento::TokenBundle;
use kliento_tower::client::{AgentSource, TokenBundleSource as _};
use reqwest::StatusCode;

use super::fixture::{AUDIENCE, Agent, Fixture};
use crate::run::kliento;

#[tokio::test]
async fn hands_out_tokens_that_verify() {
    let fixture = Fixture::new();
    let agent = fixture.start();
    assert_eq!(agent.address, "agent.sock");
    let token = fixture.token().await;
    let verified = fixture.verify(&format!("Kliento {}", token["token"].as_str().unwrap()));
    assert_eq!(verified["subject"], "alice@example.com");
    assert_eq!(verified["validUntil"], token["expires_at"]);
    assert_eq!(fixture.token().await, token);

    let path = format!("/token?audience={AUDIENCE}&claim=permission=read-only");
    let answer = fixture.get_as(&path, "text/plain").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let verified = fixture.verify(&answer.body);
    assert_eq!(verified["claims"]["permission"], "read-only");
    let log = agent.stop();
    assert!(!log.contains(token["token"].as_str().unwrap()), "{log}");
    assert!(!fixture.socket().exists());
}

#[tokio::test]
async fn client_layer_has_a_source() {
    let fixture = Fixture::new();
    let _agent = fixture.start();
    fixture.token().await;
    let source = AgentSource::unix(fixture.socket()).with_claim("permission", "read-only");
    let bundle = source.token_bundle(Some(AUDIENCE)).await.unwrap().into_bundle();
    let verified = fixture.verify(&TokenBundle::to_authorization(&bundle));
    assert_eq!(verified["claims"]["permission"], "read-only");
    source.token_bundle(Some("https://other.example.com")).await.unwrap_err();
}

/// After a refusal by a service. The agent bounds how often.
#[tokio::test]
async fn client_that_wants_no_cached_token_says_so() {
    let fixture = Fixture::new();
    let _agent = fixture.start();
    let cached = fixture.token().await;
    let client = reqwest::Client::builder().unix_socket(fixture.socket()).build().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let request = client.get(format!("http://localhost/token?audience={AUDIENCE}"));
        let response = request.header("cache-control", "no-cache").send().await.unwrap();
        let token: serde_json::Value = response.json().await.unwrap();
        if token != cached {
            assert_eq!(fixture.token().await, token);
            break;
        }
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn denies_what_the_configuration_does_not_allow() {
    let fixture = Fixture::new();
    let _agent = fixture.start();
    fixture.token().await;
    for query in [
        "audience=https://other.example.com",
        "audience=https://API.example.com",
        "audience=https://api.example.com&claim=permission=read-write",
        "audience=https://api.example.com&claim=role=admin",
        "audience=https://api.example.com&claim=permission=read-only&claim=role=admin",
    ] {
        let answer = fixture.get(&format!("/token?{query}")).await;
        answer.assert_problem(StatusCode::FORBIDDEN, "token_not_allowed");
    }
    for query in ["", "audience=", "audience=a&audience=b", "audience=a&claim=b", "audience=a&b=c"]
    {
        let answer = fixture.get(&format!("/token?{query}")).await;
        answer.assert_problem(StatusCode::BAD_REQUEST, "invalid_query");
    }
    fixture.get("/tokens").await.assert_problem(StatusCode::NOT_FOUND, "not_found");
    let client = reqwest::Client::builder().unix_socket(fixture.socket()).build().unwrap();
    let posted = client.post("http://localhost/token").send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn is_unavailable_without_a_valid_chain() {
    let fixture = Fixture::new();
    let chain = std::fs::read(fixture.path("chain.der")).unwrap();
    std::fs::write(fixture.path("chain.der"), b"").unwrap();
    let _agent = fixture.start();
    let path = format!("/token?audience={AUDIENCE}");
    let answer = fixture.get(&path).await;
    answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "token_unavailable");
    assert_eq!(answer.headers["retry-after"], "5");
    assert!(!answer.body.contains("chain"), "{answer:?}");
    std::fs::write(fixture.path("chain.der"), chain).unwrap();
    fixture.get_until(&path, StatusCode::OK).await;
}

#[tokio::test]
async fn serves_loopback_callers_that_rules_for_any_uid_allow() {
    let fixture = Fixture::new();
    fixture.write_config(&format!(
        "{}\n{}",
        fixture.common("chain.der"),
        r#"
        [listen]
        address = "127.0.0.1:0"
        [[allow]]
        uid = "any"
        audiences = ["https://api.example.com"]
        "#
    ));
    let agent = Agent::start(fixture.command(&[]));
    let client = reqwest::Client::new();
    let get = async |host: Option<&str>, audience: &str| {
        let request = client.get(format!("{}/token?audience={audience}", agent.address));
        let request =
            host.map_or(request.try_clone().unwrap(), |host| request.header("host", host));
        request.send().await.unwrap().status()
    };
    while get(None, AUDIENCE).await != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(get(Some("localhost"), AUDIENCE).await, StatusCode::OK);
    assert_eq!(get(Some("attacker.example"), AUDIENCE).await, StatusCode::FORBIDDEN);
    assert_eq!(get(None, "https://other.example.com").await, StatusCode::FORBIDDEN);
    let log = agent.stop();
    assert!(log.contains("every process of this machine may have the tokens"), "{log}");
}

#[test]
fn rejects_invalid_configurations() {
    let fixture = Fixture::new();
    let common = fixture.common("chain.der");
    let listen = "[listen]\nsocket = \"agent.sock\"\n";
    let without_key = common.replace("key = \"organisation.pem\"", "");
    let rule = format!("[[allow]]\naudiences = [\"{AUDIENCE}\"]\n");
    let exchange = format!(
        "[[identity.exchange]]\naudience = \"{AUDIENCE}\"\nurl = \"http://127.0.0.1:1\"\njwt-file = \"j\"\n"
    );
    let exchanged = format!("{exchange}{listen}");
    for (text, reason) in [
        ("", "missing field `identity`"),
        (&format!("{common}\nunknown = 1\n{listen}"), "unknown field `unknown`"),
        (&common, "listen has neither socket nor address"),
        (&format!("{common}\n[listen]\naddress = \"192.0.2.1:80\""), "not a loopback address"),
        (&format!("{common}\n{listen}mode = \"999\""), "expected an octal mode"),
        (&format!("{common}\n{listen}[token]\nlifetime = \"2h\""), "lifetime is out of bounds"),
        (&format!("{common}\n{listen}[token]\nlifetime = \"soon\""), "write it as 90s, 5m or 1h"),
        (&format!("{without_key}\n{listen}"), "none of key, member-bundle and exchange"),
        (&format!("{common}\n[listen]\naddress = \"127.0.0.1:0\"\nmode = \"0600\""), "listen.mode"),
        (&format!("{common}\n[listen]\naddress = \"127.0.0.1:0\"\n{rule}"), "uid = \"any\""),
        (&format!("{common}\n{listen}[[allow]]\naudiences = []"), "allow.audiences is empty"),
        (&format!("{common}\n{listen}{rule}uid = []"), "allow.uid is empty"),
        (&format!("{common}\n{listen}{rule}claims = {{ a = [] }}"), "has no value"),
        (&exchanged, "no rule allows https://api.example.com"),
        (&format!("{exchange}{exchanged}{rule}"), "https://api.example.com twice"),
        (
            &format!("{exchanged}{rule}{}", rule.replace("api", "other")),
            "allows https://other.example.com, for which there is no key",
        ),
        (&format!("{exchanged}{rule}[token]\nlifetime = \"1m\""), "token needs"),
        (&format!("{exchanged}{rule}[chain]\nfile = \"chain.der\""), "chain needs"),
        (&format!("organisation = \"example.com\"\n{exchanged}{rule}"), "organisation needs"),
        (&format!("[identity]\nmember = \"a\"\n{exchanged}{rule}"), "identity.member needs"),
        (&common.replace("organisation.pem", "none.pem"), "none.pem"),
        (&common.replace("example.com", "example..com"), "organisation"),
        (&format!("resolver = 1\n{common}"), "unknown field `resolver`"),
        (&format!("{common}\n{listen}[[allow]]\nuid = \"some\"\naudiences = []"), "\"any\""),
        (
            &format!("{}\n{listen}", common.replace("file =", "resolver = \"x y\"\n#")),
            "invalid resolver",
        ),
        (
            &format!("{}\n{listen}", common.replace("file =", "resolver = \"system\"\nfile =")),
            "chain.resolver and chain.file",
        ),
    ] {
        fixture.write_config(text);
        let errors = fixture.fail();
        assert!(errors.contains(reason), "{text}: {errors}");
    }
    fixture.write_config(&format!("{common}\n{listen}{rule}uid = 7\n"));
    let run = crate::run::feed(fixture.command(&["--allow-uid", "8"]), b"");
    assert_eq!((run.status, run.errors.contains("--allow-uid is for rules")), (2, true), "{run:?}");
    assert!(!fixture.socket().exists());
    let run = kliento(&["agent"]);
    assert_eq!((run.status, run.errors.contains("--config")), (2, true), "{run:?}");
}

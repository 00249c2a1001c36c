//! The keys of a configuration: the organisation's, a member's, or those of VeraId Authority.

use std::fs;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::routing::get;
use kliento::issue::{
    MemberCertificate, OrganisationCertificate, RsaSigner, Signer as _, member_id_bundle,
};
use kliento::{Member, Period, Timestamp};
use reqwest::StatusCode;
use tokio::net::TcpListener;
use veraid::DnssecChain;

use super::fixture::{AUDIENCE, Fixture};

fn read_key(fixture: &Fixture, name: &str) -> RsaSigner {
    RsaSigner::from_pem(&fs::read(fixture.path(name)).unwrap()).unwrap()
}

/// Replaces the configuration's identity, and returns the token that the agent hands out.
async fn verified(fixture: &Fixture, identity: &str) -> serde_json::Value {
    configure(fixture, identity);
    let _agent = fixture.start();
    let token = fixture.token().await;
    fixture.verify(&format!("Kliento {}", token["token"].as_str().unwrap()))
}

fn configure(fixture: &Fixture, identity: &str) {
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    let default = "key = \"organisation.pem\"\n            member = \"alice\"";
    assert!(config.contains(default));
    // All tokens are exchanged: then the agent has no chain.
    let signs = !identity.starts_with("[[identity.exchange]]");
    let organisation = "            organisation = \"example.com\"\n";
    let config = if signs { config } else { without_chain(&config, organisation) };
    fixture.write_config(&config.replace(default, identity));
}

fn without_chain(config: &str, organisation: &str) -> String {
    let (before, rest) = config.split_once("[chain]").unwrap();
    let (_, rest) = rest.split_once("[identity]").unwrap();
    format!("{}[identity]{rest}", before.replace(organisation, ""))
}

/// The organisation's key is not there, and the chain in the bundle is not that of the agent.
#[tokio::test]
async fn member_signs_with_a_member_id_bundle() {
    let fixture = Fixture::new();
    fixture.succeed(&["key", "generate", "-o", "bob.pem"]);
    let (organisation, bob) =
        (read_key(&fixture, "organisation.pem"), read_key(&fixture, "bob.pem"));
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    let period =
        Period::new(now - Duration::from_secs(60), now + Duration::from_secs(120)).unwrap();
    let (key, hash) = (organisation.subject_public_key_info(), organisation.hash());
    let name = "example.com".parse().unwrap();
    let certificate = OrganisationCertificate::prepare(&name, key, hash, period).unwrap();
    let certificate = certificate.sign(&organisation).unwrap();
    let (member, key) = ("bob".parse::<Member>().unwrap(), bob.subject_public_key_info());
    let issued = MemberCertificate::prepare(&member, key, &certificate, hash, period).unwrap();
    let issued = issued.sign(&organisation).unwrap();
    let chain = fs::read(fixture.path("chain.der")).unwrap();
    let chain = DnssecChain::messages_from_der(&chain).unwrap();
    let id = member_id_bundle(&certificate, &issued, &chain).unwrap();
    fs::write(fixture.path("bob.vid"), id).unwrap();
    fs::rename(fixture.path("organisation.pem"), fixture.path("home.pem")).unwrap();

    let identity = "member-bundle = \"bob.vid\"\nmember-key = \"bob.pem\"";
    let verified = verified(&fixture, identity).await;
    assert_eq!(
        (&verified["subject"], &verified["signer"]),
        (&"bob@example.com".into(), &"member".into())
    );
    // The token's 5 minutes end with the certificates.
    let until: Timestamp = verified["validUntil"].as_str().unwrap().parse().unwrap();
    assert!(until <= period.end(), "{until}");
}

/// The bundle is another's: no verifier would accept a token.
#[tokio::test]
async fn rejects_a_member_id_bundle_that_does_not_fit() {
    let fixture = Fixture::new();
    for key in ["bob.pem", "eve.pem"] {
        fixture.succeed(&["key", "generate", "-o", key]);
    }
    fixture.succeed(&["key", "public", "--key", "bob.pem", "-o", "bob.pub"]);
    let member = ["member", "issue", "--org", "example.com", "--member", "bob"];
    let files =
        ["--key", "organisation.pem", "--member-public-key", "bob.pub", "--chain", "chain.der"];
    fixture.succeed(&[&member[..], &files, &["--ttl", "30m", "-o", "bob.vid"]].concat());
    let default = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    let identity = |key| format!("member-bundle = \"bob.vid\"\nmember-key = \"{key}\"");
    configure(&fixture, &identity("eve.pem"));
    let errors = fixture.fail();
    assert!(errors.contains("is not the key of the member id bundle"), "{errors}");
    fixture.write_config(&default.replace("= \"example.com\"", "= \"other.example\""));
    configure(&fixture, &identity("bob.pem"));
    let errors = fixture.fail();
    assert!(errors.contains("of example.com, and organisation is other.example"), "{errors}");

    fixture.write_config(&default);
    configure(&fixture, &identity("bob.pem"));
    let _agent = fixture.start();
    fixture.token().await;
    assert_eq!(fixture.get("/status").await.json()["fresh"], true);
    // A renewal that went wrong, while the agent runs.
    fs::copy(fixture.path("chain.der"), fixture.path("bob.vid")).unwrap();
    let status = fixture.get("/status").await.json();
    assert_eq!(status["fresh"], false);
    assert!(status["identity_error"].as_str().unwrap().contains("bob.vid"), "{status}");
}

/// The chain is that of the organisation, with another key.
#[tokio::test]
async fn status_compares_the_key_with_the_chain() {
    let fixture = Fixture::new();
    fixture.succeed(&["key", "generate", "-o", "other.pem"]);
    configure(&fixture, "key = \"other.pem\"");
    let _agent = fixture.start();
    let status = loop {
        let status = fixture.get("/status").await.json();
        if status["chain"]["valid_until"].is_string() {
            break status;
        }
    };
    assert_eq!(status["fresh"], false);
    let error = status["identity_error"].as_str().unwrap();
    assert!(error.contains("publishes the key"), "{status}");
}

#[tokio::test]
async fn signs_for_the_bot_or_with_a_key_of_the_member() {
    let fixture = Fixture::new();
    fixture.succeed(&["key", "generate", "-o", "carol.pem"]);
    let config = fs::read_to_string(fixture.path("agent.toml")).unwrap();
    let bot = verified(&fixture, "key = \"organisation.pem\"").await;
    assert_eq!((&bot["subject"], &bot["signer"]), (&"example.com".into(), &"organisation".into()));
    fixture.write_config(&config);
    let member = "key = \"organisation.pem\"\nmember = \"carol\"\nmember-key = \"carol.pem\"";
    let carol = verified(&fixture, member).await;
    assert_eq!(
        (&carol["subject"], &carol["signer"]),
        (&"carol@example.com".into(), &"member".into())
    );
}

/// Starts a service that exchanges a JWT for a token of dave, and returns the configuration.
async fn authority(fixture: &Fixture, claims: &[&str]) -> String {
    let issue = ["issue", "--org", "example.com", "--member", "dave", "--key", "organisation.pem"];
    let rest = ["--chain", "chain.der", "--audience", AUDIENCE, "-o", "dave.bin"];
    fixture.succeed(&[&issue[..], &rest, claims].concat());
    let bundle = fs::read(fixture.path("dave.bin")).unwrap();
    fs::write(fixture.path("jwt"), "eyJhbGciOiJSUzI1NiJ9.e30.c2ln\n").unwrap();
    let respond = move |headers: axum::http::HeaderMap| {
        let is_authorized = headers["authorization"] == "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
        assert!(is_authorized);
        let content_type = "application/vnd.veraid.signature-bundle";
        let bundle = bundle.clone();
        async move { ([("content-type", content_type)], bundle) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/credentials/signatureBundles/1", listener.local_addr().unwrap());
    let service = Router::new().route("/credentials/signatureBundles/1", get(respond));
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    format!("[[identity.exchange]]\naudience = \"{AUDIENCE}\"\nurl = \"{url}\"\njwt-file = \"jwt\"")
}

#[tokio::test]
async fn exchanges_a_jwt_at_veraid_authority() {
    let fixture = Fixture::new();
    let exchange = authority(&fixture, &["--claim", "permission=read-only"]).await;
    let verified = verified(&fixture, &exchange).await;
    assert_eq!(verified["subject"], "dave@example.com");
    assert_eq!(verified["claims"]["permission"], "read-only");
}

/// VeraId Authority chooses them.
#[tokio::test]
async fn denies_requested_claims_of_exchanged_tokens() {
    let fixture = Fixture::new();
    let exchange = authority(&fixture, &[]).await;
    configure(&fixture, &exchange);
    let _agent = fixture.start();
    let path = format!("/token?audience={AUDIENCE}&claim=permission=read-only");
    let answer = fixture.get(&path).await;
    answer.assert_problem(StatusCode::FORBIDDEN, "claims_not_selectable");
}

#[tokio::test]
async fn denies_exchanged_tokens_with_claims_that_no_rule_allows() {
    let fixture = Fixture::new();
    let exchange = authority(&fixture, &["--claim", "permission=all"]).await;
    configure(&fixture, &exchange);
    let agent = fixture.start();
    let path = format!("/token?audience={AUDIENCE}");
    let answer = fixture.get(&path).await;
    answer.assert_problem(StatusCode::FORBIDDEN, "token_not_allowed");
    assert!(agent.stop().contains("VeraId Authority added claims"));
}

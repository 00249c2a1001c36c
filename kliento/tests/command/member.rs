//! `kliento member issue`, and tokens that members sign with what it writes.

use std::fs;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get;
use kliento::Token;
use kliento::issue::{MemberIdBundle, PublicKey, RsaSigner};
use kliento_tower::client::{LocalSigner, TokenBundleSource as _};
use kliento_tower::{KlientoAuthLayer, TrustAnchors, WorkloadIdentity};
use serde_json::json;
use tower::ServiceExt as _;
use veraid::DnssecChain;

use crate::cli_fixture::CliFixture;
use crate::run::{Run, command, feed};

/// Days of a bundle, shorter than the mock chain.
const TTL: [&str; 2] = ["--ttl", "29d"];

impl CliFixture {
    /// Issues a member id bundle for Alice's public key, as `alice.vid`.
    fn member_issue(&self, rest: &[&str]) -> Run {
        let fixed = ["member", "issue", "--org", "example.com", "--key", "organisation.pem"];
        self.run(&[&fixed[..], &["--chain", "chain.der", "-o", "alice.vid"], rest].concat())
    }

    fn with_member_bundle(rest: &[&str]) -> Self {
        let fixture = Self::new();
        fixture.succeed(&["key", "public", "--key", "alice.pem", "-o", "alice.pub"]);
        let run = fixture.member_issue(&[&["--member-public-key", "alice.pub"], rest].concat());
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
        fixture
    }

    fn sign(&self, rest: &[&str]) -> Run {
        let fixed = ["issue", "--member-bundle", "alice.vid", "--audience", "https://a.example"];
        self.run(&[&fixed[..], &["-o", "bundle"], rest].concat())
    }

    fn exists(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }
}

/// As the organisation and the member would, who have one key each.
#[test]
fn verifies_tokens_of_members_without_the_organisations_key() {
    for (arguments, subject) in [
        (&["--user", "alice"][..], "alice@example.com"),
        (&["--member", "Ünï 🦀"], "Ünï 🦀@example.com"),
        (&["--bot"], "example.com"),
        (&[], "example.com"),
    ] {
        let fixture = CliFixture::with_member_bundle(&[arguments, &TTL].concat());
        fs::remove_file(fixture.folder.path().join("organisation.pem")).unwrap();
        fs::remove_file(fixture.folder.path().join("chain.der")).unwrap();
        let run = fixture.sign(&["--member-key", "alice.pem", "--claim", "a=b"]);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
        assert!(run.output.starts_with(&format!("wrote bundle: {subject} for https://a.example")));
        let mut verified = fixture.verify(&["--json", "bundle"]).json();
        let times = ["validFrom", "validUntil"].map(|name| verified[name].take());
        let expected = json!({
            "status": "valid",
            "subject": subject,
            "subjectId": subject,
            "audience": "https://a.example",
            "claims": { "a": "b" },
            "signer": "member",
            "validFrom": null,
            "validUntil": null,
        });
        assert_eq!(verified, expected);
        let [from, until] = times.map(|time| time.as_str().unwrap().parse::<kliento::Timestamp>());
        assert_eq!(until.unwrap().duration_since(from.unwrap()).as_secs(), 330);
    }
}

/// As a service in Rust would, which signs for its own requests.
#[tokio::test]
async fn is_read_by_local_signer_and_accepted_by_the_layer() {
    let fixture = CliFixture::with_member_bundle(&[&["--user", "alice"][..], &TTL].concat());
    let key = RsaSigner::from_pem(&fixture.read("alice.pem")).unwrap();
    let bundle = fixture.folder.path().join("alice.vid");
    let signer = LocalSigner::member(bundle, key, Token::new("https://a.example"));
    let issued = signer.token_bundle(None).await.unwrap();

    let anchors = TrustAnchors::new([fixture.anchor().parse().unwrap()]);
    let layer = KlientoAuthLayer::new("https://a.example").with_trust_anchors(anchors);
    let layer = layer.with_allowed_subjects(["alice@example.com"]).unwrap();
    let whoami = async |caller: WorkloadIdentity| caller.subject().to_owned();
    let service = Router::new().route("/", get(whoami)).layer(layer);
    let request = Request::get("/").header("authorization", issued.bundle().to_authorization());
    let response = service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = to_bytes(response.into_body(), 100).await.unwrap();
    assert_eq!(body, "alice@example.com");
}

#[test]
fn writes_certificates_of_the_given_validity() {
    let fixture = CliFixture::with_member_bundle(&["--user", "alice", "--ttl", "1w 2d"]);
    let octets = fixture.read("alice.vid");
    let id = MemberIdBundle::from_der(&octets).unwrap();
    let key = RsaSigner::from_pem(&fixture.read("alice.pem")).unwrap();
    let key = PublicKey::from_signer(&key).unwrap();
    assert_eq!(id.member_certificate().subject_public_key_info(), key.subject_public_key_info());
    assert_eq!(id.member_certificate().common_name().unwrap(), "alice");
    assert_eq!(id.organisation_certificate().common_name().unwrap(), "example.com");
    for certificate in [id.organisation_certificate(), id.member_certificate()] {
        let validity = certificate.not_after().duration_since(certificate.not_before());
        assert_eq!(validity.as_secs(), 9 * 24 * 3600 + 30);
    }
}

#[test]
fn certifies_public_keys_in_pem_and_der_and_private_keys() {
    let fixture = CliFixture::new();
    let pem = fixture.succeed(&["key", "public", "--key", "alice.pem"]);
    let key = PublicKey::from_pem(pem.as_bytes()).unwrap();
    let path = |name: &str| fixture.folder.path().join(name);
    fs::write(path("alice.der"), key.subject_public_key_info()).unwrap();
    fs::write(path("alice.pub"), &pem).unwrap();
    let mut arguments = vec![
        ["--member-public-key", "alice.der"],
        ["--member-public-key", "alice.pub"],
        ["--member-key", "alice.pem"],
    ];
    while let Some(argument) = arguments.pop() {
        let run = fixture.member_issue(&[&argument[..], &TTL].concat());
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
        let octets = fixture.read("alice.vid");
        let id = MemberIdBundle::from_der(&octets).unwrap();
        assert_eq!(
            id.member_certificate().subject_public_key_info(),
            key.subject_public_key_info()
        );
    }
    let mut from_input = command(&["key", "public", "--key", "/dev/stdin"]);
    from_input.current_dir(&fixture.folder);
    assert_eq!(feed(from_input, &fixture.read("alice.pem")).output, pem);
}

#[test]
fn signs_with_more_recent_chain() {
    let fixture = CliFixture::with_member_bundle(&["--user", "alice", "--ttl", "29d"]);
    let recent = ["mock", "--org", "example.com", "--key", "organisation.pem", "--ttl", "3600"];
    fixture.succeed(&[&recent[..], &["--out-dir", "recent"]].concat());
    let sign = ["--member-key", "alice.pem", "--chain", "recent/chain.der"];
    let run = fixture.sign(&sign);
    assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
    assert_eq!(fixture.verify(&["bundle"]).status, 1, "it is under another mock root");
    fs::copy(
        fixture.folder.path().join("recent/trust-anchor.txt"),
        fixture.folder.path().join("trust-anchor.txt"),
    )
    .unwrap();
    assert_eq!(fixture.verify(&["bundle"]).status, 0);

    let other = ["mock", "--org", "example.net", "--key", "organisation.pem", "--ttl", "3600"];
    fixture.succeed(&[&other[..], &["--out-dir", "recent"]].concat());
    let run = fixture.sign(&sign);
    assert_eq!((run.status, run.errors.contains("_veraid.example.com")), (2, true), "{run:?}");
}

#[test]
fn rejects_member_bundles_that_no_verifier_accepts() {
    let fixture = CliFixture::with_member_bundle(&["--user", "alice", "--ttl", "10m"]);
    let rejected = |rest: &[&str], words: &[&str]| {
        let run = fixture.sign(rest);
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{rest:?}");
        for word in words {
            assert!(run.errors.contains(word), "{word:?} in {:?}", run.errors);
        }
        assert!(!fixture.exists("bundle"), "{rest:?}");
    };
    let other_key = ["organisation.pem is not the key of the member id bundle alice.vid"];
    rejected(&["--member-key", "organisation.pem"], &other_key);
    let signed = ["--member-key", "alice.pem"];
    let ends_earlier = ["alice.vid expires at", "before the token does", "--ttl"];
    rejected(&[&signed[..], &["--ttl", "11m"]].concat(), &ends_earlier);

    // A bundle that is malformed, and one whose certificates are swapped for garbage.
    fs::write(fixture.folder.path().join("alice.vid"), [0x30, 0]).unwrap();
    rejected(&signed, &["invalid member id bundle alice.vid"]);
}

#[test]
fn rejects_expired_member_bundles() {
    let fixture = CliFixture::new();
    let (start, _) = fixture.chain_validity();
    let run = fixture.member_issue(&["--member-key", "alice.pem", "--ttl", "1m", "--at", &start]);
    assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
    let run = fixture.sign(&["--member-key", "alice.pem"]);
    assert_eq!((run.status, run.errors.contains("alice.vid expired at")), (2, true), "{run:?}");
    assert!(!fixture.exists("bundle"));
}

#[test]
fn rejects_chains_that_are_not_valid_or_end_earlier() {
    let fixture = CliFixture::new();
    let (start, end) = fixture.chain_validity();
    let member = ["--member-key", "alice.pem"];
    // The chain has expired when the certificates start.
    let late = ["--ttl", "60d", "--at", "2100-01-01T00:00:00Z"];
    let run = fixture.member_issue(&[&member[..], &late].concat());
    assert_eq!(
        (run.status, run.errors.contains("chain.der is not valid at")),
        (2, true),
        "{run:?}"
    );
    assert!(!fixture.exists("alice.vid"));

    // It expires before the certificates, which is usual. The token must not end later.
    let run = fixture.member_issue(&[&member[..], &["--ttl", "60d", "--at", &start]].concat());
    let warning = format!("the chain is only valid until {end}");
    assert_eq!((run.status, run.errors.contains(&warning)), (0, true), "{run:?}");
    let end = end.parse::<kliento::Timestamp>().unwrap().as_second();
    let sign = |seconds_before_end: i64| {
        let at = kliento::Timestamp::from_second(end - seconds_before_end).unwrap().to_string();
        fixture.sign(&["--member-key", "alice.pem", "--ttl", "5m", "--at", &at])
    };
    assert_eq!(sign(300).status, 0);
    fs::remove_file(fixture.folder.path().join("bundle")).unwrap();
    for (run, words) in [
        (sign(299), "the chain of alice.vid expires at"),
        (sign(-1), "the chain of alice.vid is not valid at"),
    ] {
        assert_eq!((run.status, run.errors.contains(words)), (2, true), "{run:?}");
        assert!(!fixture.exists("bundle"));
    }
}

#[test]
fn rejects_options_that_exclude_each_other() {
    let fixture = CliFixture::with_member_bundle(&TTL);
    let signed = ["--member-key", "alice.pem"];
    for (rest, names) in [
        (&["--key", "organisation.pem"][..], ["--key", "--member-bundle"]),
        (&["--org", "example.com"], ["--org", "--member-bundle"]),
        (&["--member", "alice"], ["--member", "--member-bundle"]),
        (&["--bot"], ["--bot", "--member-bundle"]),
        (&["--as", "organisation"], ["--as organisation", "--member-bundle"]),
    ] {
        let run = fixture.sign(&[&signed[..], rest].concat());
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{run:?}");
        assert!(names.iter().all(|name| run.errors.contains(name)), "{run:?}");
    }
    let without_key = fixture.sign(&[]);
    assert_eq!((without_key.status, without_key.errors.contains("--member-key")), (2, true));
    let neither = fixture.run(&["issue", "--audience", "a"]);
    for name in ["--org", "--key", "--chain"] {
        assert!(neither.status == 2 && neither.errors.contains(name), "{neither:?}");
    }
    let both = ["--member-key", "alice.pem", "--member-public-key", "alice.pub"];
    for (rest, names) in [
        (&both[..], ["--member-key", "--member-public-key"]),
        (&["--user", "alice", "--bot", "--member-key", "alice.pem"], ["--member", "--bot"]),
        (&[], ["--member-public-key", "--member-key"]),
    ] {
        let run = fixture.member_issue(&[rest, &TTL].concat());
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{run:?}");
        assert!(names.iter().all(|name| run.errors.contains(name)), "{run:?}");
    }
    for ttl in ["0s", "30", "1.5s", "1mo", "-1d"] {
        let run = fixture.member_issue(&["--member-key", "alice.pem", &format!("--ttl={ttl}")]);
        assert_eq!((run.status, run.errors.contains("--ttl")), (2, true), "{run:?}");
    }
}

#[test]
fn rejects_other_keys_and_chains() {
    let fixture = CliFixture::new();
    let rejected = |rest: &[&str], words: &str| {
        let run = fixture.member_issue(&[rest, &TTL].concat());
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{rest:?}");
        assert!(run.errors.contains(words), "{words:?} in {:?}", run.errors);
        assert!(!fixture.exists("alice.vid"));
    };
    rejected(&["--member-public-key", "alice.pem"], "expected \"PUBLIC KEY\"");
    rejected(&["--member-public-key", "chain.der"], "chain.der");
    rejected(&["--member-public-key", "none.pub"], "none.pub");
    let shared = fixture.member_issue(&[&["--member-key", "organisation.pem"], &TTL[..]].concat());
    let is_warned = shared.errors.contains("the member's key is the organisation's");
    assert_eq!((shared.status, is_warned), (0, true), "{shared:?}");
    let other = [
        "member",
        "issue",
        "--org",
        "example.com",
        "--key",
        "alice.pem",
        "--member-key",
        "alice.pem",
        "--chain",
        "chain.der",
        "-o",
        "other.vid",
    ];
    let run = fixture.run(&[&other[..], &TTL].concat());
    assert_eq!((run.status, run.errors.contains("txt-record")), (2, true), "{run:?}");
}

#[test]
fn warns_of_key_of_two_organisations() {
    let fixture = CliFixture::new();
    let mock = ["mock", "--org", "example.org", "--key", "organisation.pem", "--ttl", "3600"];
    fixture.succeed(&[&mock[..], &["--out-dir", "other"]].concat());
    let chains = ["chain.der", "other/chain.der"].map(|name| fixture.read(name));
    let [chain, other] =
        chains.each_ref().map(|file| DnssecChain::messages_from_der(file).unwrap());
    let both = DnssecChain::messages_to_der(&[chain, other].concat());
    fs::write(fixture.folder.path().join("chain.der"), both).unwrap();
    let run = fixture.member_issue(&[&["--member-key", "alice.pem"], &TTL[..]].concat());
    assert!(run.errors.contains("also published at _veraid.example.org"), "{run:?}");
}

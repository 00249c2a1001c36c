//! Keys in an HSM: `SoftHSM`.

use std::env;
use std::fs;
use std::process::Command;

use kliento::Token;
use kliento::issue::pkcs11::{Pkcs11Signer, Pkcs11Uri};
use kliento_tower::client::{LocalSigner, TokenBundleSource as _};

use crate::agent::fixture::{self as agent, Agent};
use crate::cli_fixture::CliFixture;
use crate::run::{Run, command, feed};
use crate::soft_hsm::{CONFIGURATION, PIN, SoftHsm};

/// The variables of the child that signs with the library: its key and its member id bundle.
const KEY: &str = "KLIENTO_TEST_KEY";
const BUNDLE: &str = "KLIENTO_TEST_BUNDLE";

/// A token, and a folder for the files of the command.
struct Fixture {
    soft_hsm: SoftHsm,
    files: CliFixture,
    organisation: String,
    alice: String,
}

impl Fixture {
    /// Generates the keys of an organisation and a member in the token, and a mock chain.
    fn new() -> Self {
        let soft_hsm = SoftHsm::new().with_token("hsm");
        let [organisation, alice] = ["organisation", "alice"].map(|key| soft_hsm.uri("hsm", key));
        let fixture = Self { soft_hsm, files: CliFixture::empty(), organisation, alice };
        for (uri, name) in [(&fixture.organisation, "organisation"), (&fixture.alice, "alice")] {
            let output = fixture.succeed(&["key", "generate", "--pkcs11", uri]);
            let expected = format!("generated pkcs11:token=hsm;object={name}: a private RSA key");
            assert!(output.starts_with(&expected), "{output}");
        }
        let mock = ["mock", "--org", "example.com", "--key", &fixture.organisation];
        fixture.succeed(&[&mock[..], &["--ttl", "3600", "--out-dir", "."]].concat());
        fixture
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = command(arguments);
        command.current_dir(&self.files.folder).env(CONFIGURATION, self.soft_hsm.configuration());
        feed(command, b"")
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
        run.output
    }

    /// Issues a member id bundle for Alice, as `alice.vid`.
    fn issue_member(&self) {
        let public = self.succeed(&["key", "public", "--key", &self.alice]);
        fs::write(self.files.folder.path().join("alice.pub"), public).unwrap();
        let issue = ["member", "issue", "--org", "example.com", "--user", "alice"];
        let keys = ["--key", &self.organisation, "--member-public-key", "alice.pub"];
        let rest = ["--chain", "chain.der", "--ttl", "1d", "-o", "alice.vid"];
        self.succeed(&[&issue[..], &keys, &rest].concat());
    }

    fn verify(&self, signer: &str) {
        let verified = self.files.verify(&["--json", "bundle"]).json();
        assert_eq!(verified["subject"], "alice@example.com");
        assert_eq!(verified["signer"], signer);
    }
}

#[test]
fn issues_with_keys_in_a_token() {
    let fixture = Fixture::new();
    let (key, member_key) = (&fixture.organisation, &fixture.alice);
    let record = fixture.succeed(&["txt-record", "--key", key, "--ttl", "3600"]);
    let anchor = fixture.files.anchor();
    let chain = ["chain", "verify", "--trust-anchor", &anchor, "chain.der"];
    assert!(fixture.succeed(&chain).contains(record.trim_end()));

    let audience = ["--audience", "https://a.example", "-o", "bundle"];
    let organisation = ["--org", "example.com", "--key", key, "--chain", "chain.der"];
    let issue = [&["issue", "--member", "alice"][..], &organisation, &audience].concat();
    fixture.succeed(&issue);
    fixture.verify("organisation");
    fixture.succeed(&[&issue[..], &["--member-key", member_key]].concat());
    fixture.verify("member");

    fixture.issue_member();
    let issue = ["issue", "--member-bundle", "alice.vid", "--member-key", member_key];
    fixture.succeed(&[&issue[..], &audience].concat());
    fixture.verify("member");
    let other = ["issue", "--member-bundle", "alice.vid", "--member-key", key];
    let run = fixture.run(&[&other[..], &audience].concat());
    let words = "pkcs11:token=hsm;object=organisation is not the key of the member id bundle";
    assert_eq!((run.status, run.errors.contains(words)), (2, true), "{run:?}");
}

#[test]
fn reports_errors_of_tokens_without_pins() {
    let fixture = Fixture::new();
    let run = fixture.run(&["key", "generate", "--pkcs11", &fixture.alice]);
    let is_reported = run.errors.contains("the token already has a key");
    assert_eq!((run.status, is_reported), (2, true), "{run:?}");
    let with_pin = fixture.alice.replace("pin-source=file:", &format!("pin-value={PIN}&x="));
    for arguments in [
        &["key", "generate", "--pkcs11", &with_pin][..],
        &["key", "public", "--key", &with_pin],
        &["txt-record", "--ttl", "60", "--key", &with_pin],
    ] {
        let run = fixture.run(arguments);
        assert_eq!((run.status, run.errors.contains("pin-value")), (2, true), "{run:?}");
        assert!(!run.errors.contains(PIN) && !run.output.contains(PIN), "{run:?}");
    }
    fs::write(fixture.soft_hsm.path("pin"), "0000").unwrap();
    let run = fixture.run(&["key", "public", "--key", &fixture.alice]);
    assert_eq!((run.status, run.errors.contains("rejected the PIN")), (2, true), "{run:?}");
    assert!(!run.errors.contains("0000"), "{run:?}");
    let run = fixture.run(&["key", "generate", "--pkcs11", "pkcs11:object=a", "-o", "key.pem"]);
    assert_eq!((run.status, run.errors.contains("--pkcs11")), (2, true), "{run:?}");
    let run = fixture.run(&["key", "generate"]);
    assert!(run.status == 2 && run.errors.contains("--output"), "{run:?}");
}

#[tokio::test]
async fn agent_signs_in_a_token() {
    let fixture = Fixture::new();
    fixture.issue_member();
    let (agent, alice) = (agent::Fixture::new(), &fixture.alice);
    for name in ["alice.vid", "chain.der", "trust-anchor.txt"] {
        fs::copy(fixture.files.folder.path().join(name), agent.path(name)).unwrap();
    }
    agent.configure("");
    let config = fs::read_to_string(agent.path("agent.toml")).unwrap();
    let member = format!("member-bundle = \"alice.vid\"\nmember-key = \"{alice}\"");
    let config = config.replace("key = \"organisation.pem\"", &member);
    agent.write_config(&config.replace("member = \"alice\"", ""));
    let mut command = agent.command(&[]);
    command.env(CONFIGURATION, fixture.soft_hsm.configuration());
    let _running = Agent::start(command);
    let token = agent.token().await;
    let verified = agent.verify(&format!("Kliento {}", token["token"].as_str().unwrap()));
    assert_eq!(
        (&verified["subject"], &verified["signer"]),
        (&"alice@example.com".into(), &"member".into())
    );
}

/// The library reads its configuration from the environment, so a child signs.
#[test]
fn local_signer_signs_in_a_token() {
    let fixture = Fixture::new();
    fixture.issue_member();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "pkcs11::signs_in_child", "--nocapture"]);
    child.env(CONFIGURATION, fixture.soft_hsm.configuration()).env(KEY, &fixture.alice);
    let output = child.env(BUNDLE, fixture.files.folder.path().join("alice.vid")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::rename(
        fixture.files.folder.path().join("signed"),
        fixture.files.folder.path().join("bundle"),
    )
    .unwrap();
    fixture.verify("member");
}

/// Signs if [`local_signer_signs_in_a_token`] runs it.
#[tokio::test]
async fn signs_in_child() {
    let (Some(key), Some(bundle)) = (env::var(KEY).ok(), env::var_os(BUNDLE)) else { return };
    let uri: Pkcs11Uri = key.parse().unwrap();
    let signer = Pkcs11Signer::open(&uri).unwrap();
    let bundle = std::path::PathBuf::from(bundle);
    let signer = LocalSigner::member(bundle.as_path(), signer, Token::new("https://a.example"));
    let issued = signer.token_bundle(None).await.unwrap();
    fs::write(bundle.with_file_name("signed"), issued.bundle().as_bytes()).unwrap();
}

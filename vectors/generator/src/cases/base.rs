//! The valid cases that are the twins of most others.

use std::collections::BTreeMap;

use crate::case::{Context, Outcome, Proof};

use crate::dns::fill_template;
use crate::recipe::{
    Attribute, AttributesOrder, COMMON_NAME, ContentForm, Kind, PlaintextTemplate, Recipe,
    SignedAttribute, TEST_SERVICE, Text, bmp, common_name,
};
use crate::suite::Suite;

/// The names of the twins of most cases.
pub(crate) const MEMBER: &str = "member-user";
pub(crate) const ORGANISATION: &str = "organisation-user";
pub(crate) const AUTHORIZATION: &str = "authorization";
pub(crate) const SIGNATURE: &str = "signature-test-service";
pub(crate) const MEMBER_ID: &str = "member-id-user";
pub(crate) const CHAIN: &str = "chain";

const KINDS: &str = "signature-kinds";

pub(crate) fn add(suite: &mut Suite) {
    let info =
        (MEMBER, KINDS, "A token that a user signed with a certificate by the organisation.");
    suite.base(info, Recipe::member_token(), context(), token_proof("member"));
    let info =
        (ORGANISATION, KINDS, "A token that the organisation signed and attributes to a user.");
    suite.base(info, Recipe::organisation_token(), context(), token_proof("organisation"));
    let info =
        ("member-bot", KINDS, "A token that a bot signed: its certificate's common name is @.");
    suite.valid(MEMBER, info, |case| {
        case.recipe.member.subject = common_name(bmp("@"));
        case.set_subject("example.com");
    });
    let info = (
        "organisation-bot",
        KINDS,
        "A token that the organisation signed and attributes to its bot.",
    );
    suite.valid(ORGANISATION, info, |case| {
        *case.recipe.signer().attributes.last_mut().expect("the attribution") =
            SignedAttribute::attribution("@");
        case.set_subject("example.com");
    });
    add_deployed(suite);
    add_other_kinds(suite);
}

/// Adds the forms that the JavaScript and the JVM libraries write.
fn add_deployed(suite: &mut Suite) {
    let info = (
        "deployed-javascript",
        KINDS,
        "All peculiarities of the JavaScript library at once: the content in a chunk, attributes in its order, \
         milliseconds, a final dot and a path length without cA.",
    );
    suite.valid(MEMBER, info, |case| {
        case.recipe.signature.content = ContentForm::Constructed(Vec::new());
        case.recipe.signer().attributes_order = AttributesOrder::AsListed;
        case.recipe.metadata().start = "20261122175854.461Z".to_owned();
        case.recipe.organisation.subject = common_name(bmp("example.com."));
        *case.recipe.member.path_length() = Some(0);
        case.set_period("2026-11-22T17:58:54.461Z", "2026-11-22T18:05:00Z");
    });
    let info = (
        "deployed-jvm",
        KINDS,
        "The shape that the JVM library writes: sorted attributes with signingTime and CMSAlgorithmProtection, and the \
         organisation's certificate attached too.",
    );
    suite.valid(MEMBER, info, |case| {
        use crate::recipe::Attached;
        case.recipe.signature.certificates = Some(vec![Attached::Member, Attached::Organisation]);
        let protection = crate::octets::from_hex("300f300d06096086480165030402010500");
        let attributes = &mut case.recipe.signer().attributes;
        attributes.push(SignedAttribute::signing_time());
        attributes.push(SignedAttribute::other("1.2.840.113549.1.9.52", protection));
    });
    let info = (
        "deployed-other-attributes",
        KINDS,
        "A user whose name is beside other attributes of a name.",
    );
    suite.valid(MEMBER, info, |case| {
        let country = Attribute { kind: "2.5.4.6", value: Text::Printable("ES".to_owned()) };
        let name = Attribute { kind: COMMON_NAME, value: bmp("alice") };
        case.recipe.member.subject = vec![vec![country], vec![name]];
    });
}

fn add_other_kinds(suite: &mut Suite) {
    let mut recipe = Recipe { kind: Kind::Authorization, ..Recipe::member_token() };
    // The Base64 then has two characters of padding, and four unused bits.
    recipe.set_token(
        r#"{"audience":"https://api.example.com","claims":{"permission":"read-only"},"x":"{padding}"}"#,
    );
    let bundle = Recipe { kind: Kind::TokenBundle, ..recipe.clone() };
    recipe.signature.plaintext.padding = (4 - bundle.octets().len() % 3) % 3;
    let info = (
        AUTHORIZATION,
        "header",
        "A header's value: the scheme, a space, and Base64 with its padding.",
    );
    suite.base(info, recipe, context(), token_proof("member"));

    let service = Context { service: Some(TEST_SERVICE), audience: None, ..context() };
    let mut recipe = Recipe { kind: Kind::SignatureBundle, ..Recipe::member_token() };
    recipe.metadata().service = TEST_SERVICE;
    recipe.signature.plaintext.template = PlaintextTemplate::Text("Hello, world".to_owned());
    let info = (
        SIGNATURE,
        KINDS,
        "A signature for VeraId's test service over a text that is not a token.",
    );
    let proof = Proof {
        signer: Some("member"),
        plaintext: Some("Hello, world".to_owned()),
        ..subject_proof()
    };
    suite.base(info, recipe, service.clone(), Outcome::Valid(Box::new(proof)));

    let recipe = Recipe { kind: Kind::MemberIdBundle, ..Recipe::member_token() };
    let info = (
        MEMBER_ID,
        "member-id",
        "A member id bundle: all that proves a user, but no signature of the user.",
    );
    let proof = Proof {
        valid_from: "2026-11-22T00:00:00Z".to_owned(),
        valid_until: "2026-11-25T03:00:00Z".to_owned(),
        ..subject_proof()
    };
    suite.base(info, recipe, service, Outcome::Valid(Box::new(proof)));

    let owner = Some("_veraid.example.com".to_owned());
    let recipe = Recipe { kind: Kind::Chain, ..Recipe::member_token() };
    let info = (
        CHAIN,
        "chain-messages",
        "A response to each question from the root down to the TXT records.",
    );
    let record =
        fill_template("1 {sha256-padded} 3600", &recipe.organisation.subject_public_key_info());
    let proof = Proof {
        zone: Some("example.com.".to_owned()),
        records: Some(vec![vec![record]]),
        valid_from: "2026-11-20T05:00:00Z".to_owned(),
        valid_until: "2026-11-25T03:00:00Z".to_owned(),
        ..Proof::default()
    };
    let context = Context { owner, audience: None, ..context() };
    suite.base(info, recipe, context, Outcome::Valid(Box::new(proof)));
}

fn context() -> Context {
    Context {
        at: Some("2026-11-22T18:03:00Z".to_owned()),
        during: None,
        trust_anchors: vec![Recipe::member_token().chain.anchor(0)],
        service: None,
        audience: Some("https://api.example.com".to_owned()),
        owner: None,
        max_validity: None,
        min_modulus_bits: None,
        clock_skew: None,
    }
}

fn token_proof(signer: &'static str) -> Outcome {
    let claims = BTreeMap::from([("permission".to_owned(), "read-only".to_owned())]);
    Outcome::Valid(Box::new(Proof {
        signer: Some(signer),
        claims: Some(claims),
        ..subject_proof()
    }))
}

fn subject_proof() -> Proof {
    Proof {
        subject: Some("alice@example.com".to_owned()),
        valid_from: "2026-11-22T18:00:00Z".to_owned(),
        valid_until: "2026-11-22T18:05:00Z".to_owned(),
        ..Proof::default()
    }
}

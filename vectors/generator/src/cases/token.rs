//! Tokens, their audience and their size.

use super::base::MEMBER;
use crate::case::Case;
use crate::recipe::{Kind, PlaintextTemplate, Recipe};
use crate::suite::Suite;

const JSON: &str = "token-json";
const DUPLICATES: &str = "token-duplicates";
const SURROGATES: &str = "token-surrogates";
const CLAIMS: &str = "token-claims";
const AUDIENCE: &str = "token-audience";
const SIZE: &str = "token-bundle-size";
const MALFORMED: &str = "token-malformed";

pub(crate) fn add(suite: &mut Suite) {
    add_valid(suite);
    add_json(suite);
    add_members(suite);
    add_audience(suite);
    add_sizes(suite);
}

fn token(json: &'static str) -> impl FnOnce(&mut Case) {
    move |case| case.recipe.set_token(json)
}

fn without_claims(json: &'static str) -> impl FnOnce(&mut Case) {
    move |case| {
        case.recipe.set_token(json);
        case.proof().claims = Some(std::collections::BTreeMap::default());
    }
}

fn add_valid(suite: &mut Suite) {
    let info = ("token-without-claims", CLAIMS, "Claims are optional.");
    suite.valid(MEMBER, info, without_claims(r#"{"audience":"https://api.example.com"}"#));
    let info = ("token-empty-claims", CLAIMS, "Claims may be empty.");
    suite.valid(
        MEMBER,
        info,
        without_claims(r#"{"audience":"https://api.example.com","claims":{}}"#),
    );
    let info = (
        "token-other-members",
        JSON,
        "Other members of the token are ignored, whatever their type.",
    );
    let json = r#"{"a":null,"audience":"https://api.example.com","claims":{"permission":"read-only"},"b":[1,{"c":true}]}"#;
    suite.valid(MEMBER, info, token(json));
    let info = (
        "token-duplicates-in-ignored-member",
        DUPLICATES,
        "Within a member that is ignored, nothing is read.",
    );
    let json = r#"{"audience":"https://api.example.com","claims":{"permission":"read-only"},"x":{"a":1,"a":2}}"#;
    suite.valid(MEMBER, info, token(json));
    let info =
        ("token-white-space", JSON, "White space of JSON may be around the token and in it.");
    let json = "\r\n\t {\n  \"audience\" : \"https://api.example.com\",\n  \"claims\" : { \"permission\" : \"read-only\" }\n}\n";
    suite.valid(MEMBER, info, token(json));
    let info = ("token-escapes", JSON, "Names and values may be written with escapes.");
    let json =
        r#"{"\u0061udience":"https:\/\/api.example.com","claims":{"permission":"read\u002donly"}}"#;
    suite.valid(MEMBER, info, token(json));
    let info = (
        "token-surrogate-pair",
        SURROGATES,
        "A character beyond the BMP may be written as a surrogate pair.",
    );
    suite.valid(MEMBER, info, |case| {
        case.recipe.set_token(r#"{"audience":"https://api.example.com","claims":{"crab":"\ud83e\udd80","é":"\u0000"}}"#);
        let claims = [("crab", "🦀"), ("é", "\0")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        case.proof().claims = Some(claims.into());
    });
}

fn add_json(suite: &mut Suite) {
    let info = ("token-byte-order-mark", JSON, "A token has no byte-order mark.");
    let json = "\u{feff}{\"audience\":\"https://api.example.com\",\"claims\":{\"permission\":\"read-only\"}}";
    suite.invalid(MEMBER, info, MALFORMED, token(json));
    let info = ("token-not-utf-8", JSON, "A token is in UTF-8: an octet of Latin-1 is not.");
    suite.invalid(MEMBER, info, MALFORMED, |case| {
        let json =
            b"{\"audience\":\"https://api.example.com\",\"claims\":{\"permission\":\"\xe9\"}}";
        case.recipe.signature.plaintext.template = PlaintextTemplate::Octets(json.to_vec().into());
    });
    let info = ("token-utf-16", JSON, "A token is in UTF-8: UTF-16 is not.");
    suite.invalid(MEMBER, info, MALFORMED, |case| {
        let json =
            r#"{"audience":"https://api.example.com"}"#.encode_utf16().flat_map(u16::to_be_bytes);
        case.recipe.signature.plaintext.template =
            PlaintextTemplate::Octets(json.collect::<Vec<_>>().into());
    });
    for (name, shows, json) in [
        ("token-empty", "A token is not empty.", ""),
        ("token-array", "A token is an object, not an array.", r#"["https://api.example.com"]"#),
        ("token-string", "A token is an object, not a string.", r#""https://api.example.com""#),
        ("token-null", "A token is an object, not null.", "null"),
        (
            "token-trailing-text",
            "Nothing follows the token.",
            r#"{"audience":"https://api.example.com"} {}"#,
        ),
        (
            "token-trailing-comma",
            "No comma follows the last member.",
            r#"{"audience":"https://api.example.com",}"#,
        ),
        ("token-comment", "JSON has no comments.", r#"{"audience":"https://api.example.com"/**/}"#),
        (
            "token-unquoted-name",
            "Names are in quotation marks.",
            r#"{audience:"https://api.example.com"}"#,
        ),
        (
            "token-control-character",
            "Strings have no bare control characters.",
            "{\"audience\":\"https://api.example.com\",\"x\":\"\n\"}",
        ),
        ("token-cut-short", "A token is whole.", r#"{"audience":"https://api.example.com""#),
    ] {
        suite.invalid(MEMBER, (name, JSON, shows), MALFORMED, token(json));
    }
}

/// Name, rule, description, and the token.
const REJECTED_MEMBERS: [(&str, &str, &str, &str); 20] = [
    (
        "token-audience-twice",
        DUPLICATES,
        "The audience occurs once, even if both are the same.",
        r#"{"audience":"https://api.example.com","audience":"https://api.example.com"}"#,
    ),
    (
        "token-audience-twice-escaped",
        DUPLICATES,
        "A name with escapes is the same name.",
        r#"{"audience":"https://api.example.com","\u0061udience":"https://api.example.com"}"#,
    ),
    (
        "token-claims-twice",
        DUPLICATES,
        "The claims occur once.",
        r#"{"audience":"https://api.example.com","claims":{},"claims":{}}"#,
    ),
    (
        "token-other-member-twice",
        DUPLICATES,
        "Members that are ignored also occur once.",
        r#"{"audience":"https://api.example.com","x":1,"x":1}"#,
    ),
    (
        "token-claim-twice",
        DUPLICATES,
        "A claim occurs once.",
        r#"{"audience":"https://api.example.com","claims":{"a":"1","a":"2"}}"#,
    ),
    (
        "token-high-surrogate",
        SURROGATES,
        "There is no lone high surrogate.",
        r#"{"audience":"https://api.example.com","claims":{"a":"\ud83e"}}"#,
    ),
    (
        "token-low-surrogate",
        SURROGATES,
        "There is no lone low surrogate.",
        r#"{"audience":"https://api.example.com","claims":{"a":"\udd80"}}"#,
    ),
    (
        "token-surrogate-in-name",
        SURROGATES,
        "There is no lone surrogate in the name of a claim.",
        r#"{"audience":"https://api.example.com","claims":{"\ud83ex":"a"}}"#,
    ),
    (
        "token-surrogate-in-ignored-member",
        SURROGATES,
        "There is no lone surrogate in a member that is ignored.",
        r#"{"audience":"https://api.example.com","x":"\ud83e"}"#,
    ),
    (
        "token-claims-null",
        CLAIMS,
        "Claims that are null are rejected.",
        r#"{"audience":"https://api.example.com","claims":null}"#,
    ),
    (
        "token-claims-array",
        CLAIMS,
        "Claims are an object, not an array.",
        r#"{"audience":"https://api.example.com","claims":[]}"#,
    ),
    (
        "token-claims-text",
        CLAIMS,
        "Claims are an object, not a string.",
        r#"{"audience":"https://api.example.com","claims":""}"#,
    ),
    (
        "token-claim-number",
        CLAIMS,
        "A claim is a string, not a number.",
        r#"{"audience":"https://api.example.com","claims":{"a":1}}"#,
    ),
    (
        "token-claim-null",
        CLAIMS,
        "A claim is a string, not null.",
        r#"{"audience":"https://api.example.com","claims":{"a":null}}"#,
    ),
    (
        "token-claim-object",
        CLAIMS,
        "A claim is a string, not an object.",
        r#"{"audience":"https://api.example.com","claims":{"a":{}}}"#,
    ),
    (
        "token-audience-missing",
        AUDIENCE,
        "The audience is required.",
        r#"{"claims":{"permission":"read-only"}}"#,
    ),
    (
        "token-audience-null",
        AUDIENCE,
        "The audience is a string, not null.",
        r#"{"audience":null}"#,
    ),
    (
        "token-audience-number",
        AUDIENCE,
        "The audience is a string, not a number.",
        r#"{"audience":1}"#,
    ),
    (
        "token-audience-array",
        AUDIENCE,
        "The audience is a string, not an array.",
        r#"{"audience":["https://api.example.com"]}"#,
    ),
    (
        "token-audience-name-in-capitals",
        AUDIENCE,
        "Names are compared with their case.",
        r#"{"Audience":"https://api.example.com"}"#,
    ),
];

fn add_members(suite: &mut Suite) {
    for (name, rule, shows, json) in REJECTED_MEMBERS {
        suite.invalid(MEMBER, (name, rule, shows), MALFORMED, token(json));
    }
}

fn add_audience(suite: &mut Suite) {
    for (name, shows, audience) in [
        (
            "audience-other",
            "A token for another audience is rejected.",
            "https://other.example.com",
        ),
        ("audience-case", "The audience is compared with its case.", "https://API.example.com"),
        (
            "audience-final-slash",
            "The audience is not normalised as a URL.",
            "https://api.example.com/",
        ),
        (
            "audience-default-port",
            "The audience has no default port, as a URL would.",
            "https://api.example.com:443",
        ),
        ("audience-prefix", "A prefix of the audience is another one.", "https://api.example"),
        ("audience-empty", "An empty audience is another one.", ""),
    ] {
        suite.invalid(MEMBER, (name, AUDIENCE, shows), "audience-mismatch", |case| {
            case.context.audience = Some(audience.to_owned());
        });
    }
    let info = ("audience-unicode", AUDIENCE, "The audience may be any string.");
    suite.valid(MEMBER, info, |case| {
        case.recipe
            .set_token("{\"audience\":\"caf\u{e9}\",\"claims\":{\"permission\":\"read-only\"}}");
        case.context.audience = Some("caf\u{e9}".to_owned());
    });
    let info = (
        "audience-unicode-form",
        AUDIENCE,
        "The audience is compared octet for octet, without normalisation.",
    );
    suite.invalid("audience-unicode", info, "audience-mismatch", |case| {
        case.context.audience = Some("cafe\u{301}".to_owned());
    });
}

fn add_sizes(suite: &mut Suite) {
    let info = ("token-bundle-16384-octets", SIZE, "A bundle of 16,384 octets is not too large.");
    suite.valid(MEMBER, info, |case| fill(&mut case.recipe, 16_384));
    let info = ("token-bundle-16385-octets", SIZE, "A bundle of 16,385 octets is too large.");
    suite.malformed("token-bundle-16384-octets", info, "bundle-too-large", |case| {
        case.recipe.signature.plaintext.padding += 1;
    });
}

/// Sets the size of the bundle by the length of an ignored member.
pub(super) fn fill(recipe: &mut Recipe, octets: usize) {
    recipe.set_token(r#"{"audience":"https://api.example.com","claims":{"permission":"read-only"},"x":"{padding}"}"#);
    // The size is close enough that all lengths have their final encoding.
    recipe.signature.plaintext.padding = octets - 6_000;
    let bundle = Recipe { kind: Kind::TokenBundle, ..recipe.clone() };
    recipe.signature.plaintext.padding += octets - bundle.octets().len();
}

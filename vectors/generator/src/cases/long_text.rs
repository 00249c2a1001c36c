//! Long texts, which a verifier must not copy into its errors and logs.

use super::base::MEMBER;
use crate::recipe::{Text, common_name};
use crate::suite::Suite;

const LONG: usize = 5000;

pub(crate) fn add(suite: &mut Suite) {
    let info = (
        "organisation-name-of-2000-control-characters",
        "organisation-name",
        "The domain name has no control characters, however many.",
    );
    suite.invalid(MEMBER, info, "organisation-certificate-common-name", |case| {
        case.recipe.organisation.subject = common_name(Text::Utf8("\u{1}".repeat(2000)));
    });
    let letters = "a".repeat(LONG);
    for (name, rule, code, shows, json) in [
        (
            "audience-of-invisible-characters",
            "token-audience",
            "audience-mismatch",
            "A long audience is another one.",
            format!(r#"{{"audience":"{}"}}"#, "\u{202e}".repeat(LONG / 3)),
        ),
        (
            "token-long-member-twice",
            "token-duplicates",
            "token-malformed",
            "A member with a long name occurs once.",
            format!(r#"{{"{letters}":1,"{letters}":2,"audience":"https://api.example.com"}}"#),
        ),
        (
            "token-claims-long-text",
            "token-claims",
            "token-malformed",
            "Claims are an object, not a long string.",
            format!(r#"{{"audience":"https://api.example.com","claims":"{letters}"}}"#),
        ),
    ] {
        suite.invalid(MEMBER, (name, rule, shows), code, |case| case.recipe.set_token(json));
    }
}

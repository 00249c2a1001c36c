//! The value of the `Authorization` header.

use super::base::AUTHORIZATION;
use super::token::fill;
use crate::case::Case;
use crate::recipe::{Alphabet, Header, Padding};
use crate::suite::Suite;

const SCHEME: &str = "header";
const BASE64: &str = "header-base64";
const LENGTH: &str = "header-length";

pub(crate) fn add(suite: &mut Suite) {
    for (name, shows, scheme) in [
        ("authorization-lower-case", "The scheme may be in lower case.", "kliento"),
        ("authorization-upper-case", "The scheme may be in upper case.", "KLIENTO"),
        ("authorization-mixed-case", "The scheme may be in any case.", "kLiEnTo"),
    ] {
        suite.valid(AUTHORIZATION, (name, SCHEME, shows), header(|header| header.scheme = scheme));
    }
    let info = ("authorization-spaces", SCHEME, "Several spaces may follow the scheme.");
    suite.valid(AUTHORIZATION, info, header(|header| header.separator = "   "));
    let info = ("authorization-unpadded", BASE64, "The padding is optional.");
    suite.valid(AUTHORIZATION, info, header(|header| header.padding = Padding::None));
    add_scheme(suite);
    add_base64(suite);
    add_lengths(suite);
}

fn header(change: impl FnOnce(&mut Header)) -> impl FnOnce(&mut Case) {
    |case| change(&mut case.recipe.header)
}

fn add_scheme(suite: &mut Suite) {
    const CODE: &str = "authorization-scheme";
    for (name, shows, scheme) in [
        ("authorization-bearer", "Another scheme is rejected.", "Bearer"),
        (
            "authorization-scheme-longer",
            "A scheme that starts with Kliento is another one.",
            "Klientos",
        ),
        ("authorization-scheme-missing", "The scheme is required.", ""),
        (
            "authorization-scheme-homoglyph",
            "The scheme is ASCII: a Kelvin sign is not a K.",
            "\u{212a}liento",
        ),
    ] {
        suite.malformed(
            AUTHORIZATION,
            (name, SCHEME, shows),
            CODE,
            header(|header| header.scheme = scheme),
        );
    }
    for (name, shows, separator) in [
        ("authorization-no-space", "A space follows the scheme.", ""),
        ("authorization-tab", "A space follows the scheme, not a tab.", "\t"),
        ("authorization-colon", "A space follows the scheme, not a colon.", ":"),
    ] {
        suite.malformed(
            AUTHORIZATION,
            (name, SCHEME, shows),
            CODE,
            header(|header| header.separator = separator),
        );
    }
}

fn add_base64(suite: &mut Suite) {
    const CODE: &str = "authorization-base64";
    let info = (
        "authorization-url-alphabet",
        BASE64,
        "The alphabet is the standard one, not that of URLs.",
    );
    suite.malformed(AUTHORIZATION, info, CODE, header(|header| header.alphabet = Alphabet::Url));
    let info = ("authorization-padding-short", BASE64, "Incomplete padding is rejected.");
    suite.malformed(AUTHORIZATION, info, CODE, header(|header| header.padding = Padding::Short));
    let info = ("authorization-padding-long", BASE64, "Excess padding is rejected.");
    suite.malformed(AUTHORIZATION, info, CODE, header(|header| header.padding = Padding::Long));
    let info = ("authorization-trailing-bits", BASE64, "The bits after the last octet are zero.");
    suite.malformed(AUTHORIZATION, info, CODE, header(|header| header.trailing_bits = true));
    for (name, shows, inserted) in [
        ("authorization-space-within", "There is no white space in the Base64.", " "),
        ("authorization-line-break-within", "There are no line breaks in the Base64.", "\r\n"),
        ("authorization-padding-within", "There is no padding within the Base64.", "===="),
        ("authorization-not-ascii", "Base64 is ASCII.", "\u{e9}"),
    ] {
        let insert = header(|header| header.inserted = inserted);
        suite.malformed(AUTHORIZATION, (name, BASE64, shows), CODE, insert);
    }
    for (name, shows, suffix) in [
        ("authorization-space-after", "No white space follows the Base64.", " "),
        ("authorization-line-break-after", "No line break follows the Base64.", "\n"),
        ("authorization-parameter-after", "No parameter follows the Base64.", ", realm=\"x\""),
    ] {
        suite.malformed(
            AUTHORIZATION,
            (name, BASE64, shows),
            CODE,
            header(|header| header.suffix = suffix),
        );
    }
    let info = ("authorization-no-credentials", BASE64, "An empty bundle is not a bundle.");
    suite.malformed(
        AUTHORIZATION,
        info,
        "bundle-malformed",
        header(|header| header.credentials = Some("")),
    );
}

fn add_lengths(suite: &mut Suite) {
    const MAXIMUM: &str = "authorization-maximum";
    let info = (
        MAXIMUM,
        LENGTH,
        "The value of a bundle of 16,384 octets has 21,856 characters, and is not too long.",
    );
    suite.valid(AUTHORIZATION, info, |case| fill(&mut case.recipe, 16_384));
    let info = (
        "authorization-too-long",
        LENGTH,
        "A value longer than that is rejected before it is decoded.",
    );
    // Text that is not Base64 shows that it was not decoded.
    suite.malformed(
        MAXIMUM,
        info,
        "authorization-too-long",
        header(|header| header.inserted = "!"),
    );
    let info = (
        "authorization-16385-octets",
        LENGTH,
        "A bundle of 16,385 octets has a value as long, and is too large.",
    );
    suite.malformed(MAXIMUM, info, "bundle-too-large", |case| {
        case.recipe.signature.plaintext.padding += 1;
    });
}

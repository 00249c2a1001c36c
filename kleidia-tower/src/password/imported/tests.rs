//! Hashes of other systems, hostile parameters, and the work of logins.

use super::super::{Argon2Parameters, PasswordCheck, PasswordHasher};
use super::*;
use crate::account::PasswordHash;

/// With a character that NFC, and one that NFKC changes.
const PASSWORD: &str = "caf\u{e9} \u{fb01}n \u{20ac} pass";

/// Hashes of [`PASSWORD`] by other systems, made in a virtual environment with passlib 1.7.4, bcrypt
/// 4.0.1 and Django 5.2 of the Python Package Index, and by PHP 8.2 of Debian:
///
/// ```python
/// PBKDF2PasswordHasher().encode(P, PBKDF2PasswordHasher().salt(), 1000)
/// BCryptPasswordHasher().encode(P, ...)               # with rounds = 4
/// ScryptPasswordHasher().encode(P, ..., n=1024)
/// passlib.hash.bcrypt.using(rounds=4, ident="2a").hash(P)
/// bcrypt.hashpw(P.encode(), bcrypt.gensalt(5))
/// password_hash($P, PASSWORD_BCRYPT, ["cost" => 4])   # PHP
/// passlib.hash.pbkdf2_sha256.using(rounds=1000).hash(P)
/// passlib.hash.pbkdf2_sha512.using(rounds=1000, salt_size=8).hash(P)
/// passlib.hash.scrypt.using(rounds=10, parallelism=2).hash(P)
/// ```
const HASHES: [(&str, &str); 9] = [
    (
        "pbkdf2_sha256$1000$ac8O9s5dZvvgT1heKg4Rrh$C/QCFdnwO4Q4Za5PrFHDDCBxX3Whgprc1ca5e59X1+o=",
        "$pbkdf2-sha256$i=1000",
    ),
    ("bcrypt$$2b$04$ExN9elqVMm3ixxuMe/s.DuaF78QKJtmhNOT5FAU91uEzdmZCdyax2", "$bcrypt$r=4"),
    (
        "scrypt$1024$RIjhyn7cz176a6EW5F6W1h$8$5$kumNxthLmC6StOSD8y+pAMdLpP1EtGMYflB78YNUypAEa5V302dRfAP9JlgbnfU1BlQUkgOlJfagLxmHLtM2MQ==",
        "$scrypt$ln=10,r=8,p=5",
    ),
    ("$2a$04$1DkGkG0GrBR8ox2w2r8vj.uPU6SUD4ycl6UcSe/p/FLy7YUZbb0KS", "$bcrypt$r=4"),
    ("$2b$05$ERZAQzhQaC2PrNLrv5ezw.lju3tz7vbutQWRlv8mGaFE1m.Zvrrn2", "$bcrypt$r=5"),
    ("$2y$04$XCtOCBaK87.YSljv0f8dl.bVcqqqdsw4Kt3BHhUC1TIWncFqCNmkC", "$bcrypt$r=4"),
    (
        "$pbkdf2-sha256$1000$dc7ZO.c8R6hVaq117v2/1w$2zkil6GR/yWT7UiZLLeX16GO19XSuFky3zuvylTmDVs",
        "$pbkdf2-sha256$i=1000",
    ),
    (
        "$pbkdf2-sha512$1000$8X7vHWOMEeI$xFvJyrgvbHpkXXRuxiLhL9xVUCvculFoJ/.8QlvYB.ZVYBgM7SNLSMSc5ad4zqM9hkmd64xwEbMuK85G4qLnUA",
        "$pbkdf2-sha512$i=1000",
    ),
    (
        "$scrypt$ln=10,r=8,p=2$zdkb4zwn5BzjfC9lbA0B4A$QzrnhZJfCWmgOmYWSDBvBv9MSasoUTvle3569IaosaE",
        "$scrypt$ln=10,r=8,p=2",
    ),
];

fn hasher() -> PasswordHasher {
    let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
    options.with_permits(1).unwrap().start().unwrap()
}

fn parse(text: &str) -> Result<String, &'static str> {
    let parsed = text.parse::<ImportedHash>();
    parsed.map(|hash| hash.as_phc().to_owned()).map_err(|error| error.code())
}

fn parameters(phc: &str) -> String {
    PasswordHash::new(phc.to_owned()).parameters().to_owned()
}

#[tokio::test]
async fn verifies_hashes_of_other_systems_as_typed() {
    let hasher = hasher();
    for (text, expected) in HASHES {
        let phc = parse(text).unwrap();
        assert_eq!(parameters(&phc), expected);
        for (password, is_match) in [
            (PASSWORD, true),
            // Equal after NFC, and after NFKC: the other system did not normalise.
            ("cafe\u{301} \u{fb01}n \u{20ac} pass", false),
            ("caf\u{e9} fin \u{20ac} pass", false),
            ("", false),
        ] {
            let check = hasher.verify(&password.into(), &phc).await.unwrap();
            assert_eq!(check != PasswordCheck::Mismatch, is_match, "{text}: {password:?}");
        }
        let permit = hasher.permit().await.unwrap();
        let (_, rehashed) = permit.verify_and_rehash(&PASSWORD.into(), &phc).await.unwrap();
        let current = hasher.verify(&PASSWORD.into(), &rehashed.unwrap()).await.unwrap();
        assert_eq!(current, PasswordCheck::Match { needs_rehash: false });
    }
}

#[test]
fn stored_form_is_parsed_to_itself() {
    for (text, _) in HASHES {
        let phc = parse(text).unwrap();
        assert_eq!(parse(&phc).unwrap(), phc);
        assert_eq!(ForeignHash::from_phc(&phc).unwrap().to_phc(), phc);
    }
    // A store must have the stored form: parameters have one text.
    for text in [HASHES[6].0, "$pbkdf2-sha256$i=01000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"] {
        assert!(ForeignHash::from_phc(text).is_err(), "{text}");
    }
}

/// By argon2-cffi: `PasswordHasher(time_cost=1, memory_cost=7168, parallelism=1).hash("cafe pass")`.
#[tokio::test]
async fn imports_argon2id() {
    let text = "$argon2id$v=19$m=7168,t=1,p=1$4+QXDfpSEZNxTMWlTpBlHQ$h1ItgkEqC6RvoLMpNvsBTo73xnk0ePcb6lVyMNN0T90";
    assert_eq!(parse(text).unwrap(), text);
    assert_eq!(parse(&format!("argon2{text}")).unwrap(), text);
    let check = hasher().verify(&"cafe pass".into(), text).await.unwrap();
    assert_eq!(check, PasswordCheck::Match { needs_rehash: false });
    for (from, to, code) in [
        ("m=7168", "m=131073", "hash_cost"),
        ("m=7168", "m=4294967295", "hash_cost"),
        ("m=7168", "m=8", "hash_cost"),
        ("t=1", "t=5", "hash_cost"),
        ("p=1", "p=17", "hash_cost"),
        ("p=1", "p=-1", "hash_malformed"),
        ("t=1", "t=1,t=1", "hash_malformed"),
        ("v=19", "v=16", "hash_unsupported"),
        ("argon2id", "argon2i", "hash_unsupported"),
    ] {
        assert_eq!(parse(&text.replace(from, to)), Err(code), "{to}");
    }
}

/// By bcrypt of Python: the password is 72 times `x`.
#[tokio::test]
async fn bcrypt_uses_72_octets_and_no_nul() {
    let hasher = hasher();
    let long = parse("$2b$04$TLYneWDg6javFzSEFdU97.8M88xeuyE0PfF3N4QcvqVea0ViOTJ8u").unwrap();
    for (octets, is_match) in [(71, false), (72, true), (73, true), (1000, true)] {
        let check = hasher.verify(&"x".repeat(octets).into(), &long).await.unwrap();
        assert_eq!(check != PasswordCheck::Mismatch, is_match, "{octets}");
    }
    let almost = parse("$2b$04$mrK5tllpKKrzwvu4a4BcKO.9G9g9Ot9RGJ3pzcT5qcBLn/dLjY2lm").unwrap();
    let empty = parse("$2b$04$DS0XFAD9XQ4iMlUQEiB.8eLuULhb/IqfVvEsAOCTwwEp03jOZe/6a").unwrap();
    let text = "x".repeat(71);
    for (hash, password, is_match) in [
        (&almost, text.clone(), true),
        (&almost, format!("{text}x"), false),
        // In C this is the password, and in this implementation of bcrypt it would be, too.
        (&almost, format!("{text}\0"), false),
        (&almost, format!("{text}\0more"), false),
        (&empty, String::new(), true),
        (&empty, "\0".to_owned(), false),
    ] {
        let check = hasher.verify(&password.clone().into(), hash).await.unwrap();
        assert_eq!(check != PasswordCheck::Mismatch, is_match, "{password:?}");
    }
}

#[test]
fn rejects_hostile_parameters() {
    let (salt, hash) = ("c2FsdHNhbHQ", "AAAAAAAAAAAAAAAAAAAAAA");
    let rest = "1DkGkG0GrBR8ox2w2r8vj.uPU6SUD4ycl6UcSe/p/FLy7YUZbb0KS";
    let end = format!("${salt}${hash}");
    for (text, code) in [
        (String::new(), "hash_unsupported"),
        ("x".repeat(257), "hash_malformed"),
        ("$".repeat(256), "hash_unsupported"),
        (format!("$2a$03${rest}"), "hash_cost"),
        (format!("$2a$15${rest}"), "hash_cost"),
        (format!("$2a$31${rest}"), "hash_cost"),
        (format!("$2a$99${rest}"), "hash_cost"),
        (format!("$2a$+4${rest}"), "hash_malformed"),
        (format!("$2a$-4${rest}"), "hash_malformed"),
        (format!("$2a$4${rest}"), "hash_malformed"),
        (format!("$2a$004${rest}"), "hash_malformed"),
        (format!("$2x$04${rest}"), "hash_unsupported"),
        (format!("$2$04${rest}"), "hash_unsupported"),
        (format!("$2a$04${rest}A"), "hash_length"),
        (format!("$2a$04${}", &rest[1..]), "hash_malformed"),
        (format!("$2a$04$\u{e9}{}", &rest[2..]), "hash_malformed"),
        (format!("$2a$04${}\u{e9}{}", &rest[..21], &rest[23..]), "hash_malformed"),
        (format!("$2a$04${rest}$"), "hash_unsupported"),
        (format!("$bcrypt$r=31{end}"), "hash_cost"),
        (format!("$bcrypt$r=4{end}"), "hash_length"),
        (format!("$pbkdf2-sha256$999{end}"), "hash_cost"),
        (format!("$pbkdf2-sha256$4000001{end}"), "hash_cost"),
        (format!("$pbkdf2-sha256$i=4294967296{end}"), "hash_cost"),
        (format!("$pbkdf2-sha256$i=4294968296{end}"), "hash_cost"),
        (format!("$pbkdf2-sha256$i=18446744073709551616{end}"), "hash_malformed"),
        (format!("$pbkdf2-sha256$i=-1000{end}"), "hash_malformed"),
        (format!("$pbkdf2-sha256$i=01000{end}"), "hash_malformed"),
        (format!("$pbkdf2-sha256$i=1000,i=1000{end}"), "hash_malformed"),
        (format!("$pbkdf2-sha256$i=1000,l=32{end}"), "hash_malformed"),
        (format!("$pbkdf2-sha256$i=1000,l=16,x=1{end}"), "hash_malformed"),
        (format!("$pbkdf2-sha256$i=1000$${hash}"), "hash_length"),
        (format!("$pbkdf2-sha256$i=1000${}${hash}", "A".repeat(68)), "hash_length"),
        (format!("$pbkdf2-sha256$i=1000${salt}${}", "A".repeat(44)), "hash_length"),
        (format!("$pbkdf2-sha256$i=1000${salt}$"), "hash_length"),
        (format!("$pbkdf2-sha256$i=1000${salt}${hash}="), "hash_malformed"),
        (format!("$pbkdf2-sha1$i=1000{end}"), "hash_unsupported"),
        (format!("$pbkdf2$i=1000{end}"), "hash_unsupported"),
        (format!("pbkdf2_sha256$1000${}${hash}==", "s".repeat(49)), "hash_length"),
        (format!("pbkdf2_sha256$1000${salt}${hash}"), "hash_malformed"),
        (format!("$scrypt$ln=9,r=8,p=1{end}"), "hash_cost"),
        (format!("$scrypt$ln=18,r=8,p=1{end}"), "hash_cost"),
        (format!("$scrypt$ln=63,r=8,p=1{end}"), "hash_cost"),
        (format!("$scrypt$ln=256,r=8,p=1{end}"), "hash_cost"),
        (format!("$scrypt$ln=20,r=2,p=1{end}"), "hash_cost"),
        (format!("$scrypt$ln=10,r=4294967295,p=1{end}"), "hash_cost"),
        (format!("$scrypt$ln=10,r=8,p=0{end}"), "hash_cost"),
        (format!("$scrypt$ln=10,r=8,p=17{end}"), "hash_cost"),
        (format!("$scrypt$r=8,p=1{end}"), "hash_malformed"),
        (format!("$scrypt$p=1,r=8,ln=10{end}"), "hash_malformed"),
        (format!("scrypt$1000${salt}$8$1${hash}=="), "hash_malformed"),
        (format!("scrypt$0${salt}$8$1${hash}=="), "hash_malformed"),
        ("bcrypt_sha256$$2b$04$AAAA".to_owned(), "hash_unsupported"),
        ("md5$salt$hash".to_owned(), "hash_unsupported"),
        ("plain text".to_owned(), "hash_unsupported"),
    ] {
        assert_eq!(parse(&text), Err(code), "{text}");
    }
}

#[tokio::test]
async fn accepts_the_bounds_of_scrypt() {
    for parameters in ["ln=17,r=8,p=1", "ln=13,r=8,p=10", "ln=16,r=8,p=2", "ln=20,r=1,p=1"] {
        let text = format!("$scrypt${parameters}$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(parse(&text).as_deref(), Ok(text.as_str()));
    }
}

/// The work is the same for each hash that has one of the parameters of the store, and for none.
#[tokio::test]
async fn work_does_not_depend_on_the_hash() {
    let hasher = hasher();
    let stored: Vec<String> = HASHES.iter().map(|(text, _)| parse(text).unwrap()).collect();
    let own = hasher.hash(&PASSWORD.into()).await.unwrap();
    let sets = stored.iter().chain([&own]).map(|phc| parameters(phc)).collect::<Vec<_>>();
    for hash in stored.iter().chain([&own]).map(Some).chain([None]) {
        for password in [PASSWORD, "wrong"] {
            let (before, permit) = (hasher.evaluations(), hasher.permit().await.unwrap());
            let hash = hash.map(String::as_str);
            let verified = permit.verify_uniformly(&password.into(), hash, &sets).await.unwrap();
            // bcrypt 4 and 5, two of scrypt, twice two of PBKDF2, and Argon2id.
            assert_eq!(hasher.evaluations() - before, 2 + 2 + 4 + 1, "{hash:?}");
            let is_match = hash.is_some() && password == PASSWORD;
            assert_eq!(verified.0 != PasswordCheck::Mismatch, is_match, "{hash:?}");
            let is_replaced = is_match && hash != Some(own.as_str());
            assert_eq!(verified.1.is_some(), is_replaced, "{hash:?}");
        }
    }
}

#[test]
fn bounds_the_number_of_sets() {
    let hash = |cost: &str| -> ImportedHash {
        format!("{cost}$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA").parse().unwrap()
    };
    let mut sets = ParameterSets::new(["$argon2id$v=19$m=65536,t=1,p=4".to_owned()]);
    for p in 1..=3 {
        sets.add(&hash(&format!("$scrypt$ln=10,r=8,p={p}"))).unwrap();
    }
    let fifth = sets.add(&hash("$scrypt$ln=10,r=8,p=4")).unwrap_err();
    assert_eq!(fifth.code(), "hash_parameter_sets");
    sets.add(&hash("$scrypt$ln=10,r=8,p=1")).unwrap();
    for number in 0..28 {
        sets.add(&hash(&format!("$pbkdf2-sha256$i={}", 1000 + number))).unwrap();
    }
    assert!(sets.add(&hash("$pbkdf2-sha256$i=2000")).is_err());
    sets.add(&hash("$pbkdf2-sha256$i=1000")).unwrap();
}

#[test]
fn errors_and_debug_output_have_no_hash() {
    let secret = "c2VjcmV0c2VjcmV0";
    let hash: ImportedHash =
        format!("$pbkdf2-sha256$1000$c2FsdHNhbHQ${secret}AAAAAA").parse().unwrap();
    assert!(!format!("{hash:?}").contains(secret));
    for text in [format!("$x${secret}"), format!("$pbkdf2-sha256${secret}$a$b")] {
        let error = text.parse::<ImportedHash>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    }
}

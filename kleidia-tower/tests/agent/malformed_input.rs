//! Malformed keys and ciphertexts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fastrand::Rng;
use kleidia_tower::agent::{AgentPublicKey, DecryptionError, PublicKeyError};

use crate::AGENT;

const END: &str = "-----END PUBLIC KEY-----";
/// Where the modulus is in the DER of every valid key.
const MODULUS: std::ops::Range<usize> = 33..545;

fn der() -> Vec<u8> {
    let pem = AGENT.public_key().to_pem();
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64_STANDARD.decode(lines).unwrap()
}

fn pem(octets: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(octets);
    let lines = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
    let lines: Vec<_> = lines.collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

fn parse(octets: &[u8]) -> Result<AgentPublicKey, PublicKeyError> {
    pem(octets).parse()
}

#[test]
fn rejects_other_octets_around_the_modulus() {
    let octets = der();
    assert_eq!((octets.len(), &octets[545..]), (550, &[2, 3, 1, 0, 1][..]));
    assert_eq!(parse(&octets).as_ref(), Ok(AGENT.public_key()));
    // The last three octets are the exponent, for which other values are valid too.
    for position in (0..MODULUS.start).chain(MODULUS.end..547) {
        for octet in 0..=u8::MAX {
            let mut changed = octets.clone();
            changed[position] = octet;
            let is_same = changed == octets;
            assert_eq!(parse(&changed).is_ok(), is_same, "{position}: {octet}");
        }
    }
}

#[test]
fn rejects_missing_and_additional_octets() {
    let octets = der();
    for length in 0..octets.len() {
        assert!(parse(&octets[..length]).is_err(), "{length}");
    }
    for position in 0..=octets.len() {
        let (before, after) = octets.split_at(position);
        assert!(parse(&[before, &[0], after].concat()).is_err(), "{position}");
    }
}

#[test]
fn rejects_weak_keys() {
    let mut even = der();
    even[MODULUS.end - 1] &= 0xfe;
    assert_eq!(parse(&even), Err(PublicKeyError::SmallFactor { factor: 2 }));
    let mut ones = der();
    ones[MODULUS].fill(0xff);
    assert_eq!(parse(&ones), Err(PublicKeyError::SmallFactor { factor: 3 }));
    for (exponent, found) in [([1, 0, 0], 65_536), ([1, 1, 0], 65_792)] {
        let weak = [&der()[..547], &exponent].concat();
        assert_eq!(parse(&weak), Err(PublicKeyError::Exponent { found }));
    }
    // `rsaEncryption` without parameters: each enclosing length is two octets shorter.
    let octets = der();
    let (head, tail) = ([0x30, 0x82, 0x02, 0x20, 0x30, 0x0b], &octets[19..]);
    assert_eq!(octets[17..19], [5, 0]);
    let without = [&head[..], &octets[6..17], tail].concat();
    assert_eq!(parse(&without), Err(PublicKeyError::Parameters));
}

#[test]
fn requires_single_block() {
    let pem = AGENT.public_key().to_pem();
    let long = format!("{pem}{}", "\n".repeat(4096));
    let error = |text: &str| text.parse::<AgentPublicKey>().unwrap_err();
    assert_eq!(error(&long), PublicKeyError::TooLong { octets: 4896 });
    for (text, found) in [
        (String::new(), 0),
        ("ssh-rsa AAAA".to_owned(), 0),
        (format!("{pem}{pem}"), 2),
        (format!("{pem}-----BEGIN X"), 2),
        (pem.replacen("\nM", "\n-----BEGIN X-----\nM", 1), 2),
    ] {
        assert_eq!(error(&text), PublicKeyError::Blocks { found }, "{text}");
    }
    for text in [
        pem.replace("-----END PUBLIC", "-----END PRIVATE"),
        pem.replace("KEY-----\nM", "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM"),
        pem.replacen("\nM", "\nM-", 1),
        pem.replace('=', ""),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
    ] {
        assert!(matches!(error(&text), PublicKeyError::Pem { .. }), "{text}");
    }
}

#[test]
fn accepts_forms_that_openssl_reads() {
    let pem = AGENT.public_key().to_pem();
    let data = BASE64_STANDARD.encode(der());
    let block =
        |body: &str| format!("-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n");
    let lines = |width: usize| {
        let lines = data.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap());
        lines.flat_map(|line| [line, "\n"]).collect::<String>()
    };
    for text in [
        format!("\n\n{pem}\n\n"),
        format!("\u{feff}{pem}"),
        format!("subject=agent\n{pem}more\n"),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        pem.replace('\n', " \t\n  "),
        pem.replacen("-----END", "\n-----END", 1),
        pem.replacen("\nM", "\n\nM", 1),
        block(&lines(76)),
        block(&lines(data.len())),
        pem.replace('\n', ""),
        pem.trim_end().to_owned(),
    ] {
        assert_eq!(text.parse::<AgentPublicKey>().as_ref(), Ok(AGENT.public_key()), "{text:?}");
    }
}

#[test]
fn accepted_mutants_are_canonical_keys() {
    let (text, mut rng) = (AGENT.public_key().to_pem(), Rng::with_seed(4096));
    let mut accepted = 0;
    for _ in 0..5000 {
        let mut octets = text.clone().into_bytes();
        for _ in 0..rng.usize(1..4) {
            let position = rng.usize(..octets.len());
            match rng.u8(..4) {
                0 => octets[position] = rng.u8(..),
                1 => octets[position] = *rng.choice(text.as_bytes()).unwrap(),
                2 => drop(octets.remove(position)),
                _ => octets.insert(position, rng.u8(..)),
            }
        }
        let mutant = String::from_utf8_lossy(&octets);
        let Ok(key) = mutant.parse::<AgentPublicKey>() else { continue };
        accepted += 1;
        // White space and the text around the block may vary.
        let (start, end) = (mutant.find("-----BEGIN ").unwrap(), mutant.find(END).unwrap());
        let compact =
            |text: &str| text.replace(|c: char| c.is_ascii_whitespace() || c == '\x0b', "");
        let block = &mutant[start..end + END.len()];
        assert_eq!(compact(&key.to_pem()), compact(block), "{mutant}");
        assert_eq!(key.encrypt(b"x").map(|ciphertext| ciphertext.len()), Ok(512));
    }
    assert!(accepted > 0, "some changes of the modulus yield another valid key");
}

#[test]
fn rejects_modified_ciphertext() {
    let ciphertext = AGENT.public_key().encrypt(b"PUK 73519264").unwrap();
    for position in (0..512).step_by(37).chain([511]) {
        let mut changed = ciphertext.clone();
        changed[position] ^= 1 << (position % 8);
        assert_eq!(AGENT.decrypt(&changed).unwrap_err(), DecryptionError, "{position}");
    }
    let longer = [&ciphertext[..], &[0]].concat();
    let padded = [&[0], &ciphertext[..]].concat();
    for changed in [&[][..], &ciphertext[..511], &longer, &padded, &[0; 512], &[0xff; 512]] {
        assert_eq!(AGENT.decrypt(changed).unwrap_err(), DecryptionError, "{}", changed.len());
    }
}

//! Keys and ciphertexts that were changed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fastrand::Rng;
use kleidia_tower::agent::{AgentPublicKey, DecryptionError, PublicKeyError};

use crate::AGENT;

/// Where the modulus is in the DER of every key that is taken.
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

fn parsed(octets: &[u8]) -> Result<AgentPublicKey, PublicKeyError> {
    pem(octets).parse()
}

#[test]
fn no_other_octet_may_stand_around_the_modulus() {
    let octets = der();
    assert_eq!((octets.len(), &octets[545..]), (550, &[2, 3, 1, 0, 1][..]));
    assert_eq!(parsed(&octets).as_ref(), Ok(AGENT.public_key()));
    // The last three are the exponent, of which others are as good.
    for place in (0..MODULUS.start).chain(MODULUS.end..547) {
        for octet in 0..=u8::MAX {
            let mut changed = octets.clone();
            changed[place] = octet;
            let is_same = changed == octets;
            assert_eq!(parsed(&changed).is_ok(), is_same, "{place}: {octet}");
        }
    }
}

#[test]
fn nothing_may_be_missing_or_added() {
    let octets = der();
    for length in 0..octets.len() {
        assert!(parsed(&octets[..length]).is_err(), "{length}");
    }
    for place in 0..=octets.len() {
        let (before, behind) = octets.split_at(place);
        assert!(parsed(&[before, &[0], behind].concat()).is_err(), "{place}");
    }
}

#[test]
fn weak_numbers_are_refused() {
    let mut even = der();
    even[MODULUS.end - 1] &= 0xfe;
    assert_eq!(parsed(&even), Err(PublicKeyError::SmallFactor { factor: 2 }));
    let mut ones = der();
    ones[MODULUS].fill(0xff);
    assert_eq!(parsed(&ones), Err(PublicKeyError::SmallFactor { factor: 3 }));
    for (exponent, found) in [([1, 0, 0], 65_536), ([1, 1, 0], 65_792)] {
        let weak = [&der()[..547], &exponent].concat();
        assert_eq!(parsed(&weak), Err(PublicKeyError::Exponent { found }));
    }
    // `rsaEncryption` without parameters: two octets less in each length around them.
    let octets = der();
    let (head, tail) = ([0x30, 0x82, 0x02, 0x20, 0x30, 0x0b], &octets[19..]);
    assert_eq!(octets[17..19], [5, 0]);
    let without = [&head[..], &octets[6..17], tail].concat();
    assert_eq!(parsed(&without), Err(PublicKeyError::Parameters));
}

#[test]
fn there_is_one_block_and_nothing_before_it() {
    let pem = AGENT.public_key().to_pem();
    let long = format!("{pem}{}", "\n".repeat(4096));
    let refused = |text: &str| text.parse::<AgentPublicKey>().unwrap_err();
    assert_eq!(refused(&long), PublicKeyError::TooLong { octets: 4896 });
    for (text, found) in [
        (String::new(), 0),
        ("ssh-rsa AAAA".to_owned(), 0),
        (format!("{pem}{pem}"), 2),
        (format!("{pem}-----BEGIN X"), 2),
        (format!("\n{pem}"), 1),
        (format!("subject=agent\n{pem}"), 1),
        (format!("\u{feff}{pem}"), 1),
    ] {
        assert_eq!(refused(&text), PublicKeyError::Blocks { found }, "{text}");
    }
    for text in [
        format!("{pem}more"),
        pem.replace("-----END PUBLIC", "-----END PRIVATE"),
        pem.replace("KEY-----\nM", "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM"),
        pem.replacen("\nM", "\n\nM", 1),
        pem.replace('\n', ""),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
    ] {
        assert!(matches!(refused(&text), PublicKeyError::Pem { .. }), "{text}");
    }
}

#[test]
fn whatever_is_taken_is_a_key_in_its_one_form() {
    let (text, mut rng) = (AGENT.public_key().to_pem(), Rng::with_seed(4096));
    let mut taken = 0;
    for _ in 0..5000 {
        let mut octets = text.clone().into_bytes();
        for _ in 0..rng.usize(1..4) {
            let place = rng.usize(..octets.len());
            match rng.u8(..4) {
                0 => octets[place] = rng.u8(..),
                1 => octets[place] = *rng.choice(text.as_bytes()).unwrap(),
                2 => drop(octets.remove(place)),
                _ => octets.insert(place, rng.u8(..)),
            }
        }
        let mutant = String::from_utf8_lossy(&octets);
        let Ok(key) = mutant.parse::<AgentPublicKey>() else { continue };
        taken += 1;
        // What tells lines apart, and the end of the text, are free.
        let lines = mutant.replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(key.to_pem().trim_end(), lines.trim_ascii_end(), "{mutant}");
        assert_eq!(key.encrypt(b"x").map(|ciphertext| ciphertext.len()), Ok(512));
    }
    assert!(taken > 0, "a change in the modulus may give another number without small factors");
}

#[test]
fn a_changed_ciphertext_is_refused() {
    let ciphertext = AGENT.public_key().encrypt(b"PUK 73519264").unwrap();
    for place in (0..512).step_by(37).chain([511]) {
        let mut changed = ciphertext.clone();
        changed[place] ^= 1 << (place % 8);
        assert_eq!(AGENT.decrypt(&changed).unwrap_err(), DecryptionError, "{place}");
    }
    let longer = [&ciphertext[..], &[0]].concat();
    let padded = [&[0], &ciphertext[..]].concat();
    for changed in [&[][..], &ciphertext[..511], &longer, &padded, &[0; 512], &[0xff; 512]] {
        assert_eq!(AGENT.decrypt(changed).unwrap_err(), DecryptionError, "{}", changed.len());
    }
}

//! Writes the seeds of all fuzz targets into `fuzz/corpus`, from the bundles of `vectors/`.

use std::fs;
use std::path::Path;

use kliento::TokenBundle;
use veraid::{DnssecChain, SignatureBundle, Verification};
use veraid_fuzz::{Seed, contents, fields, values};

/// A hash of each form.
const HASHES: [&str; 7] = [
    "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
    "$pbkdf2-sha256$i=1000,l=16$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$pbkdf2-sha512$1000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "pbkdf2_sha256$1000$saltsalt$AAAAAAAAAAAAAAAAAAAAAA==",
    "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "scrypt$1024$saltsalt$8$1$AAAAAAAAAAAAAAAAAAAAAA==",
    "$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
];

fn main() {
    for (number, hash) in HASHES.into_iter().enumerate() {
        write("import", &format!("hash-{number}"), hash.as_bytes());
        let line =
            format!("{{\"username\":\"alice\",\"password_hash\":\"{hash}\",\"roles\":[\"user\"]}}");
        write("import", &format!("line-{number}"), line.as_bytes());
    }
    for seed in Seed::all() {
        let name = &seed.name;
        let bundle = TokenBundle::from_bytes(seed.octets.clone()).expect("a bundle");
        write("bundle", name, &seed.octets);
        write("header", name, bundle.to_authorization().as_bytes());
        let [_, chain, certificate, cms] = fields(&seed.octets);
        write("certificate", name, &[&[0x30], &certificate[1..]].concat());
        write("cms", name, cms);
        for (number, message) in values(chain).into_iter().enumerate() {
            write("dns_message", &format!("{name}-{number}"), contents(message));
        }
        write("token", name, &plaintext(seed));
        for (number, record) in txt_records(seed).iter().enumerate() {
            write("txt_record", &format!("{name}-{number}"), record);
        }
    }
}

fn plaintext(seed: &Seed) -> Vec<u8> {
    let service = kliento::SERVICE.parse().expect("a constant");
    let verification = Verification::new(&service, &seed.trust_anchors);
    let bundle = SignatureBundle::from_der(&seed.octets).expect("a bundle");
    let verified = verification.verify_signature_at(&bundle, seed.at);
    verified.expect("seeds are valid").into_plaintext().into_owned()
}

fn txt_records(seed: &Seed) -> Vec<Vec<u8>> {
    let bundle = SignatureBundle::from_der(&seed.octets).expect("a bundle");
    let messages = bundle.dnssec_chain().iter().copied();
    let chain = DnssecChain::from_messages(messages).expect("seeds are valid");
    let owner = chain.txt_owners().pop().expect("a TXT response");
    let verified = chain.verify_at(&owner, seed.at, &seed.trust_anchors).expect("seeds are valid");
    verified.records().iter().map(|strings| strings.concat()).collect()
}

fn write(target: &str, name: &str, octets: &[u8]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join(name), octets).expect("a seed");
}

//! The contents of the mock zones, and their signing with BIND's tools.

use std::path::Path;

use super::process::run;
use super::write;

/// An organisation of the zones, and the expected result.
pub(crate) struct Organisation {
    /// The domain name.
    pub(crate) name: &'static str,
    /// The zone that contains its TXT records, with the final dot.
    pub(crate) zone: &'static str,
    /// The number of its TXT records.
    pub(crate) records: usize,
}

impl Organisation {
    /// Returns the owner of its TXT records.
    pub(crate) fn txt_owner(&self) -> String {
        format!("_veraid.{}", self.name)
    }
}

/// Signed with Ed25519, below a TLD with ECDSA P-256, below a root with RSA.
pub(crate) const ED25519: Organisation =
    Organisation { name: "example.test", zone: "example.test.", records: 1 };
/// Several labels below its zone, which has RSA keys and NSEC3. The TLD delegates two labels at
/// once: co.test is not a zone.
pub(crate) const SKIPS_A_LABEL: Organisation =
    Organisation { name: "corp.example.co.test", zone: "example.co.test.", records: 1 };
/// With more records than fit a datagram.
pub(crate) const MANY_RECORDS: Organisation =
    Organisation { name: "many.example.test", zone: "example.test.", records: 21 };
/// In a zone without signatures.
pub(crate) const INSECURE: Organisation =
    Organisation { name: "insecure.test", zone: "insecure.test.", records: 1 };
/// With a CNAME as its TXT owner.
pub(crate) const ALIAS: Organisation =
    Organisation { name: "alias.example.test", zone: "example.test.", records: 0 };
/// In a zone that is delegated to a server that does not serve it.
pub(crate) const LAME: Organisation =
    Organisation { name: "lame.test", zone: "lame.test.", records: 0 };
/// Does not exist.
pub(crate) const MISSING: Organisation =
    Organisation { name: "missing.example.test", zone: "example.test.", records: 0 };

/// The zones, children before their parents, which need the children's DS records.
pub(super) const NAMES: [&str; 5] =
    ["example.test.", "example.co.test.", "insecure.test.", "test.", "."];

/// The text of an organisation's first TXT record.
pub(crate) const TEXT: &str = "1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= 3600";

/// Signs the zones for the years 2020 to 2049, and returns the root's DS record.
pub(super) fn sign(directory: &Path) -> String {
    write(directory, "hints", ". 3600 IN NS ns.test.\nns.test. 3600 IN A 127.0.0.1\n");
    for zone in NAMES {
        let file = file(zone);
        write(directory, &file, &records(zone));
        let options = match zone {
            "." => make_keys(directory, zone, "RSASHA256 -b 2048", true),
            "test." => make_keys(directory, zone, "ECDSAP256SHA256", true),
            "example.test." => make_keys(directory, zone, "ED25519", false),
            "example.co.test." => make_keys(directory, zone, "RSASHA256 -b 2048", false) + " -3 -",
            _ => continue,
        };
        let period = "-s 20200101000000 -e 20500101000000";
        let arguments = format!("-q -S -g {period} {options} -o {zone} {file}");
        run(directory, "dnssec-signzone", arguments.split_whitespace());
    }
    let set = std::fs::read_to_string(directory.join("dsset-.")).unwrap();
    set.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Generates a key that signs everything, or two keys with a role each; returns the signer's
/// options.
fn make_keys(directory: &Path, zone: &str, algorithm: &str, has_roles: bool) -> String {
    let roles = if has_roles { ["-f KSK", ""].as_slice() } else { &["-f KSK"] };
    for role in roles {
        let arguments = format!("-q -a {algorithm} {role} {zone}");
        run(directory, "dnssec-keygen", arguments.split_whitespace());
    }
    if has_roles { "-x".to_owned() } else { "-z".to_owned() }
}

fn file(zone: &str) -> String {
    format!("zone-{zone}")
}

pub(super) fn served_file(zone: &str) -> String {
    if zone == INSECURE.zone { file(zone) } else { format!("{}.signed", file(zone)) }
}

fn records(zone: &str) -> String {
    let own = match zone {
        "." => "test NS ns.test.\nns.test A 127.0.0.1\n".to_owned(),
        "test." => "ns A 127.0.0.1\nexample NS ns\nexample.co NS ns\ninsecure NS ns\nlame NS ns\n"
            .to_owned(),
        "example.test." => {
            let numbered = |number| format!("_veraid.many TXT \"{TEXT} {number}\"\n");
            let more = (0..20).map(numbered).collect::<Vec<_>>().concat();
            let many = format!("_veraid.many TXT \"{TEXT}\"\n{more}");
            format!("_veraid TXT \"{TEXT}\"\n_veraid.alias CNAME _veraid\n{many}")
        }
        "example.co.test." => format!("_veraid.corp TXT \"{TEXT}\"\n"),
        _ => format!("_veraid TXT \"{TEXT}\"\n"),
    };
    format!(
        "$TTL 3600\n$ORIGIN {zone}\n@ SOA ns.test. hostmaster.test. 1 7200 3600 86400 3600\n@ NS ns.test.\n{own}"
    )
}

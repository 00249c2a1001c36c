//! BIND on loopback: zones whose keys roll, and a resolver, at the time of the test's clock.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../../veraid/tests/name_server/process.rs"]
mod process;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use kliento_core::Timestamp;
use kliento_tower::TrustAnchors;
use tempfile::TempDir;

use self::process::{Configuration, Named, Ports, run};

/// A signed zone with its own keys.
struct Zone {
    /// Its name, with the final dot.
    name: &'static str,
    records: String,
    /// The key-signing key.
    secure_entry_point: String,
    /// The published zone-signing keys. The last one signs.
    signing_keys: Vec<String>,
}

/// The root, `test.` and `example.test.` on one server, and a resolver that caches.
pub(crate) struct NameServers {
    zones: [Zone; 3],
    authority: Option<Named>,
    resolver: Option<Named>,
    ports: Ports,
    directory: TempDir,
}

/// How a zone gets a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roll {
    /// No new key.
    None,
    /// The new key is published with the last one (RFC 6781, 4.1.1.1).
    Prepublished,
    /// The new key replaces the last one, so caches have the wrong keys until they expire.
    Abrupt,
}

impl NameServers {
    pub(crate) const ROOT: usize = 0;
    pub(crate) const TEST: usize = 1;
    pub(crate) const EXAMPLE: usize = 2;

    /// Makes the keys of all zones. `text` is the TXT record of `_veraid.example.test`.
    ///
    /// # Panics
    /// If BIND is missing, with the name of the package.
    pub(crate) fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        write(path, "hints", ". 3600 IN NS ns.test.\nns.test. 3600 IN A 127.0.0.1\n");
        // Resolvers do not cache the TXT records, but the keys that sign them.
        let organisation = format!("_veraid 0 TXT \"{text}\"\n");
        let zones = [
            Zone::new(path, ".", "test NS ns.test.\nns.test A 127.0.0.1\n".to_owned()),
            Zone::new(path, "test.", "ns A 127.0.0.1\nexample NS ns\n".to_owned()),
            Zone::new(path, "example.test.", organisation),
        ];
        let ports = Ports::reserve();
        Self { zones, authority: None, resolver: None, ports, directory }
    }

    /// Returns the root's key-signing key.
    pub(crate) fn trust_anchors(&self) -> TrustAnchors {
        let key = &self.zones[Self::ROOT].secure_entry_point;
        let record = run(self.directory.path(), "dnssec-dsfromkey", ["-2", key.as_str()]);
        TrustAnchors::new([record.trim().parse().unwrap()])
    }

    /// Returns the address of the resolver.
    pub(crate) fn resolver(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.resolver).into()
    }

    /// Signs a zone again: from an hour ago, for this long from now.
    pub(crate) fn sign(&mut self, zone: usize, now: Timestamp, lifetime: Duration, roll: Roll) {
        let directory = self.directory.path();
        let zone = &mut self.zones[zone];
        zone.roll(directory, roll);
        zone.sign(directory, now - Duration::from_secs(3600), now + lifetime);
    }

    /// Restarts the authoritative server, with the zones as they were signed last.
    pub(crate) fn start_authority(&mut self) {
        let port = self.ports.authority;
        let zone = |zone: &Zone| {
            format!(
                "zone \"{}\" {{ type primary; file \"{}.signed\"; }};\n",
                zone.name,
                zone.file()
            )
        };
        let configuration = Configuration {
            name: "authority",
            options: format!("listen-on port {port} {{ 127.0.0.1; }}; recursion no;"),
            statements: self.zones.iter().map(zone).collect(),
        };
        self.authority = None;
        self.authority = Some(Named::start(self.directory.path(), &[port], &configuration));
    }

    /// Restarts the resolver, with an empty cache.
    ///
    /// It does not validate, since it has the system's clock and the signatures are of another time.
    pub(crate) fn start_resolver(&mut self) {
        let Ports { authority, resolver: port, .. } = self.ports;
        let configuration = Configuration {
            name: "resolver",
            options: format!(
                "port {authority}; listen-on port {port} {{ 127.0.0.1; }}; recursion yes;
                allow-query {{ 127.0.0.1; }}; dnssec-validation no; empty-zones-enable no;"
            ),
            statements: "zone \".\" { type hint; file \"hints\"; };".to_owned(),
        };
        self.resolver = None;
        self.resolver = Some(Named::start(self.directory.path(), &[port], &configuration));
    }

    pub(crate) fn stop_authority(&mut self) {
        self.authority = None;
    }

    pub(crate) fn stop_resolver(&mut self) {
        self.resolver = None;
    }

    /// Returns the logs so far, for the messages of failed assertions.
    pub(crate) fn log(&self) -> String {
        [&self.authority, &self.resolver].into_iter().flatten().map(Named::log).collect()
    }
}

impl Zone {
    fn new(directory: &Path, name: &'static str, records: String) -> Self {
        let secure_entry_point = generate(directory, &["-f", "KSK"], name);
        let signing_keys = vec![generate(directory, &[], name)];
        Self { name, records, secure_entry_point, signing_keys }
    }

    fn file(&self) -> String {
        format!("zone-{}", self.name)
    }

    fn roll(&mut self, directory: &Path, roll: Roll) {
        match roll {
            Roll::None => return,
            Roll::Prepublished if self.signing_keys.len() > 1 => {
                self.signing_keys.remove(0);
            }
            Roll::Prepublished => {}
            Roll::Abrupt => self.signing_keys.clear(),
        }
        self.signing_keys.push(generate(directory, &[], self.name));
    }

    fn sign(&self, directory: &Path, from: Timestamp, until: Timestamp) {
        let Self { name, records, secure_entry_point, signing_keys } = self;
        let keys = signing_keys.iter().chain([secure_entry_point]);
        let keys: Vec<String> = keys.map(|key| format!("$INCLUDE {key}.key\n")).collect();
        let keys = keys.concat();
        let text = format!(
            "$TTL 3600\n$ORIGIN {name}\n@ SOA ns.test. hostmaster.test. 1 7200 3600 86400 3600\n\
             @ NS ns.test.\n{records}{keys}"
        );
        // `-g` adds the DS records of the zones below, from files that their signing writes.
        write(directory, &self.file(), &text);
        let [from, until] = [from, until].map(|time| {
            let digits = time.to_string();
            digits.chars().filter(char::is_ascii_digit).collect::<String>()
        });
        let signer = signing_keys.last().unwrap();
        let arguments = format!(
            "-q -P -g -s {from} -e {until} -o {name} -k {secure_entry_point} {} {signer}",
            self.file()
        );
        run(directory, "dnssec-signzone", arguments.split_whitespace());
    }
}

fn generate(directory: &Path, role: &[&str], zone: &str) -> String {
    let arguments = ["-q", "-a", "ECDSAP256SHA256"].into_iter().chain(role.iter().copied());
    run(directory, "dnssec-keygen", arguments.chain([zone])).trim().to_owned()
}

/// Writes a file of the servers' directory.
fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap();
}

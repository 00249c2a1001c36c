//! Real name servers on loopback: a signed mock root, a TLD and zones, and a resolver.

mod process;
mod zones;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use self::process::{Configuration, Named, Ports, run};

#[allow(unused_imports, reason = "the command's tests don't read the records")]
pub(crate) use self::zones::TEXT;
pub(crate) use self::zones::{
    ALIAS, ED25519, INSECURE, LAME, MANY_RECORDS, MISSING, Organisation, SKIPS_A_LABEL,
};

/// An authoritative server for all zones, and a validating resolver over UDP, TCP and DNS over
/// HTTPS. Both end when this is dropped.
pub(crate) struct NameServers {
    resolver: Named,
    _authority: Named,
    ports: Ports,
    trust_anchor: String,
    directory: TempDir,
}

impl NameServers {
    /// Signs the zones and starts both servers, which takes about a second.
    ///
    /// # Panics
    /// If BIND or OpenSSL is missing, with the names of the packages.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let trust_anchor = zones::sign(path);
        make_certificate(path);
        let ports = Ports::reserve();
        let authority = Named::start(path, &[ports.authority], &authority(&ports));
        let listening = [ports.resolver, ports.https];
        let resolver = Named::start(path, &listening, &resolver(&ports, &trust_anchor));
        Self { resolver, _authority: authority, ports, trust_anchor, directory }
    }

    /// Returns the resolver's address for UDP and TCP.
    pub(crate) fn resolver(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.resolver).into()
    }

    /// Returns the resolver's URL for DNS over HTTPS.
    #[allow(dead_code, reason = "the command's tests ask over HTTPS")]
    pub(crate) fn https(&self) -> String {
        format!("https://127.0.0.1:{}/dns-query", self.ports.https)
    }

    /// Returns the path of the self-signed certificate of [`Self::https`], in PEM.
    #[allow(dead_code, reason = "the command's tests ask over HTTPS")]
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    /// Returns the root's key as a DS record in presentation form.
    pub(crate) fn trust_anchor(&self) -> &str {
        &self.trust_anchor
    }

    /// Returns the resolver's log so far, for the messages of failed assertions.
    pub(crate) fn log(&self) -> String {
        self.resolver.log()
    }
}

fn make_certificate(directory: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
        -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
        -addext basicConstraints=critical,CA:FALSE -keyout tls.key -out tls.crt";
    run(directory, "openssl", arguments.split_whitespace());
}

fn authority(ports: &Ports) -> Configuration {
    let port = ports.authority;
    let zone = |zone: &&str| {
        format!("zone \"{zone}\" {{ type primary; file \"{}\"; }};\n", zones::served_file(zone))
    };
    Configuration {
        name: "authority",
        options: format!("listen-on port {port} {{ 127.0.0.1; }}; recursion no;"),
        statements: zones::NAMES.iter().map(zone).collect::<Vec<_>>().concat(),
    }
}

fn resolver(ports: &Ports, trust_anchor: &str) -> Configuration {
    let Ports { authority, resolver: port, https, .. } = ports;
    let anchor: Vec<&str> = trust_anchor.split_whitespace().skip(3).collect();
    let [tag, algorithm, digest_type, digest @ ..] = anchor.as_slice() else {
        panic!("{trust_anchor}")
    };
    // `port` is also the port of the authoritative servers.
    let options = format!(
        "port {authority};
        listen-on port {port} {{ 127.0.0.1; }};
        listen-on port {https} tls local http local {{ 127.0.0.1; }};
        recursion yes; allow-query {{ 127.0.0.1; }};
        dnssec-validation yes; empty-zones-enable no;"
    );
    let statements = format!(
        "tls local {{ cert-file \"tls.crt\"; key-file \"tls.key\"; }};
        http local {{ endpoints {{ \"/dns-query\"; }}; }};
        trust-anchors {{ . static-ds {tag} {algorithm} {digest_type} \"{}\"; }};
        zone \".\" {{ type hint; file \"hints\"; }};",
        digest.concat()
    );
    Configuration { name: "resolver", options, statements }
}

/// Writes a file of the servers' directory.
fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap();
}

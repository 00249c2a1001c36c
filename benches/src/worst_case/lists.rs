//! Long lists: attached certificates, TXT records, and members of the token.

use super::Named;
use crate::Bundle;
use crate::der::{contents, values, wrap};
use crate::mock::Mock;

pub(super) fn all(mock: &Mock) -> Vec<Named> {
    let members: Vec<_> = (0..1000).map(|number| format!("\"{number}\":[[]]")).collect();
    let token = format!("{{\"audience\":\"https://api.example.com\",{}}}", members.join(","));
    let values: Vec<_> = (0..60).map(|number| format!("1 x {number} {}", "y".repeat(90))).collect();
    let organisation = mock.organisation.clone().with_raw_records(&values).expect("TXT records");
    let txt = Mock { dns: organisation.dns().clone(), organisation, ..mock.clone() };
    vec![
        ("token of 1000 members", mock.bundle_with_plaintext(token.as_bytes())),
        ("attached certificates", many_certificates(mock)),
        ("60 TXT records", txt.bundle_with_chain(txt.organisation.chain().to_vec())),
    ]
}

/// Returns a bundle with as many certificates of the signer's issuer as fit.
fn many_certificates(mock: &Mock) -> Bundle {
    let octets = mock.bundle().octets;
    let room = (16_384 - octets.len()) / mock.member.certificate().as_der().len();
    let fields = values(contents(&octets));
    let signature = values(contents(fields[3]));
    let signed_data = values(contents(contents(signature[1])));
    let certificate = contents(signed_data[3]);
    let other = with_other_serial(certificate);
    let certificates = [certificate.to_vec(), other.repeat(room - 1)].concat();
    let certificates = wrap(0xa0, &certificates);
    let parts = [signed_data[0], signed_data[1], signed_data[2], &certificates, signed_data[4]];
    let signed_data = wrap(0xa0, &wrap(0x30, &parts.concat()));
    let signature = wrap(0xa3, &[signature[0], &signed_data].concat());
    let bundle = [fields[0], fields[1], fields[2], &signature].concat();
    mock.wrap(wrap(0x30, &bundle))
}

fn with_other_serial(certificate: &[u8]) -> Vec<u8> {
    let mut other = certificate.to_vec();
    let signed = values(contents(certificate))[0];
    let serial = values(contents(signed))[1];
    let at = certificate.windows(serial.len()).position(|window| window == serial);
    other[at.expect("a serial number") + serial.len() - 1] ^= 1;
    other
}

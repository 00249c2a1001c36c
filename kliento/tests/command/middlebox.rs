//! A middlebox between the command and a resolver, which does not answer some questions.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// The type of DS records.
pub(crate) const DS: u16 = 43;
/// The type of DNSKEY records.
pub(crate) const DNSKEY: u16 = 48;

/// What happens to a question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A response with this code.
    Rcode(u8),
    /// No response.
    Silence,
}

/// Starts a middlebox over UDP, and returns its address. It ends with the process.
pub(crate) fn start(
    resolver: SocketAddr,
    questions: &'static [(&'static str, u16)],
    fault: Fault,
) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut query = vec![0; 65_535];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            let query = query[..length].to_vec();
            let socket = socket.try_clone().unwrap();
            let is_faulty = questions.iter().any(|question| is_about(&query, question));
            thread::spawn(move || {
                let response = match fault {
                    Fault::Silence if is_faulty => return,
                    Fault::Rcode(code) if is_faulty => error_response(query, code),
                    _ => forward(resolver, &query),
                };
                // The client may have ended.
                let _ = socket.send_to(&response, client);
            });
        }
    });
    address
}

fn is_about(query: &[u8], (name, rtype): &(&str, u16)) -> bool {
    let labels = name.trim_end_matches('.').split('.');
    let labels =
        labels.map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat());
    let question =
        [labels.collect::<Vec<_>>().concat(), vec![0], rtype.to_be_bytes().to_vec()].concat();
    query[12..].to_ascii_lowercase().starts_with(&question)
}

/// The query as a response with this code.
fn error_response(mut query: Vec<u8>, code: u8) -> Vec<u8> {
    query[2] |= 0x80;
    query[3] = code;
    query
}

fn forward(resolver: SocketAddr, query: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.connect(resolver).unwrap();
    socket.send(query).unwrap();
    let mut response = vec![0; 65_535];
    let length = socket.recv(&mut response).unwrap();
    response.truncate(length);
    response
}

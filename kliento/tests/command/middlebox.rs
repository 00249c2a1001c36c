//! A middlebox between the command and a resolver, which does not answer some questions.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
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
    /// A response once this many different questions have been received.
    HeldUntil(usize),
}

/// The questions that a middlebox has received, without repetitions.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<(Mutex<Vec<Vec<u8>>>, Condvar)>);

impl Received {
    fn add(&self, query: &[u8]) {
        let name = query[12..].iter().position(|octet| *octet == 0).unwrap();
        let question = query[12..12 + name + 5].to_ascii_lowercase();
        let mut questions = self.0.0.lock().unwrap();
        if !questions.contains(&question) {
            questions.push(question);
            self.0.1.notify_all();
        }
    }

    fn wait_for(&self, count: usize) {
        let questions = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(questions, |questions| questions.len() < count).unwrap());
    }

    /// Returns how many other questions were received before the one for TXT records.
    pub(crate) fn before_txt_records(&self) -> Option<usize> {
        const TXT: [u8; 4] = [0, 16, 0, 1];
        self.0.0.lock().unwrap().iter().position(|question| question.ends_with(&TXT))
    }
}

/// Starts a middlebox over UDP, and returns its address. It ends with the process.
pub(crate) fn start(
    resolver: SocketAddr,
    questions: &'static [(&'static str, u16)],
    fault: Fault,
) -> SocketAddr {
    start_recording(resolver, questions, fault).0
}

/// As [`start`], with the questions that it receives.
pub(crate) fn start_recording(
    resolver: SocketAddr,
    questions: &'static [(&'static str, u16)],
    fault: Fault,
) -> (SocketAddr, Received) {
    let received = Received::default();
    let recorder = received.clone();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut query = vec![0; 65_535];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            let query = query[..length].to_vec();
            recorder.add(&query);
            let recorder = recorder.clone();
            let socket = socket.try_clone().unwrap();
            let is_faulty = questions.iter().any(|question| is_about(&query, question));
            thread::spawn(move || {
                let response = match fault {
                    Fault::Silence if is_faulty => return,
                    Fault::Rcode(code) if is_faulty => error_response(query, code),
                    Fault::HeldUntil(count) if is_faulty => {
                        recorder.wait_for(count);
                        forward(resolver, &query)
                    }
                    _ => forward(resolver, &query),
                };
                // The client may have ended.
                let _ = socket.send_to(&response, client);
            });
        }
    });
    (address, received)
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

//! Detects from the octets of a connection whether the head of a request is incomplete.

/// What an HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The type of a frame that begins a head (RFC 9113, 6.2).
const HEADERS: u8 = 1;
/// The type of a frame that continues a head (RFC 9113, 6.10).
const CONTINUATION: u8 = 9;
/// The flag of the last frame of a head.
const END_HEADERS: u8 = 4;

/// What the octets of a read mean for the heads of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadProgress {
    /// Whether a head is incomplete after them.
    pub(super) is_incomplete: bool,
    /// Whether a head ended within them, so that an incomplete one is another one.
    pub(super) has_ended: bool,
}

impl HeadProgress {
    const INCOMPLETE: Self = Self { is_incomplete: true, has_ended: false };
}

/// The version of HTTP that a client uses, as far as it is known.
#[derive(Debug)]
pub(super) enum Protocol {
    /// The octets so far are the beginning of the preface.
    Unknown {
        matched: usize,
    },
    Http1,
    Http2(Frames),
}

impl Protocol {
    pub(super) const fn new() -> Self {
        Self::Unknown { matched: 0 }
    }

    /// Reads the next octets.
    ///
    /// In HTTP/1, octets that arrive while no request is open belong to a head, which ends when the
    /// request is opened.
    pub(super) fn read(&mut self, octets: &[u8], has_open_requests: bool) -> HeadProgress {
        match self {
            Self::Http1 => HeadProgress { is_incomplete: !has_open_requests, has_ended: false },
            Self::Http2(frames) => frames.read(octets),
            Self::Unknown { matched } => {
                let expected = PREFACE.get(*matched..).unwrap_or_default();
                let length = expected.len().min(octets.len());
                let (start, rest) = octets.split_at(length);
                if !expected.starts_with(start) {
                    *self = Self::Http1;
                    return HeadProgress::INCOMPLETE;
                }
                *matched += length;
                if *matched < PREFACE.len() {
                    return HeadProgress::INCOMPLETE;
                }
                let mut frames = Frames::default();
                let progress = frames.read(rest);
                *self = Self::Http2(frames);
                progress
            }
        }
    }
}

/// The position in a sequence of HTTP/2 frames (RFC 9113, 4.1).
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The header of the current frame, or the part of it that was read.
    header: [u8; 9],
    /// How many octets of the header were read.
    filled: usize,
    /// How many octets of the payload are missing.
    missing: usize,
    in_head: bool,
}

impl Frames {
    fn read(&mut self, mut octets: &[u8]) -> HeadProgress {
        let mut has_ended = false;
        loop {
            if self.filled == self.header.len() {
                let length = self.missing.min(octets.len());
                self.missing -= length;
                octets = octets.get(length..).unwrap_or_default();
                if self.missing > 0 {
                    return HeadProgress { is_incomplete: self.in_head, has_ended };
                }
                has_ended |= self.end_frame();
            }
            let Some((octet, rest)) = octets.split_first() else {
                return HeadProgress { is_incomplete: self.in_head, has_ended };
            };
            if let Some(target) = self.header.get_mut(self.filled) {
                *target = *octet;
                self.filled += 1;
            }
            octets = rest;
            if self.filled == self.header.len() {
                self.begin_frame();
            }
        }
    }

    fn begin_frame(&mut self) {
        let [a, b, c, kind, ..] = self.header;
        self.missing = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.in_head |= kind == HEADERS;
    }

    /// Returns whether a head ended with the frame.
    fn end_frame(&mut self) -> bool {
        let [_, _, _, kind, flags, ..] = self.header;
        self.filled = 0;
        let is_last = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0;
        let has_ended = self.in_head && is_last;
        self.in_head &= !is_last;
        has_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let header = [0, 0, length, kind, flags, 0, 0, 0, 1];
        header.into_iter().chain((0..length).map(|_| kind)).collect()
    }

    /// Feeds the octets in one piece and one by one, with the same outcome. Returns whether a head
    /// is incomplete.
    fn read(octets: &[u8]) -> bool {
        let mut protocol = Protocol::new();
        let whole = protocol.read(octets, false);
        let mut protocol = Protocol::new();
        let parts: Vec<_> = octets.iter().map(|octet| protocol.read(&[*octet], false)).collect();
        assert_eq!(parts.last().map(|last| last.is_incomplete), Some(whole.is_incomplete));
        assert_eq!(parts.iter().any(|part| part.has_ended), whole.has_ended);
        whole.is_incomplete
    }

    #[test]
    fn preface_and_other_frames_are_not_heads() {
        assert!(read(&PREFACE[..5]));
        assert!(!read(PREFACE));
        assert!(!read(&[PREFACE, SETTINGS, PING, &frame(0, 0, 200)].concat()));
    }

    #[test]
    fn head_ends_with_its_last_frame() {
        let (complete, partial) = (frame(HEADERS, END_HEADERS, 20), frame(HEADERS, 0, 20));
        let start = [PREFACE, SETTINGS].concat();
        assert!(!read(&[start.as_slice(), &complete].concat()));
        assert!(read(&[start.as_slice(), &complete[..28]].concat()));
        assert!(read(&[start.as_slice(), &partial].concat()));
        let more = frame(CONTINUATION, 0, 0);
        assert!(read(&[start.as_slice(), &partial, &more].concat()));
        let last = frame(CONTINUATION, END_HEADERS, 3);
        assert!(!read(&[start.as_slice(), &partial, &more, &last, PING].concat()));
    }

    #[test]
    fn head_that_ends_within_a_read_is_distinguished_from_the_next() {
        let head = frame(HEADERS, END_HEADERS, 20);
        let mut protocol = Protocol::new();
        protocol.read(PREFACE, false);
        let (start, end) = head.split_at(15);
        assert_eq!(protocol.read(start, false), HeadProgress::INCOMPLETE);
        for _ in 0..3 {
            let progress = protocol.read(&[end, PING, start].concat(), false);
            assert_eq!(progress, HeadProgress { is_incomplete: true, has_ended: true });
        }
        let progress = protocol.read(end, false);
        assert_eq!(progress, HeadProgress { is_incomplete: false, has_ended: true });
    }

    #[test]
    fn other_octets_are_http_1() {
        for octets in ["GET / HTTP/1.1\r\n", "P", "PRI * HTTP/1.1"] {
            assert!(read(octets.as_bytes()));
        }
        let mut protocol = Protocol::new();
        assert!(protocol.read(b"POST / HTTP/1.1\r\n\r\n", false).is_incomplete);
        assert!(!protocol.read(b"a body", true).is_incomplete);
    }
}

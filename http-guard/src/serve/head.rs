//! Detects from the octets of a connection whether the head of a request is incomplete.

/// What an HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The type of a frame that begins a head (RFC 9113, 6.2).
const HEADERS: u8 = 1;
/// The type of a frame that continues a head (RFC 9113, 6.10).
const CONTINUATION: u8 = 9;
/// The flag of the last frame of a head.
const END_HEADERS: u8 = 4;

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

    /// Reads the next octets. Returns `true` if a head is incomplete after them.
    ///
    /// In HTTP/1, octets that arrive while no request is open belong to a head.
    pub(super) fn read(&mut self, octets: &[u8], has_open_requests: bool) -> bool {
        match self {
            Self::Http1 => !has_open_requests,
            Self::Http2(frames) => frames.read(octets),
            Self::Unknown { matched } => {
                let expected = PREFACE.get(*matched..).unwrap_or_default();
                let length = expected.len().min(octets.len());
                let (start, rest) = octets.split_at(length);
                if !expected.starts_with(start) {
                    *self = Self::Http1;
                    return true;
                }
                *matched += length;
                if *matched < PREFACE.len() {
                    return true;
                }
                let mut frames = Frames::default();
                let is_incomplete = frames.read(rest);
                *self = Self::Http2(frames);
                is_incomplete
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
    fn read(&mut self, mut octets: &[u8]) -> bool {
        loop {
            if self.filled == self.header.len() {
                let length = self.missing.min(octets.len());
                self.missing -= length;
                octets = octets.get(length..).unwrap_or_default();
                if self.missing > 0 {
                    return self.in_head;
                }
                self.end_frame();
            }
            let Some((octet, rest)) = octets.split_first() else { return self.in_head };
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

    fn end_frame(&mut self) {
        let [_, _, _, kind, flags, ..] = self.header;
        if matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0 {
            self.in_head = false;
        }
        self.filled = 0;
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

    /// Feeds the octets in one piece and one by one, with the same outcome.
    fn read(octets: &[u8]) -> bool {
        let mut protocol = Protocol::new();
        let whole = protocol.read(octets, false);
        let mut protocol = Protocol::new();
        let parts = octets.iter().map(|octet| protocol.read(&[*octet], false)).last();
        assert_eq!(parts, Some(whole));
        whole
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
    fn other_octets_are_http_1() {
        for octets in ["GET / HTTP/1.1\r\n", "P", "PRI * HTTP/1.1"] {
            assert!(read(octets.as_bytes()));
        }
        let mut protocol = Protocol::new();
        assert!(protocol.read(b"POST / HTTP/1.1\r\n\r\n", false));
        assert!(!protocol.read(b"a body", true));
    }
}

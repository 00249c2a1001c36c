//! The formats of streams: how each says why it ends, and where it can say so.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::StreamEnd;
use crate::{Rejection as _, grpc};

/// The format of a stream, and whether the part that was delivered is complete.
#[derive(Debug)]
pub(super) enum Format {
    /// Server-sent events; `None` if the end cannot be appended.
    Events(Option<EventTail>),
    /// gRPC over HTTP/2.
    Grpc(MessageFrames),
    /// gRPC-Web, with trailers in the body.
    GrpcWeb(MessageFrames),
    /// It cannot say why it ends.
    Opaque,
}

/// How a stream ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// With a last part of the body.
    Data(Bytes),
    /// With trailers.
    Trailers(HeaderMap),
    /// With an error.
    Error,
    /// With what was delivered.
    Nothing,
}

/// The last octets of an event stream (WHATWG HTML, 9.2).
#[derive(Debug, Default)]
pub(super) struct EventTail {
    last: [u8; 3],
    has_data: bool,
}

/// The messages of a gRPC stream, each behind a prefix of 5 octets (gRPC over HTTP/2, "Requests").
#[derive(Debug, Default)]
pub(super) struct MessageFrames {
    /// The octets of the message that are missing.
    missing: u64,
    /// The octets of the prefix that have been delivered.
    prefix: u8,
    length: u32,
    /// Whether the trailers of gRPC-Web have begun.
    has_trailers: bool,
}

/// The last event asks the client to wait that long at least.
const MIN_RETRY: Duration = Duration::from_secs(1);
/// And up to that much longer, at random.
const RETRY_SPREAD_MS: u64 = 4000;
/// The flag of a frame of gRPC-Web with trailers.
const TRAILERS_FLAG: u8 = 0x80;

impl Format {
    /// Returns the format of a response that is a stream by its content type.
    pub(super) fn of_response(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE)?.as_bytes();
        // Its end cannot be appended, or would not be in the encoding.
        let is_fixed =
            headers.contains_key(CONTENT_LENGTH) || headers.contains_key(CONTENT_ENCODING);
        if is_media_type(content_type, b"text/event-stream") {
            let tail = (!is_fixed).then(EventTail::default);
            return Some(Self::Events(tail));
        }
        let grpc = grpc::Format::from_content_type(content_type)?;
        Some(match grpc {
            grpc::Format::Grpc => Self::Grpc(MessageFrames::default()),
            grpc::Format::Web if !is_fixed => Self::GrpcWeb(MessageFrames::default()),
            grpc::Format::Web | grpc::Format::WebText => Self::Opaque,
        })
    }

    pub(super) const fn is_events(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    /// Returns whether the trailers of gRPC-Web have begun: nothing follows them.
    pub(super) const fn has_trailers(&self) -> bool {
        matches!(self, Self::GrpcWeb(frames) if frames.has_trailers)
    }

    /// Records what is delivered.
    pub(super) fn record(&mut self, data: &[u8]) {
        match self {
            Self::Events(Some(tail)) => tail.record(data),
            Self::Grpc(frames) | Self::GrpcWeb(frames) => frames.record(data),
            Self::Events(None) | Self::Opaque => {}
        }
    }

    /// Returns how the stream ends after what was delivered.
    pub(super) fn ending(&self, end: &StreamEnd) -> Ending {
        match self {
            Self::Events(Some(tail)) if tail.is_complete() => Ending::Data(last_event(end)),
            Self::Grpc(frames) if frames.is_complete() => Ending::Trailers(trailers(end)),
            Self::GrpcWeb(frames) if frames.is_complete() && frames.has_trailers => Ending::Nothing,
            Self::GrpcWeb(frames) if frames.is_complete() => Ending::Data(trailers_frame(end)),
            _ => Ending::Error,
        }
    }
}

impl EventTail {
    fn record(&mut self, data: &[u8]) {
        for octet in data.iter().skip(data.len().saturating_sub(3)) {
            self.last.rotate_left(1);
            let [.., last] = &mut self.last;
            *last = *octet;
        }
        self.has_data |= !data.is_empty();
    }

    /// Returns whether the last line is blank, so that the last event is complete. Lines end with
    /// CR, LF or both.
    fn is_complete(&self) -> bool {
        let is_blank = matches!(
            &self.last,
            [_, b'\n', b'\n' | b'\r'] | [_, b'\r', b'\r'] | [b'\n' | b'\r', b'\r', b'\n']
        );
        is_blank || !self.has_data
    }
}

impl MessageFrames {
    fn record(&mut self, mut data: &[u8]) {
        while let Some((octet, rest)) = data.split_first() {
            if self.missing > 0 {
                let taken = usize::try_from(self.missing).unwrap_or(usize::MAX).min(data.len());
                self.missing -= taken as u64;
                data = data.get(taken..).unwrap_or_default();
                continue;
            }
            data = rest;
            if self.prefix == 0 {
                // The first octet has flags: compression, and trailers.
                (self.length, self.has_trailers) = (0, octet & TRAILERS_FLAG != 0);
            } else {
                self.length = self.length << 8 | u32::from(*octet);
            }
            self.prefix += 1;
            if self.prefix == 5 {
                (self.prefix, self.missing) = (0, self.length.into());
            }
        }
    }

    const fn is_complete(&self) -> bool {
        self.missing == 0 && self.prefix == 0
    }
}

/// Returns whether a value is this media type, with or without parameters.
fn is_media_type(value: &[u8], media_type: &[u8]) -> bool {
    let Some((start, rest)) = value.split_at_checked(media_type.len()) else { return false };
    start.eq_ignore_ascii_case(media_type) && matches!(rest.first(), None | Some(b';' | b' '))
}

fn last_event(end: &StreamEnd) -> Bytes {
    let retry = MIN_RETRY.as_millis() + u128::from(random() % RETRY_SPREAD_MS);
    Bytes::from(format!("event: session-ended\nretry: {retry}\ndata: {}\n\n", end.code()))
}

fn trailers(end: &StreamEnd) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    grpc::insert_status(&mut trailers, &end.problem());
    trailers
}

/// Returns the trailers as a frame of the body (gRPC-Web, "HTTP wire protocol").
fn trailers_frame(end: &StreamEnd) -> Bytes {
    let mut fields = BytesMut::new();
    for (name, value) in &trailers(end) {
        let value: &HeaderValue = value;
        for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\r\n"] {
            fields.put_slice(part);
        }
    }
    let mut frame = BytesMut::with_capacity(fields.len() + 5);
    frame.put_u8(TRAILERS_FLAG);
    frame.put_u32(u32::try_from(fields.len()).unwrap_or(u32::MAX));
    frame.put(fields);
    frame.freeze()
}

fn random() -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static CALLS: AtomicU64 = AtomicU64::new(0);
    STATE.hash_one(CALLS.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whether_an_event_is_complete() {
        for (parts, expected) in [
            (&[][..], true),
            (&["data: a\n\n"], true),
            (&["data: a\n", "\n"], true),
            (&["data: a\r\n\r\n"], true),
            (&["data: a\r\r"], true),
            (&[":\n\n", "data"], false),
            (&["data: a\n"], false),
            (&["data: a\r\n"], false),
            (&["data: a"], false),
            (&["d"], false),
            (&["\n"], false),
        ] {
            let mut tail = EventTail::default();
            for part in parts {
                tail.record(part.as_bytes());
            }
            assert_eq!(tail.is_complete(), expected, "{parts:?}");
        }
    }

    #[test]
    fn knows_whether_a_message_is_complete() {
        let stream = [&[0, 0, 0, 0, 3][..], b"abc", &[1, 0, 0, 0, 0], &[0, 0, 0, 1, 0], &[7; 256]];
        let stream = stream.concat();
        let complete = [0, 8, 13, stream.len()];
        for step in [1, 2, 3, 7, stream.len()] {
            let (mut frames, mut delivered) = (MessageFrames::default(), 0);
            for part in stream.chunks(step) {
                frames.record(part);
                delivered += part.len();
                assert_eq!(frames.is_complete(), complete.contains(&delivered), "{delivered}");
            }
        }
    }

    #[test]
    fn appends_nothing_to_trailers_of_grpc_web() {
        for (data, expected) in [
            (&b"\0\0\0\0\x01a"[..], "data"),
            (b"\x80\0\0\0\x01a", "nothing"),
            (b"\x80\0\0\0\x02a", "error"),
        ] {
            let mut format = Format::GrpcWeb(MessageFrames::default());
            format.record(data);
            let found = match format.ending(&StreamEnd::SERVER_SHUTDOWN) {
                Ending::Data(_) => "data",
                Ending::Nothing => "nothing",
                Ending::Trailers(_) => "trailers",
                Ending::Error => "error",
            };
            assert_eq!(found, expected, "{data:?}");
        }
    }

    #[test]
    fn recognises_streams_by_content_type() {
        let format = |headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            match Format::of_response(&headers.collect())? {
                Format::Events(Some(_)) => Some("events"),
                Format::Events(None) => Some("fixed events"),
                Format::Grpc(_) => Some("gRPC"),
                Format::GrpcWeb(_) => Some("gRPC-Web"),
                Format::Opaque => Some("opaque"),
            }
        };
        for (content_type, expected) in [
            ("text/event-stream", Some("events")),
            ("Text/Event-Stream; charset=utf-8", Some("events")),
            ("text/event-streams", None),
            ("text/html", None),
            ("application/grpc", Some("gRPC")),
            ("application/grpc+proto", Some("gRPC")),
            ("application/grpc-web+proto", Some("gRPC-Web")),
            ("application/grpc-web-text", Some("opaque")),
            ("application/json", None),
        ] {
            assert_eq!(format(&[("content-type", content_type)]), expected, "{content_type}");
        }
        for fixed in [("content-length", "7"), ("content-encoding", "gzip")] {
            let events = ("content-type", "text/event-stream");
            assert_eq!(format(&[events, fixed]), Some("fixed events"), "{fixed:?}");
        }
        assert_eq!(format(&[]), None);
    }

    #[test]
    fn gives_the_code_and_asks_clients_to_wait() {
        let end = &StreamEnd::SERVER_SHUTDOWN;
        let event = String::from_utf8(last_event(end).to_vec()).unwrap();
        let rest = event.strip_prefix("event: session-ended\nretry: ").unwrap();
        let (retry, rest) = rest.split_once('\n').unwrap();
        assert!((1000..5000).contains(&retry.parse::<u64>().unwrap()), "{retry}");
        assert_eq!(rest, "data: server_shutdown\n\n");
        assert_eq!(trailers(end)["grpc-status"], "14");
        let frame = trailers_frame(end);
        assert_eq!(frame[0], 0x80);
        assert_eq!(usize::from(frame[4]), frame.len() - 5);
        assert!(frame[5..].starts_with(b"grpc-status:14\r\ngrpc-message:"), "{frame:?}");
    }
}

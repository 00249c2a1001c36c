//! A client of `GET /api/session/events`, as a browser reads event streams (WHATWG HTML, 9.2.6).

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use crate::portal::Portal;
use crate::request::ApiRequest;
use crate::tokens::Tokens;

/// The maximum wait for an event.
const DEADLINE: Duration = Duration::from_secs(30);

/// An open stream.
pub(crate) struct EventStream {
    response: Response,
    received: String,
    /// The last `id`, also without an event.
    pub(crate) last_id: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LiveEvent {
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) retry: Option<u64>,
}

impl EventStream {
    /// Opens the stream of a user.
    pub(crate) async fn open(portal: &Portal, tokens: &Tokens) -> Self {
        Self::send(portal.get("/api/session/events").auth(tokens)).await
    }

    /// Opens the stream again, as a browser does.
    pub(crate) async fn reopen(portal: &Portal, tokens: &Tokens, last_id: u64) -> Self {
        let request = portal.get("/api/session/events").auth(tokens);
        Self::send(request.header("last-event-id", &last_id.to_string())).await
    }

    pub(crate) async fn send(request: ApiRequest) -> Self {
        let response = request.0.send().await.unwrap();
        assert_eq!(response.status(), 200, "{response:?}");
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-store");
        Self { response, received: String::new(), last_id: None }
    }

    /// Waits for the next event; `None` at the end of the stream. Ignores comments.
    pub(crate) async fn next(&mut self) -> Option<LiveEvent> {
        timeout(DEADLINE, self.read()).await.expect("no event")
    }

    /// Waits for the next event, which must have this name; returns its data as JSON.
    #[track_caller]
    pub(crate) fn expect(&mut self, name: &'static str) -> impl Future<Output = Value> {
        let location = std::panic::Location::caller();
        async move {
            let event = self.next().await.unwrap_or_else(|| panic!("no {name}: {location}"));
            assert_eq!(event.name, name, "{event:?}: {location}");
            serde_json::from_str(&event.data).unwrap()
        }
    }

    /// Waits for this many records of the audit log, and nothing else.
    pub(crate) async fn records(&mut self, count: usize) -> Vec<Value> {
        let mut records = Vec::new();
        for _ in 0..count {
            records.push(self.expect("audit").await);
        }
        records
    }

    /// Waits for a record of this kind; returns those up to it.
    pub(crate) async fn records_until(&mut self, kind: &str, user: &str) -> Vec<Value> {
        let mut records = Vec::new();
        loop {
            let record = self.expect("audit").await;
            let is_last = record["event"] == kind && record["user"] == user;
            records.push(record);
            if is_last {
                return records;
            }
        }
    }

    /// Waits for the end with this code.
    pub(crate) async fn expect_end(mut self, code: &str) {
        let event = self.next().await.expect("no session-ended");
        assert_eq!((event.name.as_str(), event.data.as_str()), ("session-ended", code));
        assert!(event.retry.is_some_and(|retry| (1000..5000).contains(&retry)), "{event:?}");
        assert_eq!(self.next().await, None);
    }

    /// Waits until the stream has told where the audit log begins.
    pub(crate) async fn expect_position(&mut self) -> u64 {
        let read = async {
            loop {
                let block = self.read_block().await.expect("no position");
                assert_eq!(self.dispatch(&block), None);
                if let Some(position) = self.last_id {
                    return position;
                }
            }
        };
        timeout(DEADLINE, read).await.expect("no position")
    }

    async fn read(&mut self) -> Option<LiveEvent> {
        loop {
            let block = self.read_block().await?;
            if let Some(event) = self.dispatch(&block) {
                return Some(event);
            }
        }
    }

    /// Reads up to an empty line.
    async fn read_block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.received.find("\n\n") {
                let rest = self.received.split_off(end + 2);
                return Some(std::mem::replace(&mut self.received, rest));
            }
            let Some(chunk) = self.response.chunk().await.unwrap() else {
                assert_eq!(self.received, "", "the end of the stream is within an event");
                return None;
            };
            self.received.push_str(str::from_utf8(&chunk).unwrap());
        }
    }

    fn dispatch(&mut self, block: &str) -> Option<LiveEvent> {
        let (mut name, mut data, mut retry) = (String::new(), None, None);
        // Lines that begin with a colon are comments.
        for line in block.trim_end().lines().filter(|line| !line.starts_with(':')) {
            let (field, value) = line.split_once(": ").unwrap_or((line, ""));
            match field {
                "event" => value.clone_into(&mut name),
                "data" => assert_eq!(data.replace(value.to_owned()), None, "{block}"),
                "id" => self.last_id = Some(value.parse().unwrap()),
                "retry" => retry = Some(value.parse().unwrap()),
                _ => panic!("{block}"),
            }
        }
        data.map(|data| LiveEvent { name, data, retry })
    }
}

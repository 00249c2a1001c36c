//! A response, and what holds for each of them.

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let is_of_api = response.url().path().starts_with("/api/");
        let answer = Self { status, headers, body: response.text().await.unwrap() };
        if is_of_api {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        }
        if status == StatusCode::UNAUTHORIZED {
            let mut challenges = answer.headers.get_all("www-authenticate").iter();
            let is_ours = |challenge: &HeaderValue| {
                challenge.to_str().unwrap().starts_with("Bearer realm=\"kleidia\"")
            };
            assert!(challenges.any(is_ours), "{answer:?}");
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It is a problem (RFC 9457) of this status and code.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{self:?}");
        problem
    }

    /// It is a success with a body of JSON.
    #[track_caller]
    pub(crate) fn gives(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        self.json()
    }

    /// It is a success that says nothing.
    #[track_caller]
    pub(crate) fn is_done(&self) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (204, ""), "{self:?}");
    }

    /// All that a client can compare, but the time.
    pub(crate) fn without_date(&self) -> (u16, Vec<(String, String)>, &str) {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let headers = self.headers.iter().filter(|(name, _)| *name != "date");
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_string(), text(value))).collect();
        headers.sort();
        (self.status.as_u16(), headers, &self.body)
    }
}

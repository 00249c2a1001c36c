//! The tree that an inspection is drawn as, and written as in JSON.

use serde::Serialize;
use serde_json::{Map, Value};
use veraid::{CheckResult, Period};

/// One step of the chain, with what hangs from it.
#[derive(Serialize)]
pub(crate) struct Node {
    /// What it is: `zone`, `DNSKEY`, `organisationCertificate`...
    #[serde(rename = "node")]
    kind: &'static str,
    #[serde(skip)]
    pub(crate) title: String,
    pub(crate) state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why it is refused, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(flatten)]
    facts: Map<String, Value>,
    /// The facts for people.
    #[serde(skip)]
    pub(crate) details: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) windows: Vec<Window>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) children: Vec<Node>,
}

/// Whether a step holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Holds,
    Fails,
    /// It is right in itself, but something that it hangs from fails.
    Unproven,
    Unchecked,
}

/// A period in which something holds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Window {
    #[serde(skip)]
    pub(crate) label: String,
    #[serde(skip)]
    pub(crate) period: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

impl Node {
    /// A step that holds, so far.
    pub(crate) fn new(kind: &'static str, title: impl Into<String>) -> Self {
        Self {
            kind,
            title: title.into(),
            state: State::Holds,
            code: None,
            error: None,
            facts: Map::new(),
            details: Vec::new(),
            windows: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Adds a fact for programs.
    pub(crate) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.facts.insert(name.to_owned(), value);
        }
        self
    }

    /// Adds a line for people.
    pub(crate) fn detail(mut self, text: impl Into<String>) -> Self {
        self.details.push(text.into());
        self
    }

    pub(crate) fn window(mut self, window: Window) -> Self {
        self.windows.push(window);
        self
    }

    /// Takes over what was found, and if it is an error its stable name.
    pub(crate) fn finding<E: std::fmt::Display>(
        self,
        finding: &CheckResult<E>,
        code: impl Fn(&E) -> &'static str,
    ) -> Self {
        match finding {
            CheckResult::Valid => self,
            CheckResult::Invalid(error) => self.failing(code(error), error),
            _ => Self { state: State::Unchecked, ..self },
        }
    }

    pub(crate) fn failing(self, code: &'static str, error: &impl ToString) -> Self {
        Self { state: State::Fails, code: Some(code), error: Some(error.to_string()), ..self }
    }

    /// Hangs the branches one below the other, so that each depends on those before it.
    pub(crate) fn chain(branches: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut branches: Vec<_> = branches.into_iter().collect();
        let mut below: Option<Self> = None;
        while let Some(mut node) = branches.pop() {
            node.children.extend(below);
            below = Some(node);
        }
        below
    }

    /// Marks what holds only in itself, because something above it fails.
    pub(crate) fn mark_unproven(&mut self, is_above_proven: bool) {
        if self.state == State::Holds && !is_above_proven {
            self.state = State::Unproven;
        }
        let mut is_proven = is_above_proven && self.state == State::Holds;
        for child in &mut self.children {
            child.mark_unproven(is_proven);
            // A zone's sets stand beside the child zones that depend on them.
            is_proven &= child.state == State::Holds;
        }
    }

    /// Whether it fails for nothing but its window.
    pub(crate) fn misses_instant(&self) -> bool {
        self.code.is_some_and(|code| code.ends_with("-time"))
    }

    /// Whether this step, or one that hangs from it, is in the state.
    pub(crate) fn has(&self, state: State) -> bool {
        self.state == state || self.children.iter().any(|child| child.has(state))
    }

    /// The periods of this step and of all that hangs from it.
    pub(crate) fn periods(&self) -> Vec<Period> {
        let own = self.windows.iter().filter_map(|window| window.period);
        own.chain(self.children.iter().flat_map(Self::periods)).collect()
    }
}

impl Window {
    pub(crate) fn of(period: Period) -> Self {
        Self::new("", Some(period))
    }

    pub(crate) fn new(label: impl Into<String>, period: Option<Period>) -> Self {
        Self {
            label: label.into(),
            period,
            valid_from: period.map(|period| period.start().to_string()),
            valid_until: period.map(|period| period.end().to_string()),
            facts: Map::new(),
        }
    }

    /// Adds a fact for programs.
    pub(crate) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}

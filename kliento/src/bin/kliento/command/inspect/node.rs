//! The tree of an inspection, for the text and for JSON.

use serde::Serialize;
use serde_json::{Map, Value};
use veraid::{CheckResult, Period};

/// One step, with the steps that depend on it.
#[derive(Serialize)]
pub(crate) struct Node {
    /// The kind of step: `zone`, `DNSKEY`, `organisationCertificate`...
    #[serde(rename = "node")]
    kind: &'static str,
    #[serde(skip)]
    pub(crate) title: String,
    pub(crate) state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The error, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(flatten)]
    facts: Map<String, Value>,
    /// The facts as text.
    #[serde(skip)]
    pub(crate) details: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) windows: Vec<ValidityWindow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) children: Vec<Node>,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    #[serde(rename = "holds")]
    Valid,
    #[serde(rename = "fails")]
    Invalid,
    /// The step is valid itself, but a step that it depends on is not.
    Unproven,
    #[serde(rename = "unchecked")]
    NotChecked,
}

/// A period in which a step is valid.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidityWindow {
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
    /// Creates a valid step.
    pub(crate) fn new(kind: &'static str, title: impl Into<String>) -> Self {
        Self {
            kind,
            title: title.into(),
            state: State::Valid,
            code: None,
            error: None,
            facts: Map::new(),
            details: Vec::new(),
            windows: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Adds a fact to the JSON.
    pub(crate) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.facts.insert(name.to_owned(), value);
        }
        self
    }

    /// Adds a line to the text.
    pub(crate) fn detail(mut self, text: impl Into<String>) -> Self {
        self.details.push(text.into());
        self
    }

    pub(crate) fn window(mut self, window: ValidityWindow) -> Self {
        self.windows.push(window);
        self
    }

    /// Sets the state by the result of a check, and the code of its error.
    pub(crate) fn with_check<E: std::fmt::Display>(
        self,
        check: &CheckResult<E>,
        code: impl Fn(&E) -> &'static str,
    ) -> Self {
        match check {
            CheckResult::Valid => self,
            CheckResult::Invalid(error) => self.with_error(code(error), error),
            _ => Self { state: State::NotChecked, ..self },
        }
    }

    pub(crate) fn with_error(self, code: &'static str, error: &impl ToString) -> Self {
        Self { state: State::Invalid, code: Some(code), error: Some(error.to_string()), ..self }
    }

    /// Nests the steps, so that each one depends on the step before it.
    pub(crate) fn nest(branches: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut branches: Vec<_> = branches.into_iter().collect();
        let mut below: Option<Self> = None;
        while let Some(mut node) = branches.pop() {
            node.children.extend(below);
            below = Some(node);
        }
        below
    }

    /// Marks the valid steps that depend on an invalid step.
    pub(crate) fn mark_unproven(&mut self, is_above_proven: bool) {
        if self.state == State::Valid && !is_above_proven {
            self.state = State::Unproven;
        }
        let mut is_proven = is_above_proven && self.state == State::Valid;
        for child in &mut self.children {
            child.mark_unproven(is_proven);
            // The RRsets of a zone are siblings of the child zones that depend on them.
            is_proven &= child.state == State::Valid;
        }
    }

    /// Returns whether the step is only invalid at the instant.
    pub(crate) fn is_outside_validity(&self) -> bool {
        self.code.is_some_and(|code| code.ends_with("-time"))
    }

    /// Returns whether this step, or one that depends on it, has the state.
    pub(crate) fn has(&self, state: State) -> bool {
        self.state == state || self.children.iter().any(|child| child.has(state))
    }

    /// Returns the periods of this step and of all steps that depend on it.
    pub(crate) fn periods(&self) -> Vec<Period> {
        let own = self.windows.iter().filter_map(|window| window.period);
        own.chain(self.children.iter().flat_map(Self::periods)).collect()
    }
}

impl ValidityWindow {
    pub(crate) fn from_period(period: Period) -> Self {
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

    /// Adds a fact to the JSON.
    pub(crate) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}

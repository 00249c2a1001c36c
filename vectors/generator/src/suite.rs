//! The list of cases, each derived from its twin.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::case::{Case, Context, Outcome};
use crate::difference::differences;
use crate::recipe::Recipe;

#[derive(Default)]
pub(crate) struct Suite {
    pub(crate) cases: Vec<Case>,
    positions: HashMap<&'static str, usize>,
}

/// Name, rule and description.
pub(crate) type CaseInfo = (&'static str, &'static str, &'static str);

impl Suite {
    /// Adds a valid case without a twin.
    pub(crate) fn base(
        &mut self,
        (name, rule, shows): CaseInfo,
        recipe: Recipe,
        context: Context,
        outcome: Outcome,
    ) {
        let differs = Vec::new();
        self.push(Case { name, shows, rule, twin: None, recipe, context, outcome, differs });
    }

    /// Adds a valid case, with any changes to another one and to the expected proof.
    pub(crate) fn valid(
        &mut self,
        twin: &'static str,
        info: CaseInfo,
        change: impl FnOnce(&mut Case),
    ) {
        let case = self.changed(twin, info, change);
        self.push(case);
    }

    /// Adds a case that is invalid because of one change to a valid one.
    pub(crate) fn invalid(
        &mut self,
        twin: &'static str,
        info: CaseInfo,
        code: &'static str,
        change: impl FnOnce(&mut Case),
    ) {
        self.rejected(twin, info, Outcome::Invalid(code), change);
    }

    /// Adds a case that is malformed because of one change to a valid one.
    pub(crate) fn malformed(
        &mut self,
        twin: &'static str,
        info: CaseInfo,
        code: &'static str,
        change: impl FnOnce(&mut Case),
    ) {
        self.rejected(twin, info, Outcome::Malformed(code), change);
    }

    pub(crate) fn get(&self, name: &str) -> &Case {
        let position = self.positions.get(name).unwrap_or_else(|| panic!("missing case {name}"));
        &self.cases[*position]
    }

    fn rejected(
        &mut self,
        twin: &'static str,
        info: CaseInfo,
        outcome: Outcome,
        change: impl FnOnce(&mut Case),
    ) {
        let case = Case { outcome, ..self.changed(twin, info, change) };
        assert!(
            matches!(self.get(twin).outcome, Outcome::Valid(_)),
            "the twin of {} is rejected",
            case.name
        );
        assert_eq!(case.differs.len(), 1, "{} has several faults: {:?}", case.name, case.differs);
        self.push(case);
    }

    fn changed(
        &self,
        twin: &'static str,
        (name, rule, shows): CaseInfo,
        change: impl FnOnce(&mut Case),
    ) -> Case {
        let original = self.get(twin);
        let mut case = Case { name, shows, rule, twin: Some(twin), ..original.clone() };
        change(&mut case);
        assert!(
            case.recipe.kind == original.recipe.kind,
            "the kind of {name} differs from its twin's"
        );
        case.differs = differences(&fields(original), &fields(&case));
        assert!(!case.differs.is_empty(), "{name} does not differ from its twin");
        case
    }

    fn push(&mut self, case: Case) {
        assert!(
            self.positions.insert(case.name, self.cases.len()).is_none(),
            "duplicate case {}",
            case.name
        );
        self.cases.push(case);
    }
}

fn fields(case: &Case) -> Value {
    json!({ "recipe": case.recipe, "context": case.context })
}

/// Leaks a text, so that it lives until the program ends.
pub(crate) fn leak(text: String) -> &'static str {
    text.leak()
}

//! Chooses which statement is the next: at random, or by a search through all schedules that
//! differ.

use std::collections::BTreeSet;

use fastrand::Rng;

/// A choice where both nodes have a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    First,
    Second,
}

/// Chooses the order of statements.
pub(crate) trait Scheduler {
    /// Chooses between the statements of both nodes.
    fn choose(&mut self, statements: [&str; 2]) -> Choice;

    /// Is told each statement that proceeds.
    fn proceed(&mut self, node: usize, statement: &str);
}

/// Chooses at random, but mostly the same node: then one operation comes far before the other
/// starts.
pub(crate) struct Sample<'a> {
    random: &'a mut Rng,
    /// How often in 10 the second node is chosen.
    second: u8,
}

/// Searches all schedules, without those that only exchange neighbouring statements that do not
/// depend on each other (sleep sets of partial-order reduction).
#[derive(Default)]
pub(crate) struct Search {
    /// The choices with which the next schedule begins.
    prefix: Vec<Choice>,
    /// The choices of this schedule.
    choices: Vec<Choice>,
    /// The statement of the first node that sleeps: schedules that continue with it were searched,
    /// unless a statement that depends on it comes before.
    sleeping: Option<Step>,
    /// Whether this schedule is equivalent to one that was searched.
    is_redundant: bool,
    /// The tables that the open transaction of each node has changed or locked.
    written: [BTreeSet<&'static str>; 2],
    /// Whether the order of the numbers of audit records matters.
    is_ordered: bool,
}

/// What a statement does.
#[derive(Clone, Debug)]
enum Step {
    Read(BTreeSet<&'static str>),
    /// A change, or a lock. Rows are only appended to the other tables, in any order.
    Write(BTreeSet<&'static str>, BTreeSet<&'static str>),
    /// Makes the changes of these tables visible, and releases the locks.
    End(BTreeSet<&'static str>),
}

/// The tables, and what else statements change or lock.
const TABLES: [&str; 18] = [
    "accounts",
    "administration",
    "audit",
    "audit_checkpoints",
    "audit_detached",
    "audit_hashes",
    "audit_keys",
    "audit_leaves",
    "audit_unsealed",
    "factors",
    "failures",
    "families",
    "kleidia_schema",
    "one_time_codes",
    "pg_advisory_xact_lock",
    "profiles",
    "refresh_tokens",
    "sessions",
];

/// Statements, or parts of them, that append to a table.
const APPENDS: [(&str, &str); 2] =
    [("INSERT INTO audit (", "audit"), ("INSERT INTO audit_unsealed ", "audit_unsealed")];

/// The numbers of audit records.
const NUMBERS: &str = "audit_sequence";

impl<'a> Sample<'a> {
    pub(crate) fn new(random: &'a mut Rng) -> Self {
        let second = random.u8(1..10);
        Self { random, second }
    }
}

impl Scheduler for Sample<'_> {
    fn choose(&mut self, _: [&str; 2]) -> Choice {
        if self.random.u8(..10) < self.second { Choice::Second } else { Choice::First }
    }

    fn proceed(&mut self, _: usize, _: &str) {}
}

impl Search {
    /// Returns the first search. The order of the numbers of audit records may matter.
    pub(crate) fn new(is_ordered: bool) -> Self {
        Self { is_ordered, ..Self::default() }
    }

    /// Returns the search for the next schedule, or `None` if there is none. It is called after
    /// each.
    pub(crate) fn next(self) -> Option<Self> {
        let mut prefix = self.choices;
        while prefix.last() == Some(&Choice::Second) {
            prefix.pop();
        }
        *prefix.last_mut()? = Choice::Second;
        Some(Self { prefix, ..Self::new(self.is_ordered) })
    }

    pub(crate) const fn is_redundant(&self) -> bool {
        self.is_redundant
    }

    fn step(&self, node: usize, statement: &str) -> Step {
        if ["COMMIT", "ROLLBACK"].contains(&statement) {
            return Step::End(self.written[node].clone());
        }
        let word = |character: char| !character.is_alphanumeric() && character != '_';
        let words: BTreeSet<_> = statement.split(word).collect();
        let tables = TABLES.into_iter().filter(|table| words.contains(table));
        let mut tables: BTreeSet<_> = tables.collect();
        if self.is_ordered && words.contains(NUMBERS) {
            tables.insert(NUMBERS);
        }
        let locks = ["UPDATE", "pg_advisory_xact_lock", NUMBERS];
        if statement.starts_with("SELECT") && !locks.iter().any(|lock| words.contains(lock)) {
            return Step::Read(tables);
        }
        let appended = APPENDS.into_iter().filter(|(part, _)| statement.contains(part));
        let appended: BTreeSet<_> = appended.map(|(_, table)| table).collect();
        tables.retain(|table| !appended.contains(table));
        Step::Write(tables, appended)
    }
}

impl Scheduler for Search {
    fn choose(&mut self, statements: [&str; 2]) -> Choice {
        if self.is_redundant {
            return Choice::First;
        }
        let is_asleep = self.sleeping.is_some();
        let given = self.prefix.get(self.choices.len()).copied();
        let choice = given.unwrap_or(if is_asleep { Choice::Second } else { Choice::First });
        self.choices.push(choice);
        if choice == Choice::Second && !is_asleep {
            self.sleeping = Some(self.step(0, statements[0]));
        }
        choice
    }

    fn proceed(&mut self, node: usize, statement: &str) {
        let step = self.step(node, statement);
        if node == 0 && self.sleeping.is_some() {
            // The other node waits, so this schedule is one that was searched.
            self.is_redundant = true;
            self.sleeping = None;
        }
        if self.sleeping.as_ref().is_some_and(|sleeping| sleeping.depends_on(&step)) {
            self.sleeping = None;
        }
        match step {
            Step::Read(_) => {}
            Step::Write(tables, appended) => self.written[node].extend(tables.union(&appended)),
            Step::End(_) => self.written[node].clear(),
        }
    }
}

impl Step {
    /// Returns whether the order of two steps of different nodes may matter.
    ///
    /// At READ COMMITTED, nothing sees a change before its transaction ends.
    fn depends_on(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Read(_), Self::Read(_) | Self::Write(..))
            | (Self::Write(..), Self::Read(_))
            | (Self::End(_), Self::End(_)) => false,
            (Self::Read(one) | Self::Write(one, _), Self::End(other))
            | (Self::End(one), Self::Read(other) | Self::Write(other, _))
            | (Self::Write(one, _), Self::Write(other, _)) => !one.is_disjoint(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs two lists of statements through all schedules, without locks.
    fn schedules(statements: [&[&str]; 2]) -> Vec<String> {
        let mut found = Vec::new();
        let mut search = Some(Search::default());
        while let Some(mut scheduler) = search.take() {
            let (mut next, mut schedule) = ([0, 0], String::new());
            loop {
                let held = [0, 1].map(|node| statements[node].get(next[node]).copied());
                let node = match held {
                    [Some(one), Some(other)] => {
                        usize::from(scheduler.choose([one, other]) == Choice::Second)
                    }
                    [Some(_), None] => 0,
                    [None, Some(_)] => 1,
                    [None, None] => break,
                };
                scheduler.proceed(node, held[node].unwrap());
                schedule += ["1", "2"][node];
                next[node] += 1;
            }
            if !scheduler.is_redundant() {
                found.push(schedule);
            }
            search = scheduler.next();
        }
        found
    }

    /// Only triggers on accounts write the directory of names.
    const WRITTEN_WITH_ACCOUNTS: &str = "account_names";

    #[test]
    fn tables_are_those_of_the_migrations() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for rest in text.split("\nCREATE TABLE ").skip(1) {
                let table = rest.split(' ').next().unwrap();
                let is_known = TABLES.contains(&table) || table == WRITTEN_WITH_ACCOUNTS;
                assert!(is_known, "{table} is unknown to the search");
            }
        }
    }

    #[test]
    fn searches_all_orders_of_dependent_statements() {
        let writes = ["UPDATE accounts", "UPDATE accounts"];
        let all = ["1122", "1212", "1221", "2112", "2121", "2211"];
        assert_eq!(schedules([&writes, &writes]), all);
    }

    #[test]
    fn independent_statements_have_one_order() {
        let reads = ["SELECT FROM accounts", "SELECT FROM sessions", "COMMIT"];
        let writes = ["UPDATE accounts", "UPDATE failures"];
        assert_eq!(schedules([&reads, &reads]).len(), 1);
        assert_eq!(schedules([&reads, &writes]).len(), 1);
        assert_eq!(schedules([&["UPDATE families"], &writes]).len(), 1);
    }

    #[test]
    fn appended_records_are_visible_when_their_transaction_ends() {
        let append = ["INSERT INTO audit_unsealed VALUES ($1)", "COMMIT"];
        assert_eq!(schedules([&append, &append]).len(), 1);
        let seal = ["SELECT record FROM audit_unsealed", "COMMIT"];
        assert_eq!(schedules([&append, &seal]).len(), 2);
    }

    #[test]
    fn changes_are_visible_when_their_transaction_ends() {
        let reads = ["SELECT FROM accounts", "SELECT FROM families"];
        let change = ["UPDATE accounts", "COMMIT"];
        assert_eq!(schedules([&reads, &change]).len(), 2);
        let lock = ["SELECT FROM accounts FOR NO KEY UPDATE", "COMMIT"];
        assert_eq!(schedules([&lock, &change]).len(), 4);
    }
}

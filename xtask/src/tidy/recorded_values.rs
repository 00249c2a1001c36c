//! What events and spans record: no untrusted text, unless `log_text` has bounded it.
//!
//! The types of values are not known here. So a value is a literal, a constant or a length, goes
//! through `log_text` where it is recorded or in the same function before, or is listed with its file.

use std::path::Path;

use super::recorded_values_list::REVIEWED;

/// The macros that record values, with or without a path before them.
const MACROS: [&str; 12] = [
    "event",
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "span",
    "trace_span",
    "debug_span",
    "info_span",
    "warn_span",
    "error_span",
];
/// What bounds a text.
const BOUNDING: [&str; 2] = ["log_text", "log_text_up_to"];
/// The levels, which are the first argument of these macros.
const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
const MACROS_WITH_LEVEL: [&str; 2] = ["event", "span"];

/// A value that is recorded.
struct Recorded<'a> {
    line: usize,
    /// The code of the function, up to the macro.
    before: &'a str,
    value: &'a str,
}

/// Returns the violations in a file.
pub(super) fn check(path: &Path, code: &str) -> Vec<String> {
    let reviewed = REVIEWED.iter().find(|(file, _)| Path::new(file) == path);
    let reviewed = reviewed.map_or(&[][..], |(_, values)| values);
    let recorded: Vec<_> = recorded(code).into_iter().filter(|it| !it.is_bounded()).collect();
    let mut violations: Vec<_> = recorded
        .iter()
        .filter(|it| !reviewed.contains(&it.value))
        .map(|it| message(it.line, it.value))
        .collect();
    let unused = reviewed.iter().filter(|value| recorded.iter().all(|it| it.value != **value));
    violations.extend(unused.map(|value| {
        format!("recorded_values_list.rs lists {value}, which this file does not record")
    }));
    for (index, line) in code.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("#[instrument") || line.starts_with("#[tracing::instrument") {
            violations.push(message(index + 1, "each argument"));
        }
    }
    violations
}

fn message(line: usize, value: &str) -> String {
    format!("line {line}: records {value}, which may be untrusted: use `log_text`")
}

/// Returns the values of all events and spans.
fn recorded(code: &str) -> Vec<Recorded<'_>> {
    let mut recorded = Vec::new();
    for (start, _) in code.match_indices("!(") {
        let name_start = code[..start].rfind(|c: char| !is_word(c)).map_or(0, |end| end + 1);
        let line_start = code[..start].rfind('\n').map_or(0, |end| end + 1);
        let (name, is_comment) = (&code[name_start..start], code[line_start..start].contains("//"));
        if is_comment || !MACROS.contains(&name) {
            continue;
        }
        let (line, before) = (code[..start].lines().count(), function_before(&code[..start]));
        for (index, argument) in arguments(&code[start + 2..]).into_iter().enumerate() {
            let has_level = MACROS_WITH_LEVEL.contains(&name);
            if index == 0 && has_level && LEVELS.contains(&argument.trim()) {
                continue;
            }
            let values = values(argument).into_iter();
            recorded.extend(values.map(|value| Recorded { line, before, value }));
        }
    }
    for (start, _) in code.match_indices(".record(\"") {
        let (line, before) = (code[..start].lines().count(), function_before(&code[..start]));
        let value = arguments(&code[start + 8..]).into_iter().nth(1).unwrap_or_default();
        recorded.push(Recorded { line, before, value: without_sigil(value) });
    }
    recorded
}

const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

const fn is_path(character: char) -> bool {
    is_word(character) || character == '.'
}

/// Returns the code from the last `fn` on.
fn function_before(code: &str) -> &str {
    let is_start = |start: &usize| !code[..*start].ends_with(is_word);
    let start = code.rmatch_indices("fn ").map(|(start, _)| start).find(is_start);
    &code[start.unwrap_or_default()..]
}

/// Splits the arguments of a call at commas, up to its closing parenthesis.
fn arguments(text: &str) -> Vec<&str> {
    let (mut arguments, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => {
                while let Some((_, inner)) = characters.next() {
                    match inner {
                        '\\' => drop(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                arguments.push(&text[start..index]);
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    arguments
}

/// Returns the values of one argument: a field, or those in a message.
fn values(argument: &str) -> Vec<&str> {
    let argument = argument.trim();
    let first = argument.lines().find(|line| !line.trim_start().starts_with("//"));
    let start = first.and_then(|line| argument.find(line)).unwrap_or_default();
    let argument = argument[start..].trim();
    if argument.is_empty() || argument.starts_with("target:") || argument.starts_with("parent:") {
        return Vec::new();
    }
    if argument.starts_with('"') && !argument.contains("\" =") {
        let inline = argument.split('{').skip(1).filter_map(|part| part.split(['}', ':']).next());
        return inline.filter(|name| !name.is_empty() && name.chars().all(is_word)).collect();
    }
    let value = argument.split_once(" = ").map_or(argument, |(_, value)| value);
    vec![without_sigil(value)]
}

fn without_sigil(value: &str) -> &str {
    value.trim().trim_start_matches(['%', '?', '&'])
}

impl Recorded<'_> {
    /// Returns whether the value needs no review.
    fn is_bounded(&self) -> bool {
        let value = self.value;
        let is_literal = value.starts_with(|c: char| c == '"' || c.is_ascii_digit());
        let is_empty_field = matches!(value, "Empty" | "tracing::field::Empty");
        let name = value.rsplit(':').next().unwrap_or_default();
        let is_constant = name.chars().all(is_word) && !name.contains(|c: char| c.is_lowercase());
        is_literal
            || is_empty_field
            || is_constant
            || value.strip_suffix(".len()").is_some_and(|list| list.chars().all(is_path))
            || is_bounding(value)
            || self.is_bound_variable()
    }

    /// Returns whether the last binding of this name, of a variable or a closure, bounds a text.
    fn is_bound_variable(&self) -> bool {
        let name = self.value.strip_suffix("()").unwrap_or(self.value);
        let mut starts: Vec<_> = self.before.match_indices('\n').map(|(end, _)| end + 1).collect();
        starts.insert(0, 0);
        let mut bindings = starts.into_iter().rev().map(|start| &self.before[start..]);
        bindings.find_map(|code| binding(code.trim_start(), name)).is_some_and(is_bounding)
    }
}

/// Returns the value that the first line of this code binds to a name, empty if it is unknown.
fn binding<'a>(code: &'a str, name: &str) -> Option<&'a str> {
    let line = code.lines().next().unwrap_or_default();
    let has_name = |pattern: &str| pattern.split(|c| !is_word(c)).any(|word| word == name);
    if let Some((pattern, value)) = code.strip_prefix("let ").and_then(|it| it.split_once('=')) {
        return has_name(pattern).then(|| value.split(';').next().unwrap_or_default());
    }
    let arm = line.split_once("=>").map(|(pattern, _)| pattern);
    let condition = line.split_once("let ").and_then(|(_, it)| it.split_once('='));
    let closure = line.split('|').nth(1).filter(|_| line.matches('|').count() == 2);
    let patterns = [arm, condition.map(|(pattern, _)| pattern), closure];
    patterns.into_iter().flatten().any(has_name).then_some("")
}

/// Returns whether an expression bounds a text: a call, a closure, a mapped option or a tuple.
fn is_bounding(value: &str) -> bool {
    let value = value.trim();
    let value = value.strip_prefix("|| ").unwrap_or(value);
    if let Some(tuple) = value.strip_prefix('(') {
        return arguments(tuple).into_iter().all(is_bounding);
    }
    let mapped = value.rsplit_once(".map(").map(|(_, function)| function);
    let function = mapped.unwrap_or(value);
    let closure = function.strip_prefix('|').and_then(|closure| closure.split_once("| "));
    let function = closure.map_or(function, |(_, body)| body);
    let name = function.split(['(', ')']).next().unwrap_or_default();
    BOUNDING.contains(&name.trim_start_matches("http_guard::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "kliento/src/bin/kliento/command/serve/api.rs";

    fn count(code: &str) -> usize {
        check(Path::new("examples/src/lib.rs"), code).len()
    }

    #[test]
    fn untrusted_values_are_bounded() {
        for (code, expected) in [
            ("event!(warn, \"100 %done\");", 0),
            ("event!(warn, %error, ?peer, \"a\");", 2),
            // Only the first argument is a level.
            ("event!(error, error, \"a\");", 1),
            ("info!(error, \"a\");", 1),
            ("event!(warn, %user_agent, \"a\");", 1),
            ("event!(\n    warn,\n    name = %name,\n);", 1),
            ("event!(warn, name = log_text(name), \"a\");", 0),
            ("event!(warn, name = http_guard::log_text_up_to(300, name), \"a\");", 0),
            ("event!(warn, name = format!(\"{}{name}\", log_text(name)), \"a\");", 1),
            ("event!(warn, name = name.map(log_text), \"a\");", 0),
            ("event!(warn, name = name.map(|it| log_text(&it.name)), \"a\");", 0),
            ("event!(warn, name = name.map(|it| it.name), \"a\");", 1),
            ("let rest = a %b;", 0),
            // By shorthand and by value.
            ("event!(warn, user_agent, \"a\");", 1),
            ("event!(warn, error = user_agent, code = MAX, \"a\");", 1),
            ("event!(warn, entries = list.len(), total = 3, kind = \"a\", \"b\");", 0),
            ("event!(warn, name = request.user_agent(), \"a\");", 1),
            ("event!(warn, path = %path.display(), \"a\");", 1),
            // In the message.
            ("event!(warn, \"hello {user_agent}, {error:?}\");", 2),
            ("event!(warn, \"hello {}\", user_agent);", 1),
            // Macros without a path, and in other code.
            ("info!(%user_agent, \"a\");", 1),
            ("Ok(name) => tracing::info!(name, \"a\"),", 1),
            ("// event!(warn, name);", 0),
            ("assert!(name);", 0),
            // Spans.
            ("info_span!(\"request\", uri)", 1),
            ("tracing::debug_span!(target: TARGET, \"request\", uri = Empty)", 0),
            ("span.record(\"subject\", identity.subject());", 1),
            ("span.record(\"subject\", log_text(identity.subject()));", 0),
            ("#[tracing::instrument(skip(self))]", 1),
        ] {
            assert_eq!(count(code), expected, "{code}");
        }
    }

    #[test]
    fn variables_are_bounded_in_the_same_function() {
        for (code, expected) in [
            ("let name = log_text(name);\nevent!(warn, name, \"a\");", 0),
            ("let name =\n    log_text_up_to(3, name);\nevent!(warn, name, \"a\");", 0),
            ("let error = || log_text(it);\nevent!(warn, error = error(), \"a\");", 0),
            ("let (a, b) = (log_text(a), log_text(b));\nevent!(warn, a, b, \"a\");", 0),
            ("let (a, b) = (log_text(a), b);\nevent!(warn, a, b, \"a\");", 2),
            ("let name = log_text(name);\nlet name = it;\nevent!(warn, name, \"a\");", 1),
            ("let name = log_text(name);\nOk(name) => event!(warn, name, \"a\");", 1),
            ("let name = log_text(name);\nif let Ok(name) = it {\nevent!(warn, name, \"a\");", 1),
            ("let name = log_text(name);\nit.map(|name| event!(warn, name, \"a\"));", 1),
            ("let name = log_text(name);\n}\nfn f(name: &str) {\nevent!(warn, name, \"a\");", 1),
        ] {
            assert_eq!(count(code), expected, "{code}");
        }
    }

    #[test]
    fn values_of_a_file_are_reviewed() {
        let values = REVIEWED.iter().find(|(file, _)| *file == FILE).unwrap().1;
        let code = format!("tracing::info!({});", values.join(", "));
        let check = |code: &str| check(Path::new(FILE), code).len();
        assert_eq!(check(&code), 0);
        assert_eq!(check(""), values.len(), "each is unused");
        assert_eq!(check(&code.replace(");", ", name);")), 1);
    }
}

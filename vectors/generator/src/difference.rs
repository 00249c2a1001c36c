//! The differences between two recipes, so that each case has exactly one fault.

use serde_json::{Map, Value};

/// Returns the paths at which two values differ. A run of elements that are only in one of two
/// lists is one difference, and so is a choice between two kinds of value.
pub(crate) fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", left, right, &mut found);
    found
}

fn collect(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        _ if left == right => {}
        (Value::Object(left), Value::Object(right)) if sorted_keys(left) == sorted_keys(right) => {
            for name in sorted_keys(left) {
                let separator = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{separator}{name}"), &left[name], &right[name], found);
            }
        }
        (Value::Array(left), Value::Array(right)) => collect_list(path, left, right, found),
        _ => found.push(path.to_owned()),
    }
}

/// Returns the keys in an order that does not depend on `serde_json`'s feature `preserve_order`.
fn sorted_keys(object: &Map<String, Value>) -> Vec<&String> {
    let mut keys: Vec<&String> = object.keys().collect();
    keys.sort();
    keys
}

fn collect_list(path: &str, left: &[Value], right: &[Value], found: &mut Vec<String>) {
    let start = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let (left, right) = (&left[start..], &right[start..]);
    let end =
        left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left == right).count();
    let (left, right) = (&left[..left.len() - end], &right[..right.len() - end]);
    if left.len() == right.len() {
        for (position, (left, right)) in left.iter().zip(right).enumerate() {
            collect(&format!("{path}[{}]", start + position), left, right, found);
        }
    } else if left.is_empty() || right.is_empty() {
        found.push(format!("{path}[{start}]"));
    } else {
        found.extend(
            (0..left.len().max(right.len()))
                .map(|position| format!("{path}[{}]", start + position)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_differences() {
        let twin = json!({"a": [1, 2, 3], "b": {"c": null, "d": {"X": 1}}});
        let path = |case| differences(&twin, &case);
        assert!(path(twin.clone()).is_empty());
        assert_eq!(path(json!({"a": [1, 9, 3], "b": {"c": null, "d": {"X": 1}}})), ["a[1]"]);
        assert_eq!(path(json!({"a": [1, 5, 6, 2, 3], "b": {"c": null, "d": {"X": 1}}})), ["a[1]"]);
        assert_eq!(path(json!({"a": [1], "b": {"c": null, "d": {"X": 1}}})), ["a[1]"]);
        assert_eq!(path(json!({"a": [1, 2, 3], "b": {"c": 1, "d": {"Y": 2}}})), ["b.c", "b.d"]);
        assert_eq!(path(json!({"a": [3, 4], "b": {"c": null, "d": {"X": 1}}})).len(), 3);
    }
}

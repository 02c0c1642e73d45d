//! What a function answers to a batch, and which records it is given at all.

use crate::pattern::Pattern;
use serde_json::Value;
use std::collections::BTreeSet;

/// Which items of a batch failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// None.
    Done,
    /// Those with these identifiers.
    Some(BTreeSet<String>),
    /// All of them: the function failed, or its answer makes no sense.
    All,
}

/// Reads `{"batchItemFailures": [{"itemIdentifier": "..."}]}` by Lambda's rules: no list or an
/// empty one is success, an identifier that is empty or not of this batch is failure of all.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
pub(super) fn outcome(answer: &Value, identifiers: &BTreeSet<&str>) -> Outcome {
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Outcome::Done,
        Some(Value::Array(failures)) if failures.is_empty() => return Outcome::Done,
        Some(Value::Array(failures)) => failures,
        Some(_) => return Outcome::All,
    };
    let identifier = |failure: &Value| {
        let identifier = failure.get("itemIdentifier")?.as_str()?;
        identifiers.contains(identifier).then(|| identifier.to_owned())
    };
    failures.iter().map(identifier).collect::<Option<_>>().map_or(Outcome::All, Outcome::Some)
}

/// Whether any of `filters` lets the record through, or there are none.
pub(super) fn lets_through(filters: &[Pattern], record: &Value) -> bool {
    filters.is_empty() || filters.iter().any(|pattern| pattern.matches(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_says_which_items_failed() {
        let ids = BTreeSet::from(["1", "2"]);
        let failed = |ids: &[&str]| {
            let failures: Vec<_> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
            json!({"batchItemFailures": failures})
        };
        for done in
            [json!(null), json!({}), json!({"batchItemFailures": null}), failed(&[]), json!("ok")]
        {
            assert_eq!(outcome(&done, &ids), Outcome::Done, "{done}");
        }
        assert_eq!(outcome(&failed(&["2"]), &ids), Outcome::Some(BTreeSet::from(["2".to_owned()])));
        for bad in [
            failed(&["2", "3"]),
            failed(&[""]),
            json!({"batchItemFailures": [{}]}),
            json!({"batchItemFailures": [{"itemIdentifier": null}]}),
            json!({"batchItemFailures": "2"}),
        ] {
            assert_eq!(outcome(&bad, &ids), Outcome::All, "{bad}");
        }
    }
}

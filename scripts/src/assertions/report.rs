//! What came of the assertions, for people and for a CI that reads JUnit's form.

use std::collections::BTreeMap;

use crate::assertions::{Fault, Outcome};
use crate::plain;

/// Each assertion that does not hold, as a difference, and the numbers.
pub(super) fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let faulty = outcomes.iter().filter_map(|outcome| Some((outcome, outcome.fault.as_ref()?)));
    for (Outcome { file, name, .. }, Fault { expected, answered }) in faulty {
        let (name, answered) = (plain(name), plain(answered));
        text += &format!("FAILED  {file}: {name}\n        - {expected}\n        + {answered}\n");
    }
    let failed = outcomes.iter().filter(|outcome| outcome.fault.is_some()).count();
    let passed = outcomes.len() - failed;
    text + &format!("{passed} passed, {failed} failed\n")
}

/// The same as XML.
pub(super) fn junit(outcomes: &[Outcome]) -> String {
    let mut suites: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        suites.entry(&outcome.file).or_default().push(outcome);
    }
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (file, outcomes) in suites {
        let failed = outcomes.iter().filter(|outcome| outcome.fault.is_some()).count();
        let (file, all) = (escaped(file), outcomes.len());
        xml += &format!("  <testsuite name=\"{file}\" tests=\"{all}\" failures=\"{failed}\">\n");
        for outcome in outcomes {
            let name = escaped(&outcome.name);
            xml += &format!("    <testcase classname=\"{file}\" name=\"{name}\"");
            xml += &match &outcome.fault {
                None => "/>\n".to_owned(),
                Some(Fault { expected, answered }) => format!(
                    ">\n      <failure message=\"expected {}, answered {}\"/>\n    </testcase>\n",
                    escaped(expected),
                    escaped(answered)
                ),
            };
        }
        xml += "  </testsuite>\n";
    }
    xml + "</testsuites>\n"
}

/// A text as it may stand in an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in plain(text).chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let of =
            |name: &str, fault| Outcome { file: "a.yaml".to_owned(), name: name.to_owned(), fault };
        let fault =
            Fault { expected: "allow".to_owned(), answered: "deny: \"<expired>\"".to_owned() };
        vec![of("allow: a b c", None), of("allow: a & c", Some(fault))]
    }

    #[test]
    fn a_failure_is_told_as_what_was_expected_and_what_was_answered() {
        let expected = "FAILED  a.yaml: allow: a & c\n        - allow\n        + deny: \"<expired>\"\n1 passed, 1 failed\n";
        assert_eq!(text(&outcomes()), expected);
    }

    #[test]
    fn the_form_of_junit_has_every_assertion_and_escapes_what_it_must() {
        let xml = junit(&outcomes());
        assert!(xml.contains("<testsuite name=\"a.yaml\" tests=\"2\" failures=\"1\">"), "{xml}");
        assert!(xml.contains("name=\"allow: a &amp; c\""), "{xml}");
        assert!(xml.contains("answered deny: &quot;&lt;expired&gt;&quot;\""), "{xml}");
    }
}

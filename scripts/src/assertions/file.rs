//! What an assertion file says.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ask::Principal;

/// An assertion file. What is said of a thing beside the fields named here goes into its request as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Entity types beside the built-in ones.
    #[serde(default)]
    pub(super) entity_types: Vec<String>,
    /// When the assertions are tried; this moment when absent.
    #[serde(default)]
    pub(super) now: Option<String>,
    #[serde(default)]
    pub(super) roles: Vec<Map<String, Value>>,
    #[serde(default)]
    pub(super) entities: Vec<Map<String, Value>>,
    /// Members by group, each a principal.
    #[serde(default)]
    pub(super) groups: BTreeMap<String, Vec<String>>,
    /// Properties by principal.
    #[serde(default)]
    pub(super) principals: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    pub(super) assignments: Vec<Map<String, Value>>,
    pub(super) tests: Vec<Test>,
}

/// One assertion.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// `<principal> <action> <resource>`, which must be allowed.
    #[serde(default)]
    allow: Option<String>,
    /// The same, which must be denied.
    #[serde(default)]
    deny: Option<String>,
    /// The reason that the denial must have.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// What else a condition may look at.
    #[serde(default)]
    pub(super) context: Option<Value>,
    /// When; `now` of the file when absent.
    #[serde(default)]
    pub(super) at: Option<String>,
}

/// What an assertion asks.
pub(super) struct Question {
    pub(super) principal: Principal,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) is_allowed: bool,
}

impl File {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: Self = yaml_serde::from_str(text).map_err(|error| error.to_string())?;
        for test in &file.tests {
            test.question().map_err(|reason| format!("{test}: {reason}"))?;
        }
        if file.tests.is_empty() { Err("has no tests".to_owned()) } else { Ok(file) }
    }
}

impl Test {
    pub(super) fn question(&self) -> Result<Question, String> {
        let (asked, is_allowed) = match (&self.allow, &self.deny) {
            (Some(asked), None) => (asked, true),
            (None, Some(asked)) => (asked, false),
            _ => return Err("must have either `allow` or `deny`".to_owned()),
        };
        if is_allowed && self.reason.is_some() {
            return Err("only a denial has a `reason`".to_owned());
        }
        let words: Vec<&str> = asked.split_whitespace().collect();
        let [principal, action, resource] = words.as_slice() else {
            return Err("must be `<principal> <action> <resource>`".to_owned());
        };
        let principal = principal.parse()?;
        let (action, resource) = ((*action).to_owned(), (*resource).to_owned());
        Ok(Question { principal, action, resource, is_allowed })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.allow, &self.deny) {
            (Some(asked), _) => write!(f, "allow: {asked}")?,
            (None, asked) => write!(f, "deny: {}", asked.as_deref().unwrap_or_default())?,
        }
        if let Some(context) = &self.context {
            write!(f, ", with {context}")?;
        }
        match &self.at {
            Some(at) => write!(f, ", at {at}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_that_asks_nothing_or_twice_is_refused() {
        for bad in [
            "{}",
            "{allow: alice read acme, deny: bob read acme}",
            "{allow: alice read}",
            "{allow: alice read acme now}",
            "{allow: alice read acme, reason: expired}",
            "{allow: ':alice read acme'}",
            "{allows: alice read acme}",
        ] {
            assert!(File::parse(&format!("tests: [{bad}]")).is_err(), "{bad}");
        }
        assert!(File::parse("tests: []").is_err());
        let file = File::parse("tests: [{deny: 'group:g read acme', reason: expired}]").unwrap();
        let question = file.tests[0].question().unwrap();
        assert_eq!(question.principal.to_string(), "group:g");
        assert!(!question.is_allowed);
    }
}

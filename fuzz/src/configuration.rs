//! What operators write: the template, issuers, limits, files of assertions.

#[cfg(feature = "system")]
use authorizer::{ISSUERS_MAX, Issuer};
use domain::limit::plan::Plan;
#[cfg(feature = "system")]
use local::template::Template;

use crate::file::File;
use crate::text;

#[cfg(feature = "system")]
pub(crate) fn template(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Template::parse(text) {
        Ok(template) => {
            let again = Template::parse(text).unwrap();
            assert_eq!(
                format!("{template:?}"),
                format!("{again:?}"),
                "read otherwise the second time"
            );
        }
        // Whoever wrote it must find the place.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(feature = "system")]
pub(crate) fn issuers(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(issuers) = Issuer::parse_list(text) else { return };
    assert!(issuers.len() <= ISSUERS_MAX);
    for issuer in issuers {
        // Without these, a token of anyone would do.
        assert!(!issuer.name.is_empty() && !issuer.audience.is_empty(), "{issuer:?}");
        assert!(!issuer.algorithms.is_empty() && issuer.leeway_seconds >= 0, "{issuer:?}");
    }
}

pub(crate) fn limits(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (first, second) = (Plan::parse(text), Plan::parse(text));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}

pub(crate) fn assertions(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(file) = File::parse(text) else { return };
    assert!(!file.tests.is_empty());
    for test in &file.tests {
        let question = test.question().unwrap();
        let written = question.principal.to_string();
        let again: crate::ask::Principal = written.parse().unwrap();
        assert_eq!((again.kind, again.id), (question.principal.kind, question.principal.id));
        assert!(!question.action.is_empty() && !question.resource.is_empty());
        let asked = if question.is_allowed { "allow: " } else { "deny: " };
        assert!(test.to_string().starts_with(asked));
    }
}

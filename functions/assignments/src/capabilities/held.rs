//! What a principal effectively holds: by name, with every way in which it does.

use std::collections::BTreeMap;

use domain::assignment::Standing;
use domain::capability::canonical;
use domain::grants::{Gives, Grant, Grants};
use domain::permission::Action;
use domain::time::Timestamp;

/// A permission that is held now, as it is spelled where it is granted.
#[derive(Debug)]
pub(super) struct Holding<'a> {
    pub(super) code: String,
    /// What gives it: direct grants first.
    pub(super) by: Vec<&'a Grant>,
}

/// Everything that is held now, in the order of the names. Within scopes, only what they include: of a wildcard, what
/// they name of it.
pub(super) fn holdings<'a>(
    grants: &'a Grants,
    scopes: Option<&[String]>,
    now: Timestamp,
) -> Vec<Holding<'a>> {
    let mut held: BTreeMap<String, Vec<&Grant>> = BTreeMap::new();
    for grant in grants.iter().filter(|one| one.assignment.standing(now) == Standing::Effective) {
        for code in names(&grant.gives, scopes) {
            let by = held.entry(code).or_default();
            // Two scopes may be spellings of one permission.
            if by.last().is_none_or(|last| !std::ptr::eq(*last, grant)) {
                by.push(grant);
            }
        }
    }
    let holding = |(code, mut by): (String, Vec<&'a Grant>)| {
        by.sort_by_key(|grant| grant.gives.role().is_some());
        Holding { code, by }
    };
    held.into_iter().map(holding).collect()
}

/// The names of what a grant gives.
fn names(gives: &Gives, scopes: Option<&[String]>) -> Vec<String> {
    let own: Vec<&str> = match gives {
        Gives::Role(role) => role.permissions.iter().collect(),
        Gives::Permission(action) => vec![action.as_str()],
    };
    let Some(scopes) = scopes else { return own.into_iter().map(str::to_owned).collect() };
    let scopes: Vec<_> = scopes.iter().map(|scope| canonical(scope)).collect();
    let named = own.into_iter().filter(|name| scopes.contains(&canonical(name)));
    let mut names: Vec<String> = named.map(str::to_owned).collect();
    // What a wildcard covers is not among its names.
    let covered = scopes
        .iter()
        .filter(|scope| Action::parse(scope).is_ok_and(|action| gives.granting(&action).is_some()));
    names.extend(covered.map(|scope| scope.clone().into_owned()));
    names
}

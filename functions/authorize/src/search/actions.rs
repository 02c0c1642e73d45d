//! What may this principal do here?

use std::collections::BTreeSet;
use std::ops::Bound;

use api::{PAGE_ITEMS_MAX, Problem};
use domain::grants::{Gives, Grants};
use domain::permission::{Action, Permissions};
use domain::role::Role;

use crate::asked::{On, Sent, Who};
use crate::search::{ACTIONS_MAX, Found, Position, Search};

impl Search<'_> {
    /// Actions in order. Candidates are those that the roles and the direct grants of the principal name; and,
    /// where a built-in role with a wildcard is among them, which names none, those of every role.
    pub(crate) async fn actions(
        &self,
        who: &Who,
        on: &On,
        grants: &Grants,
        after: Option<Position>,
    ) -> Result<Found<Action>, Problem> {
        let after = match after {
            None => None,
            Some(Position::Action(after)) => {
                Some(Action::parse(&after).map_err(|_| store::Error::Cursor)?)
            }
            Some(_) => return Err(store::Error::Cursor.into()),
        };
        let grants = &*Sent::about(grants, &on.target());
        let mut named = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut any = false;
        for grant in grants.iter() {
            match &grant.gives {
                Gives::Permission(action) => drop(named.insert(action.clone())),
                Gives::Role(role) if seen.insert(&role.id) => any |= !name(role, &mut named),
                Gives::Role(_) => {}
            }
        }
        if any {
            self.named_by_every_role(&mut named).await?;
        }
        let mut found = Found { items: Vec::new(), next: None };
        let rest = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let mut rest = named.range(rest);
        for action in rest.by_ref().take(ACTIONS_MAX) {
            if self.sent.decide(grants, who, action, on.target(), self.now).is_allowed() {
                found.items.push(action.clone());
            }
            found.next = Some(Position::Action(action.to_string()));
            if found.items.len() == self.limit {
                break;
            }
        }
        if rest.next().is_none() {
            found.next = None;
        }
        Ok(found)
    }

    async fn named_by_every_role(&self, named: &mut BTreeSet<Action>) -> Result<(), Problem> {
        let mut after = None;
        loop {
            let store = &self.app.store;
            let page = store.role_list(self.tenant, after.as_deref(), PAGE_ITEMS_MAX).await?;
            for role in &page.items {
                name(role, named);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Adds the actions that a role names; whether they are all that it grants, as with all but the built-in roles that
/// have a wildcard, which no action holds.
fn name(role: &Role, named: &mut BTreeSet<Action>) -> bool {
    match &role.permissions {
        Permissions::Exact(entries) => {
            named.extend(entries.iter().map(|entry| entry.action.clone()));
            true
        }
        Permissions::Patterns(patterns) => {
            let actions = patterns.iter().map(|pattern| Action::parse(pattern));
            actions.fold(true, |all, action| match action {
                Ok(action) => {
                    named.insert(action);
                    all
                }
                Err(_) => false,
            })
        }
    }
}

//! Which principals of a type may do this here?

use api::Problem;
use domain::grants::{Gives, Grant, Grants};
use domain::id::AssignmentId;
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use store::{Attributes, Candidates, Holder, Holding, Known, Wanted};

use crate::asked::{On, Sent, Who, could_give};
use crate::check::not_read;
use crate::search::{Found, Page, Position, Search, in_form};

/// A principal that may pass, and the way by which it was found. It may be found by several; it counts by
/// the one of its oldest assignment, which is the least likely not to be in an index yet.
struct Candidate {
    who: Who,
    way: Way,
}

enum Way {
    /// Through groups, its own first, by an assignment on the line of the resource.
    Held(AssignmentId, Vec<domain::id::PrincipalId>),
    /// By an assignment of its own, wherever that stands.
    Holds(AssignmentId),
    /// As one of whom something else is stored than assignments.
    Described,
}

impl Search<'_> {
    /// Where what everyone of the type holds could give the action, every known principal of the type is a
    /// candidate; otherwise those who hold something on the resource, above it, or everywhere.
    pub(crate) async fn principals(
        &self,
        action: &Action,
        on: &On,
        kind: &PrincipalType,
        after: Option<Position>,
    ) -> Result<Found<Principal>, Problem> {
        let mut position = match after {
            Some(after) => after,
            None if self.is_open_to_all(action, on, kind).await? => Position::Known(None),
            None => Position::Held(None),
        };
        let places = on.places();
        let holding = Holding { tenant: self.tenant, places: &places, kind };
        let mut page = Page::new(self.limit);
        loop {
            let Candidates { items, next, reads } =
                self.candidates(action, on, holding, position, page.chunk()).await?;
            let judged = self.judge_principals(action, on, items).await?;
            match page.take(judged, next, reads) {
                Some(next) => position = next,
                None => return Ok(page.found),
            }
        }
    }

    /// Whether an assignment of `*` could give the action here.
    async fn is_open_to_all(
        &self,
        action: &Action,
        on: &On,
        kind: &PrincipalType,
    ) -> Result<bool, Problem> {
        let every = Principal { kind: kind.clone(), id: domain::id::PrincipalId::every() };
        let principals = std::slice::from_ref(&every);
        let wanted = Wanted::fresh(self.tenant, principals, &[], Attributes::Unread);
        let inputs = self.app.store.inputs_read(wanted).await?;
        let grants = inputs.grants(&every).ok_or_else(not_read)?;
        Ok(grants.iter().any(|grant| counts(grant, action, on)))
    }

    async fn candidates(
        &self,
        action: &Action,
        on: &On,
        holding: Holding<'_>,
        position: Position,
        items_max: usize,
    ) -> Result<Candidates<Candidate, Position>, Problem> {
        let store = &self.app.store;
        Ok(match position {
            Position::Held(after) => {
                let kind = on.target().kind;
                let counts =
                    |gives: &Gives| gives.granting(action).is_some() && gives.governs(kind);
                let found = store.holders(holding, counts, after, items_max).await?;
                let found = found.map(|Holder { principal, assignment, groups }| Candidate {
                    who: Who::is(principal),
                    way: Way::Held(assignment, groups),
                });
                in_form(found, |position| Position::Held(Some(position)))
            }
            Position::Known(after) => {
                let Holding { tenant, kind, .. } = holding;
                let found = store.principals_known(tenant, kind, after, items_max).await?;
                let found = found.map(|known| match known {
                    Known::Holds(principal, assignment) => {
                        Candidate { who: Who::is(principal), way: Way::Holds(assignment) }
                    }
                    Known::Described(principal) => {
                        Candidate { who: Who::is(principal), way: Way::Described }
                    }
                });
                in_form(found, |position| Position::Known(Some(position)))
            }
            _ => return Err(store::Error::Cursor.into()),
        })
    }

    async fn judge_principals(
        &self,
        action: &Action,
        on: &On,
        candidates: Vec<(Candidate, Position)>,
    ) -> Result<Vec<(Option<Principal>, Position)>, Problem> {
        let principals: Vec<Principal> =
            candidates.iter().map(|(candidate, _)| candidate.who.principal.clone()).collect();
        let wanted = Wanted::fresh(self.tenant, &principals, &[], Attributes::Unread);
        let inputs = self.app.store.inputs_read(wanted).await?;
        let judge = |(Candidate { who, way }, after)| {
            let grants = inputs.grants(&who.principal).ok_or_else(not_read)?;
            let grants = Sent::about(grants, &on.target());
            let passes = is_the_way(&way, &grants, action, on)
                && self.sent.decide(&grants, &who, action, on.target(), self.now).is_allowed();
            Ok((passes.then_some(who.principal), after))
        };
        candidates.into_iter().map(judge).collect()
    }
}

/// Whether a grant could give the action here, at some time.
fn counts(grant: &Grant, action: &Action, on: &On) -> bool {
    let target = on.target();
    let is_here = grant
        .assignment
        .entity_id
        .as_ref()
        .is_none_or(|entity| entity.as_str() == target.id || target.ancestors.contains(entity));
    // Of what is not stored, an entity's id is only a name that happens to be the same.
    let is_here = is_here && (target.stored.is_some() || grant.assignment.entity_id.is_none());
    is_here && could_give(grant, action, target.kind)
}

/// Whether this is the one of all ways by which a principal is found that it counts by.
fn is_the_way(way: &Way, grants: &Grants, action: &Action, on: &On) -> bool {
    let oldest = |of: &dyn Fn(&&Grant) -> bool| {
        let own = grants.iter().filter(|grant| !grant.assignment.principal.id.is_every());
        own.filter(|grant| of(grant))
            .min_by_key(|grant| (grant.assignment.created_at, grant.assignment.id.clone()))
    };
    match way {
        Way::Held(assignment, groups) => oldest(&|grant| counts(grant, action, on))
            .is_some_and(|grant| grant.assignment.id == *assignment && *grant.groups == **groups),
        Way::Holds(assignment) => oldest(&|grant| grant.groups.is_empty())
            .is_some_and(|grant| grant.assignment.id == *assignment),
        Way::Described => oldest(&|grant| grant.groups.is_empty()).is_none(),
    }
}

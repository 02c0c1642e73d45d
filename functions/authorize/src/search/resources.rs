//! On which entities of a type may this principal do this?

use std::collections::BTreeSet;

use api::Problem;
use domain::entity_type::TypeName;
use domain::grants::Grant;
use domain::id::EntityId;
use domain::permission::Action;
use store::{Attributes, Candidates, Wanted};

use crate::asked::{Who, could_give};
use crate::check::not_read;
use crate::search::{Found, Page, Position, Search, in_form};

impl Search<'_> {
    /// Where a global grant could give the action, every entity of the type is a candidate; otherwise those
    /// at and below the entities that its grants stand on.
    pub(crate) async fn resources(
        &self,
        who: &Who,
        action: &Action,
        kind: &TypeName,
        after: Option<Position>,
    ) -> Result<Found<EntityId>, Problem> {
        let principals = std::slice::from_ref(&who.principal);
        let wanted = Wanted::fresh(self.tenant, principals, &[], Attributes::Unread);
        let inputs = self.app.store.inputs_read(wanted).await?;
        let grants = inputs.grants(&who.principal).ok_or_else(not_read)?;
        let could = |grant: &&Grant| could_give(grant, action, kind.as_str());
        let roots: BTreeSet<EntityId> = grants
            .iter()
            .filter(could)
            .filter_map(|grant| grant.assignment.entity_id.clone())
            .collect();
        let is_global = || grants.everywhere().any(|grant| could(&grant));
        let first = || if is_global() { Position::OfType(None) } else { Position::Below(None) };
        let mut position = after.unwrap_or_else(first);
        let mut page = Page::new(self.limit);
        loop {
            let Candidates { items, next, reads } =
                self.entities(kind, &roots, position, page.chunk()).await?;
            let judged = self.judge_entities(who, action, kind, items).await?;
            match page.take(judged, next, reads) {
                Some(next) => position = next,
                None => return Ok(page.found),
            }
        }
    }

    async fn entities(
        &self,
        kind: &TypeName,
        roots: &BTreeSet<EntityId>,
        position: Position,
        items_max: usize,
    ) -> Result<Candidates<EntityId, Position>, Problem> {
        let (store, tenant) = (&self.app.store, self.tenant);
        Ok(match position {
            Position::OfType(after) => {
                let candidates = store.entities_of_type(tenant, kind, after, items_max).await?;
                in_form(candidates, |position| Position::OfType(Some(position)))
            }
            Position::Below(after) => {
                let candidates =
                    store.entities_below(tenant, roots, kind, after, items_max).await?;
                in_form(candidates, |position| Position::Below(Some(position)))
            }
            _ => return Err(store::Error::Cursor.into()),
        })
    }

    async fn judge_entities(
        &self,
        who: &Who,
        action: &Action,
        kind: &TypeName,
        candidates: Vec<(EntityId, Position)>,
    ) -> Result<Vec<(Option<EntityId>, Position)>, Problem> {
        let resources: Vec<EntityId> = candidates.iter().map(|(id, _)| id.clone()).collect();
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        let principals = std::slice::from_ref(&who.principal);
        let attributes = Attributes::For(std::slice::from_ref(action));
        let wanted = Wanted::fresh(self.tenant, principals, &resources, attributes);
        let inputs = self.app.store.inputs_read(wanted).await?;
        let grants = inputs.grants(&who.principal).ok_or_else(not_read)?;
        let passes = |id: &EntityId| {
            inputs.resource(id.as_str()).is_some_and(|located| {
                let target = located.target();
                located.kind == *kind
                    && self.sent.decide(grants, who, action, target, self.now).is_allowed()
            })
        };
        let judge = |(id, after)| (Some(id).filter(passes), after);
        Ok(candidates.into_iter().map(judge).collect())
    }
}

//! Assignments: in the partition of the principal, where a decision reads them.
//!
//! The key of an assignment is its tuple (principal, role or permission, entity), so the key itself keeps it unique; a
//! pointer leads from its id to the key.

use domain::assignment::{Assigned, Assignment};
use domain::change::Change;
use domain::condition::Condition;
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use domain::text::Reason;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::item::{self, Item, from_item, text, to_item};
use crate::key::{ASSIGNMENT_PREFIX, BY_KIND, BY_RELATION};
use crate::read::Page;
use crate::{Store, key};

/// Which assignments to list.
#[derive(Clone, Debug, Default)]
pub struct AssignmentFilter {
    /// Of this principal.
    pub principal: Option<Principal>,
    /// On this entity itself.
    pub entity_id: Option<EntityId>,
    /// Of this role or permission.
    pub what: Option<Assigned>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AssignmentRow {
    id: AssignmentId,
    tenant_id: TenantId,
    principal_type: PrincipalType,
    principal_id: PrincipalId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role_id: Option<RoleId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permission: Option<Action>,
    entity_id: Option<EntityId>,
    effective_at: Timestamp,
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct PointerRow {
    principal_type: PrincipalType,
    principal_id: PrincipalId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role_id: Option<RoleId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permission: Option<Action>,
    entity_id: Option<EntityId>,
}

/// What is assigned, which is stored as one of two attributes.
fn assigned(role_id: Option<RoleId>, permission: Option<Action>) -> Result<Assigned, Error> {
    match (role_id, permission) {
        (Some(id), None) => Ok(Assigned::Role(id)),
        (None, Some(action)) => Ok(Assigned::Permission(action)),
        _ => Err(Error::Defect(
            "an assignment is stored with neither or both of a role and a permission".to_owned(),
        )),
    }
}

/// The attribute that says what an assignment gives, and its value.
fn column(what: &Assigned) -> (&'static str, &str) {
    match what {
        Assigned::Role(id) => ("role_id", id.as_str()),
        Assigned::Permission(action) => ("permission", action.as_str()),
    }
}

impl Store {
    /// The assignment of a tuple. 1 RCU.
    pub async fn assignment_find(
        &self,
        tenant: &TenantId,
        principal: &Principal,
        what: &Assigned,
        entity: Option<&EntityId>,
    ) -> Result<Option<Assignment>, Error> {
        self.get(key::assignment(tenant, principal, what, entity))
            .await?
            .map(assignment)
            .transpose()
    }

    /// An assignment by id. 2 RCU in two round trips: the pointer, then the assignment.
    pub async fn assignment_read(
        &self,
        tenant: &TenantId,
        id: &AssignmentId,
    ) -> Result<Option<Assignment>, Error> {
        let Some(pointer) = self.get(key::assignment_pointer(tenant, id)).await? else {
            return Ok(None);
        };
        let PointerRow { principal_type, principal_id, role_id, permission, entity_id } =
            from_item(pointer)?;
        let principal = Principal { kind: principal_type, id: principal_id };
        let what = assigned(role_id, permission)?;
        let found = self.assignment_find(tenant, &principal, &what, entity_id.as_ref()).await?;
        // Between the two reads the tuple may have been revoked and assigned anew, under another id.
        Ok(found.filter(|assignment| assignment.id == *id))
    }

    /// Stores a new assignment. Conflicts: [`Guard::Tuple`], [`Guard::Id`].
    pub async fn assignment_create(
        &self,
        intent: &Intent<'_>,
        change: &Change<Assignment>,
    ) -> Result<(), Error> {
        let after = &change.after;
        let pointer = PointerRow {
            principal_type: after.principal.kind.clone(),
            principal_id: after.principal.id.clone(),
            role_id: after.what.role().cloned(),
            permission: after.what.permission().cloned(),
            entity_id: after.entity_id.clone(),
        };
        let pointer = to_item(key::assignment_pointer(&after.tenant_id, &after.id), &pointer)?;
        let item = assignment_item(after)?;
        let unit = Unit::of(self, intent, change)?
            .touch(&self.tables.core, &after.principal, None, Some(&item))
            .create(&self.tables.core, item, Guard::Tuple)
            .create(&self.tables.core, pointer, Guard::Id);
        self.commit(unit).await
    }

    /// Removes an assignment. Conflicts: [`Guard::Version`] when someone else did so first.
    pub async fn assignment_delete(
        &self,
        intent: &Intent<'_>,
        change: &Change<Assignment>,
    ) -> Result<(), Error> {
        let gone = &change.after;
        let id = aws_sdk_dynamodb::types::AttributeValue::S(gone.id.to_string());
        let row =
            key::assignment(&gone.tenant_id, &gone.principal, &gone.what, gone.entity_id.as_ref());
        let (name, value) = column(&gone.what);
        let what = aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
        let unit = Unit::of(self, intent, change)?
            .delete(&self.tables.core, row, "id", id)
            .delete(
                &self.tables.core,
                key::assignment_pointer(&gone.tenant_id, &gone.id),
                name,
                what,
            )
            .touch(&self.tables.core, &gone.principal, Some(&assignment_item(gone)?), None);
        self.commit(unit).await
    }

    /// A page of assignments: of a principal in a stable order, strongly consistent; otherwise newest
    /// first, through an index, where one shows shortly after it was made.
    pub async fn assignment_list(
        &self,
        tenant: &TenantId,
        filter: &AssignmentFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Assignment>, Error> {
        let kept = |item: &Item| {
            filter
                .entity_id
                .as_ref()
                .is_none_or(|entity| text(item, "entity_id") == Some(entity.as_str()))
                && filter
                    .what
                    .as_ref()
                    .map(column)
                    .is_none_or(|(name, value)| text(item, name) == Some(value))
        };
        let page = if let Some(principal) = &filter.principal {
            let pk = key::principal(tenant, principal);
            let mut page =
                self.partition_page(&pk, ASSIGNMENT_PREFIX, after.as_deref(), limit).await?;
            page.items.retain(kept);
            page
        } else if let Some(entity) = &filter.entity_id {
            let on = [key::assignments_on(tenant, Some(entity))];
            self.listing_page(BY_RELATION, &on, after, limit, kept).await?
        } else {
            self.listing_page(BY_KIND, &key::assignment_listings(tenant), after, limit, kept)
                .await?
        };
        page.try_map(assignment)
    }
}

/// The assignment of an item.
pub(crate) fn assignment(item: Item) -> Result<Assignment, Error> {
    let row: AssignmentRow = from_item(item)?;
    Ok(Assignment {
        id: row.id,
        tenant_id: row.tenant_id,
        principal: Principal { kind: row.principal_type, id: row.principal_id },
        what: assigned(row.role_id, row.permission)?,
        entity_id: row.entity_id,
        effective_at: row.effective_at,
        expires_at: row.expires_at,
        condition: row.condition,
        reason: row.reason,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn assignment_item(assignment: &Assignment) -> Result<Item, Error> {
    let Assignment { id, tenant_id, principal, what, entity_id, created_at, .. } = assignment;
    let row = AssignmentRow {
        id: id.clone(),
        tenant_id: tenant_id.clone(),
        principal_type: principal.kind.clone(),
        principal_id: principal.id.clone(),
        role_id: what.role().cloned(),
        permission: what.permission().cloned(),
        entity_id: entity_id.clone(),
        effective_at: assignment.effective_at,
        expires_at: assignment.expires_at,
        condition: assignment.condition.clone(),
        reason: assignment.reason.clone(),
        created_at: *created_at,
        updated_at: assignment.updated_at,
    };
    let mut item = to_item(key::assignment(tenant_id, principal, what, entity_id.as_ref()), &row)?;
    let sort_key = key::by_time(*created_at, id.as_str());
    item::index(&mut item, BY_KIND, key::assignment_listing(tenant_id, id), sort_key.clone());
    item::index(
        &mut item,
        BY_RELATION,
        key::assignments_on(tenant_id, entity_id.as_ref()),
        sort_key,
    );
    Ok(item)
}

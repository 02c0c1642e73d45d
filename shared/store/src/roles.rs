//! Roles: all of a tenant's in one partition, read by id or as a list.

use domain::change::Change;
use domain::entity_type::TypeName;
use domain::id::{RoleId, TenantId};
use domain::permission::{Entry, Permissions};
use domain::role::Role;
use domain::text::{Description, RoleName};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::item::{Item, from_item, to_item};
use crate::key::ROLE_PREFIX;
use crate::read::Page;
use crate::{Store, key};

#[derive(Serialize, Deserialize)]
struct RoleRow {
    id: RoleId,
    tenant_id: TenantId,
    name: RoleName,
    description: Option<Description>,
    permissions: Vec<Entry>,
    scope_types: Vec<TypeName>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Store {
    /// A role, built-in ones included. 1 RCU per 4 KiB, none for a built-in role.
    pub async fn role_read(&self, tenant: &TenantId, id: &RoleId) -> Result<Option<Role>, Error> {
        if id.is_reserved() {
            return Ok(Role::system_by_id(tenant, id));
        }
        self.get(key::role(tenant, id)).await?.map(role).transpose()
    }

    /// A page of roles by id, built-in ones included. 1 RCU per 4 KiB.
    pub async fn role_list(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Role>, Error> {
        let stored = self.partition_page(&key::roles(tenant), ROLE_PREFIX, after, limit).await?;
        let more_stored = stored.next.is_some();
        let mut roles = stored.items.into_iter().map(role).collect::<Result<Vec<_>, _>>()?;
        // Built-in roles are not stored; they take their place in the order, as far as this page reaches.
        let reaches = roles.last().filter(|_| more_stored).map(|last| last.id.clone());
        let position = |role: &Role| key::role_place(&role.id);
        roles.extend(Role::system(tenant).into_iter().filter(|role| {
            after.is_none_or(|after| *position(role) > *after)
                && reaches.as_ref().is_none_or(|last| role.id < *last)
        }));
        roles.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let more = more_stored || roles.len() > limit;
        roles.truncate(limit);
        let next = roles.last().filter(|_| more).map(position);
        Ok(Page { items: roles, next })
    }

    /// Stores a new role. Conflicts: [`Guard::Id`], [`Guard::Name`].
    pub async fn role_create(
        &self,
        intent: &Intent<'_>,
        change: &Change<Role>,
    ) -> Result<(), Error> {
        let unit = Unit::of(self, intent, change)?
            .create(&self.tables.core, role_item(&change.after)?, Guard::Id)
            .create(&self.tables.core, name_item(&change.after), Guard::Name);
        self.commit(unit).await
    }

    /// Stores a changed role in place of the version that was read. Conflicts: [`Guard::Version`], and
    /// [`Guard::Name`] for a new name.
    pub async fn role_replace(
        &self,
        intent: &Intent<'_>,
        before: &Role,
        change: &Change<Role>,
    ) -> Result<(), Error> {
        let mut unit = Unit::of(self, intent, change)?.replace(
            &self.tables.core,
            role_item(&change.after)?,
            before.version,
        );
        if before.name != change.after.name {
            unit = unit.create(&self.tables.core, name_item(&change.after), Guard::Name).delete(
                &self.tables.core,
                key::role_name(&before.tenant_id, &before.name),
                "holder",
                aws_sdk_dynamodb::types::AttributeValue::S(before.id.to_string()),
            );
        }
        self.commit(unit).await
    }
}

/// The role of an item.
pub(crate) fn role(item: Item) -> Result<Role, Error> {
    let row: RoleRow = from_item(item)?;
    Ok(Role {
        id: row.id,
        tenant_id: row.tenant_id,
        name: row.name,
        description: row.description,
        permissions: Permissions::stored(row.permissions),
        scope_types: row.scope_types,
        is_system: false,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn role_item(role: &Role) -> Result<Item, Error> {
    let Permissions::Exact(permissions) = &role.permissions else {
        return Err(Error::Defect("a built-in role cannot be stored".to_owned()));
    };
    let row = RoleRow {
        id: role.id.clone(),
        tenant_id: role.tenant_id.clone(),
        name: role.name.clone(),
        description: role.description.clone(),
        permissions: permissions.clone(),
        scope_types: role.scope_types.clone(),
        version: role.version,
        created_at: role.created_at,
        updated_at: role.updated_at,
    };
    to_item(key::role(&role.tenant_id, &role.id), &row)
}

/// The guard of a name: that it exists says that the name is taken, and by whom.
fn name_item(role: &Role) -> Item {
    let mut item = key::role_name(&role.tenant_id, &role.name).into_item();
    item.insert(
        "holder".to_owned(),
        aws_sdk_dynamodb::types::AttributeValue::S(role.id.to_string()),
    );
    item
}

//! The stored properties of principals.

use domain::change::Change;
use domain::id::{PrincipalId, TenantId};
use domain::principal::{Principal, PrincipalType, Profile};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::item::{self, Item, from_item, to_item};
use crate::key::BY_KIND;
use crate::{Store, key};

#[derive(Serialize, Deserialize)]
struct ProfileRow {
    tenant_id: TenantId,
    principal_type: PrincipalType,
    principal_id: PrincipalId,
    properties: String,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Store {
    /// What is stored of a principal. 1 RCU per 4 KiB.
    pub async fn profile_read(
        &self,
        tenant: &TenantId,
        principal: &Principal,
    ) -> Result<Option<Profile>, Error> {
        self.get(key::profile(tenant, principal)).await?.map(profile).transpose()
    }

    /// Stores a profile, in place of the version that was read where there was one. Conflicts:
    /// [`Guard::Version`].
    pub async fn profile_write(
        &self,
        intent: &Intent<'_>,
        before: Option<&Profile>,
        change: &Change<Profile>,
    ) -> Result<(), Error> {
        let (table, item) = (&self.tables.core, profile_item(&change.after)?);
        let gone = before.map(profile_item).transpose()?;
        let unit = Unit::of(self, intent, change)?.touch(
            table,
            &change.after.principal,
            gone.as_ref(),
            Some(&item),
        );
        let unit = match before {
            Some(before) => unit.replace(table, item, before.version),
            None => unit.create(table, item, Guard::Version),
        };
        self.commit(unit).await
    }

    /// Removes a profile. Conflicts: [`Guard::Version`].
    pub async fn profile_delete(
        &self,
        intent: &Intent<'_>,
        change: &Change<Profile>,
    ) -> Result<(), Error> {
        let gone = &change.after;
        let version = aws_sdk_dynamodb::types::AttributeValue::N(gone.version.to_string());
        let unit = Unit::of(self, intent, change)?
            .delete(
                &self.tables.core,
                key::profile(&gone.tenant_id, &gone.principal),
                "version",
                version,
            )
            .touch(&self.tables.core, &gone.principal, Some(&profile_item(gone)?), None);
        self.commit(unit).await
    }
}

pub(crate) fn profile(item: Item) -> Result<Profile, Error> {
    let row: ProfileRow = from_item(item)?;
    Ok(Profile {
        tenant_id: row.tenant_id,
        principal: Principal { kind: row.principal_type, id: row.principal_id },
        properties: item::document_from_text(&row.properties)?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn profile_item(profile: &Profile) -> Result<Item, Error> {
    let row = ProfileRow {
        tenant_id: profile.tenant_id.clone(),
        principal_type: profile.principal.kind.clone(),
        principal_id: profile.principal.id.clone(),
        properties: item::document_to_text(&profile.properties)?,
        version: profile.version,
        created_at: profile.created_at,
        updated_at: profile.updated_at,
    };
    let mut item = to_item(key::profile(&profile.tenant_id, &profile.principal), &row)?;
    let listing = key::principal_listing(&profile.tenant_id, &profile.principal);
    item::index(&mut item, BY_KIND, listing, profile.principal.id.to_string());
    Ok(item)
}

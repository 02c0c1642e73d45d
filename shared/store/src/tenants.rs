//! The registry of tenants: all of them in one partition of the product's own, found by id, slug or external
//! reference.
//!
//! Events and audit entries of what changes here are the registry's, not of the tenant that is meant: a tenant reads its
//! own chain, and who registered or suspended it is for operators to know. `X-Tenant-Id: system:tenants` leads them there.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::change::Change;
use domain::id::TenantId;
use domain::slug::Slug;
use domain::tenant::{Status, Tenant, Tier};
use domain::text::{ExternalReference, SuspensionReason, TenantName};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::item::{Item, from_item, text, to_item};
use crate::key::{Key, TENANT_PREFIX};
use crate::read::Page;
use crate::{Store, key};

/// The attribute of a guard that says whose it is.
const HOLDER: &str = "holder";

#[derive(Serialize, Deserialize)]
struct TenantRow {
    id: TenantId,
    slug: Slug,
    name: TenantName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_ref: Option<ExternalReference>,
    tier: Tier,
    is_suspended: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspension_reason: Option<SuspensionReason>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Store {
    /// A tenant; `None` for one that is not registered, which may have data all the same. 1 RCU.
    pub async fn tenant_read(&self, id: &TenantId) -> Result<Option<Tenant>, Error> {
        self.get(key::tenant(id)).await?.map(tenant).transpose()
    }

    /// The tenant of a slug. 2 RCU, one after the other; 1 RCU where there is none.
    pub async fn tenant_by_slug(&self, slug: &Slug) -> Result<Option<Tenant>, Error> {
        let found = self.tenant_held_by(key::tenant_slug(slug)).await?;
        // Its slug may have changed between the two reads.
        Ok(found.filter(|tenant| tenant.slug == *slug))
    }

    /// The tenant of an external reference. Costs what [`Store::tenant_by_slug`] does.
    pub async fn tenant_by_reference(
        &self,
        reference: &ExternalReference,
    ) -> Result<Option<Tenant>, Error> {
        let found = self.tenant_held_by(key::tenant_reference(reference)).await?;
        Ok(found.filter(|tenant| tenant.external_ref.as_ref() == Some(reference)))
    }

    /// A page of all tenants by id. 1 RCU per 4 KiB.
    pub async fn tenant_list(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Tenant>, Error> {
        let page = self.partition_page(&key::tenants(), TENANT_PREFIX, after, limit).await?;
        page.try_map(tenant)
    }

    /// Registers a tenant. Conflicts: [`Guard::Id`], [`Guard::Name`] for its slug, [`Guard::Reference`].
    pub async fn tenant_create(
        &self,
        intent: &Intent<'_>,
        change: &Change<Tenant>,
    ) -> Result<(), Error> {
        let (table, after) = (&self.tables.core, &change.after);
        let mut unit = Unit::of(self, intent, change)?.create(table, item(after)?, Guard::Id);
        for (key, guard) in guards(after) {
            unit = unit.create(table, guard_item(key, &after.id), guard);
        }
        self.commit(unit).await
    }

    /// Stores a changed tenant in place of the version that was read. Conflicts: [`Guard::Version`], and
    /// [`Guard::Name`] for a new slug, [`Guard::Reference`] for a new external reference.
    pub async fn tenant_replace(
        &self,
        intent: &Intent<'_>,
        before: &Tenant,
        change: &Change<Tenant>,
    ) -> Result<(), Error> {
        let (table, after) = (&self.tables.core, &change.after);
        let unit = Unit::of(self, intent, change)?;
        let mut unit = unit.replace(table, item(after)?, before.version);
        let (old, new) = (guards(before), guards(after));
        for (key, guard) in new.iter().filter(|guard| !old.contains(guard)) {
            unit = unit.create(table, guard_item(key.clone(), &after.id), *guard);
        }
        for (key, _) in old.into_iter().filter(|guard| !new.contains(guard)) {
            let holder = AttributeValue::S(before.id.to_string());
            unit = unit.delete(table, key, HOLDER, holder);
        }
        self.commit(unit).await
    }

    /// The tenant that a guard is of.
    async fn tenant_held_by(&self, guard: Key) -> Result<Option<Tenant>, Error> {
        let Some(item) = self.get(guard).await? else { return Ok(None) };
        let holder = text(&item, HOLDER).and_then(|holder| TenantId::parse(holder).ok());
        let holder = holder.ok_or_else(|| Error::Defect("a guard has no holder".to_owned()))?;
        self.tenant_read(&holder).await
    }
}

/// Where the guards of a tenant stand, each with what a conflict at it means.
fn guards(tenant: &Tenant) -> Vec<(Key, Guard)> {
    let slug = (key::tenant_slug(&tenant.slug), Guard::Name);
    let reference = tenant.external_ref.as_ref();
    let reference = reference.map(|of| (key::tenant_reference(of), Guard::Reference));
    [slug].into_iter().chain(reference).collect()
}

/// A guard: that it exists says that something is taken, and by whom.
fn guard_item(key: Key, holder: &TenantId) -> Item {
    let mut item = key.into_item();
    item.insert(HOLDER.to_owned(), AttributeValue::S(holder.to_string()));
    item
}

fn tenant(item: Item) -> Result<Tenant, Error> {
    let row: TenantRow = from_item(item)?;
    let status = if row.is_suspended {
        Status::Suspended { reason: row.suspension_reason }
    } else {
        Status::Active
    };
    Ok(Tenant {
        id: row.id,
        slug: row.slug,
        name: row.name,
        external_ref: row.external_ref,
        tier: row.tier,
        status,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn item(tenant: &Tenant) -> Result<Item, Error> {
    let row = TenantRow {
        id: tenant.id.clone(),
        slug: tenant.slug.clone(),
        name: tenant.name.clone(),
        external_ref: tenant.external_ref.clone(),
        tier: tenant.tier,
        is_suspended: tenant.status.is_suspended(),
        suspension_reason: tenant.status.reason().cloned(),
        version: tenant.version,
        created_at: tenant.created_at,
        updated_at: tenant.updated_at,
    };
    to_item(key::tenant(&tenant.id), &row)
}

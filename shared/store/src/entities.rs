//! Entities: by id, by type, by parent.

use domain::change::Change;
use domain::entity::{Entity, Status};
use domain::entity_type::TypeName;
use domain::id::{EntityId, TenantId};
use domain::lineage::Lineage;
use domain::text::EntityName;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::epochs::Scope;
use crate::error::{Error, Guard};
use crate::graph::Graph;
use crate::item::{self, Item, from_item, text, to_item};
use crate::key::{BY_KIND, BY_RELATION};
use crate::read::Page;
use crate::{Store, key};

/// An entity with the line of ancestors that was written beside it.
///
/// The line is a **hint**: it was right when the entity was written, and an ancestor may have been moved
/// since. [`Store::lineage_read`] verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The entity.
    pub entity: Entity,
    /// Its ancestors as they were.
    pub hint: Lineage,
}

/// Which entities to list.
#[derive(Clone, Debug, Default)]
pub struct EntityFilter {
    /// Of these types; each must exist. With a parent, empty means all.
    pub kinds: Vec<TypeName>,
    /// Directly under this entity.
    pub parent_id: Option<EntityId>,
    /// In this status; `None` for all but archived.
    pub status: Option<Status>,
}

#[derive(Serialize, Deserialize)]
struct EntityRow {
    id: EntityId,
    tenant_id: TenantId,
    name: EntityName,
    #[serde(rename = "type")]
    kind: TypeName,
    status: Status,
    parent_id: Option<EntityId>,
    ancestors: Vec<EntityId>,
    attributes: String,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Store {
    /// An entity. 1 RCU per 4 KiB.
    pub async fn entity_read(
        &self,
        tenant: &TenantId,
        id: &EntityId,
    ) -> Result<Option<Placed>, Error> {
        self.get(key::entity(tenant, id)).await?.map(placed).transpose()
    }

    /// Stores a new entity. Conflicts: [`Guard::Id`], [`Guard::Name`].
    pub async fn entity_create(
        &self,
        intent: &Intent<'_>,
        change: &Change<Entity>,
        lineage: &Lineage,
    ) -> Result<(), Error> {
        let entity = &change.after;
        let unit = Unit::of(self, intent, change)?
            .create(&self.tables.core, entity_item(entity, lineage)?, Guard::Id)
            .create(&self.tables.core, name_item(entity), Guard::Name);
        self.commit(unit).await
    }

    /// Stores a changed entity in place of the version that was read. Conflicts: [`Guard::Version`], and
    /// [`Guard::Name`] for a new name.
    pub async fn entity_replace(
        &self,
        intent: &Intent<'_>,
        before: &Placed,
        change: &Change<Entity>,
    ) -> Result<(), Error> {
        let unit = self.entity_unit(intent, before, change, &before.hint)?;
        self.commit(unit).await
    }

    /// Stores a changed entity under another parent, or under none. `tree` is the version of
    /// [`Graph::Entities`] that was read before the new line was; leaving a parent needs none.
    /// Conflicts: as before, and [`Guard::Graph`].
    pub async fn entity_move(
        &self,
        intent: &Intent<'_>,
        before: &Placed,
        change: &Change<Entity>,
        lineage: &Lineage,
        tree: Option<u64>,
    ) -> Result<(), Error> {
        let mut unit = self.entity_unit(intent, before, change, lineage)?.moves(Scope::Hierarchy);
        if let Some(version) = tree {
            unit = unit.reshape(&self.tables.core, Graph::Entities.name(), version);
        }
        self.commit(unit).await
    }

    fn entity_unit<'a>(
        &self,
        intent: &'a Intent<'a>,
        before: &Placed,
        change: &Change<Entity>,
        lineage: &Lineage,
    ) -> Result<Unit<'a>, Error> {
        let (old, new) = (&before.entity, &change.after);
        let mut unit = Unit::of(self, intent, change)?.replace(
            &self.tables.core,
            entity_item(new, lineage)?,
            old.version,
        );
        if old.name != new.name {
            let old_name = key::entity_name(&old.tenant_id, &old.kind, &old.name);
            unit = unit.create(&self.tables.core, name_item(new), Guard::Name).delete(
                &self.tables.core,
                old_name,
                "holder",
                aws_sdk_dynamodb::types::AttributeValue::S(old.id.to_string()),
            );
        }
        Ok(unit)
    }

    /// A page of entities, newest first. 0.5 RCU per 4 KiB and partition: 4 for each type, or 1 for a
    /// parent. An entity shows here shortly after it was created.
    pub async fn entity_list(
        &self,
        tenant: &TenantId,
        filter: &EntityFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Entity>, Error> {
        let archived = filter.status == Some(Status::Archived);
        let kept = |item: &Item| {
            let kind = text(item, "type");
            filter.status.is_none_or(|status| text(item, "status") == Some(status.as_str()))
                && (filter.kinds.is_empty()
                    || filter.kinds.iter().any(|wanted| kind == Some(wanted.as_str())))
        };
        let page = if let Some(parent) = &filter.parent_id {
            let children = [key::children(tenant, parent, archived)];
            self.listing_page(BY_RELATION, &children, after, limit, kept).await?
        } else {
            let mut listings: Vec<String> = filter
                .kinds
                .iter()
                .flat_map(|kind| key::entity_listings(tenant, kind, archived))
                .collect();
            // A type that is named twice is read once, or its entities would be listed twice.
            listings.sort_unstable();
            listings.dedup();
            self.listing_page(BY_KIND, &listings, after, limit, kept).await?
        };
        page.try_map(|item| placed(item).map(|placed| placed.entity))
    }
}

/// The entity of an item.
pub(crate) fn placed(item: Item) -> Result<Placed, Error> {
    let row: EntityRow = from_item(item)?;
    let entity = Entity {
        id: row.id,
        tenant_id: row.tenant_id,
        name: row.name,
        kind: row.kind,
        status: row.status,
        parent_id: row.parent_id,
        attributes: item::document_from_text(&row.attributes)?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(Placed { entity, hint: Lineage::new(row.ancestors) })
}

fn entity_item(entity: &Entity, lineage: &Lineage) -> Result<Item, Error> {
    let Entity { id, tenant_id, kind, status, created_at, .. } = entity;
    let row = EntityRow {
        id: id.clone(),
        tenant_id: tenant_id.clone(),
        name: entity.name.clone(),
        kind: kind.clone(),
        status: *status,
        parent_id: entity.parent_id.clone(),
        ancestors: lineage.ancestors().to_vec(),
        attributes: item::document_to_text(&entity.attributes)?,
        version: entity.version,
        created_at: *created_at,
        updated_at: entity.updated_at,
    };
    let mut item = to_item(key::entity(tenant_id, id), &row)?;
    let sort_key = key::by_time(*created_at, id.as_str());
    item::index(
        &mut item,
        BY_KIND,
        key::entity_listing(tenant_id, kind, *status, id),
        sort_key.clone(),
    );
    if let Some(parent) = &entity.parent_id {
        let archived = *status == Status::Archived;
        item::index(&mut item, BY_RELATION, key::children(tenant_id, parent, archived), sort_key);
    }
    Ok(item)
}

/// The guard of a name: that it exists says that the name is taken, and by whom.
fn name_item(entity: &Entity) -> Item {
    let mut item = key::entity_name(&entity.tenant_id, &entity.kind, &entity.name).into_item();
    item.insert(
        "holder".to_owned(),
        aws_sdk_dynamodb::types::AttributeValue::S(entity.id.to_string()),
    );
    item
}

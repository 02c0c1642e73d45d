//! Memberships: each stored twice, once where the member's decisions read it and once where the group's
//! members are listed.

use domain::change::Change;
use domain::id::{PrincipalId, TenantId};
use domain::membership::{Climb, GROUP_NEST_MAX, Membership};
use domain::principal::{Principal, PrincipalType};
use domain::time::Timestamp;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::graph::Graph;
use crate::item::{self, Item, from_item, to_item};
use crate::key::{BY_KIND, MEMBER_OF_PREFIX};
use crate::read::Page;
use crate::{Store, key};

#[derive(Serialize, Deserialize)]
struct MembershipRow {
    tenant_id: TenantId,
    group_id: PrincipalId,
    principal_type: PrincipalType,
    principal_id: PrincipalId,
    created_at: Timestamp,
}

impl Store {
    /// One membership. 1 RCU.
    pub async fn membership_read(
        &self,
        tenant: &TenantId,
        group: &PrincipalId,
        member: &Principal,
    ) -> Result<Option<Membership>, Error> {
        self.get(key::member_of(tenant, member, group)).await?.map(membership).transpose()
    }

    /// Every group above a group, [`GROUP_NEST_MAX`] levels at most. 1 RCU per group and 4 KiB, one round
    /// trip per level.
    pub async fn groups_above(
        &self,
        tenant: &TenantId,
        group: &PrincipalId,
    ) -> Result<Climb, Error> {
        let mut climb = Climb::to(GROUP_NEST_MAX);
        let mut level = vec![group.clone()];
        while !level.is_empty() {
            let read =
                level.iter().map(|below| self.groups_of(tenant, Principal::group(below.clone())));
            let groups: Vec<PrincipalId> =
                try_join_all(read).await?.into_iter().flatten().collect();
            let reached = climb.next(groups.into_iter().map(|group| (Vec::new(), group)));
            level = reached.into_iter().map(|reached| reached.group).collect();
        }
        Ok(climb)
    }

    async fn groups_of(
        &self,
        tenant: &TenantId,
        member: Principal,
    ) -> Result<Vec<PrincipalId>, Error> {
        let items = self.partition(&key::principal(tenant, &member), MEMBER_OF_PREFIX).await?;
        items
            .into_iter()
            .map(|item| membership(item).map(|membership| membership.group_id))
            .collect()
    }

    /// Adds a member. `groups` is the version of [`Graph::Groups`] that was read before the groups above
    /// were, where the member is a group. Conflicts: [`Guard::Tuple`], [`Guard::Graph`].
    pub async fn membership_create(
        &self,
        intent: &Intent<'_>,
        change: &Change<Membership>,
        groups: Option<u64>,
    ) -> Result<(), Error> {
        let Membership { tenant_id, group_id, member, .. } = &change.after;
        let row = membership_row(&change.after);
        let table = &self.tables.core;
        let member_of = member_of_item(&change.after)?;
        let mut unit = Unit::of(self, intent, change)?
            .touch(table, member, None, Some(&member_of))
            .create(table, member_of, Guard::Tuple)
            .create(table, to_item(key::member(tenant_id, group_id, member), &row)?, Guard::Tuple);
        if let Some(version) = groups {
            unit = unit.reshape(table, Graph::Groups.name(), version);
        }
        self.commit(unit).await
    }

    /// Removes a member. Conflicts: [`Guard::Version`] when someone else did so first.
    pub async fn membership_delete(
        &self,
        intent: &Intent<'_>,
        change: &Change<Membership>,
    ) -> Result<(), Error> {
        let Membership { tenant_id, group_id, member, created_at } = &change.after;
        let since = || aws_sdk_dynamodb::types::AttributeValue::S(created_at.to_string());
        let table = &self.tables.core;
        let member_of = member_of_item(&change.after)?;
        let unit = Unit::of(self, intent, change)?
            .delete(table, key::member_of(tenant_id, member, group_id), "created_at", since())
            .delete(table, key::member(tenant_id, group_id, member), "created_at", since())
            .touch(table, member, Some(&member_of), None);
        self.commit(unit).await
    }

    /// A page of a group's members in a stable order. 1 RCU per 4 KiB.
    pub async fn membership_list(
        &self,
        tenant: &TenantId,
        group: &PrincipalId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Membership>, Error> {
        let page = self.partition_page(&key::group(tenant, group), "member/", after, limit).await?;
        page.try_map(membership)
    }
}

/// The membership of an item.
pub(crate) fn membership(item: Item) -> Result<Membership, Error> {
    let row: MembershipRow = from_item(item)?;
    let member = Principal { kind: row.principal_type, id: row.principal_id };
    Ok(Membership {
        tenant_id: row.tenant_id,
        group_id: row.group_id,
        member,
        created_at: row.created_at,
    })
}

fn membership_row(membership: &Membership) -> MembershipRow {
    MembershipRow {
        tenant_id: membership.tenant_id.clone(),
        group_id: membership.group_id.clone(),
        principal_type: membership.member.kind.clone(),
        principal_id: membership.member.id.clone(),
        created_at: membership.created_at,
    }
}

/// The end of a membership that the member's decisions read.
fn member_of_item(membership: &Membership) -> Result<Item, Error> {
    let Membership { tenant_id, group_id, member, .. } = membership;
    let row = membership_row(membership);
    let mut item = to_item(key::member_of(tenant_id, member, group_id), &row)?;
    let listing = key::principal_listing(tenant_id, member);
    item::index(&mut item, BY_KIND, listing, member.id.to_string());
    Ok(item)
}

//! Every principal of a type that is known: it holds an assignment, is a member of a group, or has stored
//! properties.

use domain::id::{AssignmentId, TenantId};
use domain::principal::{Principal, PrincipalType};
use serde::{Deserialize, Serialize};

use crate::assignments::assignment;
use crate::error::Error;
use crate::item::{Item, text};
use crate::key::BY_KIND;
use crate::search::Candidates;
use crate::{Store, key};

/// A principal, and where it was found. One that holds assignments is found by each of them, and once more
/// when it is a member of groups or has properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It holds this assignment itself.
    Holds(Principal, AssignmentId),
    /// It is a member of a group or has properties.
    Described(Principal),
}

/// A place among all who are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KnownPosition {
    /// Among the assignments of the tenant.
    #[serde(rename = "h")]
    Holding(Option<String>),
    /// Among the members and those with properties.
    #[serde(rename = "d")]
    Described(Option<String>),
}

impl Store {
    /// Principals of a type: first all who hold assignments, then all others. 2 RCU for each page of
    /// assignments of the tenant, and then of members and of stored properties.
    pub async fn principals_known(
        &self,
        tenant: &TenantId,
        kind: &PrincipalType,
        after: Option<KnownPosition>,
        items_max: usize,
    ) -> Result<Candidates<Known, KnownPosition>, Error> {
        match after.unwrap_or(KnownPosition::Holding(None)) {
            KnownPosition::Holding(after) => {
                self.holders_known(tenant, kind, after, items_max).await
            }
            KnownPosition::Described(after) => {
                self.described_known(tenant, kind, after, items_max).await
            }
        }
    }

    async fn holders_known(
        &self,
        tenant: &TenantId,
        kind: &PrincipalType,
        after: Option<String>,
        items_max: usize,
    ) -> Result<Candidates<Known, KnownPosition>, Error> {
        let is_wanted = |item: &Item| {
            text(item, "principal_type") == Some(kind.as_str())
                && text(item, "principal_id") != Some(domain::id::EVERY_PRINCIPAL)
        };
        let listings = key::assignment_listings(tenant);
        let page = self.listing_page(BY_KIND, &listings, after, items_max, is_wanted).await?;
        let items = page.items.into_iter().map(|item| {
            let assignment = assignment(item)?;
            let sort_key = key::by_time(assignment.created_at, assignment.id.as_str());
            let known = Known::Holds(assignment.principal, assignment.id);
            Ok((known, KnownPosition::Holding(Some(sort_key))))
        });
        let next = page.next.map_or(KnownPosition::Described(None), |sort_key| {
            KnownPosition::Holding(Some(sort_key))
        });
        Ok(Candidates { items: items.collect::<Result<_, Error>>()?, next: Some(next), reads: 1 })
    }

    async fn described_known(
        &self,
        tenant: &TenantId,
        kind: &PrincipalType,
        after: Option<String>,
        items_max: usize,
    ) -> Result<Candidates<Known, KnownPosition>, Error> {
        let listings = key::principal_listings(tenant, kind);
        let page = self.listing_page(BY_KIND, &listings, after, items_max, |_| true).await?;
        let mut items: Vec<(Known, KnownPosition)> = Vec::new();
        for item in &page.items {
            let id = text(item, "kind_sk")
                .and_then(|id| domain::id::PrincipalId::parse(id).ok())
                .ok_or_else(|| {
                Error::Defect("a principal is listed without its id".to_owned())
            })?;
            let position = KnownPosition::Described(Some(id.to_string()));
            let known = Known::Described(Principal { kind: kind.clone(), id });
            // One of several groups is listed once for each, side by side.
            if items.last().is_none_or(|(last, _)| *last != known) {
                items.push((known, position));
            }
        }
        let next = page.next.map(|id| KnownPosition::Described(Some(id)));
        Ok(Candidates { items, next, reads: 1 })
    }
}

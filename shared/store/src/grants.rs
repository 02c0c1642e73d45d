//! What speaks for a principal: read partition by partition, up through its groups, with its roles.

use std::collections::HashMap;
use std::sync::Arc;

use domain::assignment::{Assigned, Assignment};
use domain::document::Document;
use domain::grants::{Gives, Grant, Grants};
use domain::id::{PrincipalId, RoleId, TenantId};
use domain::membership::{Climb, Reached};
use domain::principal::Principal;
use domain::role::Role;
use futures::future::try_join_all;
use tokio::time::Instant;

use crate::Store;
use crate::assignments::assignment;
use crate::epochs::{Defect, Epochs, Scope, Stamp, epoch_within};
use crate::error::Error;
use crate::item::{Item, text};
use crate::key::{self, ASSIGNMENT_PREFIX, Key, MEMBER_OF_PREFIX, PROFILE};
use crate::memberships::membership;
use crate::principals::profile;
use crate::roles::role;

/// What is stored of one principal.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) assignments: Vec<Assignment>,
    /// The groups it is a member of.
    pub(crate) groups: Vec<PrincipalId>,
    properties: Option<Document>,
    is_known: bool,
}

/// A part with the groups it was reached through, the principal's own first.
type Reach = (Arc<[PrincipalId]>, Arc<Part>);

/// A part with the epoch it was read under, where that can be told.
type PartRead = (Arc<Part>, Option<Stamp>);

/// What is being read of a principal.
struct Reading<'a> {
    tenant: &'a TenantId,
    /// The epochs that were read before all else.
    epochs: &'a Epochs,
    /// Whether what is remembered may be used.
    remembers: bool,
    /// Under which epochs the parts were read; `None` when one of them cannot be told.
    stamps: Option<Vec<Stamp>>,
    parts: Vec<Reach>,
    /// How many of the parts have been looked through for roles.
    looked_through: usize,
    /// The roles that are named; `None` for one that is not there.
    roles: HashMap<RoleId, Option<Arc<Role>>>,
    climb: Climb,
}

impl Store {
    /// All that speaks for a principal, remembered under the epochs it was read under.
    pub(crate) async fn grants_read(
        &self,
        tenant: &TenantId,
        principal: &Principal,
        epochs: &Epochs,
        remembers: bool,
    ) -> Result<Arc<Grants>, Error> {
        let asked_at = Instant::now();
        let policy = epochs.get(&Scope::Policy).map(|epoch| vec![(Scope::Policy, epoch)]);
        let mut reading = Reading {
            tenant,
            epochs,
            remembers,
            stamps: policy.filter(|_| remembers),
            parts: Vec::new(),
            looked_through: 0,
            roles: HashMap::new(),
            climb: Climb::default(),
        };
        let every = principal.every_of_its_type();
        let (own, every) = tokio::try_join!(
            self.part_read(tenant, principal, epochs, remembers),
            self.part_read(tenant, &every, epochs, remembers),
        )?;
        let no_groups: Arc<[PrincipalId]> = Arc::from([]);
        let frontier = reading.take(vec![(no_groups.clone(), own), (no_groups, every)]);
        self.climb(&mut reading, frontier).await?;
        let mut stamps = reading.stamps.take();
        self.spoil(tenant, &mut stamps).await?;
        let grants = Arc::new(reading.into_grants());
        if let Some(stamps) = stamps {
            if self.epochs.is_within() {
                let own = stamps.iter().filter(|(scope, _)| matches!(scope, Scope::Principal(_)));
                self.memory.keep_epochs(tenant, &own.cloned().collect(), asked_at);
            }
            self.memory.keep_grants(tenant, principal, grants.clone(), stamps);
        }
        Ok(grants)
    }

    /// Does to stamps what a defect would.
    async fn spoil(&self, tenant: &TenantId, stamps: &mut Option<Vec<Stamp>>) -> Result<(), Error> {
        let Some(stamps) = stamps else { return Ok(()) };
        if self.epochs.has(Defect::ForgetsGroups) {
            stamps.retain(|(scope, _)| {
                !matches!(scope, Scope::Principal(principal) if principal.kind.is_group())
            });
        }
        if self.epochs.has(Defect::ForgetsWildcards) {
            stamps.retain(|(scope, _)| *scope != Scope::Wildcard);
        }
        if self.epochs.has(Defect::StampsTooLate) {
            let scopes: Vec<Scope> = stamps.iter().map(|(scope, _)| scope.clone()).collect();
            let late = self.epochs_read(tenant, &scopes).await?;
            *stamps = late.iter().map(|(scope, epoch)| (scope.clone(), *epoch)).collect();
        }
        Ok(())
    }

    /// Reads roles and groups, level by level, until nothing is missing.
    async fn climb(
        &self,
        reading: &mut Reading<'_>,
        mut frontier: Vec<Reached>,
    ) -> Result<(), Error> {
        let Reading { tenant, remembers, .. } = *reading;
        loop {
            let wanted = reading.wanted_roles(self);
            if wanted.is_empty() && frontier.is_empty() {
                return Ok(());
            }
            let keys: Vec<Key> = wanted.iter().map(|id| key::role(tenant, id)).collect();
            let (ways, groups): (Vec<_>, Vec<_>) = frontier
                .drain(..)
                .map(|reached| (Arc::from(reached.way), Principal::group(reached.group)))
                .unzip();
            let read_groups = async {
                let scopes: Vec<Scope> = groups.iter().map(Scope::of).collect();
                let epochs = self.epochs_ahead(tenant, &scopes).await?;
                let parts =
                    groups.iter().map(|group| self.part_read(tenant, group, &epochs, remembers));
                try_join_all(parts).await
            };
            let (roles, parts) = tokio::try_join!(self.batch_get(&keys), read_groups)?;
            reading.take_roles(self, roles)?;
            frontier = reading.take(ways.into_iter().zip(parts).collect());
        }
    }

    /// What is stored of a principal, a group, or every principal of a type, with the epoch it was read
    /// under, where that can be told.
    async fn part_read(
        &self,
        tenant: &TenantId,
        of: &Principal,
        epochs: &Epochs,
        remembers: bool,
    ) -> Result<PartRead, Error> {
        let scope = Scope::of(of);
        let is_shared = of.kind.is_group() || of.id.is_every();
        let ahead = epochs.get(&scope);
        if remembers
            && is_shared
            && let (Some(epoch), Some(part)) = (ahead, self.memory.part(tenant, of, epochs))
        {
            return Ok((part, Some((scope, epoch))));
        }
        let items = self.partition(&key::principal(tenant, of), "").await?;
        // An epoch that was read before is safe to go by; in a table, the partition's own says the same of
        // these very items.
        let within = epoch_within(&items);
        let epoch = match &scope {
            Scope::Principal(_) if self.epochs.is_within() => within,
            _ => ahead.filter(|_| within.is_some()),
        };
        let part = Arc::new(Part::of(items)?);
        let stamp = epoch.map(|epoch| (scope, epoch));
        if let Some(stamp) = stamp.clone().filter(|_| remembers && is_shared && ahead.is_some()) {
            self.memory.keep_part(tenant, of, part.clone(), stamp);
        }
        Ok((part, stamp))
    }
}

impl Part {
    fn of(items: Vec<Item>) -> Result<Self, Error> {
        let mut part = Self { is_known: !items.is_empty(), ..Self::default() };
        for item in items {
            match text(&item, "sk") {
                Some(sk) if sk.starts_with(ASSIGNMENT_PREFIX) => {
                    part.assignments.push(assignment(item)?);
                }
                Some(sk) if sk.starts_with(MEMBER_OF_PREFIX) => {
                    part.groups.push(membership(item)?.group_id);
                }
                Some(PROFILE) => part.properties = Some(profile(item)?.properties),
                _ => {}
            }
        }
        Ok(part)
    }
}

impl Reading<'_> {
    /// Takes parts, each with its way and its stamp; answers with the groups to read next.
    fn take(&mut self, parts: Vec<(Arc<[PrincipalId]>, PartRead)>) -> Vec<Reached> {
        let mut above = Vec::new();
        for (way, (part, stamp)) in parts {
            self.stamps = self.stamps.take().zip(stamp).map(|(mut stamps, stamp)| {
                stamps.push(stamp);
                stamps
            });
            above.extend(part.groups.iter().map(|group| (way.to_vec(), group.clone())));
            self.parts.push((way, part));
        }
        if above.is_empty() { Vec::new() } else { self.climb.next(above) }
    }

    /// The roles that are named, and neither built in nor remembered.
    fn wanted_roles(&mut self, store: &Store) -> Vec<RoleId> {
        let mut wanted = Vec::new();
        for (_, part) in self.parts.iter().skip(self.looked_through) {
            let roles = part.assignments.iter().filter_map(|assignment| assignment.what.role());
            for id in roles {
                if self.roles.contains_key(id) {
                    continue;
                }
                let role = if id.is_reserved() {
                    Role::system_by_id(self.tenant, id).map(Arc::new)
                } else if self.remembers {
                    store.memory.role(self.tenant, id, self.epochs)
                } else {
                    None
                };
                if role.is_none() && !id.is_reserved() {
                    wanted.push(id.clone());
                }
                self.roles.insert(id.clone(), role);
            }
        }
        self.looked_through = self.parts.len();
        wanted
    }

    fn take_roles(&mut self, store: &Store, items: Vec<Item>) -> Result<(), Error> {
        let policy = self.epochs.get(&Scope::Policy).filter(|_| self.remembers);
        for item in items {
            let role = Arc::new(role(item)?);
            if let Some(policy) = policy {
                store.memory.keep_role(&role, policy);
            }
            self.roles.insert(role.id.clone(), Some(role));
        }
        Ok(())
    }

    /// Roles are never deleted: one that is named and not there is a damaged table, and grants nothing.
    fn into_grants(self) -> Grants {
        let Self { parts, roles, .. } = self;
        let (is_known, properties) =
            parts.first().map_or((false, None), |(_, own)| (own.is_known, own.properties.clone()));
        let grants = parts.iter().flat_map(|(groups, part)| {
            part.assignments.iter().filter_map(|assignment| {
                let gives = match &assignment.what {
                    Assigned::Role(id) => Gives::Role(roles.get(id)?.clone()?),
                    Assigned::Permission(action) => Gives::Permission(action.clone()),
                };
                Some(Grant { assignment: assignment.clone(), gives, groups: groups.clone() })
            })
        });
        Grants::new(grants.collect(), is_known, properties)
    }
}

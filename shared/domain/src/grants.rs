//! What speaks for one principal, arranged so that a decision finds in it what it needs at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::assignment::{Assigned, Assignment};
use crate::condition::{Condition, Input, Inputs};
use crate::document::Document;
use crate::id::{EntityId, PrincipalId};
use crate::permission::{Action, Permission};
use crate::role::Role;

/// What an assignment gives, with what it takes to decide.
#[derive(Clone, Debug)]
pub enum Gives {
    /// What a role grants.
    Role(Arc<Role>),
    /// One permission by itself.
    Permission(Action),
}

impl Gives {
    /// The permission that grants an action. A direct grant is compared to the letter, as those of a role are.
    pub fn granting(&self, action: &Action) -> Option<Permission<'_>> {
        match self {
            Self::Role(role) => role.permissions.granting(action),
            Self::Permission(own) => (own == action).then(|| Permission::plain(own)),
        }
    }

    /// Whether it speaks of entities of a type. A direct grant does of all.
    pub fn governs(&self, kind: &str) -> bool {
        self.role().is_none_or(|role| role.governs(kind))
    }

    /// The role, if it is one.
    pub fn role(&self) -> Option<&Arc<Role>> {
        match self {
            Self::Role(role) => Some(role),
            Self::Permission(_) => None,
        }
    }

    /// The same by name.
    pub fn named(&self) -> Assigned {
        match self {
            Self::Role(role) => Assigned::Role(role.id.clone()),
            Self::Permission(action) => Assigned::Permission(action.clone()),
        }
    }
}

/// An assignment that speaks for a principal, with what it gives and the way it was reached.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The assignment.
    pub assignment: Assignment,
    /// What it gives.
    pub gives: Gives,
    /// The groups it was reached through, the principal's own first; empty when held directly.
    pub groups: Arc<[PrincipalId]>,
}

/// All that speaks for a principal, by the entity it stands on.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    grants: Vec<Grant>,
    on: HashMap<EntityId, Vec<usize>>,
    everywhere: Vec<usize>,
    /// One grant of each role.
    of_each_role: Vec<usize>,
    /// One direct grant of each permission.
    direct: HashMap<Action, usize>,
    is_known: bool,
    properties: Option<Document>,
    /// What the conditions of the assignments look at, and those of the roles besides.
    inputs_of_assignments: Inputs,
    inputs_of_all: Inputs,
}

impl Grants {
    /// Arranges what speaks for a principal. `is_known` says whether anything at all is stored of it, and
    /// `properties` what it is stored with.
    pub fn new(grants: Vec<Grant>, is_known: bool, properties: Option<Document>) -> Self {
        let mut on: HashMap<EntityId, Vec<usize>> = HashMap::new();
        let (mut everywhere, mut of_each_role) = (Vec::new(), Vec::new());
        let (mut roles, mut direct) = (HashSet::new(), HashMap::new());
        let inputs = |sum: Inputs, condition: &Condition| sum.union(condition.inputs());
        let of_assignments = grants.iter().filter_map(|grant| grant.assignment.condition.as_ref());
        let inputs_of_assignments = of_assignments.fold(Inputs::default(), inputs);
        let mut inputs_of_all = inputs_of_assignments;
        for (index, grant) in grants.iter().enumerate() {
            match &grant.assignment.entity_id {
                Some(entity) => on.entry(entity.clone()).or_default().push(index),
                None => everywhere.push(index),
            }
            match &grant.gives {
                Gives::Role(role) if roles.insert(&role.id) => {
                    of_each_role.push(index);
                    inputs_of_all = role.permissions.conditions().fold(inputs_of_all, inputs);
                }
                Gives::Role(_) => {}
                Gives::Permission(action) => drop(direct.entry(action.clone()).or_insert(index)),
            }
        }
        Self {
            on,
            everywhere,
            of_each_role,
            direct,
            is_known,
            properties,
            grants,
            inputs_of_assignments,
            inputs_of_all,
        }
    }

    /// Every grant.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }

    /// Whether anything at all is stored of the principal.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// The stored properties of the principal.
    pub fn properties(&self) -> Option<&Document> {
        self.properties.as_ref()
    }

    /// The grants on one entity itself.
    pub fn on(&self, entity: &str) -> impl Iterator<Item = &Grant> {
        self.at(self.on.get(entity).map_or(&[], Vec::as_slice))
    }

    /// The grants that hold everywhere.
    pub fn everywhere(&self) -> impl Iterator<Item = &Grant> {
        self.at(&self.everywhere)
    }

    /// The entities with grants on them.
    pub fn entities(&self) -> impl Iterator<Item = &EntityId> {
        self.on.keys()
    }

    /// Some grant that gives an action, wherever it stands.
    pub fn granting(&self, action: &Action) -> Option<&Grant> {
        self.granting_each(action).next()
    }

    /// One grant of each role that grants an action, and one that gives it directly.
    fn granting_each(&self, action: &Action) -> impl Iterator<Item = &Grant> {
        let direct = self.direct.get(action).and_then(|index| self.grants.get(*index));
        let of_roles = self.at(&self.of_each_role);
        of_roles.filter(|grant| grant.gives.granting(action).is_some()).chain(direct)
    }

    /// What a decision on an action may look at besides the grants, wherever they stand: nothing, if none
    /// of them hangs on a condition. Copies nothing.
    pub fn inputs(&self, action: &Action) -> Inputs {
        if self.inputs_of_all.is_empty() {
            return Inputs::default();
        }
        let granting = self.granting_each(action).filter_map(|grant| {
            let permission = grant.gives.granting(action)?;
            Some(permission.condition.map(Condition::inputs).unwrap_or_default())
        });
        // Which of the assignments are that give the action, is not worth finding out.
        granting
            .reduce(Inputs::union)
            .map_or(Inputs::default(), |inputs| inputs.union(self.inputs_of_assignments))
    }

    /// Whether a decision on an action may look at the stored properties of the resource.
    pub fn reads_resource(&self, action: &Action) -> bool {
        self.inputs_of_all.contains(Input::ResourceProperties)
            && self.inputs(action).contains(Input::ResourceProperties)
    }

    pub(crate) fn first(&self) -> Option<&Grant> {
        self.grants.first()
    }

    fn at<'a>(&'a self, indexes: &'a [usize]) -> impl Iterator<Item = &'a Grant> {
        indexes.iter().filter_map(|index| self.grants.get(*index))
    }
}

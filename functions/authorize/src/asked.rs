//! What is asked, in whichever of the two languages: about whom, on what, and what came along.

use std::borrow::Cow;
use std::sync::Arc;

use domain::decision::{Decision, Question, Subject, Target, decide};
use domain::document::Document;
use domain::grants::{Grant, Grants};
use domain::id::{EntityId, PrincipalId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use domain::time::Timestamp;
use serde_json::{Map, Value};
use store::Located;

/// What came along with a question, for conditions. It fills in what is not stored, and overrides nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) subject: Option<Document>,
    pub(crate) action: Option<Document>,
    pub(crate) resource: Option<Document>,
    pub(crate) context: Option<Document>,
}

impl Sent {
    /// Nothing but a context.
    pub(crate) fn context(context: Option<Document>) -> Self {
        Self { context, ..Self::default() }
    }

    /// The answer for someone of whom these are the grants.
    pub(crate) fn decide<'a>(
        &self,
        grants: &'a Grants,
        who: &Who,
        action: &Action,
        target: Target<'_>,
        now: Timestamp,
    ) -> Decision<'a> {
        let sent = members(self.subject.as_ref());
        let question = Question {
            subject: Subject { kind: who.principal.kind.as_str(), id: who.id(), sent },
            action,
            action_properties: members(self.action.as_ref()),
            target: Target { sent: members(self.resource.as_ref()), ..target },
            context: members(self.context.as_ref()),
            now,
        };
        decide(grants, &question)
    }

    /// The grants that may decide about a target. The id of what is not stored is no entity's, although one
    /// of another type may have the same: what stands on that one says nothing here.
    pub(crate) fn about<'a>(grants: &'a Grants, target: &Target<'_>) -> Cow<'a, Grants> {
        if target.stored.is_some() || grants.on(target.id).next().is_none() {
            return Cow::Borrowed(grants);
        }
        let elsewhere = grants.iter().filter(|grant| {
            grant.assignment.entity_id.as_ref().map(EntityId::as_str) != Some(target.id)
        });
        let properties = grants.properties().cloned();
        Cow::Owned(Grants::new(elsewhere.cloned().collect(), grants.is_known(), properties))
    }
}

fn members(document: Option<&Document>) -> Option<&Map<String, Value>> {
    document.map(Document::as_object)
}

/// Someone who is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// Whose grants decide.
    pub(crate) principal: Principal,
    /// The id, where no principal can have it: then what everyone of the type holds decides.
    foreign_id: Option<String>,
}

impl Who {
    /// A principal.
    pub(crate) fn is(principal: Principal) -> Self {
        Self { principal, foreign_id: None }
    }

    /// Someone with an id of any form; `None` where no principal can have the type.
    pub(crate) fn of(kind: &str, id: &str) -> Option<Self> {
        let kind = PrincipalType::parse(kind).ok()?;
        Some(match PrincipalId::parse(id) {
            Ok(id) => Self::is(Principal { kind, id }),
            Err(_) => Self {
                principal: Principal { kind, id: PrincipalId::every() },
                foreign_id: Some(id.to_owned()),
            },
        })
    }

    /// Its type and id, as a log names it.
    pub(crate) fn names(&self) -> (&str, &str) {
        (self.principal.kind.as_str(), self.id())
    }

    fn id(&self) -> &str {
        self.foreign_id.as_deref().unwrap_or_else(|| self.principal.id.as_str())
    }
}

/// What is to be acted on.
#[derive(Clone, Debug)]
pub(crate) enum On {
    /// An entity.
    Stored(Arc<Located>),
    /// Something of which nothing is stored.
    Unstored { kind: String, id: String },
}

impl On {
    /// It as the decision takes it.
    pub(crate) fn target(&self) -> Target<'_> {
        match self {
            Self::Stored(located) => located.target(),
            Self::Unstored { kind, id } => {
                Target { kind, id, ancestors: &[], stored: None, sent: None }
            }
        }
    }

    /// Where an assignment may stand to count here: on it, above it, everywhere.
    pub(crate) fn places(&self) -> Vec<Option<EntityId>> {
        let line = match self {
            Self::Stored(located) => {
                let own = std::iter::once(&located.id);
                own.chain(located.lineage.ancestors()).cloned().map(Some).collect()
            }
            Self::Unstored { .. } => Vec::new(),
        };
        line.into_iter().chain([None]).collect()
    }
}

/// Whether a grant could give an action on something of a type, somewhere and at some time.
pub(crate) fn could_give(grant: &Grant, action: &Action, kind: &str) -> bool {
    grant.gives.granting(action).is_some() && grant.gives.governs(kind)
}

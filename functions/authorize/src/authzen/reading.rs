//! Bodies: what there must be, of which type, with every fault told; what is unknown is ignored.

use api::{Fault, Problem};
use domain::document::Document;
use domain::id::EntityId;
use domain::permission::Action;
use serde_json::{Map, Value};
use store::Inputs;

use crate::asked::{On, Sent, Who};

/// A body that is an object, read part by part.
pub(crate) struct Reader<'a> {
    own: &'a Map<String, Value>,
    defaults: Option<&'a Map<String, Value>>,
    faults: Vec<Fault>,
}

/// A subject or a resource: any type, any id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) kind: String,
    pub(crate) id: String,
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) subject: Named,
    pub(crate) action: String,
    pub(crate) resource: Named,
    pub(crate) sent: Sent,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(own: &'a Map<String, Value>) -> Self {
        Self { own, defaults: None, faults: Vec::new() }
    }

    /// One item of several: what it does not say itself, the defaults say.
    pub(crate) fn of_item(own: &'a Map<String, Value>, defaults: &'a Map<String, Value>) -> Self {
        Self { own, defaults: Some(defaults), faults: Vec::new() }
    }

    pub(crate) fn refuse(&mut self, pointer: impl Into<String>, detail: &str) {
        self.faults.push(Fault { pointer: pointer.into(), detail: detail.to_owned() });
    }

    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid(self.faults)) }
    }

    /// A part that is an object, from the item itself or else, as a whole, from the defaults. `null` is as
    /// good as absent.
    pub(crate) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let said = |of: &'a Map<String, Value>| of.get(name).filter(|value| !value.is_null());
        match said(self.own).or_else(|| said(self.defaults?)) {
            None => None,
            Some(Value::Object(object)) => Some(object),
            Some(_) => {
                self.refuse(format!("/{name}"), "must be a JSON object");
                None
            }
        }
    }

    fn required(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        let before = self.faults.len();
        let found = self.object(name);
        if found.is_none() && self.faults.len() == before {
            self.refuse(format!("/{name}"), "is required");
        }
        found
    }

    /// A text of a part. An item that names the part without it takes that one text from the defaults;
    /// properties it never takes so, because they are another thing's.
    fn text(&mut self, part: &str, of: Option<&Map<String, Value>>, name: &str) -> String {
        let Some(of) = of else { return String::new() };
        let default = || self.defaults?.get(part)?.get(name);
        match of.get(name).or_else(default) {
            Some(Value::String(text)) => return text.clone(),
            Some(Value::Null) | None => self.refuse(format!("/{part}/{name}"), "is required"),
            Some(_) => self.refuse(format!("/{part}/{name}"), "must be a text"),
        }
        String::new()
    }

    fn document(&mut self, pointer: &str, value: Option<&Value>) -> Option<Document> {
        let value = value.filter(|value| !value.is_null())?;
        match Document::from_value(value) {
            Ok(document) => Some(document),
            Err(refusal) => {
                self.refuse(pointer, refusal.reason());
                None
            }
        }
    }

    fn properties(&mut self, part: &str, of: Option<&Map<String, Value>>) -> Option<Document> {
        self.document(&format!("/{part}/properties"), of?.get("properties"))
    }

    /// A subject or resource with its id.
    pub(crate) fn named(&mut self, part: &str) -> (Named, Option<Document>) {
        let of = self.required(part);
        let kind = self.text(part, of, "type");
        let id = self.text(part, of, "id");
        (Named { kind, id }, self.properties(part, of))
    }

    /// A subject or resource that is searched for: its type. An id is ignored.
    pub(crate) fn searched(&mut self, part: &str) -> (String, Option<Document>) {
        let of = self.required(part);
        (self.text(part, of, "type"), self.properties(part, of))
    }

    pub(crate) fn action(&mut self) -> (String, Option<Document>) {
        let of = self.required("action");
        (self.text("action", of, "name"), self.properties("action", of))
    }

    pub(crate) fn context(&mut self) -> Option<Document> {
        let own = self.own.get("context").filter(|value| !value.is_null());
        let value = own.or_else(|| self.defaults?.get("context"));
        self.document("/context", value)
    }

    /// A whole question.
    pub(crate) fn asked(mut self) -> Result<Asked, Problem> {
        let (subject, of_subject) = self.named("subject");
        let (action, of_action) = self.action();
        let (resource, of_resource) = self.named("resource");
        let context = self.context();
        self.finish()?;
        let sent = Sent { subject: of_subject, action: of_action, resource: of_resource, context };
        Ok(Asked { subject, action, resource, sent })
    }
}

impl Named {
    /// Who this is; `None` where no principal can have the type.
    pub(crate) fn who(&self) -> Option<Who> {
        Who::of(&self.kind, &self.id)
    }

    /// The entity that may be meant.
    pub(crate) fn entity(&self) -> Option<EntityId> {
        EntityId::parse(&self.id).ok()
    }

    /// What is meant: the entity of that id if it has that type, else something that is not stored.
    pub(crate) fn on(&self, inputs: &Inputs) -> On {
        let stored = inputs.resource(&self.id);
        match stored.filter(|located| located.kind.as_str() == self.kind) {
            Some(located) => On::Stored(located.clone()),
            None => On::Unstored { kind: self.kind.clone(), id: self.id.clone() },
        }
    }
}

/// The action of that name; `None` where no role can grant one.
pub(crate) fn action(name: &str) -> Option<Action> {
    Action::parse(name).ok()
}

//! What a condition may look at, and which of it one does look at.

/// One thing that a condition may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Input {
    /// `subject.type`.
    SubjectType,
    /// `subject.id`.
    SubjectId,
    /// `subject.properties`.
    SubjectProperties,
    /// `resource.type`.
    ResourceType,
    /// `resource.id`.
    ResourceId,
    /// `resource.properties`.
    ResourceProperties,
    /// `action.name`.
    ActionName,
    /// `action.properties`.
    ActionProperties,
    /// `context`.
    Context,
    /// `now`.
    Now,
}

/// The variables that have fields, and their fields.
const FIELDS: [(&str, &[(&str, Input)]); 3] = [
    (
        "subject",
        &[
            ("type", Input::SubjectType),
            ("id", Input::SubjectId),
            ("properties", Input::SubjectProperties),
        ],
    ),
    (
        "resource",
        &[
            ("type", Input::ResourceType),
            ("id", Input::ResourceId),
            ("properties", Input::ResourceProperties),
        ],
    ),
    ("action", &[("name", Input::ActionName), ("properties", Input::ActionProperties)]),
];

/// The variables that are a value themselves.
const WHOLE: [(&str, Input); 2] = [("context", Input::Context), ("now", Input::Now)];

/// What a name means.
pub(super) enum Meaning {
    /// A variable that is read by its fields.
    Fields(&'static [(&'static str, Input)]),
    Whole(Input),
}

/// What a variable's name means; `None` where there is no such variable.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    let fields = FIELDS.iter().find(|(variable, _)| *variable == name);
    let whole = WHOLE.iter().find(|(variable, _)| *variable == name);
    fields
        .map(|(_, fields)| Meaning::Fields(fields))
        .or_else(|| whole.map(|(_, input)| Meaning::Whole(*input)))
}

/// A set of inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs(u16);

impl Inputs {
    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether an input is in the set.
    pub fn contains(self, input: Input) -> bool {
        self.0 & (1 << input as u8) != 0
    }

    /// This set and one input more.
    #[must_use]
    pub fn with(self, input: Input) -> Self {
        Self(self.0 | (1 << input as u8))
    }

    /// What is in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

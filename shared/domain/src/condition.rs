//! Conditions: a yes or no in CEL over who asks, for what, on what, with what, and when.
//!
//! The language is CEL as far as JSON has values for it (no `uint`, no `bytes`). Reading and evaluation are
//! our own, because a tenant writes conditions and a shared process evaluates them. The `cel` crate's
//! interpreter cannot be stopped: a map of a map over a document's list runs for minutes. Its parser takes
//! megabytes of stack, and it copies each variable. Here
//!
//! - a text is at most [`CONDITION_BYTES_MAX`] bytes, [`CONDITION_NODES_MAX`] parts and
//!   [`CONDITION_DEPTH_MAX`] deep, so the stack is bounded;
//! - each part that is looked at, each item of a list and each few bytes of a text is a step. One condition
//!   takes at most [`CONDITION_STEPS_MAX`], all those of one decision [`DECISION_STEPS_MAX`]: some
//!   milliseconds, and as many small allocations, at worst;
//! - regular expressions are constants, read with the condition, and matched in linear time; a byte of text
//!   costs as many steps as the expression has places;
//! - documents are looked at where they stand. Nothing is copied but by `+`, `map`, `filter`, list and map
//!   literals that are no constants, and `string()`.
//!
//! The `cel` crate judges this one in `tests/condition_oracle.rs`: what both can evaluate comes to the same.
//!
//! **Invariant:** nothing here panics, and what fails is never true.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decision::Question;
use crate::document::Document;
use crate::refusal::Refusal;

mod calculation;
mod calls;
mod conversions;
mod evaluation;
mod inputs;
mod lexer;
mod moments;
mod parser;
mod syntax;
mod value;

pub use inputs::{Input, Inputs};

use evaluation::Evaluation;
use lexer::Fault;
use syntax::Node;

/// Longest condition, in bytes.
pub const CONDITION_BYTES_MAX: usize = 2_048;

/// Most parts of a condition: names, constants, operators, calls.
pub const CONDITION_NODES_MAX: usize = 500;

/// Deepest nesting of the parts of a condition. A row of `&&` or `||` counts as one level.
pub const CONDITION_DEPTH_MAX: usize = 32;

/// Most steps that one condition may take.
pub const CONDITION_STEPS_MAX: usize = 50_000;

/// Most steps that all conditions of one decision may take.
pub const DECISION_STEPS_MAX: usize = 500_000;

/// A condition. Cheap to clone; equal to another of the same text.
#[derive(Clone)]
pub struct Condition(Arc<Read>);

struct Read {
    source: Box<str>,
    /// `None` for a stored text that this version cannot read: it fails, and so denies.
    node: Option<Node>,
    inputs: Inputs,
}

impl Condition {
    /// Reads a condition, every name and limit checked.
    pub fn parse(source: &str) -> Result<Self, Refusal> {
        if source.trim().is_empty() || source.len() > CONDITION_BYTES_MAX {
            return Err(Refusal::new(format!(
                "must be 1 to {CONDITION_BYTES_MAX} bytes of CEL, such as `resource.properties.owner == subject.id`"
            )));
        }
        let (node, inputs) = parser::parse(source).map_err(|fault| refusal(source, &fault))?;
        Ok(Self(Arc::new(Read { source: source.into(), node: Some(node), inputs })))
    }

    /// A condition that was accepted once. One that can no longer be read denies.
    pub fn stored(source: &str) -> Self {
        Self::parse(source).unwrap_or_else(|_| {
            let read = Read { source: source.into(), node: None, inputs: Inputs::default() };
            Self(Arc::new(read))
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0.source
    }

    /// What the condition looks at. Two questions that agree in these get the same answer from it.
    pub fn inputs(&self) -> Inputs {
        self.0.inputs
    }

    /// Whether the condition is true. All that is not true is false or fails, and neither allows.
    pub fn holds(&self, facts: &Facts<'_>, budget: &Budget) -> Result<bool, Failure> {
        let node = self.0.node.as_ref().ok_or(Failure::Unreadable)?;
        let granted = budget.0.get().min(CONDITION_STEPS_MAX);
        let evaluation = Evaluation::new(facts, granted);
        let truth = evaluation.truth(node, None);
        budget.0.set(budget.0.get().saturating_sub(granted - evaluation.left()));
        truth
    }
}

/// What is wrong with a text, with the place as an editor counts it.
fn refusal(source: &str, Fault { at, what }: &Fault) -> Refusal {
    let before = source.get(..*at).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Refusal::new(format!("is wrong at line {line}, column {column}: {what}"))
}

/// What a condition is evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The question.
    pub question: &'a Question<'a>,
    /// What is stored of the subject.
    pub stored: Option<&'a Document>,
}

/// The steps that the conditions of one decision may still take.
#[derive(Clone, Debug)]
pub struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(DECISION_STEPS_MAX))
    }
}

/// Why a condition is neither true nor false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// A map has no such key, such as a property that is neither stored nor sent.
    NoSuchKey,
    /// An operator or function does not take values of these types.
    Types,
    /// A number or a time out of range, or an index beyond a list.
    OutOfRange,
    /// Division by zero.
    DivisionByZero,
    /// A text that cannot be converted.
    Unreadable,
    /// The condition, or a part of it that should be, is neither true nor false.
    NotBoolean,
    /// It would have taken more steps than it may.
    TooCostly,
}

impl Failure {
    /// The failure as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoSuchKey => "The condition looks at a property that is neither stored nor sent.",
            Self::Types => "The condition puts together values whose types do not fit.",
            Self::OutOfRange => "The condition meets a number, a time or an index out of range.",
            Self::DivisionByZero => "The condition divides by zero.",
            Self::Unreadable => "The condition converts a text that cannot be read.",
            Self::NotBoolean => "The condition comes to something neither true nor false.",
            Self::TooCostly => "The condition would take more steps than it may.",
        }
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.0.source).finish()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Reads what was stored, as [`Condition::stored`] does.
impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::stored(&String::deserialize(deserializer)?))
    }
}

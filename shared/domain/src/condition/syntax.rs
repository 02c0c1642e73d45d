//! The tree of a condition, its names already looked up.

use regex_lite::Regex;

use super::inputs::Input;
use super::value::Constant;

/// A part of a condition.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Constant),
    /// A list of constants, which is used as it stands.
    Constants(Box<[Constant]>),
    List(Box<[Node]>),
    Map(Box<[(Node, Node)]>),
    Input(Input),
    /// The variable of the macro that is so many macros further out.
    Local(usize),
    Field(Box<Node>, Box<str>),
    /// Whether a map has a key.
    Has(Box<Node>, Box<str>),
    Index(Box<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    /// The second if the first is true, otherwise the third.
    Choose(Box<[Node; 3]>),
    Binary(Operator, Box<[Node; 2]>),
    Call(Function, Box<[Node]>),
    Matches(Box<Node>, Box<Pattern>),
    Each(Macro, Box<Loop>),
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A macro over a list, or over the keys of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// What a macro goes through and what it looks at for each.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) range: Node,
    /// For `map` with three arguments: which to take.
    pub(super) only: Option<Node>,
    pub(super) body: Node,
}

/// A regular expression, read when the condition is.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// Steps that it costs to look at one byte, at worst.
    pub(super) steps_per_byte: usize,
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Dyn,
    Bool,
    Int,
    Double,
    String,
    Timestamp,
    Duration,
    Part(Part),
}

/// A part of a time, or of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// Functions by name, with how many arguments they take at least and at most.
pub(super) const FUNCTIONS: [(&str, Function, usize); 8] = [
    ("size", Function::Size, 1),
    ("dyn", Function::Dyn, 1),
    ("bool", Function::Bool, 1),
    ("int", Function::Int, 1),
    ("double", Function::Double, 1),
    ("string", Function::String, 1),
    ("timestamp", Function::Timestamp, 1),
    ("duration", Function::Duration, 1),
];

/// Methods by name, with how many arguments they take at most. Only parts of a time may do with fewer:
/// without a time zone.
pub(super) const METHODS: [(&str, Function, usize); 14] = [
    ("size", Function::Size, 0),
    ("contains", Function::Contains, 1),
    ("startsWith", Function::StartsWith, 1),
    ("endsWith", Function::EndsWith, 1),
    ("getFullYear", Function::Part(Part::FullYear), 1),
    ("getMonth", Function::Part(Part::Month), 1),
    ("getDate", Function::Part(Part::Date), 1),
    ("getDayOfMonth", Function::Part(Part::DayOfMonth), 1),
    ("getDayOfWeek", Function::Part(Part::DayOfWeek), 1),
    ("getDayOfYear", Function::Part(Part::DayOfYear), 1),
    ("getHours", Function::Part(Part::Hours), 1),
    ("getMinutes", Function::Part(Part::Minutes), 1),
    ("getSeconds", Function::Part(Part::Seconds), 1),
    ("getMilliseconds", Function::Part(Part::Milliseconds), 1),
];

/// Macros by name, with how many arguments they take at least and at most.
pub(super) const MACROS: [(&str, Macro, usize, usize); 6] = [
    ("all", Macro::All, 2, 2),
    ("exists", Macro::Exists, 2, 2),
    ("exists_one", Macro::ExistsOne, 2, 2),
    ("existsOne", Macro::ExistsOne, 2, 2),
    ("filter", Macro::Filter, 2, 2),
    ("map", Macro::Map, 2, 3),
];

impl Node {
    /// Whether the part is certainly neither true nor false, whatever it looks at.
    pub(super) fn is_never_boolean(&self) -> bool {
        match self {
            Self::Constant(Constant::Bool(_)) => false,
            Self::Constant(_)
            | Self::Constants(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Input(_)
            | Self::Negate(_)
            | Self::Each(Macro::Filter | Macro::Map, _) => true,
            Self::Call(function, _) => {
                !matches!(function, Function::Bool | Function::Dyn)
                    && !matches!(
                        function,
                        Function::Contains | Function::StartsWith | Function::EndsWith
                    )
            }
            Self::Binary(operator, _) => matches!(
                operator,
                Operator::Add
                    | Operator::Subtract
                    | Operator::Multiply
                    | Operator::Divide
                    | Operator::Remainder
            ),
            Self::Choose(parts) => {
                let [_, yes, no] = &**parts;
                yes.is_never_boolean() || no.is_never_boolean()
            }
            _ => false,
        }
    }
}

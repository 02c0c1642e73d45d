//! Reads calls: functions, methods and macros, with as many arguments as each takes.

use regex_lite::RegexBuilder;

use super::inputs::{Input, meaning};
use super::lexer::{Fault, Token};
use super::moments;
use super::parser::{Parser, Tree, is_reserved};
use super::syntax::{FUNCTIONS, Function, Loop, MACROS, METHODS, Macro, Node, Pattern};
use super::value::Constant;
use crate::time::Timestamp;

/// Sizes that a regular expression may have in memory, in bytes, with the steps that one byte of text
/// then costs: each may have to be looked at from every place in the expression.
const PATTERN_SIZES: [(usize, usize); 3] = [(1 << 10, 4), (1 << 12, 16), (1 << 14, 64)];

/// `name(…)`, its opening bracket taken.
pub(super) fn function<'s>(
    parser: &mut Parser<'s>,
    at: usize,
    name: &'s str,
) -> Result<Tree, Fault> {
    match name {
        "has" => return has(parser, at),
        "matches" => {
            let text = parser.expression()?;
            parser.expect(",")?;
            return matches(parser, text);
        }
        "uint" | "bytes" | "type" => {
            return Err(Fault::new(at, format!("`{name}` is not supported")));
        }
        _ => {}
    }
    let Some((_, function, arity)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return Err(Fault::new(at, format!("there is no function `{name}`")));
    };
    let (arguments, depth) = parser.items(")")?;
    if arguments.len() != *arity {
        return Err(Fault::new(at, format!("`{name}` takes one argument")));
    }
    let node = match (function, arguments.first()) {
        (Function::Timestamp, Some(Node::Constant(Constant::Text(text)))) => {
            let moment = Timestamp::parse(text);
            let moment = moment.map_err(|refusal| Fault::new(at, refusal.reason()))?;
            Node::Constant(Constant::Moment(moment))
        }
        (Function::Duration, Some(Node::Constant(Constant::Text(text)))) => {
            let wrong = || Fault::new(at, "must be a duration, such as `\"1h30m\"` or `\"90s\"`");
            Node::Constant(Constant::Span(moments::span(text).ok_or_else(wrong)?))
        }
        _ => Node::Call(*function, arguments.into()),
    };
    parser.tree(at, node, depth)
}

/// `target.name(…)`, its opening bracket taken.
pub(super) fn method<'s>(
    parser: &mut Parser<'s>,
    target: Tree,
    at: usize,
    name: &'s str,
) -> Result<Tree, Fault> {
    if name == "matches" {
        return matches(parser, target);
    }
    if let Some((_, kind, least, most)) = MACROS.iter().find(|(known, ..)| *known == name) {
        return each(parser, target, at, (*kind, *least..=*most));
    }
    let Some((_, function, arity)) = METHODS.iter().find(|(known, ..)| *known == name) else {
        return Err(Fault::new(at, format!("there is no method `{name}`")));
    };
    let (mut arguments, depth) = parser.items(")")?;
    let may_lack = matches!(function, Function::Part(_)) && arguments.is_empty();
    if arguments.len() != *arity && !may_lack {
        let takes = if *arity == 0 { "no argument" } else { "one argument" };
        return Err(Fault::new(at, format!("`{name}` takes {takes}")));
    }
    arguments.insert(0, target.node);
    let node = Node::Call(*function, arguments.into());
    parser.tree(target.at, node, depth.max(target.depth))
}

/// `has(value.field)`.
fn has(parser: &mut Parser<'_>, at: usize) -> Result<Tree, Fault> {
    let (mut arguments, depth) = parser.items(")")?;
    let node = match (arguments.pop(), arguments.is_empty()) {
        (Some(Node::Field(of, name)), true) => Node::Has(of, name),
        // A subject always has an id, and so on.
        (Some(Node::Input(input)), true) if !matches!(input, Input::Context | Input::Now) => {
            Node::Constant(Constant::Bool(true))
        }
        _ => {
            let reason = "`has` takes a field, such as `has(resource.properties.owner)`";
            return Err(Fault::new(at, reason));
        }
    };
    parser.tree(at, node, depth)
}

/// `matches(text, "expression")`, up to the expression.
fn matches(parser: &mut Parser<'_>, text: Tree) -> Result<Tree, Fault> {
    let at = parser.at;
    let Token::Text(source) = parser.advance()? else {
        return Err(Fault::new(at, "`matches` takes a regular expression in quotes"));
    };
    parser.expect(")")?;
    let mut refused = String::new();
    for (bytes, steps_per_byte) in PATTERN_SIZES {
        match RegexBuilder::new(&source).size_limit(bytes).build() {
            Ok(regex) => {
                let pattern = Box::new(Pattern { regex, steps_per_byte });
                return parser.tree(
                    text.at,
                    Node::Matches(Box::new(text.node), pattern),
                    text.depth,
                );
            }
            Err(error) => refused = error.to_string(),
        }
    }
    Err(Fault::new(at, format!("the regular expression is not accepted: {refused}")))
}

/// `range.all(name, condition)` and its like.
fn each(
    parser: &mut Parser<'_>,
    range: Tree,
    at: usize,
    (kind, arity): (Macro, std::ops::RangeInclusive<usize>),
) -> Result<Tree, Fault> {
    let name_at = parser.at;
    let name = match parser.advance()? {
        Token::Name(name) if !is_reserved(name) => name,
        found => {
            let reason = format!("expected a variable's name, found {}", found.quoted());
            return Err(Fault::new(name_at, reason));
        }
    };
    if meaning(name).is_some() {
        return Err(Fault::new(name_at, format!("`{name}` is taken: choose another name")));
    }
    parser.expect(",")?;
    parser.locals.push(name);
    let (mut arguments, depth) = parser.items(")")?;
    parser.locals.pop();
    let body = arguments.pop().filter(|_| arity.contains(&(arguments.len() + 2)));
    let Some(body) = body else {
        return Err(Fault::new(at, "the macro takes a name and a condition"));
    };
    let only = arguments.pop();
    let node = Node::Each(kind, Box::new(Loop { range: range.node, only, body }));
    parser.tree(range.at, node, depth.max(range.depth))
}

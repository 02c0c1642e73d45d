//! Works out what a condition comes to: in bounded steps, on a bounded stack, without a way to panic.

use std::cell::Cell;
use std::rc::Rc;

use super::inputs::Input;
use super::syntax::{Function, Loop, Macro, Node, Operator};
use super::value::{List, Map, Text, Value};
use super::{Facts, Failure, calculation, conversions, moments};
use crate::document::Document;

/// The variable of a macro, and those of the macros around it.
pub(super) struct Scope<'s, 'a> {
    value: Value<'a>,
    outer: Option<&'s Scope<'s, 'a>>,
}

/// One evaluation.
pub(super) struct Evaluation<'a> {
    facts: &'a Facts<'a>,
    steps: Cell<usize>,
}

type Worked<'a> = Result<Value<'a>, Failure>;

impl<'a> Evaluation<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, steps: usize) -> Self {
        Self { facts, steps: Cell::new(steps) }
    }

    /// How many steps are left.
    pub(super) fn left(&self) -> usize {
        self.steps.get()
    }

    pub(super) fn charge(&self, steps: usize) -> Result<(), Failure> {
        let left = self.steps.get().checked_sub(steps);
        self.steps.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(Failure::TooCostly)
    }

    pub(super) fn value(&self, node: &'a Node, scope: Option<&Scope<'_, 'a>>) -> Worked<'a> {
        self.charge(1)?;
        match node {
            Node::Constant(constant) => Ok(constant.into()),
            Node::Constants(constants) => Ok(Value::List(List::Constants(constants))),
            Node::Input(input) => Ok(self.input(*input)),
            Node::Local(outward) => local(scope, *outward),
            Node::Field(of, name) => {
                let value = self.value(of, scope)?;
                self.member(&value, name)?.ok_or(Failure::NoSuchKey)
            }
            Node::Has(of, name) => {
                let value = self.value(of, scope)?;
                Ok(Value::Bool(self.member(&value, name)?.is_some()))
            }
            Node::Index(parts) => {
                let [of, index] = &**parts;
                self.index(&self.value(of, scope)?, &self.value(index, scope)?)
            }
            Node::Not(of) => Ok(Value::Bool(!self.truth(of, scope)?)),
            Node::Negate(of) => calculation::negated(&self.value(of, scope)?),
            Node::And(parts) => self.joined(parts, scope, false),
            Node::Or(parts) => self.joined(parts, scope, true),
            Node::Choose(parts) => {
                let [condition, yes, no] = &**parts;
                self.value(if self.truth(condition, scope)? { yes } else { no }, scope)
            }
            Node::Binary(operator, parts) => {
                let [left, right] = &**parts;
                self.binary(*operator, &self.value(left, scope)?, &self.value(right, scope)?)
            }
            Node::Matches(of, pattern) => {
                let Value::Text(text) = self.value(of, scope)? else { return Err(Failure::Types) };
                let text = text.as_str();
                self.charge(text.len().saturating_mul(pattern.steps_per_byte))?;
                Ok(Value::Bool(pattern.regex.is_match(text)))
            }
            Node::Call(function, arguments) => self.call(*function, arguments, scope),
            Node::List(_) | Node::Map(_) | Node::Each(..) => self.made(node, scope),
        }
    }

    /// Lists, maps and macros: rarer, and apart so that the stack stays small for all else.
    #[inline(never)]
    fn made(&self, node: &'a Node, scope: Option<&Scope<'_, 'a>>) -> Worked<'a> {
        match node {
            Node::List(items) => {
                let items = items.iter().map(|item| self.value(item, scope));
                Ok(Value::made_list(items.collect::<Result<_, _>>()?))
            }
            Node::Map(members) => self.map(members, scope),
            Node::Each(kind, each) => self.each(*kind, each, scope),
            _ => Err(Failure::Types),
        }
    }

    pub(super) fn truth(
        &self,
        node: &'a Node,
        scope: Option<&Scope<'_, 'a>>,
    ) -> Result<bool, Failure> {
        match self.value(node, scope)? {
            Value::Bool(truth) => Ok(truth),
            _ => Err(Failure::NotBoolean),
        }
    }

    fn input(&self, input: Input) -> Value<'a> {
        let Facts { question, stored } = self.facts;
        let (subject, target) = (&question.subject, &question.target);
        let properties = |stored: Option<&'a Document>, sent| {
            Value::Map(Map::Json(stored.map(Document::as_object), sent))
        };
        match input {
            Input::SubjectType => Value::text(subject.kind),
            Input::SubjectId => Value::text(subject.id),
            Input::SubjectProperties => properties(*stored, subject.sent),
            Input::ResourceType => Value::text(target.kind),
            Input::ResourceId => Value::text(target.id),
            Input::ResourceProperties => properties(target.stored, target.sent),
            Input::ActionName => Value::text(question.action.as_str()),
            Input::ActionProperties => properties(None, question.action_properties),
            Input::Context => properties(None, question.context),
            Input::Now => Value::Moment(question.now),
        }
    }

    fn member(&self, of: &Value<'a>, name: &str) -> Result<Option<Value<'a>>, Failure> {
        let Value::Map(map) = of else { return Err(Failure::Types) };
        if let Map::Made(members) = map {
            self.charge(members.len())?;
        }
        Ok(map.get(name))
    }

    fn index(&self, of: &Value<'a>, index: &Value<'a>) -> Worked<'a> {
        match (of, index) {
            (Value::List(list), Value::Int(index)) => {
                let index = usize::try_from(*index).ok();
                index.and_then(|index| list.get(index)).ok_or(Failure::OutOfRange)
            }
            (Value::List(_), Value::Double(double)) if double.fract() == 0.0 => {
                self.index(of, &conversions::int(index)?)
            }
            (Value::Map(_), Value::Text(key)) => {
                self.member(of, key.as_str())?.ok_or(Failure::NoSuchKey)
            }
            (Value::Map(Map::Made(members)), key) => {
                for (has, value) in members.iter() {
                    if calculation::equal(self, has, key)? {
                        return Ok(value.clone());
                    }
                }
                Err(Failure::NoSuchKey)
            }
            (Value::Map(_), _) => Err(Failure::NoSuchKey),
            _ => Err(Failure::Types),
        }
    }

    /// `&&` and `||`: what one part decides, no failure of another undoes.
    fn joined(
        &self,
        parts: &'a [Node],
        scope: Option<&Scope<'_, 'a>>,
        decisive: bool,
    ) -> Worked<'a> {
        let mut answer = Ok(Value::Bool(!decisive));
        for part in parts {
            match self.truth(part, scope) {
                Ok(truth) if truth == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(Failure::TooCostly) => return Err(Failure::TooCostly),
                Err(failure) if answer.is_ok() => answer = Err(failure),
                Err(_) => {}
            }
        }
        answer
    }

    fn binary(&self, operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Worked<'a> {
        match operator {
            Operator::Equal => calculation::equal(self, left, right).map(Value::Bool),
            Operator::Unequal => calculation::equal(self, left, right).map(|is| Value::Bool(!is)),
            Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast => {
                calculation::ordered(self, operator, left, right).map(Value::Bool)
            }
            Operator::In => self.contains(right, left).map(Value::Bool),
            Operator::Add => calculation::sum(self, left, right),
            Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                calculation::calculated(operator, left, right)
            }
        }
    }

    fn contains(&self, of: &Value<'a>, wanted: &Value<'a>) -> Result<bool, Failure> {
        match (of, wanted) {
            (Value::List(list), _) => {
                for item in list.iter() {
                    if calculation::equal(self, &item, wanted)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::Map(_), Value::Text(key)) => Ok(self.member(of, key.as_str())?.is_some()),
            // What can be no key of any map.
            (Value::Map(_), Value::Null | Value::List(_) | Value::Map(_)) => Err(Failure::Types),
            (Value::Map(map), _) => {
                for (key, _) in map.iter() {
                    if calculation::equal(self, &key, wanted)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Err(Failure::Types),
        }
    }

    fn map(&self, members: &'a [(Node, Node)], scope: Option<&Scope<'_, 'a>>) -> Worked<'a> {
        let mut made: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(members.len());
        for (key, value) in members {
            let key = self.value(key, scope)?;
            if !matches!(key, Value::Bool(_) | Value::Int(_) | Value::Text(_)) {
                return Err(Failure::Types);
            }
            for (has, _) in &made {
                if calculation::equal(self, has, &key)? {
                    return Err(Failure::Types);
                }
            }
            made.push((key, self.value(value, scope)?));
        }
        Ok(Value::Map(Map::Made(made.into())))
    }

    fn call(
        &self,
        function: Function,
        arguments: &'a [Node],
        scope: Option<&Scope<'_, 'a>>,
    ) -> Worked<'a> {
        let [first, rest @ ..] = arguments else { return Err(Failure::Types) };
        let first = self.value(first, scope)?;
        let second = rest.first().map(|second| self.value(second, scope)).transpose()?;
        match (function, &first, &second) {
            (Function::Dyn, ..) => Ok(first),
            (Function::Size, Value::Text(text), None) => {
                self.charge(text.as_str().len() / 32)?;
                Ok(conversions::whole(text.as_str().chars().count()))
            }
            (Function::Size, Value::List(list), None) => Ok(conversions::whole(list.len())),
            (Function::Size, Value::Map(map), None) => {
                let size = map.len();
                self.charge(size / 8)?;
                Ok(conversions::whole(size))
            }
            (
                Function::Contains | Function::StartsWith | Function::EndsWith,
                Value::Text(text),
                Some(Value::Text(part)),
            ) => self.text_test(function, text, part).map(Value::Bool),
            (Function::Part(part), Value::Moment(moment), zone) => {
                let zone = match zone {
                    None => None,
                    Some(Value::Text(zone)) => Some(zone.as_str()),
                    Some(_) => return Err(Failure::Types),
                };
                let value = moments::part_of_moment(part, *moment, zone);
                value.map(|value| Value::Int(value.into())).ok_or(Failure::Unreadable)
            }
            (Function::Part(part), Value::Span(span), None) => {
                let value = moments::part_of_span(part, *span);
                value.map(|value| Value::Int(value.into())).ok_or(Failure::Types)
            }
            (_, _, None) => conversions::converted(self, function, first),
            _ => Err(Failure::Types),
        }
    }

    fn text_test(
        &self,
        function: Function,
        text: &Text<'a>,
        part: &Text<'a>,
    ) -> Result<bool, Failure> {
        let (text, part) = (text.as_str(), part.as_str());
        self.charge((text.len() + part.len()) / 16)?;
        Ok(match function {
            Function::StartsWith => text.starts_with(part),
            Function::EndsWith => text.ends_with(part),
            _ => text.contains(part),
        })
    }

    fn each(&self, kind: Macro, each: &'a Loop, scope: Option<&Scope<'_, 'a>>) -> Worked<'a> {
        match self.value(&each.range, scope)? {
            Value::List(list) => self.through(kind, each, scope, list.iter()),
            Value::Map(map) => self.through(kind, each, scope, map.iter().map(|(key, _)| key)),
            _ => Err(Failure::Types),
        }
    }

    fn through(
        &self,
        kind: Macro,
        Loop { only, body, .. }: &'a Loop,
        outer: Option<&Scope<'_, 'a>>,
        values: impl Iterator<Item = Value<'a>>,
    ) -> Worked<'a> {
        let (mut failed, mut found, mut made) = (None, 0_usize, Vec::new());
        for value in values {
            self.charge(1)?;
            let scope = Scope { value, outer };
            match kind {
                Macro::All | Macro::Exists => match self.truth(body, Some(&scope)) {
                    Ok(truth) if truth == (kind == Macro::Exists) => {
                        return Ok(Value::Bool(truth));
                    }
                    Ok(_) => {}
                    Err(Failure::TooCostly) => return Err(Failure::TooCostly),
                    Err(failure) => failed = failed.or(Some(failure)),
                },
                Macro::ExistsOne => found += usize::from(self.truth(body, Some(&scope))?),
                Macro::Filter => {
                    if self.truth(body, Some(&scope))? {
                        made.push(scope.value);
                    }
                }
                Macro::Map => {
                    let is_wanted = only.as_ref().map(|only| self.truth(only, Some(&scope)));
                    if is_wanted.transpose()?.unwrap_or(true) {
                        made.push(self.value(body, Some(&scope))?);
                    }
                }
            }
        }
        match (failed, kind) {
            (Some(failure), _) => Err(failure),
            (None, Macro::All) => Ok(Value::Bool(true)),
            (None, Macro::Exists) => Ok(Value::Bool(false)),
            (None, Macro::ExistsOne) => Ok(Value::Bool(found == 1)),
            (None, Macro::Filter | Macro::Map) => Ok(Value::List(List::Made(Rc::from(made)))),
        }
    }
}

fn local<'a>(scope: Option<&Scope<'_, 'a>>, outward: usize) -> Worked<'a> {
    let mut scope = scope;
    for _ in 0..outward {
        scope = scope.and_then(|scope| scope.outer);
    }
    scope.map(|scope| scope.value.clone()).ok_or(Failure::Types)
}

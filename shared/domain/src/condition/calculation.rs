//! Equality, order and arithmetic. Types that do not fit are a failure, except to equality: what is of
//! another type is another value.

use std::cmp::Ordering;

use super::Failure;
use super::evaluation::Evaluation;
use super::syntax::Operator;
use super::value::{List, Text, Value, compare_with_double};
use crate::time::Timestamp;

type Worked<'a> = Result<Value<'a>, Failure>;

/// Whether two values are equal. Whole numbers and doubles are, where they stand for the same number.
pub(super) fn equal<'a>(
    evaluation: &Evaluation<'a>,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<bool, Failure> {
    evaluation.charge(1)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Double(left), Value::Double(right)) => left == right,
        (Value::Int(whole), Value::Double(double)) | (Value::Double(double), Value::Int(whole)) => {
            compare_with_double(*whole, *double) == Some(Ordering::Equal)
        }
        (Value::Text(left), Value::Text(right)) => {
            let (left, right) = (left.as_str(), right.as_str());
            evaluation.charge(if left.len() == right.len() { left.len() / 64 } else { 0 })?;
            left == right
        }
        (Value::Moment(left), Value::Moment(right)) => left == right,
        (Value::Span(left), Value::Span(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(evaluation, &left, &right)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            let size = left.len();
            evaluation.charge(size)?;
            if size != right.len() {
                return Ok(false);
            }
            for (key, value) in left.iter() {
                let mut same = None;
                if let Value::Text(key) = &key {
                    same = right.get(key.as_str());
                } else {
                    for (other, value) in right.iter() {
                        if equal(evaluation, &key, &other)? {
                            same = Some(value);
                        }
                    }
                }
                let Some(other) = same else { return Ok(false) };
                if !equal(evaluation, &value, &other)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}

/// How two values stand to each other; `None` where one is no number at all.
fn order<'a>(
    evaluation: &Evaluation<'a>,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<Option<Ordering>, Failure> {
    Ok(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Double(right)) => compare_with_double(*left, *right),
        (Value::Double(left), Value::Int(right)) => {
            compare_with_double(*right, *left).map(Ordering::reverse)
        }
        (Value::Text(left), Value::Text(right)) => {
            let (left, right) = (left.as_str(), right.as_str());
            evaluation.charge(left.len().min(right.len()) / 64)?;
            Some(left.cmp(right))
        }
        (Value::Moment(left), Value::Moment(right)) => Some(left.cmp(right)),
        (Value::Span(left), Value::Span(right)) => Some(left.cmp(right)),
        _ => return Err(Failure::Types),
    })
}

pub(super) fn ordered<'a>(
    evaluation: &Evaluation<'a>,
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<bool, Failure> {
    let order = order(evaluation, left, right)?;
    Ok(order.is_some_and(|order| match operator {
        Operator::Less => order.is_lt(),
        Operator::AtMost => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    }))
}

/// `+`, which also joins texts and lists.
pub(super) fn sum<'a>(
    evaluation: &Evaluation<'a>,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Worked<'a> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            let (left, right) = (left.as_str(), right.as_str());
            evaluation.charge((left.len() + right.len()) / 8)?;
            Ok(Value::Text(Text::Made([left, right].concat().into())))
        }
        (Value::List(left), Value::List(right)) => {
            evaluation.charge(left.len() + right.len())?;
            Ok(Value::List(List::Made(left.iter().chain(right.iter()).collect())))
        }
        (Value::Moment(moment), Value::Span(span)) | (Value::Span(span), Value::Moment(moment)) => {
            moved(*moment, Some(*span))
        }
        (Value::Span(left), Value::Span(right)) => spanned(left.checked_add(*right)),
        _ => calculated(Operator::Add, left, right),
    }
}

/// Arithmetic on numbers of one kind, and the difference of times.
pub(super) fn calculated<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Worked<'a> {
    match (operator, left, right) {
        (_, Value::Int(left), Value::Int(right)) => whole(operator, *left, *right),
        (Operator::Add, Value::Double(left), Value::Double(right)) => {
            Ok(Value::Double(left + right))
        }
        (Operator::Subtract, Value::Double(left), Value::Double(right)) => {
            Ok(Value::Double(left - right))
        }
        (Operator::Multiply, Value::Double(left), Value::Double(right)) => {
            Ok(Value::Double(left * right))
        }
        (Operator::Divide, Value::Double(left), Value::Double(right)) => {
            Ok(Value::Double(left / right))
        }
        (Operator::Subtract, Value::Moment(left), Value::Moment(right)) => {
            spanned(left.as_microseconds().checked_sub(right.as_microseconds()))
        }
        (Operator::Subtract, Value::Moment(moment), Value::Span(span)) => {
            moved(*moment, span.checked_neg())
        }
        (Operator::Subtract, Value::Span(left), Value::Span(right)) => {
            spanned(left.checked_sub(*right))
        }
        _ => Err(Failure::Types),
    }
}

fn whole<'a>(operator: Operator, left: i128, right: i128) -> Worked<'a> {
    let result = match operator {
        Operator::Divide | Operator::Remainder if right == 0 => {
            return Err(Failure::DivisionByZero);
        }
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        Operator::Remainder => left.checked_rem(right),
        _ => return Err(Failure::Types),
    };
    within(result)
}

/// A whole number that CEL can hold.
pub(super) fn within<'a>(number: Option<i128>) -> Worked<'a> {
    let number = number.filter(|number| i64::try_from(*number).is_ok());
    number.map(Value::Int).ok_or(Failure::OutOfRange)
}

pub(super) fn negated<'a>(value: &Value<'a>) -> Worked<'a> {
    match value {
        Value::Int(number) => within(number.checked_neg()),
        Value::Double(number) => Ok(Value::Double(-number)),
        _ => Err(Failure::Types),
    }
}

fn spanned<'a>(span: Option<i64>) -> Worked<'a> {
    span.map(Value::Span).ok_or(Failure::OutOfRange)
}

fn moved<'a>(moment: Timestamp, by: Option<i64>) -> Worked<'a> {
    let moved = by.and_then(|by| moment.as_microseconds().checked_add(by));
    moved.and_then(Timestamp::from_microseconds).map(Value::Moment).ok_or(Failure::OutOfRange)
}

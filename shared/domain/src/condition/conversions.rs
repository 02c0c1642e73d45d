//! From one type to another: `int("5")`, `timestamp(resource.properties.due)`, and so on.

use super::evaluation::Evaluation;
use super::syntax::Function;
use super::value::{Text, Value};
use super::{Failure, calculation, moments};
use crate::time::Timestamp;

/// A count as a value.
pub(super) fn whole<'a>(count: usize) -> Value<'a> {
    Value::Int(i128::try_from(count).unwrap_or(i128::MAX))
}

/// Converts a value to the type that the function is named for.
pub(super) fn converted<'a>(
    evaluation: &Evaluation<'a>,
    function: Function,
    value: Value<'a>,
) -> Result<Value<'a>, Failure> {
    if let Value::Text(text) = &value {
        evaluation.charge(text.as_str().len() / 8)?;
    }
    match (function, value) {
        (Function::Bool, Value::Bool(bool)) => Ok(Value::Bool(bool)),
        (Function::Bool, Value::Text(text)) => match text.as_str() {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(Failure::Unreadable),
        },
        (Function::Int, value) => int(&value),
        (Function::Double, value) => double(&value),
        (Function::String, value) => string(value),
        (Function::Timestamp, Value::Moment(moment)) => Ok(Value::Moment(moment)),
        (Function::Timestamp, Value::Text(text)) => {
            Timestamp::parse(text.as_str()).map(Value::Moment).map_err(|_| Failure::Unreadable)
        }
        (Function::Timestamp, Value::Int(seconds)) => {
            let microseconds = seconds.checked_mul(1_000_000);
            let microseconds = microseconds.and_then(|number| i64::try_from(number).ok());
            let moment = microseconds.and_then(Timestamp::from_microseconds);
            moment.map(Value::Moment).ok_or(Failure::OutOfRange)
        }
        (Function::Duration, Value::Span(span)) => Ok(Value::Span(span)),
        (Function::Duration, Value::Text(text)) => {
            moments::span(text.as_str()).map(Value::Span).ok_or(Failure::Unreadable)
        }
        _ => Err(Failure::Types),
    }
}

pub(super) fn int<'a>(value: &Value<'a>) -> Result<Value<'a>, Failure> {
    match value {
        Value::Int(number) => calculation::within(Some(*number)),
        // Every double from -2^63 up to below 2^63 fits once its fraction is cut.
        #[expect(clippy::cast_possible_truncation, reason = "the fraction is to be cut")]
        Value::Double(number)
            if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(number) =>
        {
            Ok(Value::Int((*number as i64).into()))
        }
        Value::Double(_) => Err(Failure::OutOfRange),
        Value::Text(text) => {
            let number = text.as_str().parse::<i64>().map_err(|_| Failure::Unreadable)?;
            Ok(Value::Int(number.into()))
        }
        Value::Moment(moment) => Ok(Value::Int(moment.as_seconds().into())),
        _ => Err(Failure::Types),
    }
}

fn double<'a>(value: &Value<'a>) -> Result<Value<'a>, Failure> {
    match value {
        Value::Double(number) => Ok(Value::Double(*number)),
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
        Value::Int(number) => Ok(Value::Double(*number as f64)),
        Value::Text(text) => {
            text.as_str().parse().map(Value::Double).map_err(|_| Failure::Unreadable)
        }
        _ => Err(Failure::Types),
    }
}

fn string(value: Value<'_>) -> Result<Value<'_>, Failure> {
    let text = match &value {
        Value::Text(_) => return Ok(value),
        Value::Bool(bool) => bool.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Moment(moment) => moment.to_string(),
        Value::Span(span) => moments::written(*span),
        Value::Null | Value::List(_) | Value::Map(_) => return Err(Failure::Types),
    };
    Ok(Value::Text(Text::Made(text.into())))
}

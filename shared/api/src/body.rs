//! JSON bodies, read field by field so that every fault is told at once.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use domain::refusal::Refusal;
use http::header;
use serde_json::{Map, Value};

use crate::problem::{Fault, Problem};

/// Up to here a double holds every whole number.
const NATURAL_OF_DOUBLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A body under reading. Each field is asked for by name; [`Fields::finish`] refuses the body with all
/// the faults that were met.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    faults: Vec<Fault>,
}

/// Stands for a value that was refused; [`Fields::finish`] has the reason. After it no value is faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulty;

impl From<Faulty> for Problem {
    fn from(_: Faulty) -> Self {
        Self::defect("a refused field was used before `Fields::finish`")
    }
}

impl Fields {
    /// Reads a body that is a JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(Self { object, faults: Vec::new() }),
            Ok(_) => Err(Problem::malformed("the body must be a JSON object")),
            Err(error) => Err(Problem::malformed(format!("the body is not JSON: {error}"))),
        }
    }

    /// Reads an object that was parsed already.
    pub fn of(object: Map<String, Value>) -> Self {
        Self { object, faults: Vec::new() }
    }

    /// All that was sent, for a reader of its own.
    pub fn members(&self) -> &Map<String, Value> {
        &self.object
    }

    /// A field that must be there.
    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Refusal>,
    ) -> Result<T, Faulty> {
        match self.object.get(name) {
            None => self.refuse(format!("/{name}"), &Refusal::new("is required")),
            Some(value) => read(value).or_else(|refusal| self.refuse(format!("/{name}"), &refusal)),
        }
    }

    /// A field that may be absent, or `null`, which is the same.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Faulty> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                read(value).map(Some).or_else(|refusal| self.refuse(format!("/{name}"), &refusal))
            }
        }
    }

    /// Refuses `null` in these fields, which may be absent: in a patch `null` would mean "none".
    pub fn not_null(&mut self, names: &[&str]) {
        for name in names {
            if self.object.get(*name) == Some(&Value::Null) {
                let _: Result<(), Faulty> =
                    self.refuse(format!("/{name}"), &Refusal::new("must not be null"));
            }
        }
    }

    /// A field of a patch in which `null` means "none": absent, `None`, or a value.
    pub fn cleared<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Refusal>,
    ) -> Result<Option<Option<T>>, Faulty> {
        if self.object.get(name) == Some(&Value::Null) {
            return Ok(Some(None));
        }
        Ok(self.optional(name, read)?.map(Some))
    }

    /// A list of texts, each read alone so that each fault has its place. Absent and `null` are `None`.
    pub fn texts<T>(
        &mut self,
        name: &str,
        items_max: usize,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<Option<Vec<T>>, Faulty> {
        let read = text(read);
        self.items(name, items_max, |item| read(item).map_err(|refusal| vec![("", refusal)]))
    }

    /// A list of anything, each item read alone; its refusals say where below the item they belong, such as
    /// `/condition`. Absent and `null` are `None`.
    pub fn items<T>(
        &mut self,
        name: &str,
        items_max: usize,
        read: impl Fn(&Value) -> Result<T, Vec<(&'static str, Refusal)>>,
    ) -> Result<Option<Vec<T>>, Faulty> {
        let items = match self.object.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(_) => return self.refuse(format!("/{name}"), &Refusal::new("must be a list")),
        };
        if items.len() > items_max {
            let refusal =
                Refusal::new(format!("must hold at most {items_max} items, has {}", items.len()));
            return self.refuse(format!("/{name}"), &refusal);
        }
        let read: Vec<Result<T, _>> = items.iter().map(read).collect();
        let mut values = Vec::with_capacity(read.len());
        let mut faulty = false;
        for (index, item) in read.into_iter().enumerate() {
            match item {
                Ok(value) => values.push(value),
                Err(refusals) => {
                    faulty = true;
                    for (below, refusal) in refusals {
                        let pointer = format!("/{name}/{index}{below}");
                        let _: Result<(), Faulty> = self.refuse(pointer, &refusal);
                    }
                }
            }
        }
        if faulty { Err(Faulty) } else { Ok(Some(values)) }
    }

    /// Refuses every field that is not one of these.
    pub fn only(&mut self, known: &[&str]) {
        let unknown: Vec<String> =
            self.object.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            let refusal =
                Refusal::new(format!("is unknown here; the fields are {}", known.join(", ")));
            let _: Result<(), Faulty> = self.refuse(format!("/{name}"), &refusal);
        }
    }

    /// Refuses a value that was read, for a reason that only the handler knows.
    pub fn refuse<T>(&mut self, pointer: String, refusal: &Refusal) -> Result<T, Faulty> {
        self.faults.push(Fault { pointer, detail: refusal.reason().to_owned() });
        Err(Faulty)
    }

    /// Ends the reading: 400 with every fault, where there was one.
    pub fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid(self.faults)) }
    }
}

/// A reader of texts.
pub fn text<T>(read: impl Fn(&str) -> Result<T, Refusal>) -> impl Fn(&Value) -> Result<T, Refusal> {
    move |value| match value {
        Value::String(text) => read(text),
        _ => Err(Refusal::new("must be a text")),
    }
}

/// Reads `true` or `false`.
pub fn boolean(value: &Value) -> Result<bool, Refusal> {
    value.as_bool().ok_or_else(|| Refusal::new("must be true or false"))
}

/// Reads a natural number. JSON knows one kind of number only, so that `51.0` is one too.
pub fn natural(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, not negative, and small enough to be held exactly"
    )]
    let of_double = |number: f64| {
        let is_exact = number.fract() == 0.0 && (0.0..=NATURAL_OF_DOUBLE_MAX).contains(&number);
        is_exact.then_some(number as u64)
    };
    value.as_u64().or_else(|| value.as_f64().and_then(of_double))
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if media_type(&request) != "application/json" {
            return Err(Problem::malformed("the `Content-Type` must be `application/json`"));
        }
        Self::parse(&read_whole(request.into_body()).await?)
    }
}

/// A body of any type, for a handler that takes several.
#[derive(Clone, Debug)]
pub struct Content {
    /// The media type in small letters, without parameters; empty where none is said.
    pub media_type: String,
    /// The whole body.
    pub bytes: bytes::Bytes,
}

impl<S: Sync> FromRequest<S> for Content {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_type = media_type(&request);
        Ok(Self { media_type, bytes: read_whole(request.into_body()).await? })
    }
}

fn media_type(request: &Request) -> String {
    let content_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The whole of a body, within the limit.
pub(crate) async fn read_whole(body: Body) -> Result<bytes::Bytes, Problem> {
    let limited = http_body_util::Limited::new(body, crate::BODY_BYTES_MAX);
    match http_body_util::BodyExt::collect(limited).await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::too_large()),
        Err(error) => Err(Problem::malformed(format!("the body could not be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::text::RoleName;

    #[test]
    fn every_fault_of_a_body_is_told_at_once() {
        let mut fields = Fields::parse(
            br#"{"name": "ab", "list": ["good", 1, ""], "surplus": 1, "gone": null}"#,
        )
        .unwrap();
        fields.only(&["name", "list", "gone", "missing"]);
        assert!(fields.required("missing", boolean).is_err());
        assert!(fields.required("name", text(RoleName::parse)).is_err());
        fields.not_null(&["gone", "absent"]);
        let visible =
            |text: &str| if text.is_empty() { Err(Refusal::new("is empty")) } else { Ok(()) };
        assert!(fields.texts("list", 3, visible).is_err());
        let problem = fields.finish().unwrap_err();
        let pointers: Vec<_> = problem.errors.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/surplus", "/missing", "/name", "/gone", "/list/1", "/list/2"]);
    }

    #[test]
    fn null_means_absent_none_or_wrong_as_the_field_says() {
        let mut fields = Fields::parse(br#"{"field": null}"#).unwrap();
        assert_eq!(fields.optional("field", boolean), Ok(None));
        assert_eq!(fields.cleared("field", boolean), Ok(Some(None)));
        assert_eq!(fields.cleared("other", boolean), Ok(None));
        fields.not_null(&["field"]);
        assert_eq!(fields.finish().unwrap_err().errors[0].pointer, "/field");
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let of = |text: &str| natural(&serde_json::from_str(text).unwrap());
        for (text, number) in [("51", 51), ("51.0", 51), ("5.1e1", 51), ("0", 0)] {
            assert_eq!(of(text), Some(number), "{text}");
        }
        assert_eq!(of("18446744073709551615"), Some(u64::MAX));
        for none in ["-1", "0.5", "-0.5", "1e300", "\"1\"", "null"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_object_is_refused() {
        for bad in ["", "[]", "1", "{", "{\"a\":1}x", &"[".repeat(200)] {
            assert!(Fields::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

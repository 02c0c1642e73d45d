//! Conditions against another implementation of CEL, and against texts and documents that mean no good.
#![expect(clippy::unwrap_used, reason = "helpers beside the tests fail as tests do")]

use std::collections::HashMap;

use domain::condition::{Budget, Condition, Facts, Failure};
use domain::decision::{Question, Subject, Target};
use domain::document::Document;
use domain::permission::Action;
use domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What a condition is evaluated on.
#[derive(Clone, Debug)]
struct World {
    subject: Value,
    resource: Value,
    context: Value,
}

impl World {
    fn ours(&self, condition: &Condition) -> Result<bool, Failure> {
        let [subject, resource] =
            [&self.subject, &self.resource].map(|it| Document::from_value(it).unwrap());
        let question = Question {
            subject: Subject { kind: "user", id: "alice", sent: None },
            action: &Action::parse("doc:read").unwrap(),
            action_properties: None,
            target: Target {
                kind: "spv",
                id: "s-1",
                ancestors: &[],
                stored: Some(&resource),
                sent: None,
            },
            context: self.context.as_object(),
            now: Timestamp::from_microseconds(0).unwrap(),
        };
        let facts = Facts { question: &question, stored: Some(&subject) };
        condition.holds(&facts, &Budget::default())
    }

    fn theirs(&self, source: &str) -> Result<cel::Value, String> {
        let program = cel::Program::compile(source).map_err(|error| error.to_string())?;
        let mut context = cel::Context::default();
        for (name, value) in [
            ("subject", json!({"type": "user", "id": "alice", "properties": self.subject})),
            ("resource", json!({"type": "spv", "id": "s-1", "properties": self.resource})),
            ("action", json!({"name": "doc:read", "properties": {}})),
            ("context", self.context.clone()),
        ] {
            context.add_variable_from_value(name, for_them(&value));
        }
        program.execute(&context).map_err(|error| error.to_string())
    }
}

/// A document in their values. Their own conversion makes what is not negative unsigned.
fn for_them(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(bool) => cel::Value::Bool(*bool),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| cel::Value::Float(number.as_f64().unwrap()), cel::Value::Int),
        Value::String(text) => cel::Value::String(text.clone().into()),
        Value::Array(items) => {
            cel::Value::List(items.iter().map(for_them).collect::<Vec<_>>().into())
        }
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.clone(), for_them(value)));
            cel::Value::Map(members.collect::<HashMap<_, _>>().into())
        }
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![-3..4_i64, Just(1 << 62), Just(i64::MIN)].prop_map(Value::from),
        prop::sample::select(vec![0.0, 0.5, 1.0, -2.0, 1e300]).prop_map(Value::from),
        prop::sample::select(vec!["", "a", "b", "alice", "1", "é"]).prop_map(Value::from),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let value = scalar().prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abk]", inner, 0..3)
                .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
        ]
    });
    prop::collection::btree_map("[abc]", value, 0..4)
        .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>()))
}

fn world() -> impl Strategy<Value = World> {
    (document(), document(), document()).prop_map(|(subject, resource, context)| World {
        subject,
        resource,
        context,
    })
}

/// Words that may stand anywhere.
const WORDS: [&str; 40] = [
    "subject",
    "resource",
    "action",
    "context",
    "now",
    ".",
    ".",
    ".id",
    ".properties",
    "a",
    "has(",
    "size(",
    "all(",
    "map(",
    "matches(",
    "timestamp(",
    "duration(",
    "getHours(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "!",
    "-",
    "+",
    "==",
    "&&",
    "||",
    "in",
    "1",
    "9223372036854775808",
    "1.5",
    "'a'",
    "'",
    "\\",
];

/// A text of CEL that is likely to be of a kind.
type Source = BoxedStrategy<String>;

fn one_of(sources: &[&'static str]) -> Source {
    prop::sample::select(sources.to_vec()).prop_map(str::to_owned).boxed()
}

fn between(left: Source, signs: &[&'static str], right: Source) -> Source {
    (left, one_of(signs), right).prop_map(|(l, sign, r)| format!("({l} {sign} {r})")).boxed()
}

/// Anything, often what does not fit where it stands. `ITEM` is the variable of the macro around.
fn anything(depth: u32) -> Source {
    let atoms = one_of(&[
        "ITEM",
        "ITEM",
        "null",
        "{}",
        "context",
        "subject.properties",
        "context.a",
        "context['b']",
        "resource.properties.a",
        "resource.properties.b",
        "subject.properties.a",
        "{'k': 1, 'a': [true]}",
    ]);
    if depth == 0 {
        return atoms;
    }
    let less = depth - 1;
    prop_oneof![
        3 => atoms,
        1 => boolean(less),
        1 => number(less),
        1 => text(less),
        1 => list(less),
        1 => (list(less), anything(0)).prop_map(|(of, index)| format!("({of})[{index}]")),
        1 => (list(less), number(0)).prop_map(|(of, index)| format!("({of})[{index}]")),
        1 => anything(less).prop_map(|of| format!("{{'k': {of}}}")),
        1 => between(anything(less), &["+", "-", "*", "/", "%", "in"], anything(less)),
    ]
    .boxed()
}

fn number(depth: u32) -> Source {
    let atoms =
        one_of(&["0", "1", "-1", "2", "3", "4611686018427387904", "0.5", "1.0", "-2.0", "1e300"]);
    if depth == 0 {
        return atoms;
    }
    let less = depth - 1;
    prop_oneof![
        4 => atoms,
        2 => between(number(less), &["+", "-", "*", "/", "%"], number(less)),
        1 => number(less).prop_map(|of| format!("-({of})")),
        1 => number(less).prop_map(|of| format!("int({of})")),
        1 => number(less).prop_map(|of| format!("double({of})")),
        1 => text(less).prop_map(|of| format!("size({of})")),
        1 => list(less).prop_map(|of| format!("({of}).size()")),
        1 => anything(less),
    ]
    .boxed()
}

fn text(depth: u32) -> Source {
    let atoms = one_of(&[
        "subject.id",
        "subject.type",
        "action.name",
        "'alice'",
        "''",
        "'a'",
        "'é'",
        "'1'",
    ]);
    if depth == 0 {
        return atoms;
    }
    let less = depth - 1;
    prop_oneof![
        4 => atoms,
        1 => between(text(less), &["+"], text(less)),
        1 => prop_oneof![boolean(0), number(0)].prop_map(|of| format!("string({of})")),
        1 => anything(less),
    ]
    .boxed()
}

fn list(depth: u32) -> Source {
    let atoms = one_of(&["[]", "[1, 2]", "['a', 'alice']", "[true, null, 0.5]", "context.c"]);
    if depth == 0 {
        return atoms;
    }
    let less = depth - 1;
    let each = (list(less), prop_oneof![boolean(less), anything(less)]);
    prop_oneof![
        3 => atoms,
        1 => (anything(less), number(less)).prop_map(|(one, other)| format!("[{one}, {other}]")),
        1 => between(list(less), &["+"], list(less)),
        1 => each.prop_map(|(of, body)| macro_of(&of, "filter", &body)),
        1 => (list(less), anything(less)).prop_map(|(of, body)| macro_of(&of, "map", &body)),
    ]
    .boxed()
}

fn boolean(depth: u32) -> Source {
    let atoms = one_of(&[
        "true",
        "false",
        "has(context.a)",
        "has(resource.properties.b)",
        "'a' in context",
        "subject.id == 'alice'",
        "resource.properties.a == 1",
        "context.a == context.b",
    ]);
    if depth == 0 {
        return atoms;
    }
    let less = depth - 1;
    let orders = ["<", "<=", ">", ">=", "==", "!="];
    let macros = one_of(&["all", "exists", "exists_one"]);
    prop_oneof![
        2 => atoms,
        3 => between(anything(less), &["==", "!="], anything(less)),
        2 => between(number(less), &orders, number(less)),
        1 => between(text(less), &orders, text(less)),
        2 => between(boolean(less), &["&&", "||"], boolean(less)),
        1 => between(anything(less), &["in"], list(less)),
        1 => boolean(less).prop_map(|of| format!("!({of})")),
        1 => (boolean(less), boolean(less), boolean(less))
            .prop_map(|(condition, yes, no)| format!("({condition} ? {yes} : {no})")),
        1 => (text(less), one_of(&["contains", "startsWith", "endsWith"]), text(less))
            .prop_map(|(of, method, part)| format!("({of}).{method}({part})")),
        3 => (list(less), macros, boolean(less)).prop_map(|(of, each, body)| macro_of(&of, &each, &body)),
        1 => anything(less),
    ]
    .boxed()
}

fn macro_of(of: &str, each: &str, body: &str) -> String {
    format!("({of}).{each}(item, {})", body.replace("ITEM", "item"))
}

/// A condition, with a number for the variable of a macro where there is none around.
fn source() -> impl Strategy<Value = String> {
    boolean(4).prop_map(|source| source.replace("ITEM", "1"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_both_can_work_out_comes_to_the_same(source in source(), world in world()) {
        let Ok(condition) = Condition::parse(&source) else { return Ok(()) };
        let (ours, theirs) = (world.ours(&condition), world.theirs(&source));
        match (&ours, &theirs) {
            (Ok(ours), Ok(cel::Value::Bool(theirs))) => prop_assert_eq!(ours, theirs, "{}", source),
            (Err(_), Err(_)) => {}
            (Err(Failure::NotBoolean), Ok(value)) if !matches!(value, cel::Value::Bool(_)) => {}
            // It joins a map to a list, as if it were one.
            (Err(Failure::Types), Ok(_)) if source.contains('+') => {}
            _ => prop_assert!(false, "{source}: {ours:?}, but {theirs:?}"),
        }
    }

    #[test]
    fn no_text_makes_reading_or_evaluation_panic(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..60),
        noise in ".{0,40}",
        place in any::<prop::sample::Index>(),
        source in source(),
        world in world(),
    ) {
        let cut: String = source.chars().take(place.index(source.len() + 1)).collect();
        for text in [words.concat(), words.join(" "), noise.clone(), format!("{cut}{noise}"), source] {
            match Condition::parse(&text) {
                Ok(condition) => drop(world.ours(&condition)),
                Err(refusal) => prop_assert!(!refusal.reason().is_empty()),
            }
        }
    }
}

//! Several evaluations in one request, over inputs that are read once.

use api::{Answer, App, DecisionLog, Fields, Problem, RequestIds};
use axum::Extension;
use axum::extract::State;
use serde_json::{Map, Value, json};
use store::{Attributes, Wanted};

use crate::authzen::reading::{Asked, Reader, action};
use crate::authzen::tenant::Own;

/// Most evaluations of one request.
pub(crate) const EVALUATIONS_MAX: usize = 100;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    /// Reads `options.evaluations_semantic`.
    fn read(reader: &mut Reader<'_>) -> Self {
        let Some(options) = reader.object("options") else { return Self::ExecuteAll };
        let word = options.get("evaluations_semantic").filter(|word| !word.is_null());
        match word.map(|word| word.as_str()) {
            None | Some(Some("execute_all")) => Self::ExecuteAll,
            Some(Some("deny_on_first_deny")) => Self::DenyOnFirstDeny,
            Some(Some("permit_on_first_permit")) => Self::PermitOnFirstPermit,
            Some(_) => {
                reader.refuse(
                    "/options/evaluations_semantic",
                    "must be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`",
                );
                Self::ExecuteAll
            }
        }
    }

    /// Whether an answer is the last one.
    fn ends_with(self, is_allowed: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !is_allowed,
            Self::PermitOnFirstPermit => is_allowed,
        }
    }
}

pub(crate) async fn evaluate(
    State(app): State<App>,
    Own(caller): Own,
    Extension(ids): Extension<RequestIds>,
    fields: Fields,
) -> Result<Answer, Problem> {
    let body = fields.members();
    let mut reader = Reader::new(body);
    let semantic = Semantic::read(&mut reader);
    let items = items(&mut reader, body);
    // Wrong in itself, whether an item takes it over or not.
    for part in ["subject", "action", "resource", "context"] {
        reader.object(part);
    }
    reader.finish()?;
    let several = !items.is_empty();
    let asked: Vec<Result<Asked, Problem>> = match several {
        // Without items it is one evaluation, and answered as one.
        false => vec![Ok(Reader::new(body).asked()?)],
        true => items.iter().map(|item| read(item, body)).collect(),
    };
    let well = || asked.iter().flatten();
    let principals: Vec<_> =
        well().filter_map(|asked| Some(asked.subject.who()?.principal)).collect();
    let resources: Vec<_> = well().filter_map(|asked| asked.resource.entity()).collect();
    let actions: Vec<_> = well().filter_map(|asked| action(&asked.action)).collect();
    let wanted =
        Wanted::fresh(&caller.tenant_id, &principals, &resources, Attributes::For(&actions));
    let inputs = app.store.inputs_read(wanted).await?;
    let now = app.clock.now();
    let mut log = DecisionLog::of(&app, &caller, &ids, now);
    let mut answers = Vec::new();
    for asked in asked {
        let (is_allowed, answer) = match asked {
            Ok(asked) => asked.answer(&inputs, now, &mut log)?,
            Err(problem) => failed(&problem),
        };
        answers.push(answer);
        if semantic.ends_with(is_allowed) {
            break;
        }
    }
    log.close().await;
    match answers.pop() {
        Some(only) if !several => Ok(Answer::ok(&only)),
        last => {
            answers.extend(last);
            Ok(Answer::ok(&json!({ "evaluations": answers })))
        }
    }
}

fn items<'a>(reader: &mut Reader<'_>, body: &'a Map<String, Value>) -> &'a [Value] {
    match body.get("evaluations") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(items)) if items.len() <= EVALUATIONS_MAX => items,
        Some(Value::Array(items)) => {
            let (most, has) = (EVALUATIONS_MAX, items.len());
            reader.refuse("/evaluations", &format!("must hold at most {most} items, has {has}"));
            &[]
        }
        Some(_) => {
            reader.refuse("/evaluations", "must be a list");
            &[]
        }
    }
}

fn read(item: &Value, defaults: &Map<String, Value>) -> Result<Asked, Problem> {
    match item {
        Value::Object(own) => Reader::of_item(own, defaults).asked(),
        _ => Err(Problem::malformed("an evaluation must be a JSON object")),
    }
}

/// An item that cannot be decided is denied, and says why.
fn failed(problem: &Problem) -> (bool, Value) {
    let error = json!({"status": problem.status.as_u16(), "message": problem.words()});
    (false, json!({"decision": false, "context": {"error": error}}))
}

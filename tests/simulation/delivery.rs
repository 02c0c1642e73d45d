//! What becomes of a call when its turn has come: it is done or not, and its caller hears of it or not.

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use crate::faults::{Call, broken, read_only, refused};
use crate::simulation::fault::{Mode, roll};
use crate::simulation::network::{Answer, Network, Sent};
use crate::simulation::place::{digest, first_half, written};

/// How many writes a stale read misses, at most.
const WRITES_BEHIND_MAX: u64 = 24;

/// Operations that change tables.
const WRITES: [&str; 6] = [
    "BatchExecuteStatement",
    "DeleteItem",
    "ExecuteStatement",
    "PutItem",
    "TransactWriteItems",
    "UpdateItem",
];

impl Network {
    pub(super) async fn deliver(&self, mut sent: Sent) {
        // Of what a process had sent when it ended, some still arrives.
        let is_gone = sent.answer.is_closed() && sent.mode != Some(Mode::Late);
        if is_gone && roll(self.0.seed, &format!("gone {}", sent.key)).is_multiple_of(2) {
            return self.note(&format!("{} never left", sent.key));
        }
        let mode = sent.mode.map_or_else(String::new, |mode| format!(" {mode:?}"));
        let said = digest(&sent.call.body);
        let lost = || Err(ConnectorError::io("the network is down".into()));
        let answer = match sent.mode {
            Some(Mode::NotApplied) => lost(),
            Some(Mode::CrashBefore) => return self.end(&sent),
            Some(Mode::CrashAfter) => {
                drop(self.apply(&mut sent).await);
                return self.end(&sent);
            }
            Some(Mode::AnswerLost) => {
                drop(self.apply(&mut sent).await);
                lost()
            }
            Some(Mode::Throttled | Mode::InProgress | Mode::Conflict) => Ok(refusal(&sent)),
            _ => self.apply(&mut sent).await,
        };
        let answer = match self.0.bug {
            Some(bug) => bug.hears(&sent, answer),
            None => answer,
        };
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        self.note(&format!("{}{mode} {status} {said}", sent.key));
        // Who asked may have gone.
        drop(sent.answer.send(answer));
    }

    fn end(&self, sent: &Sent) {
        self.note(&format!("{} {:?}", sent.key, sent.mode));
        sent.here.process.end();
    }

    /// Has a call done, or of a batch a part.
    async fn apply(&self, sent: &mut Sent) -> Answer {
        if let Some(bug) = self.0.bug {
            if let Some(answer) = bug.answers(sent) {
                return Ok(answer);
            }
            bug.tears(sent);
            rewrite(&mut sent.request, &sent.call);
        }
        let request = sent.request.try_clone().unwrap();
        let is_partial = sent.mode == Some(Mode::Partial);
        let Some(tables) = &sent.tables else {
            let seed = self.0.seed;
            let refuses = |place: usize| {
                is_partial && !roll(seed, &format!("{} {place}", sent.key)).is_multiple_of(3)
            };
            return Ok(self.0.queues.answer(&request, refuses));
        };
        if sent.mode == Some(Mode::Stale) {
            let behind = 1 + roll(self.0.seed, &format!("behind {}", sent.key)) % WRITES_BEHIND_MAX;
            return Ok(self.0.replica.read(usize::try_from(behind).unwrap(), &request).await);
        }
        let answer = match sent.call.operation.as_str() {
            "BatchGetItem" if is_partial => read_only(tables, request, 0).await?,
            "BatchExecuteStatement" if is_partial => {
                let (request, answer) = first_half(tables, request).await?;
                self.0.replica.follow(&request);
                return Ok(answer);
            }
            _ => tables.call(request).await?,
        };
        if answer.status().is_success() && WRITES.contains(&sent.call.operation.as_str()) {
            self.0.replica.follow(&sent.request);
        }
        Ok(answer)
    }
}

/// Gives a request the body that its call has.
pub(super) fn rewrite(request: &mut HttpRequest, call: &Call) {
    let is_form = !request.headers().contains_key("x-amz-target");
    let body = if is_form { written(&call.body) } else { call.body.to_string() };
    *request.body_mut() = SdkBody::from(body);
    request.headers_mut().remove("content-length");
}

/// The answer that refuses a call for a while.
fn refusal(sent: &Sent) -> HttpResponse {
    let items = sent.call.body["TransactItems"].as_array().map_or(0, Vec::len);
    match sent.mode {
        Some(Mode::InProgress) => refused("TransactionInProgressException", None, items),
        Some(Mode::Conflict) if items > 0 => {
            refused("TransactionCanceledException", Some("TransactionConflict"), items)
        }
        Some(Mode::Conflict) => refused("TransactionConflictException", None, items),
        _ if sent.tables.is_none() => broken(503),
        _ => refused("ProvisionedThroughputExceededException", None, items),
    }
}

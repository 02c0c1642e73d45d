//! Which transactions were done already, by their client request token.
//!
//! The engine knows this too, but looks through every token of ten minutes at each transaction: at
//! a thousand a second, most of a transaction's time after half a minute. So tokens end here.

use dynoxide::actions::transact_write_items::{
    TransactWriteItemsRequest, TransactWriteItemsResponse,
};
use dynoxide::{DynoxideError, Result};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As long as DynamoDB accepts. The engine words the refusal of a longer one.
const TOKEN_BYTES_MAX: usize = 36;
/// How long DynamoDB knows a token, at least.
const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// Tokens of one generation. Under a load that reaches this, tokens live shorter than DynamoDB's,
/// but still far longer than the SDK retries.
const TOKENS_MAX: usize = 50_000;

/// Remembered tokens in two generations, so that forgetting is one step however many there are.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    recent: HashMap<String, Done>,
    older: HashMap<String, Done>,
    recent_since: Option<Instant>,
}

#[derive(Debug)]
struct Done {
    fingerprint: u64,
    response: TransactWriteItemsResponse,
}

impl Replays {
    /// Runs a transaction unless one with its token has succeeded: then that one's response, or a
    /// refusal if it held other items. The capacity in the response is the first one's, where
    /// DynamoDB would tell that of reading the items.
    pub(super) fn once(
        &self,
        mut request: TransactWriteItemsRequest,
        run: impl FnOnce(TransactWriteItemsRequest) -> Result<TransactWriteItemsResponse>,
    ) -> Result<TransactWriteItemsResponse> {
        let token = request.client_request_token.take_if(|token| token.len() <= TOKEN_BYTES_MAX);
        let Some(token) = token else { return run(request) };
        let fingerprint = fingerprint(&request)?;
        // Held while the transaction runs, or the same one sent twice at once would run twice. The
        // engine does one write at a time in any case.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(Instant::now());
        match known.recent.get(&token).or_else(|| known.older.get(&token)) {
            Some(done) if done.fingerprint == fingerprint => Ok(done.response.clone()),
            Some(_) => Err(DynoxideError::IdempotentParameterMismatchException(
                "the client request token was used with other items".to_owned(),
            )),
            None => {
                let response = run(request)?;
                known.recent.insert(token, Done { fingerprint, response: response.clone() });
                Ok(response)
            }
        }
    }
}

impl Generations {
    fn forget(&mut self, now: Instant) {
        let since = *self.recent_since.get_or_insert(now);
        if now.duration_since(since) >= TOKEN_LIFE || self.recent.len() >= TOKENS_MAX {
            self.older = mem::take(&mut self.recent);
            self.recent_since = Some(now);
        }
    }
}

/// The same for the same items, in whatever order their attributes were written.
fn fingerprint(request: &TransactWriteItemsRequest) -> Result<u64> {
    let items = serde_json::to_value(&request.transact_items)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
    let mut hasher = DefaultHasher::new();
    items.hash(&mut hasher);
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_forgotten_after_one_to_two_lives() {
        let done = || Done { fingerprint: 0, response: TransactWriteItemsResponse::default() };
        let start = Instant::now();
        let mut known = Generations::default();
        known.forget(start);
        known.recent.insert("token".to_owned(), done());
        known.forget(start + TOKEN_LIFE - Duration::from_secs(1));
        assert!(known.recent.contains_key("token"));
        known.forget(start + TOKEN_LIFE);
        assert!(known.older.contains_key("token"));
        known.forget(start + 2 * TOKEN_LIFE);
        assert!(known.recent.is_empty() && known.older.is_empty());
    }
}

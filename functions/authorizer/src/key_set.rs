//! The keys of one issuer, remembered: read again when they are old, and when a token names one that is not
//! among them, which is how a new key is noticed.
//!
//! **Invariant:** whatever tokens are sent, an issuer is asked by one request at a time and not again before
//! [`PAUSE_SECONDS`] have passed, whether it answered or not. Without an answer the keys at hand go on, for as
//! long as [`KEYS_SECONDS_MAX`]; without keys nobody is let in.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::key::{Key, published, secrets};
use crate::source::{Fetch, Source};

/// From when on keys are read again, in seconds: so long a key that its issuer has withdrawn may still count.
pub const KEYS_SECONDS_FRESH: i64 = 10 * 60;

/// How long keys go on while their issuer does not answer, in seconds.
pub const KEYS_SECONDS_MAX: i64 = 24 * 60 * 60;

/// Between two requests for the keys of one issuer, in seconds.
pub const PAUSE_SECONDS: i64 = 30;

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct KeySet {
    source: Source,
    fetch: Fetch,
    known: RwLock<Known>,
    /// Held by whoever asks the issuer.
    asking: Mutex<()>,
}

/// What is known of the keys, with times in seconds since 1970.
#[derive(Clone, Debug, Default)]
struct Known {
    keys: Option<(Arc<[Key]>, i64)>,
    asked_at: Option<i64>,
    failure: Option<String>,
}

impl Known {
    /// The keys, while they may count.
    fn keys(&self, now: i64) -> Option<&Arc<[Key]>> {
        let (keys, since) = self.keys.as_ref()?;
        (0..KEYS_SECONDS_MAX).contains(&(now - since)).then_some(keys)
    }

    fn are_fresh(&self, now: i64) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|(_, since)| (0..KEYS_SECONDS_FRESH).contains(&(now - since)))
    }

    /// Whether the pause is over. A clock that was put back ends it as well.
    fn may_ask(&self, now: i64) -> bool {
        self.asked_at.is_none_or(|asked| !(0..PAUSE_SECONDS).contains(&(now - asked)))
    }
}

impl KeySet {
    pub(crate) fn new(source: Source, fetch: Fetch) -> Self {
        Self { source, fetch, known: RwLock::default(), asking: Mutex::new(()) }
    }

    /// The keys, with the one that is wanted unless the issuer has none or was asked a moment ago. An error
    /// says why there are no keys at all.
    pub(crate) async fn keys(
        &self,
        issuer: &str,
        is_wanted: impl Fn(&Key) -> bool,
        now: i64,
    ) -> Result<Arc<[Key]>, String> {
        let known = self.known();
        let at_hand = known.keys(now).filter(|keys| keys.iter().any(&is_wanted));
        let asking = match at_hand {
            Some(keys) if known.are_fresh(now) => return Ok(Arc::clone(keys)),
            // Old keys are good enough while someone else fetches new ones.
            Some(keys) => match self.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Ok(Arc::clone(keys)),
            },
            None => self.asking.lock().await,
        };
        // Whoever held the lock before may just have asked.
        if self.known().may_ask(now) {
            self.ask(issuer, now).await;
        }
        drop(asking);
        let known = self.known();
        let keys = known.keys(now).cloned();
        keys.ok_or_else(|| known.failure.unwrap_or_else(|| "they are too old".to_owned()))
    }

    async fn ask(&self, issuer: &str, now: i64) {
        // First, so that a caller who goes away in between does not undo the pause.
        self.change(|known| known.asked_at = Some(now));
        let read = match self.fetch.fetch(&self.source).await {
            Ok(text) => match &self.source {
                Source::Published(_) | Source::Given(_) => published(&text).map_err(str::to_owned),
                Source::Secret(_) => secrets(&text).map_err(str::to_owned),
            },
            Err(cause) => Err(cause),
        };
        match read {
            Ok(keys) => {
                tracing::info!(issuer, keys = keys.len(), "keys of an issuer were read");
                self.change(|known| {
                    known.keys = Some((keys.into(), now));
                    known.failure = None;
                });
            }
            Err(cause) => {
                tracing::warn!(issuer, cause, "the keys of an issuer cannot be read");
                self.change(|known| known.failure = Some(cause));
            }
        }
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }
}

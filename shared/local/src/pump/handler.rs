//! A function as Lambda sees it: an event goes in, an answer or an error comes out.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

type Handle = dyn Fn(Value) -> BoxFuture<'static, Result<Value, HandlerError>> + Send + Sync;

/// A function to be invoked. Clones are cheap and are the same function.
#[derive(Clone)]
pub struct Handler(Arc<Handle>);

/// That a function failed, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HandlerError {
    message: String,
}

impl HandlerError {
    /// A failure with these words, and those of its causes where the error tells them.
    pub fn new(message: impl Display) -> Self {
        Self { message: format!("{message:#}") }
    }
}

impl Handler {
    /// A function from JSON to JSON.
    pub fn new<Answering>(handle: impl Fn(Value) -> Answering + Send + Sync + 'static) -> Self
    where
        Answering: Future<Output = Result<Value, HandlerError>> + Send + 'static,
    {
        Self(Arc::new(move |event| handle(event).boxed()))
    }

    /// A function of types that are read from and written as JSON, as most functions are. An event
    /// that cannot be read is a failure of the function, as it is on Lambda.
    pub fn typed<Event, Answer, Failure, Answering>(
        handle: impl Fn(Event) -> Answering + Send + Sync + 'static,
    ) -> Self
    where
        Event: DeserializeOwned + Send + 'static,
        Answer: Serialize + Send + 'static,
        Failure: Display + Send + 'static,
        Answering: Future<Output = Result<Answer, Failure>> + Send + 'static,
    {
        let handle = Arc::new(handle);
        Self::new(move |event| {
            let handle = Arc::clone(&handle);
            async move {
                let event = serde_json::from_value(event).map_err(HandlerError::new)?;
                let answer = handle(event).await.map_err(HandlerError::new)?;
                serde_json::to_value(answer).map_err(HandlerError::new)
            }
        })
    }

    /// Invokes the function. A panic is a failure like any other.
    pub async fn invoke(&self, event: Value) -> Result<Value, HandlerError> {
        let answer = AssertUnwindSafe(async { (self.0)(event).await }).catch_unwind().await;
        answer.unwrap_or_else(|panic| Err(HandlerError::new(words(&*panic))))
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the function panicked: {}", text.unwrap_or_default())
}

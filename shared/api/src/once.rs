//! Once: how a consumer handles an event a single time, although every delivery may be repeated.
//!
//! [`once`] claims the event under the consumer's name, runs the effect, and remembers that it ran. A
//! later delivery of the same event finds that and does nothing. The claim is a lease of
//! [`store::LEASE_SECONDS`]:
//!
//! - An effect that fails gives the claim back, so that the next delivery runs it again.
//! - A delivery that comes while another holds the lease is refused with [`OnceError::Leased`]; report it
//!   as failed, and the queue brings it again later.
//! - A process that ends between effect and remembering leaves the lease to run out, and the effect runs
//!   **again**. So does an effect that takes longer than the lease. Once is therefore "at least once, and
//!   in all but a crash exactly once"; where even that is too often, make the effect idempotent itself, by
//!   the same `event_id`, as every mutation here is by its `Idempotency-Key`.
//!
//! An event is remembered for [`store::CONSUMPTION_SECONDS`], which is as long as a queue keeps a message.
//! A consumer of the events topic through a queue:
//!
//! ```ignore
//! pub async fn handle(app: &App, batch: sqs::Event) -> Result<BatchResponse, Error> {
//!     let mut failures = BatchResponse::default();
//!     for message in batch.records {
//!         let event: Published = serde_json::from_str(&message.body)?;
//!         let of = Consumption { tenant_id: &event.tenant_id, consumer: "receipts", event_id: &event.event_id };
//!         match once(app, of, || issue_receipt(&event)).await {
//!             Ok(Once::Done(receipt)) => tracing::info!(%receipt, "issued"),
//!             Ok(Once::Repeated) => {}
//!             Err(_) => failures.report(message.message_id),
//!         }
//!     }
//!     Ok(failures)
//! }
//! ```

use std::future::Future;

use store::{Claim, Consumption};

use crate::app::App;

/// What came of handling an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once<T> {
    /// It was handled now, with this outcome.
    Done(T),
    /// It had been handled before; nothing was done.
    Repeated,
}

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum OnceError<E> {
    /// Another delivery of it is being handled; let it be brought again.
    #[error("another delivery of the event is being handled")]
    Leased,
    /// The effect failed; let it be brought again.
    #[error("the event could not be handled: {0}")]
    Effect(E),
    /// The table could not be asked; nothing was done.
    #[error("the event could not be claimed: {0}")]
    Store(#[from] store::Error),
}

/// Runs an effect for an event, unless this consumer has done so before. 2 WCU.
pub async fn once<T, E, Running: Future<Output = Result<T, E>>>(
    app: &App,
    of: Consumption<'_>,
    effect: impl FnOnce() -> Running,
) -> Result<Once<T>, OnceError<E>> {
    let token = match app.store.consumption_claim(of, app.clock.now()).await? {
        Claim::Granted(token) => token,
        Claim::Handled => return Ok(Once::Repeated),
        Claim::Leased => return Err(OnceError::Leased),
    };
    match effect().await {
        Ok(outcome) => {
            // The effect has happened: an error here must not make the caller report a failure.
            if let Err(error) = app.store.consumption_finish(of, &token).await {
                tracing::warn!(event_id = %of.event_id, %error, "a handled event was not remembered");
            }
            Ok(Once::Done(outcome))
        }
        Err(error) => {
            if let Err(unreleased) = app.store.consumption_release(of, &token).await {
                tracing::warn!(event_id = %of.event_id, %unreleased, "a claim runs out by itself");
            }
            Err(OnceError::Effect(error))
        }
    }
}

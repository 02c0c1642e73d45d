//! What can go wrong below, named by what the caller can do about it.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The condition that a write met. Each is one item of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Something with this id exists.
    Id,
    /// Something with this name exists.
    Name,
    /// Something with this external reference exists.
    Reference,
    /// The principal holds this role here already, or is a member already.
    Tuple,
    /// The thing changed, or went, since it was read.
    Version,
    /// The shape of the tree changed since it was read.
    Graph,
    /// A request with the same idempotency key was answered meanwhile.
    Receipt,
    /// This event is stored already. Of a change's own events: a defect of the id source.
    Event,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something else holds what must be unique, or something changed meanwhile.
    #[error("the condition on `{0:?}` failed")]
    Conflict(Guard),
    /// The table refuses for now: throttled, or others keep writing the same items. Try again later.
    #[error("the table is busy: {0}")]
    Busy(String),
    /// The table could not be reached, or did not say whether it did it. Try again with the same key.
    #[error("the table is unavailable: {0}")]
    Unavailable(String),
    /// Where the epochs live, it cannot be said that something is about to change. It was not changed. Try
    /// again later.
    #[error("the epochs cannot be moved: {0}")]
    Epochs(String),
    /// The list cursor is not one that this tenant was given for this list.
    #[error("the cursor was not issued for this list")]
    Cursor,
    /// The request or the stored data makes no sense to the store: a defect of ours.
    #[error("defect: {0}")]
    Defect(String),
}

impl Error {
    /// An error of one SDK call.
    pub(crate) fn from_sdk<E: ProvideErrorMetadata>(
        call: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self {
        let code = error.code().unwrap_or_default();
        let text = format!("{call}: {code} {}", error.message().unwrap_or_default());
        match error {
            _ if is_busy(code) => Self::Busy(text),
            // Below 500 the request was at fault and was not done. From 500 on nobody knows, whatever
            // the code: it may come from something before DynamoDB.
            SdkError::ServiceError(answer) if answer.raw().status().as_u16() < 500 => {
                Self::Defect(text)
            }
            SdkError::ConstructionFailure(_) => Self::Defect(text),
            _ => Self::Unavailable(text),
        }
    }
}

/// Whether an error's code asks to slow down.
pub(crate) fn is_busy(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "ThrottlingException"
            | "ThrottlingError"
            | "TransactionConflict"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}

//! The refusals of SNS and SQS, in the services' own words and codes.

/// What begins most error codes of SQS in its older protocol, which clients still see.
const SQS: &str = "AWS.SimpleQueueService.";

/// A refusal.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: u16,
    /// The code that clients see.
    pub(super) code: String,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// One of SQS, by the end of its code.
    pub(super) fn sqs(code: &str, message: impl Into<String>) -> Self {
        Self::new(&format!("{SQS}{code}"), message)
    }

    pub(super) fn no_queue() -> Self {
        Self::sqs("NonExistentQueue", "The specified queue does not exist.")
    }

    pub(super) fn no_topic() -> Self {
        Self { status: 404, ..Self::new("NotFound", "Topic does not exist") }
    }

    pub(super) fn is_the_senders(&self) -> bool {
        self.status < 500
    }

    /// The name of the error in SQS's JSON protocol.
    pub(super) fn shape(&self) -> &str {
        match self.code.strip_prefix(SQS).unwrap_or(&self.code) {
            "NonExistentQueue" => "QueueDoesNotExist",
            name => name,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "messages_storage_failed");
        Self { status: 500, ..Self::new("InternalFailure", error.to_string()) }
    }
}

//! Messages back to the queues they came from, by SQS itself.

use std::time::Duration;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;

use super::queues::{Found, Queues, in_words};
use crate::say;

/// How long to wait between two questions how far a move is.
const PAUSE: Duration = Duration::from_secs(1);

/// What it is called when SQS does not move messages, or not for this caller.
const NOT_OFFERED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "AWS.SimpleQueueService.UnsupportedOperation",
    "UnsupportedOperation",
];

/// Whether SQS moved the messages.
pub(super) enum Moved {
    /// It did.
    Done,
    /// It will not; why.
    NotOffered(String),
}

impl Queues {
    /// Moves everything in a dead-letter queue to where it came from. SQS deletes no message before it is
    /// there.
    pub(super) async fn move_back(&self, found: &Found) -> Result<Moved, String> {
        let name = &found.declared.name;
        let arn = self.arn(&found.url).await?;
        // Named, so that what did not come by way of its source queue gets there, too.
        let destination = match found.declared.sources.as_slice() {
            [(source, _)] => self.known(source),
            _ => None,
        };
        let destination = match destination {
            Some(url) => Some(self.arn(&url).await?),
            None => None,
        };
        let asked = self.client.start_message_move_task().source_arn(&arn);
        if let Err(error) = asked.set_destination_arn(destination).send().await {
            let reason = in_words("StartMessageMoveTask", &error);
            let is_not_offered = error.code().is_some_and(|code| NOT_OFFERED.contains(&code));
            return if is_not_offered { Ok(Moved::NotOffered(reason)) } else { Err(reason) };
        }
        loop {
            let asked = self.client.list_message_move_tasks().source_arn(&arn).max_results(1);
            let answer =
                asked.send().await.map_err(|error| in_words("ListMessageMoveTasks", &error))?;
            let task = answer.results().first().ok_or("SQS knows nothing of the move it began")?;
            let moved = task.approximate_number_of_messages_moved();
            match task.status().unwrap_or_default() {
                "COMPLETED" => {
                    say(&format!("{name}: {moved} sent back, 0 left\n"));
                    return Ok(Moved::Done);
                }
                "RUNNING" => {
                    eprintln!("{name}: {moved} sent back so far");
                    tokio::time::sleep(PAUSE).await;
                }
                other => {
                    let reason = task.failure_reason().unwrap_or("SQS does not say why");
                    return Err(format!(
                        "the move of {name} ended as {other} after {moved} messages: {reason}; \
                         what was not moved is where it was"
                    ));
                }
            }
        }
    }

    async fn arn(&self, url: &str) -> Result<String, String> {
        let mut attributes = self.attributes(url).await?;
        let arn = attributes.remove(&QueueAttributeName::QueueArn);
        arn.ok_or_else(|| format!("the queue `{url}` does not say its ARN"))
    }
}

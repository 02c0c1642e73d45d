//! `epr dlq`: what was given up and lies in the dead-letter queues, and trying it again.
//!
//! **Invariant:** nothing is deleted before what it stands for is safe elsewhere: delivered, in the outbox
//! again, or in the queue that it came from. A crash in between leaves it in two places, never in none.

mod declared;
mod letter;
mod list;
mod message;
mod moving;
mod queues;
mod redrive;

use clap::{Args, Subcommand};

use crate::remote::Place;

pub(crate) use declared::dead_letter_queues;
pub(crate) use queues::{in_words, local_client};

/// What `epr dlq` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Without more, the queues are those of `epr local` on this machine. For a deployment, name its API with --url
and its queues as the functions know them, in EPR_AUDIT_SQS_URL and EPR_OUTBOX_DLQ_URL (outputs of the stack:
AuditQueueUrl, OutboxDeadLetterQueueUrl), or one queue with --queue-url. AWS credentials are found as by
every AWS tool (AWS_PROFILE, AWS_REGION, …).

Examples:
  epr dlq list
  epr dlq list OutboxDeadLetterQueue
  epr dlq redrive OutboxDeadLetterQueue --dry-run
  epr dlq redrive AuditDeadLetterQueue")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the dead-letter queues and how much they hold, or what one of them holds
    List(list::Arguments),
    /// Try again what a dead-letter queue holds
    Redrive(redrive::Arguments),
}

/// Where the queues are.
#[derive(Debug, Args)]
struct Where {
    /// The URL of the dead-letter queue, where it is not known otherwise
    #[arg(long, value_name = "URL")]
    queue_url: Option<String>,
    /// The URL of the queue before the audit ledger
    #[arg(long, value_name = "URL", env = "EPR_AUDIT_SQS_URL", hide_env_values = true)]
    audit_queue_url: Option<String>,
    /// The URL of the queue of deliveries that were given up
    #[arg(long, value_name = "URL", env = "EPR_OUTBOX_DLQ_URL", hide_env_values = true)]
    outbox_dlq_url: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Does what was asked.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::List(arguments) => list::run(arguments).await,
        Command::Redrive(arguments) => redrive::run(arguments).await,
    }
}

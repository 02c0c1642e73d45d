//! The dead-letter queues of the template, and what fills them.

use std::collections::BTreeMap;

use local::messaging::Messaging;
use local::template::{Template, Trigger};

/// The variable by which functions know the queue of deliveries that were given up.
pub(super) const LETTERS: &str = "EPR_OUTBOX_DLQ_URL";

/// The variable by which functions know the queue before the audit ledger.
pub(super) const AUDIT: &str = "EPR_AUDIT_SQS_URL";

/// A dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// Its logical id in the template.
    pub(crate) name: String,
    /// The queues whose messages end here, and after how many receives.
    pub(super) sources: Vec<(String, u32)>,
    /// Whether it takes what came from no queue: letters, records of streams, and runs of schedules.
    pub(super) takes_others: bool,
}

/// The dead-letter queues of a template, in order of name.
pub(crate) fn dead_letter_queues(template: &Template) -> Vec<Declared> {
    let mut found: BTreeMap<String, Declared> = BTreeMap::new();
    for queue in &template.queues {
        if let Some(redrive) = &queue.redrive {
            let source = (queue.id.clone(), redrive.receives_max);
            found.entry(redrive.queue.clone()).or_default().sources.push(source);
        }
    }
    let streams = template.functions.iter().flat_map(|function| &function.sources);
    let records = streams.filter_map(|source| match &source.trigger {
        Trigger::Stream(stream) => stream.on_failure.clone(),
        Trigger::Schedule(schedule) => schedule.on_failure.clone(),
        Trigger::Queue(_) => None,
    });
    for name in records.chain(queue_of(template, LETTERS)) {
        found.entry(name).or_default().takes_others = true;
    }
    found.into_iter().map(|(name, declared)| Declared { name, ..declared }).collect()
}

/// The queue that a variable of a function names.
pub(super) fn queue_of(template: &Template, variable: &str) -> Option<String> {
    let mut values = template.functions.iter().filter_map(|one| one.environment.get(variable));
    let url = values.next()?;
    let queue = template.queues.iter().find(|queue| Messaging::queue_url(&queue.id) == *url)?;
    Some(queue.id.clone())
}

/// The variable of a function that names a queue.
pub(super) fn variable_of(template: &Template, queue: &str) -> Option<String> {
    let url = Messaging::queue_url(queue);
    let mut variables = template.functions.iter().flat_map(|function| &function.environment);
    variables.find(|(_, value)| **value == url).map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dead_letter_queue_of_the_template_is_found_with_what_fills_it() {
        let template = Template::parse(local::system::TEMPLATE).unwrap();
        let found = dead_letter_queues(&template);
        let named = |name: &str| found.iter().find(|queue| queue.name == name).unwrap();
        let audit = named("AuditDeadLetterQueue");
        assert_eq!(audit.sources, [("AuditQueue".to_owned(), 5)]);
        assert!(!audit.takes_others);
        let outbox = named("OutboxDeadLetterQueue");
        assert!(outbox.sources.is_empty() && outbox.takes_others);
        assert_eq!(queue_of(&template, AUDIT).as_deref(), Some("AuditQueue"));
        assert_eq!(variable_of(&template, &outbox.name).as_deref(), Some(LETTERS));
        let schedules = named("SchedulesDeadLetterQueue");
        assert!(schedules.sources.is_empty() && schedules.takes_others);
        let all = template.queues.iter().filter(|queue| queue.id.contains("DeadLetter"));
        assert_eq!(all.count(), found.len());
    }
}

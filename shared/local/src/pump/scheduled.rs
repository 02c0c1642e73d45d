//! A function that is invoked by the time.

use super::handler::Handler;
use super::{PAUSE, Step};
use crate::moment::with_seconds;
use crate::names;
use crate::template::{Function, ScheduleTrigger};
use domain::time::{Clock, Timestamp};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The longest sleep, after which the clock is asked again: it may have been set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Scheduled {
    function: String,
    arn: String,
    trigger: ScheduleTrigger,
    handler: Handler,
    clock: Clock,
    /// `None` for a day that never comes.
    next: Mutex<Option<Timestamp>>,
}

impl Scheduled {
    /// The first time is one interval from now.
    pub(super) fn new(
        function: &Function,
        name: &str,
        trigger: &ScheduleTrigger,
        handler: Handler,
        clock: Clock,
    ) -> Self {
        let (region, account) = (names::REGION, names::ACCOUNT);
        let schedule = format!("{}{name}", function.id);
        let arn = if trigger.scheduler {
            format!("arn:aws:scheduler:{region}:{account}:schedule/default/{schedule}")
        } else {
            format!("arn:aws:events:{region}:{account}:rule/{schedule}")
        };
        let next = Mutex::new(trigger.rate.next_after(clock.now()));
        let (function, trigger) = (function.folder.clone(), trigger.clone());
        Self { function, arn, trigger, handler, clock, next }
    }

    /// Invokes the function if it is time. Times that passed unused are not made up for.
    pub(super) async fn step(&self) -> Step {
        let Some(due) = self.due() else { return Step::Idle };
        let (function, schedule) = (&self.function, &self.arn);
        match self.handler.invoke(self.event(due)).await {
            Ok(_) => {
                tracing::debug!(function, schedule, "function_invoked_by_schedule");
                Step::Done
            }
            Err(error) => {
                tracing::warn!(function, schedule, %error, "function_failed");
                // Lambda would repeat it twice within three minutes; here it waits for its next time.
                Step::Failed { progress: true, pause: Duration::ZERO }
            }
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{} from {}", self.function, self.arn)
    }

    pub(super) fn rest(&self) -> Duration {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = next else { return SLEEP_MAX };
        let now = self.clock.now().as_microseconds();
        let sleep = u64::try_from(next.as_microseconds() - now).unwrap_or_default();
        // A clock that stands still is not asked all the time.
        Duration::from_micros(sleep).clamp(PAUSE / 100, SLEEP_MAX)
    }

    /// The time that has come, if one has, after which the next is waited for.
    fn due(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.filter(|due| *due <= now)?;
        let mut after = due;
        while after <= now {
            let Some(later) = self.trigger.rate.next_after(after) else {
                *next = None;
                return Some(due);
            };
            after = later;
        }
        *next = Some(after);
        Some(due)
    }

    /// The template's own input, or the event of the service.
    /// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html>
    fn event(&self, due: Timestamp) -> Value {
        let (id, time) = (Uuid::new_v4().to_string(), with_seconds(due));
        if let Some(input) = &self.trigger.input {
            let input = input
                .replace("<aws.scheduler.schedule-arn>", &self.arn)
                .replace("<aws.scheduler.scheduled-time>", &time)
                .replace("<aws.scheduler.execution-id>", &id)
                .replace("<aws.scheduler.attempt-number>", "1");
            return serde_json::from_str(&input).unwrap_or(Value::String(input));
        }
        let (source, detail) = if self.trigger.scheduler {
            ("aws.scheduler", json!("{}"))
        } else {
            ("aws.events", json!({}))
        };
        json!({
            "version": "0",
            "id": id,
            "detail-type": "Scheduled Event",
            "source": source,
            "account": names::ACCOUNT,
            "time": time,
            "region": names::REGION,
            "resources": [self.arn],
            "detail": detail,
        })
    }
}

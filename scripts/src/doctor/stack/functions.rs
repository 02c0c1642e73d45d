//! The functions: whether they can run, what they are told of the other parts, and what invokes them.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput as Configuration;
use local::messaging::Messaging;
use local::template::{Function, Template, Trigger};

use super::resources::Stack;
use crate::aws::in_words;
use crate::doctor::findings::Findings;

/// The variables of each function, by its folder. They hold secrets.
pub(super) type Told = HashMap<String, HashMap<String, String>>;

/// Looks at each function of the template; what each is told.
pub(super) async fn check(
    config: &SdkConfig,
    template: &Template,
    stack: &Stack,
    findings: &mut Findings,
) -> Told {
    let (client, parts) = (Client::new(config), parts(template));
    let mut told = Told::new();
    for function in &template.functions {
        let subject = &function.id;
        let Some(name) = stack.physical(subject) else {
            findings.wrong(subject, "is not there");
            continue;
        };
        let configuration =
            match client.get_function_configuration().function_name(name).send().await {
                Ok(configuration) => configuration,
                Err(error) => {
                    findings.wrong(subject, &in_words("GetFunctionConfiguration", &error));
                    continue;
                }
            };
        let variables = configuration.environment().and_then(|environment| environment.variables());
        let variables = variables.cloned().unwrap_or_default();
        let mut complaints = of_state(&configuration);
        complaints.extend(of_variables(&parts, stack, function, &variables));
        match of_triggers(&client, stack, function, name).await {
            Ok(more) => complaints.extend(more),
            Err(reason) => complaints.push(reason),
        }
        let memory = configuration.memory_size().unwrap_or_default();
        let invoked = function.sources.len();
        let routes = function.routes.len();
        let well = format!("active, {memory} MB; {routes} routes, {invoked} other triggers");
        findings.judge(subject, &complaints, &well);
        told.insert(function.folder.clone(), variables);
    }
    told
}

fn of_state(configuration: &Configuration) -> Vec<String> {
    let state = configuration.state().map_or("unknown", |state| state.as_str());
    let update = configuration.last_update_status().map_or("unknown", |status| status.as_str());
    let mut complaints = Vec::new();
    // A function that was not asked for long is put aside, and comes back when it is.
    if !["Active", "Inactive"].contains(&state) {
        let reason = configuration.state_reason().unwrap_or("no reason is given");
        complaints.push(format!("is {state} ({reason})"));
    }
    if update == "Failed" {
        let reason = configuration.last_update_status_reason().unwrap_or("no reason is given");
        complaints.push(format!("its last update failed ({reason})"));
    }
    complaints
}

/// The parts of the deployment by what variables say of them in one process.
fn parts(template: &Template) -> HashMap<String, &str> {
    let tables = template.tables.iter().map(|table| (table.id.clone(), table.id.as_str()));
    let topics = template.topics.iter();
    let topics = topics.map(|topic| (Messaging::topic_arn(&topic.id), topic.id.as_str()));
    let queues = template.queues.iter();
    let queues = queues.map(|queue| (Messaging::queue_url(&queue.id), queue.id.as_str()));
    tables.chain(topics).chain(queues).collect()
}

/// A function that is told of another table or queue than the stack's works, and loses what it does.
fn of_variables(
    parts: &HashMap<String, &str>,
    stack: &Stack,
    function: &Function,
    variables: &HashMap<String, String>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, here) in &function.environment {
        let Some(there) = variables.get(name) else {
            complaints.push(format!("`{name}` is not set"));
            continue;
        };
        if let Some(id) = parts.get(here)
            && stack.physical(id) != Some(there)
        {
            complaints.push(format!("`{name}` does not name the stack's `{id}`"));
        }
    }
    complaints
}

async fn of_triggers(
    client: &Client,
    stack: &Stack,
    function: &Function,
    name: &str,
) -> Result<Vec<String>, String> {
    let mut mappings = Vec::new();
    let mut pages = client.list_event_source_mappings().function_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| in_words("ListEventSourceMappings", &error))?;
        let found = page.event_source_mappings.unwrap_or_default().into_iter();
        mappings.extend(
            found.map(|one| {
                (one.event_source_arn.unwrap_or_default(), one.state.unwrap_or_default())
            }),
        );
    }
    let mut complaints = Vec::new();
    for source in &function.sources {
        let (what, part) = match &source.trigger {
            // SAM names a schedule so.
            Trigger::Schedule(_) => {
                let id = format!("{}{}", function.id, source.name);
                if stack.physical(&id).is_none() {
                    complaints.push(format!("the schedule `{}` is not there", source.name));
                }
                continue;
            }
            Trigger::Queue(trigger) => {
                let end = stack.end_of_queue_arn(&trigger.queue);
                (&trigger.queue, end.unwrap_or_else(|| ":".to_owned()))
            }
            Trigger::Stream(trigger) => {
                let table = stack.physical(&trigger.table).unwrap_or_default();
                (&trigger.table, format!(":table/{table}/stream/"))
            }
        };
        let is_it =
            |arn: &str| arn.ends_with(&part) || (part.ends_with('/') && arn.contains(&part));
        match mappings.iter().find(|(arn, _)| is_it(arn)) {
            None => complaints.push(format!("`{what}` does not invoke it")),
            Some((_, state)) if state == "Enabled" => {}
            Some((_, state)) => complaints.push(format!("what comes of `{what}` waits: {state}")),
        }
    }
    Ok(complaints)
}

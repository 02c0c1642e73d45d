//! What was answered.

use super::Evidence;

pub(super) fn same_key_same_answer(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, answers) in &evidence.journal.answers {
        let Some((first, others)) = answers.split_first() else { continue };
        for other in others.iter().filter(|other| *other != first) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            wrong.push(format!(
                "{key} was answered {} {} and {} {}",
                first.0,
                text(&first.1),
                other.0,
                text(&other.1)
            ));
        }
    }
    wrong
}

/// Requests are named by their tenant: what names another is another's.
pub(super) fn tenants_are_apart(evidence: &Evidence<'_>) -> Vec<String> {
    let facts = evidence.facts;
    let mut wrong = Vec::new();
    let mut hold = |tenant: &str, text: &str| {
        let others = crate::simulation::workload::TENANTS.into_iter().filter(|one| *one != tenant);
        for other in others {
            if text.contains(&format!("{other}.")) || text.contains(&format!("\"{other}\"")) {
                wrong.push(format!("{tenant} has what is of {other}: {text}"));
            }
        }
    };
    let rows = facts.core.iter().chain(&facts.events).chain(&facts.audits);
    for row in rows {
        let pk = row["pk"].as_str().unwrap_or_default();
        let tenant = pk.split('/').next().and_then(|part| part.split_once(':'));
        hold(tenant.map_or("", |(_, tenant)| tenant), &row.to_string());
    }
    for (tenant, entries) in &facts.chains {
        entries.iter().for_each(|entry| hold(tenant, &String::from_utf8_lossy(&entry.line)));
    }
    for message in &facts.published {
        let tenant = message.attributes.get("tenant_id").map_or("", String::as_str);
        hold(tenant, &message.body.to_string());
    }
    for asked in &evidence.journal.asked {
        if let crate::simulation::journal::Ending::Acknowledged(answer) = &asked.ending {
            hold(&asked.tenant, &answer.body.to_string());
        }
    }
    wrong
}

//! `epr compliance`: of each route that changes something, what guards it and what it leaves behind, from the routes
//! themselves.

use api::Endpoint;
use clap::Args;
use local::system::functions;
use serde::Serialize;

use crate::say;

/// What `epr compliance` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Of each route that may change something: the permission that its caller needs, whether it takes an idempotency key,
the events it may emit and the action it is audited as. Where an event is all that there is, it is its own record.
Fails when a route lacks something.

Examples:
  epr compliance                 a table, and how many of how many are whole
  epr compliance --json          the same for programs")]
pub(crate) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A route that may change something.
#[derive(Debug, Serialize)]
struct Row {
    method: String,
    path: &'static str,
    permission: Option<&'static str>,
    idempotent: bool,
    events: Option<Vec<&'static str>>,
    audit: Option<&'static str>,
}

/// Prints the table; an error where a route lacks something.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let mut rows: Vec<Row> = Vec::new();
    for (routes, ..) in functions() {
        rows.extend(routes.endpoints.iter().filter(|one| one.mutates()).map(Row::of));
    }
    let whole = rows.iter().filter(|row| row.is_whole()).count();
    if arguments.json {
        let report = serde_json::json!({"routes": rows, "whole": whole, "of": rows.len()});
        say(&format!("{report:#}\n"));
    } else {
        say(&table(&rows));
        say(&format!("{whole}/{} routes that change something are whole\n", rows.len()));
    }
    if whole == rows.len() { Ok(()) } else { Err("a route lacks something".to_owned()) }
}

impl Row {
    fn of(endpoint: &Endpoint) -> Self {
        let trail = (endpoint.operation)().trail();
        Self {
            method: endpoint.method.to_string(),
            path: endpoint.path,
            permission: endpoint.needs.map(|needs| needs.action),
            // By construction: the layer is around every endpoint that changes something.
            idempotent: endpoint.mutates(),
            events: trail.map(|trail| trail.events.to_vec()),
            audit: trail.and_then(|trail| trail.audit),
        }
    }

    /// Whether it has all: what hands in events has them as its record.
    fn is_whole(&self) -> bool {
        let leaves = match (&self.events, self.audit) {
            (Some(events), Some(_)) => !events.is_empty(),
            (Some(events), None) => events.is_empty(),
            (None, _) => false,
        };
        self.permission.is_some() && self.idempotent && leaves
    }
}

fn table(rows: &[Row]) -> String {
    let missing = || "MISSING".to_owned();
    let mut lines =
        vec![["route", "permission", "idempotency", "events", "audit"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let is_own = row.events.as_ref().is_some_and(Vec::is_empty);
        let own = || "its own".to_owned();
        let events = row.events.as_ref().map_or_else(missing, |events| match events.as_slice() {
            [] => own(),
            some => some.join(", "),
        });
        [
            format!("{} {}", row.method, row.path),
            row.permission.map_or_else(missing, str::to_owned),
            if row.idempotent { "key".to_owned() } else { missing() },
            events,
            row.audit.map_or_else(|| if is_own { own() } else { missing() }, str::to_owned),
        ]
    }));
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(String::len).max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    let padded = |line: &[String; 5]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(padded).collect()
}

//! The soak: `epr local` at its highest steady mixed load, minutes on end.
//!
//! `cargo soak --minutes 10` builds and runs it: closed loops of clients, each with one request under way, so the load
//! is what the server takes. It ends with an error where an answer is not what it must be, or where memory grows.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a soak tells how far it is, and what it found; what JSON lacks is null"
)]

#[path = "../crash/api.rs"]
#[expect(dead_code, reason = "of requests, some are made by the crash campaign only")]
mod api;
#[path = "../crash/chance.rs"]
mod chance;
#[path = "../crash/server.rs"]
#[expect(dead_code, reason = "of a server, some is asked by the crash campaign only")]
mod server;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Api;
use crate::chance::Chance;
use crate::server::{Place, Server};

/// How often memory is looked at.
const LOOKS: Duration = Duration::from_secs(5);

/// Until then memory fills: the engine keeps the tokens of transactions, as DynamoDB does, for twice ten minutes.
const FILLS: Duration = Duration::from_secs(21 * 60);

/// From then on memory may grow this much, in hundredths of what it was.
const GROWTH_MAX: u64 = 110;

/// Loads `epr local` with a steady mix, and measures it.
#[derive(Debug, Parser)]
#[command(name = "cargo soak")]
struct Arguments {
    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: u64,
    /// Cargo says this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(|error| error.to_string());
    match done.and_then(|runtime| runtime.block_on(soak(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("soak: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// How long each operation took, in microseconds.
type Times = BTreeMap<&'static str, Vec<u32>>;

async fn soak(arguments: &Arguments) -> Result<(), String> {
    let place = Place::new()?;
    let (data, log) = (place.path().join("data"), place.path().join("epr.log"));
    let server = Server::start(&data, &log)?;
    let api = Api::at(&server.url)?;
    let lasts = Duration::from_secs_f64(arguments.minutes * 60.0);
    let begun = Instant::now();
    let clients = (0..arguments.clients).map(|number| load(&api, number, begun, lasts));
    let watching = async {
        let mut memory = Vec::new();
        while begun.elapsed() < lasts {
            tokio::time::sleep(LOOKS).await;
            memory.push(server.resident_kilobytes().ok_or("the server is gone")?);
            if memory.len() % 12 == 0 {
                let last = memory.last().copied().unwrap_or_default() / 1024;
                eprintln!("{} s: {last} MiB", begun.elapsed().as_secs());
            }
        }
        Ok::<_, String>(memory)
    };
    let (times, memory) = tokio::try_join!(try_join_all(clients), watching)?;
    let took = begun.elapsed();
    tell(times, took);
    drained(&api, begun).await?;
    tokio::task::block_in_place(|| server.kill())?;
    flat(&memory)
}

fn tell(all: Vec<Times>, took: Duration) {
    let mut times = Times::new();
    for (name, more) in all.into_iter().flatten() {
        times.entry(name).or_default().extend(more);
    }
    println!("| operation | requests | p50 ms | p90 ms | p99 ms | max ms |");
    println!("|---|--:|--:|--:|--:|--:|");
    let mut requests = 0;
    for (name, mut times) in times {
        times.sort_unstable();
        requests += times.len();
        let at = |hundredths: usize| {
            let place = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
            f64::from(times.get(place).copied().unwrap_or_default()) / 1_000.0
        };
        let count = times.len();
        println!(
            "| {name} | {count} | {:.1} | {:.1} | {:.1} | {:.1} |",
            at(50),
            at(90),
            at(99),
            at(100)
        );
    }
    let seconds = took.as_secs();
    println!("| requests in {seconds} s, each answered as it must be | {requests} |");
    println!("| requests/s | {} |", requests as u64 / seconds.max(1));
}

/// That memory is at the end what it was once it had filled, where the load lasted that long.
fn flat(memory: &[u64]) -> Result<(), String> {
    let looks = usize::try_from(FILLS.as_secs() / LOOKS.as_secs()).unwrap_or_default();
    let first = memory.first().copied().unwrap_or_default() / 1024;
    let last = memory.last().copied().unwrap_or_default();
    println!("| MiB resident at the beginning, at the end | {first}; {} |", last / 1024);
    match memory.get(looks) {
        Some(filled) if last * 100 > filled * GROWTH_MAX => {
            Err(format!("memory grows, from {} MiB", filled / 1024))
        }
        Some(filled) => {
            println!("| MiB resident after {} min | {} |", FILLS.as_secs() / 60, filled / 1024);
            Ok(())
        }
        None => {
            println!(
                "| whether memory is flat | not shown: less than {} min |",
                FILLS.as_secs() / 60
            );
            Ok(())
        }
    }
}

/// What was changed is delivered and in the ledger within two minutes.
async fn drained(api: &Api, begun: Instant) -> Result<(), String> {
    let ended = Instant::now();
    while ended.elapsed() < Duration::from_secs(120) {
        let pending = api.get("acme", "/api/v1/events?delivery_state=pending&limit=1").await?;
        if pending.json()?["items"] == json!([]) {
            let head = api.get("acme", "/api/v1/audit/checkpoint").await?.json()?;
            println!("| audit records at the end | {} |", head["head"]["size"]);
            println!("| until all was delivered | {} s |", ended.elapsed().as_secs());
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(format!("after {} s of load something is not delivered", begun.elapsed().as_secs()))
}

/// One client: seven in ten requests are decisions, two read, one writes.
async fn load(api: &Api, client: u64, begun: Instant, lasts: Duration) -> Result<Times, String> {
    let mut chance = Chance::of(client);
    let role = format!("role-{client}");
    let mut caller = Caller { api, times: Times::new() };
    let body = json!({"id": role, "name": format!("Role {client}"), "permissions": ["doc:read"]});
    caller.post("create a role", "/api/v1/roles", body).await?;
    let (mut made, mut held) = (0_u64, Vec::new());
    while begun.elapsed() < lasts {
        let dice = chance.below(100);
        let any = held.get(chance.place(held.len())).cloned();
        let Some(entity) = any.filter(|_| dice < 95) else {
            made += 1;
            let id = format!("e-{client}-{made}");
            let name = format!("Entity {client} {made}");
            let body = json!({"id": id, "name": name, "type": "other"});
            caller.post("create an entity", "/api/v1/entities", body).await?;
            let body = json!({"principal_id": format!("p-{id}"), "role_id": role, "entity_id": id});
            caller.post("assign a role", "/api/v1/assignments", body).await?;
            held.push(id);
            continue;
        };
        let path = format!("/api/v1/entities/{entity}");
        match dice {
            0..70 => caller.decide(&entity, dice < 45).await?,
            70..83 => drop(caller.get("get an entity", &path).await?),
            83..86 => {
                let path = "/api/v1/entities?type=other&limit=20";
                caller.get("list 20 entities", path).await?;
            }
            86..91 => {
                let body = json!({"attributes": {"n": chance.below(1_000_000)}});
                caller.send("change an entity", &Method::PATCH, &path, Some(&body)).await?;
            }
            _ => {
                let body =
                    json!({"event_type": "soak.told", "source": "soak", "payload": {"n": dice}});
                caller.post("hand in an event", "/api/v1/events", body).await?;
            }
        }
    }
    Ok(caller.times)
}

/// Asks, and takes the time.
struct Caller<'a> {
    api: &'a Api,
    times: Times,
}

impl Caller<'_> {
    /// Asks for a decision of which it is known what it must be.
    async fn decide(&mut self, entity: &str, is_held: bool) -> Result<(), String> {
        let who = if is_held { format!("p-{entity}") } else { "p-nobody".to_owned() };
        let body = json!({"user_id": who, "action": "doc:read", "resource_id": entity});
        let answer = self.post("authorize", "/api/v1/authorize", body.clone()).await?;
        if answer == json!({"authorized": is_held}) {
            Ok(())
        } else {
            Err(format!("{body} must be {is_held}: {answer}"))
        }
    }

    async fn get(&mut self, name: &'static str, path: &str) -> Result<Value, String> {
        self.send(name, &Method::GET, path, None).await
    }

    async fn post(&mut self, name: &'static str, path: &str, body: Value) -> Result<Value, String> {
        self.send(name, &Method::POST, path, Some(&body)).await
    }

    async fn send(
        &mut self,
        name: &'static str,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let begun = Instant::now();
        let answer = self.api.send("acme", method, path, None, body).await;
        let took = u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.times.entry(name).or_default().push(took);
        let answer = answer.ok_or_else(|| format!("no answer to {name}"))?;
        if answer.status.is_success() {
            return answer.json();
        }
        Err(format!("{name}: {} {}", answer.status, answer.body))
    }
}

//! The campaign of kills: the real server, killed with `kill -9` again and again while clients write.
//!
//! `cargo crash --kills 200` builds and runs it. Everything is asked from outside, over HTTP and by the commands
//! of an operator, and judged by what the clients know: it ends with an error at the first acknowledged change
//! that is lost, doubled or half done, and leaves the data where it can be looked at.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a campaign tells how far it is, and what it found; what JSON lacks is null"
)]

mod api;
mod chance;
mod ledger;
mod model;
mod oracle;
#[expect(dead_code, reason = "of a server, some is asked by the soak only")]
mod server;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use futures::future::{join_all, try_join_all};

use crate::api::Api;
use crate::chance::Chance;
use crate::ledger::Shown;
use crate::server::{Place, Server, run};
use crate::writer::Writer;

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const WRITERS: usize = 9;
/// How long the clients write before a kill, in milliseconds.
const LOAD: (u64, u64) = (40, 1_000);
/// Of so many starts, one is killed before it is up; so soon, in milliseconds.
const EARLY: (u64, u64) = (6, 250);
/// After so many kills all is read; after each, the chains are.
const READ_ALL_EVERY: u64 = 20;
/// How long until everything must have been delivered, once nothing fails any more.
const DRAIN_MAX: Duration = Duration::from_secs(300);
/// How often the checkpoints are looked at, while clients write.
const LOOKS: Duration = Duration::from_millis(60);

/// Kills `epr local` under load, and checks after each restart what was acknowledged before.
#[derive(Debug, Parser)]
#[command(name = "cargo crash")]
struct Arguments {
    /// How often it is killed
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// What decides who asks for what, and when the kills come; the machine has its part in it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cargo says this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let place = match Place::new() {
        Ok(place) => place,
        Err(reason) => return failed(&reason),
    };
    let mut campaign = Campaign::new(&place, arguments.seed);
    let done = match runtime {
        Ok(runtime) => runtime.block_on(campaign.run(arguments.kills)),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(()) => {
            campaign.tell();
            ExitCode::SUCCESS
        }
        Err(reason) => {
            let kept = place.keep();
            let (kills, seed) = (campaign.kills, arguments.seed);
            let kept = kept.display();
            failed(&format!("after {kills} kills of seed {seed}: {reason}\nthe data are in {kept}"))
        }
    }
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("crash: {reason}");
    ExitCode::FAILURE
}

struct Campaign {
    data: PathBuf,
    log: PathBuf,
    notes: PathBuf,
    chance: Chance,
    writers: Vec<Writer>,
    shown: BTreeMap<&'static str, Shown>,
    kills: u64,
    early: u64,
    verified: u64,
    start_max: Duration,
    drained: Duration,
    begun: Instant,
}

impl Campaign {
    fn new(place: &Place, seed: u64) -> Self {
        let tenant =
            |number: usize| TENANTS.iter().cycle().nth(number).copied().unwrap_or_default();
        let writer = |number| Writer::new(number, tenant(number).to_owned(), seed);
        Self {
            data: place.path().join("data"),
            log: place.path().join("epr.log"),
            notes: place.path().to_owned(),
            chance: Chance::of(seed),
            writers: (0..WRITERS).map(writer).collect(),
            shown: TENANTS.into_iter().map(|tenant| (tenant, Shown::default())).collect(),
            kills: 0,
            early: 0,
            verified: 0,
            start_max: Duration::ZERO,
            drained: Duration::ZERO,
            begun: Instant::now(),
        }
    }

    async fn run(&mut self, kills: u64) -> Result<(), String> {
        while self.kills < kills {
            if self.chance.below(EARLY.0) == 0 {
                let after = Duration::from_millis(self.chance.below(EARLY.1));
                Server::start_and_kill(&self.data, &self.log, after)?;
                (self.early, self.kills) = (self.early + 1, self.kills + 1);
            }
            let (server, api) = self.start().await?;
            if self.kills > 0 {
                self.chains(&api).await?;
            }
            if self.kills % READ_ALL_EVERY < 2 {
                self.everything(&api).await?;
                let (kills, done) = (self.kills, self.done());
                eprintln!("{} s: {kills} kills, {done} changes", self.begun.elapsed().as_secs());
            }
            self.load_and_kill(server, &api).await?;
        }
        let (_server, api) = self.start().await?;
        self.drain(&api).await?;
        self.everything(&api).await?;
        self.chains(&api).await
    }

    /// A server that answers, and has answered everything that was asked before.
    async fn start(&mut self) -> Result<(Server, Api), String> {
        let server = Server::start(&self.data, &self.log)?;
        self.start_max = self.start_max.max(server.took);
        let api = Api::at(&server.url)?;
        try_join_all(self.writers.iter_mut().map(|writer| writer.settle(&api))).await?;
        Ok((server, api))
    }

    async fn load_and_kill(&mut self, server: Server, api: &Api) -> Result<(), String> {
        let load = Duration::from_millis(LOAD.0 + self.chance.below(LOAD.1 - LOAD.0));
        let is_over = AtomicBool::new(false);
        let Self { writers, shown, .. } = self;
        let writing = async {
            let ended = join_all(writers.iter_mut().map(|writer| writer.write(api))).await;
            is_over.store(true, Ordering::Relaxed);
            ended.into_iter().collect::<Result<(), String>>()
        };
        let watching = async {
            while !is_over.load(Ordering::Relaxed) {
                for (tenant, shown) in shown.iter_mut() {
                    if let Ok(answer) = api.get(tenant, "/api/v1/audit/checkpoint").await {
                        shown.take(&answer.json()?)?;
                    }
                }
                tokio::time::sleep(LOOKS).await;
            }
            Ok(())
        };
        let killing = async {
            tokio::time::sleep(load).await;
            tokio::task::block_in_place(|| server.kill())
        };
        let (written, watched, killed) = tokio::join!(writing, watching, killing);
        self.kills += 1;
        killed.and(written).and(watched)
    }

    /// The operator's own command finds each chain sound, and an extension of the checkpoints kept of it.
    async fn chains(&mut self, api: &Api) -> Result<(), String> {
        for (tenant, shown) in &mut self.shown {
            let checkpoint = api.get(tenant, "/api/v1/audit/checkpoint").await?;
            shown.take(&checkpoint.json()?)?;
            let Some(key) = &shown.key else { continue };
            let data = self.data.to_string_lossy().into_owned();
            let mut words = vec!["verify-audit-chain", "--data", &data, "--tenant", tenant];
            words.extend(["--key", key]);
            let sizes: Vec<u64> = shown.notes.keys().copied().collect();
            let any = sizes.get(self.chance.place(sizes.len())).copied();
            let kept: Vec<_> = [any, sizes.last().copied()].into_iter().flatten().collect();
            let files: Vec<String> =
                (0..kept.len()).map(|place| format!("{tenant}.{place}.checkpoint")).collect();
            let files: Vec<PathBuf> = files.iter().map(|file| self.notes.join(file)).collect();
            for (size, file) in kept.iter().zip(&files) {
                let note = shown.notes.get(size).map_or("", |(_, note)| note);
                std::fs::write(file, note).map_err(|error| error.to_string())?;
                words.extend(["--checkpoint", file.to_str().unwrap_or_default()]);
            }
            tokio::task::block_in_place(|| run(&words))?;
            self.verified += 1;
        }
        Ok(())
    }

    /// All that is stored, held against all that was acknowledged. Tells how much is yet to be delivered.
    async fn everything(&mut self, api: &Api) -> Result<usize, String> {
        let mut waiting = 0;
        for (tenant, shown) in &mut self.shown {
            let writers: Vec<&Writer> =
                self.writers.iter().filter(|writer| writer.tenant == *tenant).collect();
            oracle::state(api, tenant, &writers).await?;
            oracle::decisions(api, tenant, &writers).await?;
            waiting += oracle::events(api, tenant, &writers).await?;
            waiting += oracle::chain(api, tenant, &writers, shown).await?;
        }
        Ok(waiting)
    }

    /// Nothing fails any more: within a bound everything is delivered, and nothing was given up.
    async fn drain(&mut self, api: &Api) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let waiting = self.everything(api).await?;
            if waiting == 0 {
                break;
            }
            if begun.elapsed() > DRAIN_MAX {
                return Err(format!("{waiting} deliveries were not made within {DRAIN_MAX:?}"));
            }
            eprintln!("{} s: {waiting} deliveries to come", self.begun.elapsed().as_secs());
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        self.drained = begun.elapsed();
        Ok(())
    }

    fn done(&self) -> usize {
        self.writers.iter().map(|writer| writer.model.done.len()).sum()
    }

    fn tell(&self) {
        let sum = |of: fn(&Writer) -> usize| -> usize { self.writers.iter().map(of).sum() };
        let sizes = self.shown.values().map(|shown| shown.notes.len()).sum::<usize>();
        println!("| kills; of them before the server was up | {}; {} |", self.kills, self.early);
        println!("| changes acknowledged, each there once | {} |", self.done());
        let (unanswered, done) = (sum(|it| it.met.unanswered), sum(|it| it.met.had_been_done));
        println!("| not answered, of them done before the kill | {unanswered}; {done} |");
        println!("| answers 503 | {} |", sum(|it| it.met.refused));
        println!(
            "| repeated later under their keys, answered the same | {} |",
            sum(|it| it.met.replayed)
        );
        println!(
            "| decisions that followed from the last acknowledged change | {} |",
            sum(|it| it.met.decisions)
        );
        println!("| checkpoints shown, all of the chain as it ended | {sizes} |");
        println!("| runs of `epr verify-audit-chain`, all sound | {} |", self.verified);
        println!("| longest start | {:.1} s |", self.start_max.as_secs_f64());
        println!("| after the last kill, until all was delivered | {} s |", self.drained.as_secs());
        println!("| took | {} s |", self.begun.elapsed().as_secs());
    }
}

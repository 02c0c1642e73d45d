//! The simulator as a command: `cargo simulate`. `docs/simulation.md` says what it does.
//!
//! - `[--seeds N] [--from S] [--minutes M]`: one seed after the other, until so many or so long;
//! - `--replay SEED [--trace FILE]`: one seed, and what happened in it;
//! - `--singles`: every single fault, and the table of what came of each;
//! - `--bugs [--seeds N]`: every planted bug, and the table of the seeds it took to find it.
//!
//! It ends with an error at the first run in which an invariant does not hold, and tells its seed, the commit, and
//! the run with as few faults as still show it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a command tells how far it is, and what it found"
)]

mod bugs;
mod singles;
mod swarm;

use std::process::{Command, ExitCode};
use std::sync::Mutex;

use tests::simulation::minimise::minimise;
use tests::simulation::{Plan, Run, Setup, Size, run};

/// Runs at a time, each in a thread of its own: as many as there are processors.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// What was asked for.
struct Arguments(Vec<String>);

impl Arguments {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let place = self.0.iter().position(|argument| argument == name)?;
        self.0.get(place + 1).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name).map(|text| text.parse().unwrap())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments(std::env::args().skip(1).collect());
    let is_sound = if let Some(seed) = arguments.number("--replay") {
        replay(seed, arguments.text("--trace"))
    } else if arguments.has("--singles") {
        singles::run()
    } else if arguments.has("--bugs") {
        bugs::run(arguments.number("--seeds").unwrap_or(1_000))
    } else {
        let minutes = arguments.number("--minutes");
        let seeds = arguments.number("--seeds").or(minutes.map(|_| u64::MAX)).unwrap_or(500);
        swarm::run_all(arguments.number("--from").unwrap_or(1), seeds, minutes)
    };
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A seed with all that goes wrong in it.
fn swarm_of(seed: u64) -> Setup {
    Setup { seed, plan: Plan::Swarm, size: Size::SWARM, bug: None }
}

fn replay(seed: u64, trace: Option<&str>) -> bool {
    let one = run(&swarm_of(seed));
    match trace {
        Some(path) => std::fs::write(path, one.trace.join("\n")).unwrap(),
        None => one.trace.iter().for_each(|line| println!("{line}")),
    }
    println!("seed {seed}: trace {}, {} faults", one.hash, one.injected.len());
    tell(&swarm_of(seed), &one)
}

/// Tells of a run in which something is wrong; whether nothing is.
fn tell(setup: &Setup, one: &Run) -> bool {
    if one.wrong.is_empty() {
        return true;
    }
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).output();
    let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("seed {} at commit {}: trace {}", setup.seed, commit.unwrap_or_default(), one.hash);
    for (invariant, what) in &one.wrong {
        println!("  {invariant}: {what}");
    }
    let least = minimise(setup, one);
    println!("of {} faults these are enough:", one.injected.len());
    least.told().iter().for_each(|line| println!("  {line}"));
    println!("cargo simulate --replay {}", setup.seed);
    false
}

/// Does something with each of several things, some at a time; what came of each, in no order.
fn side_by_side<T: Send, R: Send>(things: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (things, done) = (Mutex::new(things), Mutex::new(Vec::new()));
    let next = || things.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                while let Some(thing) = next() {
                    let result = work(thing);
                    done.lock().unwrap().push(result);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

//! Our decision beside its peers, in one run on one machine: `scripts/peers.sh`.
//!
//! Every engine and every server is told the same world and asked the same questions, and is timed only after its
//! answers were those of a plain judge. Engines run in a child process each, so that none is disturbed by what
//! another left behind and memory is what one world takes. The figures go to `docs/peers.md`, `docs/peers.json`
//! and `docs/peers.svg`.

mod contest;
mod engines;
mod load;
mod measure;
mod plot;
mod report;
mod servers;
mod tell;
mod world;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use contest::{Cell, answer};
use engines::{CONTENDERS, Contender};
use report::{Engine, Report, Server};
use servers::{Place, SERVERS};
use world::World;

/// Assignments in the tenant.
pub(crate) const SIZES: [usize; 3] = [100, 10_000, 100_000];

/// Assignments that the servers are told.
const SERVED: usize = 10_000;
const SERVED_TO_CHECK: usize = 1_000;

/// For one engine and one world, loading included.
const CELL_MAX: Duration = Duration::from_secs(900);

const USAGE: &str = "peers [--check] [--only NAME], or peers --draw";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["engine", key, assignments, seconds] => {
            return answer(key, assignments, seconds, engines::run);
        }
        [] => all(false, None),
        // The figures of the last run once more, as tables and picture.
        ["--draw"] => Report::last(&place()).write(&place()),
        ["--check"] => all(true, None),
        ["--only", name] => all(false, Some(name)),
        ["--check", "--only", name] => all(true, Some(name)),
        _ => {
            eprintln!("usage: {USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn place() -> Place {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    Place { scratch: repository.join("target/peers"), repository }
}

/// Everyone in turn; with `check`, only whether they agree. What is not whole is not written to the documents.
fn all(check: bool, only: Option<&str>) {
    let is_asked = |name: &str| only.is_none_or(|only| name.contains(only));
    let place = place();
    let mut report = Report::begin();
    for server in SERVERS.iter().filter(|it| is_asked(it.package) || is_asked(it.form)) {
        let (assignments, seconds) = if check { (SERVED_TO_CHECK, 0) } else { (SERVED, 10) };
        let served = server.run(&place, World::of(assignments), seconds);
        eprintln!("{}, {}: {} answers agree", server.package, server.form, served.agreed);
        report.servers.push(Server::of(&place, server, served));
    }
    let sizes = if check { &SIZES[..2] } else { &SIZES[..] };
    let contenders = CONTENDERS.iter().filter(|it| is_asked(it.key) || is_asked(it.package));
    for contender in contenders {
        let cells = sizes.iter().map(|size| engine(contender, *size, if check { 0 } else { 10 }));
        report.engines.push(Engine::of(contender, cells.collect()));
    }
    report.end();
    if !check {
        println!("{}", report.markdown());
    }
    if !check && only.is_none() {
        report.write(&place);
    }
}

/// One engine and one world in a process of their own.
fn engine(contender: &Contender, assignments: usize, seconds: u64) -> Result<Cell, String> {
    let program = if contender.package == "epr" {
        PathBuf::from(std::env::var_os("DECIDED").expect("scripts/peers.sh says where it is"))
    } else {
        std::env::current_exe().unwrap()
    };
    let mut child = Command::new(program)
        .args(["engine", contender.key, &assignments.to_string(), &seconds.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > CELL_MAX {
            child.kill().unwrap();
            child.wait().unwrap();
            let minutes = CELL_MAX.as_secs() / 60;
            eprintln!("{}, {assignments} assignments: given up", contender.key);
            return Err(format!("not done within {minutes} minutes"));
        }
        sleep(Duration::from_millis(50));
    }
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    // A wrong answer is no result to go on from: what is compared must be the same.
    assert!(child.wait().unwrap().success(), "{}: see above", contender.key);
    let cell: Cell = serde_json::from_str(&text).unwrap();
    let timed = cell
        .figures
        .map_or_else(String::new, |figures| format!(", p50 {:.2} µs", figures.p50_microseconds));
    eprintln!(
        "{}, {assignments} assignments: loaded in {:.1} s, {} answers agree{timed}",
        contender.key, cell.load_seconds, cell.agreed
    );
    Ok(cell)
}

//! What decides in a process of its own, asked over HTTP: ours, Cerbos, and SpiceDB behind a small server.

pub(crate) mod cerbos;
pub(crate) mod epr;
pub(crate) mod spicedb;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::{Load, load};
use crate::measure::resident_bytes;
use crate::world::{Question, World};

const QUESTIONS: usize = 2_000;
const CONNECTIONS: [usize; 2] = [1, 16];
const START_MAX: Duration = Duration::from_secs(60);
const QUIET_MAX: Duration = Duration::from_secs(300);

/// Where things are.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) repository: PathBuf,
    /// What is made and may be thrown away: below `target`.
    pub(crate) scratch: PathBuf,
}

/// A server, and how it is asked.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) package: &'static str,
    pub(crate) form: &'static str,
    path: &'static str,
    start: fn(&Place, World) -> Running,
    body: fn(&Question) -> Value,
    allowed: fn(&Value) -> Option<bool>,
}

pub(crate) const SERVERS: [Server; 4] =
    [epr::FOLDER, epr::MEMORY, cerbos::CERBOS, spicedb::SPICEDB];

/// What one server did.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Served {
    pub(crate) assignments: usize,
    /// Questions whose answers were those of the judge; all that were asked.
    pub(crate) agreed: usize,
    pub(crate) load_seconds: f64,
    pub(crate) memory_bytes: u64,
    pub(crate) memory_after_bytes: u64,
    pub(crate) loads: Vec<Load>,
    /// What the server before it does without asking it anything, where there is one.
    pub(crate) front: Option<Load>,
}

/// A server that runs, and is ended with this.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and is gone then as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Running {
    /// Starts a server that listens on a port, and waits until it does.
    fn start(place: &Place, command: &mut Command, port: u16) -> Self {
        let log = fs::File::create(place.scratch.join("server.log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let running =
            Self { child: child.spawn().unwrap(), url: format!("http://127.0.0.1:{port}") };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < START_MAX,
                "{command:?} does not listen; server.log says why"
            );
            sleep(Duration::from_millis(20));
        }
        running
    }

    /// Waits until the process works on nothing any more: what it was told is then published, too.
    fn wait_until_quiet(&self) {
        let ticks = || -> u64 {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
            let fields = stat.rsplit(") ").next().unwrap().split(' ');
            fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
        };
        let begun = Instant::now();
        loop {
            let before = ticks();
            sleep(Duration::from_secs(1));
            // A tick is a hundredth of a second, and a server that idles has some.
            if ticks() - before <= 3 {
                return;
            }
            assert!(begun.elapsed() < QUIET_MAX, "{} does not come to rest", self.url);
        }
    }
}

impl Server {
    /// Starts the server, tells it the world, compares its answers, and loads it where `seconds` is not 0.
    pub(crate) fn run(&self, place: &Place, world: World, seconds: u64) -> Served {
        let begun = Instant::now();
        let running = (self.start)(place, world);
        let load_seconds = begun.elapsed().as_secs_f64();
        let questions = world.questions(QUESTIONS);
        self.agree(&running.url, &questions);
        running.wait_until_quiet();
        let process = running.child.id().to_string();
        let memory_bytes = resident_bytes(&process);
        let bodies = questions.iter().map(|question| (self.body)(question).to_string() + "\n");
        let file = place.scratch.join("questions.ndjson");
        fs::write(&file, bodies.collect::<String>()).unwrap();
        let timed =
            |path: &str, connections| load(place, &running.url, path, &file, connections, seconds);
        let (mut loads, mut front) = (Vec::new(), None);
        if seconds > 0 {
            loads.extend(CONNECTIONS.map(|connections| timed(self.path, connections)));
            front = (self.package == spicedb::SPICEDB.package).then(|| timed("/nothing", 16));
        }
        Served {
            assignments: world.assignments,
            agreed: questions.len(),
            load_seconds,
            memory_bytes,
            memory_after_bytes: resident_bytes(&process),
            loads,
            front,
        }
    }

    /// Asks every question once, and ends at the first answer that is not the judge's.
    fn agree(&self, url: &str, questions: &[Question]) {
        let url = format!("{url}{}", self.path);
        let agent = ureq::Agent::new_with_defaults();
        for question in questions {
            let body = (self.body)(question);
            let mut answer = agent.post(&url).send_json(&body).unwrap();
            let answer: Value = answer.body_mut().read_json().unwrap();
            let allowed = (self.allowed)(&answer);
            assert_eq!(allowed, Some(question.allowed), "{question:?}: {answer} to {body}");
        }
    }
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// An empty folder.
fn emptied(folder: PathBuf) -> PathBuf {
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A file of an installed npm package.
fn of_package(place: &Place, file: &str) -> PathBuf {
    let path = place.scratch.join("node_modules").join(file);
    assert!(path.exists(), "{} is not installed; scripts/peers.sh does so", path.display());
    path
}

/// The version of an npm package, as it is installed.
pub(crate) fn npm_version(place: &Place, package: &str) -> String {
    let manifest = of_package(place, &Path::new(package).join("package.json").to_string_lossy());
    let manifest: Value = serde_json::from_str(&fs::read_to_string(manifest).unwrap()).unwrap();
    manifest["version"].as_str().unwrap_or_default().to_owned()
}

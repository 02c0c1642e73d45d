//! The figures of a run: as JSON, as tables in the documentation, and as a picture.

use std::fmt::Write as _;
use std::fs;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

use crate::SIZES;
use crate::contest::Cell;
use crate::engines::Contender;
use crate::measure::Figures;
use crate::plot;
use crate::servers::{self, Place, Served, cerbos, npm_version, spicedb};

/// Between these lines of `docs/peers.md` stands what a run found.
const BEGINNING: &str = "<!-- Between here and the end mark: written by scripts/peers.sh. -->\n";
const END: &str = "<!-- The end mark. -->\n";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    machine: String,
    /// What else the machine did: processes that wanted a core, in the minute before.
    load_before: String,
    load_after: String,
    pub(crate) engines: Vec<Engine>,
    pub(crate) servers: Vec<Server>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Engine {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) form: String,
    /// For each of the sizes; or why not.
    pub(crate) cells: Vec<Result<Cell, String>>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Server {
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) form: String,
    pub(crate) served: Served,
}

impl Engine {
    pub(crate) fn of(contender: &Contender, cells: Vec<Result<Cell, String>>) -> Self {
        let Contender { package, form, .. } = *contender;
        let version = crate_version(package);
        Self { package: package.to_owned(), version, form: form.to_owned(), cells }
    }

    /// A figure at every size.
    pub(crate) fn figures(&self, of: impl Fn(&Figures) -> f64) -> Vec<Option<f64>> {
        let figures =
            |cell: &Result<Cell, String>| cell.as_ref().ok().and_then(|cell| cell.figures);
        self.cells.iter().map(|cell| figures(cell).map(|figures| of(&figures))).collect()
    }

    fn growth(&self) -> Option<f64> {
        let p50 = self.figures(|figures| figures.p50_microseconds);
        Some((*p50.last()?)? / (*p50.first()?)?)
    }
}

impl Server {
    pub(crate) fn of(place: &Place, server: &servers::Server, served: Served) -> Self {
        let version = match server.package {
            "cerbos" => npm_version(place, cerbos::PACKAGE),
            "spicedb" => npm_version(place, spicedb::PACKAGE),
            ours => crate_version(ours),
        };
        let (package, form) = (server.package.to_owned(), server.form.to_owned());
        Self { package, version, form, served }
    }
}

impl Report {
    pub(crate) fn begin() -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        Self {
            machine: format!("{cores} cores, {}", std::env::consts::ARCH),
            load_before: load_average(),
            load_after: String::new(),
            engines: Vec::new(),
            servers: Vec::new(),
        }
    }

    pub(crate) fn end(&mut self) {
        self.load_after = load_average();
    }

    /// What the last whole run found.
    pub(crate) fn last(place: &Place) -> Self {
        let json = fs::read_to_string(place.repository.join("docs/peers.json")).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    pub(crate) fn write(&self, place: &Place) {
        let docs = place.repository.join("docs");
        let json = serde_json::to_string_pretty(self).unwrap() + "\n";
        fs::write(docs.join("peers.json"), json).unwrap();
        fs::write(docs.join("peers.svg"), plot::draw(&self.engines, &self.servers)).unwrap();
        let text = fs::read_to_string(docs.join("peers.md")).unwrap();
        let (before, rest) = text.split_once(BEGINNING).expect("docs/peers.md has a place for it");
        let (_, after) = rest.split_once(END).expect("docs/peers.md has an end mark");
        let text = format!("{before}{BEGINNING}\n{}\n{END}{after}", self.markdown());
        fs::write(docs.join("peers.md"), text).unwrap();
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "{}; load average {} when the run began and {} when it ended.\n\n",
            self.machine, self.load_before, self.load_after
        );
        if !self.engines.is_empty() {
            self.tables_of_engines(&mut text).unwrap();
        }
        if !self.servers.is_empty() {
            self.table_of_servers(&mut text).unwrap();
        }
        text
    }

    fn tables_of_engines(&self, text: &mut String) -> std::fmt::Result {
        let sizes = SIZES.map(thousands).join(" / ");
        writeln!(text, "In process, at {sizes} assignments:\n")?;
        writeln!(text, "| engine | told as | p50, µs | growth | p99, µs |")?;
        writeln!(text, "|---|---|--:|--:|--:|")?;
        for engine in &self.engines {
            let p50 = row(&engine.figures(|figures| figures.p50_microseconds), number);
            let p99 = row(&engine.figures(|figures| figures.p99_microseconds), number);
            let growth = engine.growth().map_or("n/a".to_owned(), |ratio| number(ratio) + "×");
            let Engine { package, version, form, .. } = engine;
            writeln!(text, "| {package} {version} | {form} | {p50} | {growth} | {p99} |")?;
        }
        writeln!(text, "\n| engine | told as | decisions/s | memory, MiB | loaded in, s |")?;
        writeln!(text, "|---|---|--:|--:|--:|")?;
        for engine in &self.engines {
            let rates = row(&engine.figures(|figures| figures.per_second), number);
            let cells = |of: &dyn Fn(&Cell) -> f64| {
                let of = |cell: &Result<Cell, String>| cell.as_ref().ok().map(of);
                row(&engine.cells.iter().map(of).collect::<Vec<_>>(), number)
            };
            let memory = cells(&|cell| mebibytes(cell.memory_bytes));
            let loaded = cells(&|cell| cell.load_seconds);
            let Engine { package, form, .. } = engine;
            writeln!(text, "| {package} | {form} | {rates} | {memory} | {loaded} |")?;
        }
        writeln!(text)?;
        for (engine, size, cell) in self.cells() {
            let told =
                format!("{}, {}, {} assignments", engine.package, engine.form, thousands(size));
            match cell {
                Err(reason) => writeln!(text, "- {told}: n/a, {reason}.")?,
                Ok(Cell { figures: Some(Figures { decisions, .. }), agreed, .. })
                    if *decisions < 1_000 =>
                {
                    writeln!(
                        text,
                        "- {told}: only {decisions} decisions were timed and {agreed} answers compared."
                    )?;
                }
                Ok(_) => {}
            }
        }
        writeln!(text)
    }

    fn cells(&self) -> impl Iterator<Item = (&Engine, usize, &Result<Cell, String>)> {
        self.engines.iter().flat_map(|engine| {
            engine.cells.iter().zip(SIZES).map(move |(cell, size)| (engine, size, cell))
        })
    }

    fn table_of_servers(&self, text: &mut String) -> std::fmt::Result {
        let size = self.servers.first().map_or(0, |server| server.served.assignments);
        writeln!(text, "Over HTTP, {} assignments:\n", thousands(size))?;
        writeln!(text, "| server | form | connections | rps | p50, ms | p99, ms | memory, MiB |")?;
        writeln!(text, "|---|---|--:|--:|--:|--:|--:|")?;
        for Server { package, version, form, served } in &self.servers {
            let memory = [served.memory_bytes, served.memory_after_bytes]
                .map(|bytes| number(mebibytes(bytes)));
            let memory = memory.join(" → ");
            let asked = served.loads.iter().map(|load| (form.as_str(), load));
            let front = served.front.iter().map(|load| ("the node server, asked nothing", load));
            for (form, load) in asked.chain(front) {
                let [p50, p99] = [load.p50_microseconds, load.p99_microseconds]
                    .map(|microseconds| number(microseconds / 1e3));
                let (rate, connections) = (number(load.per_second), load.connections);
                writeln!(
                    text,
                    "| {package} {version} | {form} | {connections} | {rate} | {p50} | {p99} | {memory} |"
                )?;
            }
        }
        Ok(())
    }
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The version of a crate that this is built with.
fn crate_version(name: &str) -> String {
    if name == "epr" {
        return env!("CARGO_PKG_VERSION").to_owned();
    }
    let entry = format!("name = \"{name}\"\nversion = \"");
    let (_, rest) = include_str!("../Cargo.lock").split_once(&entry).unwrap();
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn row(numbers: &[Option<f64>], shown: impl Fn(f64) -> String) -> String {
    let shown = |number: &Option<f64>| number.map_or("n/a".to_owned(), &shown);
    numbers.iter().map(shown).collect::<Vec<_>>().join(" / ")
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Three digits that count, and no more.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => thousands(value.round() as usize),
    }
}

fn thousands(value: usize) -> String {
    let digits = value.to_string();
    let part = |(place, digit): (usize, char)| {
        let ends = place > 0 && (digits.len() - place).is_multiple_of(3);
        ends.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(part).collect()
}

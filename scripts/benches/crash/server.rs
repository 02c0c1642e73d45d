//! The real binary as a process of its own: started, asked over HTTP, killed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(60);

/// The command, with words after it, and without what the environment would tell it.
pub(crate) fn epr(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epr"));
    command.args(words).stdin(Stdio::null()).env("EPR_LOG_LEVEL", "WARN");
    for name in ["EPR_AUDIT_SQS_URL", "EPR_OUTBOX_DLQ_URL", "EPR_AUDIT_TABLE", "EPR_TOKEN"] {
        command.env_remove(name);
    }
    command.env("EPR_AUDIT_DECISIONS", "none").env_remove("EPR_TOKEN_ISSUERS");
    command
}

/// Runs a command of the operator to its end: what it said, or why it failed.
pub(crate) fn run(words: &[&str]) -> Result<String, String> {
    let ended = epr(words).output().map_err(|error| format!("{words:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ended.status.success() {
        return Ok(text(&ended.stdout));
    }
    let said = [text(&ended.stdout), text(&ended.stderr)].concat();
    Err(format!("`epr {}` ended with {}: {said}", words.join(" "), ended.status))
}

/// `epr local` under way.
pub(crate) struct Server {
    process: Child,
    errors: Option<JoinHandle<String>>,
    /// Where it answers.
    pub(crate) url: String,
    /// How long it took until it said so.
    pub(crate) took: Duration,
}

impl Server {
    /// Starts one on a folder and waits until it says where it answers. Its log goes on in `log`.
    pub(crate) fn start(data: &Path, log: &Path) -> Result<Self, String> {
        let begun = Instant::now();
        let mut process = spawn(data, log)?;
        let mut stderr = BufReader::new(process.stderr.take().ok_or("no standard error")?);
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            let read = stderr.read_line(&mut said).map_err(|error| error.to_string())?;
            if read == 0 || begun.elapsed() > START_MAX {
                let _ = process.kill();
                return Err(format!("`epr local` did not start: {said}"));
            }
        }
        let url = said.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.ok_or("`epr local` did not say where it answers")?.to_owned();
        let errors = std::thread::spawn(move || {
            let mut rest = String::new();
            // What it says in its last moments may end anywhere.
            let _ = stderr.read_to_string(&mut rest);
            rest
        });
        Ok(Self { process, errors: Some(errors), url, took: begun.elapsed() })
    }

    /// Starts one and kills it so soon that it may not be up.
    pub(crate) fn start_and_kill(data: &Path, log: &Path, after: Duration) -> Result<(), String> {
        let mut process = spawn(data, log)?;
        std::thread::sleep(after);
        process.kill().and_then(|()| process.wait()).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Kills it, as `kill -9` does. Fails where it had ended by itself, or had panicked.
    pub(crate) fn kill(mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(format!("the server had ended by itself, with {status}"));
        }
        self.process
            .kill()
            .and_then(|()| self.process.wait())
            .map_err(|error| error.to_string())?;
        let said = self.errors.take().map(JoinHandle::join);
        match said {
            Some(Ok(said)) if said.contains("panicked") => {
                Err(format!("the server panicked: {said}"))
            }
            _ => Ok(()),
        }
    }

    /// Kilobytes of memory that it holds, as the system counts them.
    pub(crate) fn resident_kilobytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(data: &Path, log: &Path) -> Result<Child, String> {
    let appended = File::options().create(true).append(true).open(log);
    let log = appended.map_err(|error| format!("{}: {error}", log.display()))?;
    let data = data.to_str().ok_or("the folder has a name that is no text")?;
    let mut command = epr(&["local", "--port", "0", "--data", data]);
    let spawned = command.stdout(log).stderr(Stdio::piped()).spawn();
    spawned.map_err(|error| format!("`epr local` cannot be started: {error}"))
}

/// A folder that goes when this does, unless it is kept to be looked at.
pub(crate) struct Place {
    folder: Option<tempfile::TempDir>,
    path: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("epr-").tempdir();
        let folder = folder.map_err(|error| format!("no folder for the data: {error}"))?;
        Ok(Self { path: folder.path().to_owned(), folder: Some(folder) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder where it is.
    pub(crate) fn keep(mut self) -> PathBuf {
        if let Some(folder) = self.folder.take() {
            let _kept = folder.keep();
        }
        self.path.clone()
    }
}

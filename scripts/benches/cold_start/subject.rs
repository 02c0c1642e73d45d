//! What is started: each function of the template as it was built for Lambda, and the same in Python.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use local::system::TEMPLATE;
use local::template::Template;
use serde_json::Value;

use crate::world::{Identity, World};

/// What each function is asked first: `events/<function>/<case>.json`. What a request waits for is asked where
/// there is a choice, so none that writes.
const FIRST: [&str; 14] = [
    "api-keys/list",
    "assignments/list",
    "audit/list",
    "authorize/allow",
    "authorize/health",
    "entities/get",
    "events/list",
    "roles/get",
    "tenants/list",
    "audit-append/queue",
    "audit-verify/minutely",
    "authorizer/no-token",
    "outbox-relay/stream",
    "outbox-sweeper/schedule",
];

/// What the function in Python can answer.
const PYTHON_FIRST: [&str; 2] = ["authorize/health", "entities/get"];

/// A program and what it is asked first.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) sample: &'static str,
    event: String,
    program: Vec<PathBuf>,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
}

/// Where the subjects come from.
pub(crate) struct Places<'a> {
    pub(crate) repository: &'a Path,
    /// With `<function>/bootstrap`, as cargo-lambda leaves them, or `<function>`, as Cargo does.
    pub(crate) binaries: &'a Path,
    /// What must be in the name of a sample, which begins with its function's.
    pub(crate) wanted: &'a str,
    /// An interpreter with what the function in Python needs, and the folder with that.
    pub(crate) python: Option<(&'a Path, &'a Path)>,
}

/// Everything wanted, functions first. Every function of the template must be among what could be.
pub(crate) fn subjects(places: &Places<'_>) -> Result<Vec<Subject>, String> {
    let template = Template::parse(TEMPLATE).map_err(|error| error.to_string())?;
    let mut subjects = Vec::new();
    for function in &template.functions {
        let name = &function.folder;
        let own = |sample: &&str| sample.split('/').next() == Some(name);
        if !FIRST.iter().any(own) {
            return Err(format!("nothing is asked of `{name}`: name one of its samples"));
        }
        let is_wanted = |sample: &&str| sample.contains(places.wanted);
        for sample in FIRST.into_iter().filter(own).filter(is_wanted) {
            subjects.push(Subject {
                name: name.clone(),
                sample,
                event: event(places, sample)?,
                program: vec![binary(places.binaries, name)?],
                folder: places.repository.to_owned(),
                environment: function.environment.clone(),
            });
        }
    }
    subjects.sort_by_key(|subject| FIRST.iter().position(|first| *first == subject.sample));
    if let Some((interpreter, folder)) = places.python {
        let program = [interpreter, "-m".as_ref(), "awslambdaric".as_ref()];
        let program: Vec<PathBuf> =
            program.into_iter().map(Path::to_owned).chain(["function.handler".into()]).collect();
        for sample in PYTHON_FIRST.into_iter().filter(|sample| sample.contains(places.wanted)) {
            subjects.push(Subject {
                name: "python".to_owned(),
                sample,
                event: event(places, sample)?,
                program: program.clone(),
                folder: folder.to_owned(),
                environment: BTreeMap::from([(
                    "EPR_CORE_TABLE".to_owned(),
                    "CoreTable".to_owned(),
                )]),
            });
        }
    }
    Ok(subjects)
}

fn event(places: &Places<'_>, sample: &str) -> Result<String, String> {
    let path = places.repository.join(format!("events/{sample}.json"));
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn binary(folder: &Path, function: &str) -> Result<PathBuf, String> {
    let found = [folder.join(function).join("bootstrap"), folder.join(function)];
    let found = found.into_iter().find(|path| path.is_file());
    let found = found.ok_or_else(|| format!("there is no `{function}` in {}", folder.display()))?;
    found.canonicalize().map_err(|error| error.to_string())
}

impl Subject {
    pub(crate) fn is_python(&self) -> bool {
        self.name == "python"
    }

    /// What it is asked, as text.
    pub(crate) fn event(&self) -> String {
        self.event.clone()
    }

    /// Whether the ledger is to have records: not for its verifier, who would have to sign, with KMS.
    pub(crate) fn wants_records(&self) -> bool {
        self.name != "audit-verify"
    }

    /// How it is started: with the environment that Lambda and the template give it, and no other.
    pub(crate) fn command(&self, api: &str, world: &World, identity: &Identity) -> Command {
        let mut program = self.program.iter();
        let mut command = Command::new(program.next().cloned().unwrap_or_default());
        command.args(program).current_dir(&self.folder).env_clear().envs(&self.environment);
        let key = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000";
        command
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", api),
                ("AWS_LAMBDA_FUNCTION_NAME", &self.name),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/cold"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "cold"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "example"),
                ("AWS_SESSION_TOKEN", "example"),
                ("AWS_ENDPOINT_URL", &world.url()),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("LANG", "en_US.UTF-8"),
            ])
            .env("LAMBDA_TASK_ROOT", &self.folder);
        // The authorities: by the variable that each SDK reads.
        command
            .env("SSL_CERT_FILE", &identity.authorities)
            .env("AWS_CA_BUNDLE", &identity.authorities);
        if self.name.starts_with("audit") && !self.name.ends_with("append") {
            // What the template sets by `!Ref` of a key, of which there is none here.
            command.env("EPR_AUDIT_KEY_ID", key);
        }
        command
    }

    /// Why an answer is not the one that was to be measured.
    pub(crate) fn fault(&self, answer: &[u8]) -> Option<String> {
        let text = || String::from_utf8_lossy(answer).into_owned();
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return Some(text()) };
        let sound = match (answer.get("statusCode"), answer.get("batchItemFailures")) {
            (Some(status), _) => status == 200,
            (None, Some(failures)) => failures.as_array().is_some_and(Vec::is_empty),
            (None, None) => answer.is_object() && answer.get("errorMessage").is_none(),
        };
        (!sound).then(text)
    }
}

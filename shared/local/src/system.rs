//! The whole deployment in one process: every function of the template, over one embedded DynamoDB.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use api::delivery::Courier;
use api::key_file::KeyFileError;
use api::ledger::{DEPLOYMENT_DEFAULT, Notary};
use api::{App, AuditDecisions, Config, ConfigError, Routes};
use audit_append::Appender;
use audit_verify::Auditor;
use aws_sdk_dynamodb::Client;
use axum::body::Body;
use domain::entity_type::TypeName;
use domain::id::Ids;
use domain::limit::plan::Plan;
use domain::time::Clock;
use http::{Request, Response};
use store::{Chance, EpochSource, Limiter};

use crate::authorizer::Authorizer;
use crate::embedded::{Embedded, EmbeddedError};
use crate::gateway::{Gateway, GatewayError};
use crate::messaging::{Messaging, MessagingError};
use crate::pump::{Handler, Pump, PumpError};
use crate::template::{Function, Template, TemplateError};

/// The template that is deployed, as it was when this was compiled.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The file in the data folder with the key that signs checkpoints of the audit ledger.
const KEY_FILE: &str = "audit-signing-key";

/// The functions with routes: their endpoints, a title, and what they are for.
pub fn functions() -> Vec<(Routes, &'static str, &'static str)> {
    vec![
        (entities::routes(), "Entities", "The things that permissions are about, in a tree."),
        (roles::routes(), "Roles", "Named sets of permissions."),
        (
            assignments::routes(),
            "Assignments",
            "Who holds which role, where and until when; groups and principals.",
        ),
        (
            api_keys::routes(),
            "API keys",
            "Secrets by which programs call: made and shown once, listed, revoked, deleted; and acting as someone else.",
        ),
        (
            tenants::routes(),
            "Tenants",
            "Who there is, in which tier, and whether its callers are let in. For operators of the deployment.",
        ),
        (authorize::routes(), "Authorization", "The decision, and the health of the service."),
        (
            events::routes(),
            "Events",
            "What happened, from the core and from others, and its delivery.",
        ),
        (
            audit::routes(),
            "Audit",
            "The ledger of who did what: its records, and the proof that none was changed.",
        ),
    ]
}

/// A running deployment.
#[derive(Clone)]
pub struct System {
    /// The gateway before the functions.
    pub gateway: Arc<Gateway>,
    /// The database below them.
    pub embedded: Embedded,
    /// The topics and queues.
    pub messaging: Messaging,
    /// What invokes functions for streams, queues and schedules.
    pub pump: Arc<Pump>,
    apps: Arc<HashMap<String, App>>,
}

/// The SDK clients by which functions reach tables, topics and queues.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Of the tables.
    pub dynamodb: Client,
    /// Of topics and queues.
    pub messaging: api::delivery::Messaging,
}

impl Clients {
    /// Clients that reach them at once.
    pub fn of(embedded: &Embedded, messaging: &Messaging) -> Self {
        let (sns, sqs) = (Some(messaging.sns()), Some(messaging.sqs()));
        Self { dynamodb: embedded.client(), messaging: api::delivery::Messaging { sns, sqs } }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("embedded", &self.embedded).finish_non_exhaustive()
    }
}

/// What a deployment takes from outside.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// Chance, for what should not happen to all at once.
    pub chance: Chance,
    /// Who signs checkpoints, if not a key of the deployment's own.
    pub notary: Option<Notary>,
    /// Who may call.
    pub authorizer: Authorizer,
    /// Where the epochs of what is remembered live, if not in this process.
    pub epochs: Option<EpochSource>,
    /// The address that clients know it by.
    pub public_url: Option<String>,
    /// Entity types beside the built-in ones.
    pub entity_types: Vec<TypeName>,
    /// Of which decisions the audit ledger hears.
    pub audit_decisions: AuditDecisions,
    /// How many requests of which tenant pass; all, without it.
    pub rate_limits: Option<Plan>,
    /// Where they are counted, if not where the epochs live.
    pub limiter: Option<Limiter>,
}

impl Default for Surroundings {
    /// The time of this machine, ids by time, and no authorization.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            ids: Ids::by_time(),
            chance: Chance::system(),
            notary: None,
            authorizer: Authorizer::off(),
            epochs: None,
            public_url: None,
            entity_types: Vec::new(),
            audit_decisions: AuditDecisions::default(),
            rate_limits: None,
            limiter: None,
        }
    }
}

/// Why a deployment does not start.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The template cannot be read.
    #[error("template.yaml: {0}")]
    Template(#[from] TemplateError),
    /// The database cannot be used.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// Topics and queues cannot be used.
    #[error(transparent)]
    Messaging(#[from] MessagingError),
    /// Template and functions do not fit.
    #[error("template.yaml: {0}")]
    Gateway(#[from] GatewayError),
    /// Streams, queues and schedules of the template and functions do not fit.
    #[error("template.yaml: {0}")]
    Pump(#[from] PumpError),
    /// There is no key to sign checkpoints with.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The template leaves a function without a variable.
    #[error("template.yaml, function `{function}`: {source}")]
    Config {
        /// The function's folder.
        function: String,
        /// Which variable.
        source: ConfigError,
    },
}

impl System {
    /// A deployment in memory.
    pub fn memory(surroundings: Surroundings) -> Result<Self, SystemError> {
        Self::start(Embedded::memory()?, Clients::of, surroundings)
    }

    /// A deployment that keeps its tables in a folder.
    pub fn open(folder: &Path, surroundings: Surroundings) -> Result<Self, SystemError> {
        Self::start(Embedded::open(folder)?, Clients::of, surroundings)
    }

    /// A deployment over a database; `clients` says how the functions reach it, and topics and queues.
    pub fn start(
        embedded: Embedded,
        clients: impl FnOnce(&Embedded, &Messaging) -> Clients,
        surroundings: Surroundings,
    ) -> Result<Self, SystemError> {
        let template = deployed()?;
        embedded.create_tables(template)?;
        let messaging = Messaging::beside(&embedded, template, surroundings.clock.clone())?;
        let Clients { dynamodb, messaging: senders } = clients(&embedded, &messaging);
        let Surroundings { clock, ids, chance, authorizer, .. } = surroundings.clone();
        let key_file = embedded.folder().map(|folder| folder.path.join(KEY_FILE));
        let notary = match &surroundings.notary {
            Some(notary) => notary.clone(),
            None => Notary::with_own_key(key_file.as_deref(), DEPLOYMENT_DEFAULT)?,
        };
        let limiter = surroundings.limiter.clone().unwrap_or_else(|| match surroundings.epochs {
            Some(_) => Limiter::table(),
            None => Limiter::in_process(),
        });
        let app = |function: &Function| {
            let Surroundings { public_url, entity_types, audit_decisions, epochs, .. } =
                surroundings.clone();
            let rate_limits = surroundings.rate_limits.clone();
            let config = config_of(function)?;
            let config =
                Config { public_url, entity_types, audit_decisions, rate_limits, ..config };
            let app = App::new(config, dynamodb.clone(), clock.clone(), ids.clone());
            let app = app.with_messaging(senders.clone()).with_notary(notary.clone());
            let app = app.with_chance(chance.clone());
            let app = app.with_epochs(epochs.unwrap_or_else(|| embedded.epochs()));
            let app = app.with_limiter(limiter.clone());
            Ok((function.folder.clone(), app))
        };
        let apps: HashMap<String, App> =
            template.functions.iter().map(app).collect::<Result<_, SystemError>>()?;
        let (mut routers, mut handlers) = (HashMap::new(), HashMap::new());
        for (folder, app) in &apps {
            if let Some((routes, ..)) =
                functions().into_iter().find(|(routes, ..)| routes.function == folder)
            {
                routers.insert(folder.clone(), routes.router(app));
            }
            let is_invoked =
                |function: &Function| function.folder == *folder && !function.sources.is_empty();
            if template.functions.iter().any(is_invoked) {
                handlers.extend(worker(folder, app).map(|handler| (folder.clone(), handler)));
            }
        }
        let authorizer = match apps.get("authorizer") {
            Some(app) => authorizer.with_store(&app.store),
            None => authorizer,
        };
        let gateway = Gateway::new(template, routers, authorizer)?;
        let pump = Pump::new(template, handlers, &embedded, &messaging)?;
        Ok(Self {
            gateway: Arc::new(gateway),
            embedded,
            messaging,
            pump: Arc::new(pump),
            apps: Arc::new(apps),
        })
    }

    /// The same deployment as the owner of the machine sees it, who is let in without a token and needs no grant: to
    /// set up what it cannot begin without. Nobody else is to reach it.
    #[must_use]
    pub fn for_the_owner(&self) -> Self {
        Self { gateway: Arc::new(self.gateway.for_the_owner()), ..self.clone() }
    }

    /// What the function of a folder works with.
    pub fn app(&self, folder: &str) -> Option<&App> {
        self.apps.get(folder)
    }

    /// Answers a request, as the deployment would.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        self.gateway.call(request, None).await
    }
}

/// The template, read once in a process: a test starts hundreds of systems.
fn deployed() -> Result<&'static Template, TemplateError> {
    static DEPLOYED: OnceLock<Template> = OnceLock::new();
    if let Some(template) = DEPLOYED.get() {
        return Ok(template);
    }
    let template = Template::parse(TEMPLATE)?;
    Ok(DEPLOYED.get_or_init(|| template))
}

/// The function of a folder, where it is one that others than clients invoke: streams, queues, schedules, the
/// gateway.
pub fn worker(folder: &str, app: &App) -> Option<Handler> {
    let courier = Courier::of(app);
    let appender = Appender::of(app);
    match folder {
        "audit-append" => Some(Handler::typed(move |event| {
            let appender = appender.clone();
            async move { audit_append::handle(&appender, event).await }
        })),
        "audit-verify" => {
            let auditor = Auditor::of(app);
            Some(Handler::typed(move |event| {
                let auditor = auditor.clone();
                async move { audit_verify::handle(&auditor, event).await }
            }))
        }
        "authorizer" => {
            // What no deployment starts with, none here does.
            let authorizer = ::authorizer::Authorizer::of(app).ok()?;
            Some(Handler::typed(move |request| {
                let authorizer = authorizer.clone();
                async move { ::authorizer::handle(&authorizer, request).await }
            }))
        }
        "outbox-relay" => Some(Handler::typed(move |event| {
            let courier = courier.clone();
            async move { outbox_relay::handle(&courier, event).await }
        })),
        "outbox-sweeper" => Some(Handler::typed(move |event| {
            let courier = courier.clone();
            async move { outbox_sweeper::handle(&courier, event).await }
        })),
        _ => None,
    }
}

/// What the template's environment says to a function.
fn config_of(function: &Function) -> Result<Config, SystemError> {
    let variable = |name: &str| function.environment.get(name).cloned();
    let config = Config::from_variables(variable)
        .map_err(|source| SystemError::Config { function: function.folder.clone(), source })?;
    // Metrics are for CloudWatch; on one machine they would only stand between the lines of the log.
    Ok(Config { metrics_namespace: None, environment: "local".to_owned(), ..config })
}

/// The OpenAPI document of every function, in the order in which it is written.
pub fn openapi() -> Result<yaml_serde::Value, yaml_serde::Error> {
    let mut document = yaml_serde::to_value(api::document(functions()))?;
    put_json_first(&mut document);
    Ok(document)
}

/// Of several media types generators of clients take the first for the answer to who asks for none, which is
/// what is given as `application/json`.
fn put_json_first(value: &mut yaml_serde::Value) {
    match value {
        yaml_serde::Value::Mapping(members) => {
            if let Some(own) = members.shift_remove("application/json") {
                let others = std::mem::take(members);
                members.insert("application/json".into(), own);
                members.extend(others);
            }
            members.values_mut().for_each(put_json_first);
        }
        yaml_serde::Value::Sequence(items) => items.iter_mut().for_each(put_json_first),
        _ => {}
    }
}

/// The OpenAPI document of every function, as YAML.
pub fn openapi_yaml() -> Result<String, yaml_serde::Error> {
    let document = openapi()?;
    let mut yaml =
        "# Made from the code by `cargo epr openapi`; a test fails when the two differ.\n"
            .to_owned();
    // In the order in which it is read, not that of the alphabet.
    for member in ["openapi", "info", "servers", "security", "tags", "paths", "components"] {
        yaml += &yaml_serde::to_string(&HashMap::from([(member, document.get(member))]))?;
    }
    Ok(yaml)
}

//! The whole deployment in one process: every function of the template, over one embedded DynamoDB.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use api::delivery::Courier;
use api::{App, Config, ConfigError, Routes};
use aws_sdk_dynamodb::Client;
use axum::Router;
use axum::body::Body;
use domain::id::Ids;
use domain::time::Clock;
use http::{Request, Response};

use crate::authorizer::Authorizer;
use crate::embedded::{Embedded, EmbeddedError};
use crate::gateway::{Gateway, GatewayError};
use crate::messaging::{Messaging, MessagingError};
use crate::pump::{Handler, Pump, PumpError};
use crate::template::{Template, TemplateError};

/// The template that is deployed, as it was when this was compiled.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

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
        (authorize::routes(), "Authorization", "The decision, and the health of the service."),
        (
            events::routes(),
            "Events",
            "What happened, from the core and from others, and its delivery.",
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
    /// Who may call.
    pub authorizer: Authorizer,
}

impl Default for Surroundings {
    /// The time of this machine, ids by time, and no authorization.
    fn default() -> Self {
        Self { clock: Clock::system(), ids: Ids::by_time(), authorizer: Authorizer::off() }
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
        let embedded = Embedded::memory()?;
        let client = embedded.client();
        Self::start(embedded, &client, surroundings)
    }

    /// A deployment that keeps its tables in a folder.
    pub fn open(folder: &Path, surroundings: Surroundings) -> Result<Self, SystemError> {
        let embedded = Embedded::open(folder)?;
        let client = embedded.client();
        Self::start(embedded, &client, surroundings)
    }

    /// A deployment over a database, which the functions reach through a client of their own.
    pub fn start(
        embedded: Embedded,
        client: &Client,
        surroundings: Surroundings,
    ) -> Result<Self, SystemError> {
        let template = Template::parse(TEMPLATE)?;
        embedded.create_tables(&template)?;
        let messaging = Messaging::beside(&embedded, &template, surroundings.clock.clone())?;
        let clients = api::delivery::Messaging {
            sns: Some(messaging.sns()),
            sqs: Some(messaging.sqs()),
        };
        let app = |folder: &str| {
            let Surroundings { clock, ids, .. } = &surroundings;
            let config = config_of(&template, folder)?;
            let app = App::new(config, client.clone(), clock.clone(), ids.clone());
            Ok::<_, SystemError>(app.with_messaging(clients.clone()))
        };
        let mut mounted: HashMap<String, Router> = HashMap::new();
        for (routes, ..) in functions() {
            let app = app(routes.function)?;
            mounted.insert(routes.function.to_owned(), routes.router(&app));
        }
        let handlers = handlers(app)?;
        let gateway = Gateway::new(&template, mounted, surroundings.authorizer.clone())?;
        let pump = Pump::new(&template, handlers, &embedded, &messaging)?;
        Ok(Self { gateway: Arc::new(gateway), embedded, messaging, pump: Arc::new(pump) })
    }

    /// Answers a request, as the deployment would.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        self.gateway.call(request, None).await
    }
}

/// The functions that streams, queues and schedules invoke, by folder.
fn handlers(
    app: impl Fn(&str) -> Result<App, SystemError>,
) -> Result<HashMap<String, Handler>, SystemError> {
    let relay = Courier::of(&app("outbox-relay")?);
    let sweeper = Courier::of(&app("outbox-sweeper")?);
    let relay = Handler::typed(move |event| {
        let courier = relay.clone();
        async move { outbox_relay::handle(&courier, event).await }
    });
    let sweeper = Handler::typed(move |event| {
        let courier = sweeper.clone();
        async move { outbox_sweeper::handle(&courier, event).await }
    });
    Ok([("outbox-relay", relay), ("outbox-sweeper", sweeper)]
        .map(|(folder, handler)| (folder.to_owned(), handler))
        .into())
}

/// What the template's environment says to a function.
fn config_of(template: &Template, folder: &str) -> Result<Config, SystemError> {
    let function = template.functions.iter().find(|function| function.folder == folder);
    let variable =
        |name: &str| function.and_then(|function| function.environment.get(name).cloned());
    let config = Config::from_variables(variable)
        .map_err(|source| SystemError::Config { function: folder.to_owned(), source })?;
    // Metrics are for CloudWatch; on one machine they would only stand between the lines of the log.
    Ok(Config { metrics_namespace: None, environment: "local".to_owned(), ..config })
}

/// The OpenAPI document of every function, as YAML.
pub fn openapi_yaml() -> Result<String, yaml_serde::Error> {
    let document = api::document(functions());
    let mut yaml =
        "# Made from the code by `cargo epr openapi`; a test fails when the two differ.\n"
            .to_owned();
    // In the order in which it is read, not that of the alphabet.
    for member in ["openapi", "info", "servers", "security", "tags", "paths", "components"] {
        yaml += &yaml_serde::to_string(&HashMap::from([(member, document.get(member))]))?;
    }
    Ok(yaml)
}

//! The `audit-append` Lambda function.

use api::{App, delivery::Messaging};
use audit_append::Appender;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = App::from_env_with(Messaging::topics_and_queues).await?;
    let appender = Appender::of(&app);
    api::serve_events("audit-append", move |event| {
        let appender = appender.clone();
        async move { audit_append::handle(&appender, event).await }
    })
    .await
}

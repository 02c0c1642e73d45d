//! The `outbox-relay` Lambda function.

use api::App;
use api::delivery::{Courier, Messaging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = App::from_env_with(Messaging::topics_and_queues).await?;
    let courier = Courier::of(&app);
    api::serve_events("outbox-relay", move |event| {
        let courier = courier.clone();
        async move { outbox_relay::handle(&courier, event).await }
    })
    .await
}

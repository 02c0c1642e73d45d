//! The `outbox-sweeper` Lambda function.

use api::App;
use api::delivery::{Courier, Messaging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let app = App::from_env_with(Messaging::topics_and_queues).await?;
    let courier = Courier::of(&app);
    api::serve_events("outbox-sweeper", move |schedule| {
        let courier = courier.clone();
        async move { outbox_sweeper::handle(&courier, schedule).await }
    })
    .await
}

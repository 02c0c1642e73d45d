//! The `events` Lambda function.

use api::App;
use api::delivery::Messaging;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = App::from_env_with(Messaging::topics).await?;
    api::serve(events::routes().router(&app)).await
}

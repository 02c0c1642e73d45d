//! The `authorize` Lambda function.

use api::App;
use api::delivery::Messaging;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = App::from_env_with(Messaging::queues).await?;
    api::serve(authorize::routes().router(&app)).await
}

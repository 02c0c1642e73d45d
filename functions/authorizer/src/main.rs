//! The `authorizer` Lambda function.

use api::App;
use authorizer::Authorizer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let authorizer = Authorizer::of(&App::from_env_with_secrets().await?)?;
    api::serve_events("authorizer", move |request| {
        let authorizer = authorizer.clone();
        async move { authorizer::handle(&authorizer, request).await }
    })
    .await
}

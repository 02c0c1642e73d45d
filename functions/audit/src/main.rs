//! The `audit` Lambda function.

use api::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = App::from_env_with_notary().await?;
    api::serve(audit::routes().router(&app)).await
}

//! The `api-keys` Lambda function.

use api::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = App::from_env().await?;
    api::serve(api_keys::routes().router(&app)).await
}

//! The `tenants` Lambda function.

use api::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let app = App::from_env().await?;
    api::serve(tenants::routes().router(&app)).await
}

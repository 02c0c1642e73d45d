//! The `audit-verify` Lambda function.

use api::App;
use audit_verify::Auditor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let auditor = Auditor::of(&App::from_env_with_notary().await?);
    api::serve_events("audit-verify", move |event| {
        let auditor = auditor.clone();
        // Boxed, because the compiler follows nested futures only so deep.
        async move { Box::pin(audit_verify::handle(&auditor, event)).await }
    })
    .await
}

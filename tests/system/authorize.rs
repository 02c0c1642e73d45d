//! x
use tests::World;
#[tokio::test]
async fn timing() {
    let world = World::new();
    let tenant = world.default_tenant();
    let e = tenant.entity("a","issuer",None).await;
    let f = tenant.entity("b","issuer",Some(&e)).await;
    let r = tenant.role("aaa", &["a:b"], &[]).await;
    tenant.assign("alice",&r,Some(&e)).await;
    tenant.assign("alice",&r,Some(&f)).await;
    tenant.join("g","user:a").await.expect(201);
    tenant.put("/api/v1/principals/user/x", serde_json::json!({"properties":{}})).await.expect(201);
    tenant.pages("/api/v1/entities", 1).await;
    world.check_consistency().await;
}

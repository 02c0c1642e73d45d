//! Entities: every endpoint and every refusal.

use serde_json::json;
use tests::World;

#[tokio::test]
async fn a_created_entity_can_be_read_and_says_where_it_is() {
    let tenant = World::new().default_tenant();
    let created = tenant
        .post(
            "/api/v1/entities",
            json!({"name": "Acme", "type": "issuer", "attributes": {"region": "US"}}),
        )
        .await;
    let entity = created.expect(201);
    assert_eq!(
        (&entity["name"], &entity["type"], &entity["status"], &entity["version"]),
        (&json!("Acme"), &json!("issuer"), &json!("active"), &json!(1))
    );
    assert_eq!(created.header("etag"), Some("\"1\""));
    let read = tenant.get(created.header("location").unwrap()).await;
    assert_eq!(read.expect(200), entity);
}

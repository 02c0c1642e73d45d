//! The OpenAPI document that is committed: the one that the code makes.

use std::path::Path;

#[test]
fn the_committed_document_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.yaml");
    let committed = std::fs::read_to_string(path).unwrap();
    let made = local::system::openapi_yaml().unwrap();
    let same = committed.lines().zip(made.lines()).take_while(|(one, other)| one == other).count();
    assert!(
        committed == made,
        "openapi.yaml differs from the code in line {}: run `cargo epr openapi`",
        same + 1
    );
}

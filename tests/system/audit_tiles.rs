//! The log as files: what other people's verifiers read, and that they accept it.

use std::collections::BTreeMap;

use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::hash::Hash;
use domain::ledger::tile::{Kind, TILE_HASHES_MAX, Tile, unbundle};
use tests::checkpoints::happening;
use tests::{Tenant, World};
use tlog_tiles::tlog;

/// Records of the chain: two full tiles and a part of a third.
const SIZE: u64 = 600;

const TILE: &str = "/audit/default/tile";

/// A world with a chain of the default tenant.
async fn world() -> World {
    let world = World::new();
    for first in (0..600).step_by(100) {
        world.record("default", (first..first + 100).map(happening)).await;
    }
    world
}

/// Every file of the log at its size, by path.
async fn files(tenant: &Tenant) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for tile in Tile::grown(0, SIZE) {
        let reply = tenant.get(&format!("/audit/default/{tile}")).await;
        assert_eq!(reply.status, 200, "{tile}: {}", reply.text);
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        let cached = Some("private, max-age=31536000, immutable");
        assert_eq!(reply.header("cache-control"), cached);
        files.insert(tile.to_string(), reply.bytes);
    }
    files
}

/// Their reader over our files.
struct Files(BTreeMap<String, Vec<u8>>);

impl tlog_tiles::TileReader for Files {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        // Their name of a tile has the height in it, which C2SP fixed at 8.
        let ours = |tile: &tlog_tiles::Tile| tile.path().replacen("tile/8/", "tile/", 1);
        let read = |tile| self.0.get(&ours(tile)).cloned();
        let missing = |tile| tlog::Error::InvalidInput(ours(tile));
        tiles.iter().map(|tile| read(tile).ok_or_else(|| missing(tile))).collect()
    }

    fn save_tiles(&self, _tiles: &[tlog_tiles::Tile], _data: &[Vec<u8>]) {}
}

#[tokio::test]
async fn someone_elses_verifier_finds_every_record_under_the_signed_root() {
    let world = world().await;
    let tenant = world.default_tenant();
    let key = world.sign("default").await;
    let note = tenant.get("/audit/default/checkpoint").await;
    assert_eq!(note.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(note.header("cache-control"), Some("no-store"));
    let checkpoint = Checkpoint::open(&note.text, &key).unwrap();
    let files = Files(files(&tenant).await);
    let root = tlog::Hash(*checkpoint.root.as_bytes());
    let tiles = tlog_tiles::TileHashReader::new(checkpoint.size, root, &files);
    let exported = tenant.get("/api/v1/audit/export").await;
    for (index, line) in exported.text.lines().enumerate() {
        let place = tlog::stored_hash_index(0, index as u64);
        let leaf = tlog::HashReader::read_hashes(&tiles, &[place]).unwrap();
        assert_eq!(leaf, [tlog::record_hash(line.as_bytes())]);
        let bundle = Tile::of(Kind::Entries, index as u64 / 256, SIZE).unwrap();
        let entries = unbundle(&files.0[&bundle.to_string()]).unwrap();
        assert_eq!(entries[index % 256], line.as_bytes());
    }
}

#[tokio::test]
async fn a_tile_is_the_same_whether_it_was_stored_or_not() {
    let world = world().await;
    world.sign("default").await;
    let made = files(&world.default_tenant()).await;
    world.store_tiles("default", SIZE).await;
    assert_eq!(files(&world.default_tenant()).await, made);
    assert_eq!(made["tile/1/000.p/2"].len(), 64);
    assert_eq!(made["tile/0/000"].len(), 8192);

    // The stored one is what is read, and a narrower one is its beginning.
    let tenant = TenantId::parse("other").unwrap();
    world.record("other", (0..256).map(happening)).await;
    world.sign("other").await;
    let tile = Tile::of(Kind::Hashes { level: 0 }, 0, 256).unwrap();
    let other: Vec<u8> = (0..TILE_HASHES_MAX).flat_map(|_| *Hash::of(b"x").as_bytes()).collect();
    world.ledger().ledger_tile_put(&tenant, &tile, other.clone()).await.unwrap();
    let other_tenant = world.tenant("other");
    assert_eq!(other_tenant.get("/audit/other/tile/0/000").await.bytes, other);
    assert_eq!(other_tenant.get("/audit/other/tile/0/000.p/3").await.bytes, other[..96]);
}

#[tokio::test]
async fn only_what_a_checkpoint_promises_is_shown_and_nothing_else_exists() {
    let world = World::new();
    let tenant = world.default_tenant();
    for path in ["/audit/default/checkpoint", &format!("{TILE}/0/000.p/1")] {
        tenant.get(path).await.expect_problem(404, "not_found");
    }
    world.record("default", (0..255).map(happening)).await;
    // By a key that the deployment does not have, so that it publishes nothing on demand.
    world.sign("default").await;
    world.record("default", (255..300).map(happening)).await;
    for (rest, exists) in [
        ("0/000.p/255", true),
        ("0/000.p/254", true),
        ("entries/000.p/255", true),
        ("entries/000.p/1", true),
        ("0/000", false),
        ("entries/000", false),
        ("0/001.p/1", false),
        ("1/000.p/1", false),
        ("8/000.p/1", false),
        ("63/000", false),
        ("64/000", false),
        ("0/x001/000", false),
        ("0/0", false),
        ("0/000.p/0", false),
        ("0/000.p/256", false),
        ("00/000.p/1", false),
        ("entries/000.p/1/", false),
        ("nothing", false),
        ("0/000.p/1/..", false),
    ] {
        let reply = tenant.get(&format!("{TILE}/{rest}")).await;
        if exists {
            assert_eq!(reply.status, 200, "{rest}: {}", reply.text);
        } else {
            reply.expect_problem(404, "not_found");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{rest}");
        }
    }
    world.sign("default").await;
    for rest in ["0/000", "entries/000", "0/001.p/44", "1/000.p/1"] {
        assert_eq!(tenant.get(&format!("{TILE}/{rest}")).await.status, 200, "{rest}");
    }
}

#[tokio::test]
async fn a_bundle_that_no_answer_can_hold_is_refused_and_its_records_are_exported() {
    let world = World::new();
    let tenant = world.default_tenant();
    for first in (0..80).step_by(20) {
        let large = (first..first + 20).map(|number| {
            let mut message = happening(number);
            message["details"] = serde_json::json!({"text": "x".repeat(60_000)});
            message
        });
        world.record("default", large).await;
    }
    world.sign("default").await;
    tenant.get(&format!("{TILE}/entries/000.p/80")).await.expect_problem(413, "too_large");
    let part = tenant.get(&format!("{TILE}/entries/000.p/60")).await;
    assert_eq!((part.status, unbundle(&part.bytes).unwrap().len()), (200, 60));
}

#[tokio::test]
async fn another_tenants_chain_does_not_exist() {
    let world = World::new();
    world.record("acme", (0..3).map(happening)).await;
    world.sign("acme").await;
    let stranger = world.tenant("stranger");
    world.record("stranger", [happening(9)]).await;
    world.sign("stranger").await;
    for rest in ["checkpoint", "tile/0/000.p/1", "tile/entries/000.p/3"] {
        assert_eq!(world.tenant("acme").get(&format!("/audit/acme/{rest}")).await.status, 200);
        let (theirs, nobodys) = (
            stranger.get(&format!("/audit/acme/{rest}")).await,
            stranger.get(&format!("/audit/nobd/{rest}")).await,
        );
        let detail = theirs.expect_problem(404, "not_found")["detail"].as_str().unwrap();
        assert_eq!(nobodys.body["detail"], detail.replace("acme", "nobd"));
    }
    for path in ["/api/v1/audit/records/event-0001", "/api/v1/audit/records/event-0001/proof"] {
        stranger.get(path).await.expect_problem(404, "not_found");
    }
    assert_eq!(stranger.list("/api/v1/audit/records").await.len(), 1);
    assert_eq!(stranger.get("/api/v1/audit/export").await.text.lines().count(), 1);
    stranger.get("/api/v1/audit/consistency?from=0&to=3").await.expect_problem(400, "invalid");
}

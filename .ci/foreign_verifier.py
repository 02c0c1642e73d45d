"""Lets someone else's program (aics-tlog) judge the audit ledger of a running `epr local`.

Usage: foreign_verifier.py URL. It must accept what the ledger publishes, and reject every copy that was
tampered with. Keys, tiles, notes and proofs are read over HTTP, as a stranger would read them.
"""

import json
import sys
import time
import urllib.request

from aics_tlog import (
    MemoryTileReader,
    TileMissingError,
    TileVerificationError,
    TileWriter,
    VerifiedTileReader,
    audit_tiles,
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    leaf_hash,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    verify_checkpoint,
    verify_consistency,
    verify_leaf_inclusion,
)
from aics_tlog.tiles import entry_bundle_path, parse_entry_bundle, tile_path, tile_width_at

TENANT = "judged"
ORIGIN = f"epr.local/audit/{TENANT}"
FULL = 256
# Two full tiles and a part of one; then one full tile more, and another part.
SIZES = (600, 1000)
SECONDS_MAX = 60

url = sys.argv[1]


def get(path):
    request = urllib.request.Request(url + path, headers={"X-Tenant-Id": TENANT})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def append(first, last):
    """Sends events to the queue, as a producer does, and waits until the chain has them."""
    for start in range(first, last, 10):
        entries = [
            {
                "Id": str(number),
                "MessageBody": json.dumps({
                    "event_id": f"judged-{number}",
                    "source": "judge",
                    "action": "document.verified",
                    "details": {"number": number, "text": "é\u2028"},
                    "occurred_at": "2026-11-23T03:30:53Z",
                    "tenant_id": TENANT,
                }),
            }
            for number in range(start, min(start + 10, last))
        ]
        queue = "http://sqs.us-east-1.localhost/000000000000/AuditQueue"
        body = json.dumps({"QueueUrl": queue, "Entries": entries}).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS.SendMessageBatch",
        }
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            assert not json.load(answer).get("Failed"), "the queue refused messages"
    deadline = time.monotonic() + SECONDS_MAX
    while json.loads(get("/api/v1/audit/checkpoint"))["head"]["size"] < last:
        assert time.monotonic() < deadline, f"the chain does not reach {last} records"
        time.sleep(0.2)


def paths(size):
    """The files of a log of this size: every tile of every level, and the entries."""
    level = 0
    while size // FULL**level:
        for index in range(-(-(size // FULL**level) // FULL)):
            yield tile_path(level, index, tile_width_at(size, level, index))
            if level == 0:
                yield entry_bundle_path(index, tile_width_at(size, 0, index))
        level += 1


def published():
    """The latest checkpoint, verified by the key, and the files of its log."""
    text = get(f"/audit/{TENANT}/checkpoint").decode()
    verdict = verify_checkpoint(parse_note(text), key, expected_origin=ORIGIN)
    assert verdict.ok, verdict.error
    checkpoint = parse_checkpoint(parse_note(text).text)
    files = {path: get(f"/audit/{TENANT}/{path}") for path in paths(checkpoint.size)}
    return text, checkpoint, files


def hashes(texts):
    return [bytes.fromhex(text) for text in texts]


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


append(0, SIZES[0])
key = parse_vkey(json.loads(get("/api/v1/audit/checkpoint"))["signed"]["verifier_key"])
old_text, old, old_files = published()
append(*SIZES)
text, new, files = published()
assert (old.size, new.size) == SIZES, (old.size, new.size)

# What is published is accepted, file by file.
for checkpoint, log in ((old, old_files), (new, files)):
    report = audit_tiles(MemoryTileReader(log), checkpoint.size, checkpoint.root)
    print(f"{checkpoint.size} records: {report.tiles} tiles and {report.bundles} bundles accepted")

# So are the proofs that can be made of the tiles, and the same that the API gives.
reader = VerifiedTileReader(MemoryTileReader(files), new.size, new.root)
for index in (0, 1, 255, 256, 511, 512, 599, 600, 767, 768, 998, 999):
    record = json.loads(get(f"/api/v1/audit/records/judged-{index}/proof"))
    entry, proof = record["canonical"].encode(), hashes(record["hashes"])
    place = record["index"]
    assert entry == reader.entry(place), index
    assert proof == inclusion_proof_from_tiles(reader, place, new.size), index
    assert verify_leaf_inclusion(entry, place, new.size, proof, new.root), index
    assert not verify_leaf_inclusion(flipped(entry, 20), place, new.size, proof, new.root), index
    assert not verify_leaf_inclusion(entry, place ^ 1, new.size, proof, new.root), index
grown = json.loads(get(f"/api/v1/audit/consistency?from={old.size}&to={new.size}"))
proof = hashes(grown["hashes"])
assert proof == consistency_proof_from_tiles(reader, old.size, new.size)
assert verify_consistency(old.size, new.size, old.root, new.root, proof)
assert not verify_consistency(old.size, new.size, leaf_hash(b"other"), new.root, proof)
assert not verify_consistency(old.size - 1, new.size, old.root, new.root, proof)
print("12 inclusion proofs and a consistency proof accepted, and none of another record or chain")

# What was tampered with is rejected, each file by itself.
bundle, tile, parent = entry_bundle_path(1), tile_path(0, 1), tile_path(1, 0, 3)
entries = parse_entry_bundle(files[bundle])
forged = entries[7].replace(b"document.verified", b"document.rejected")
assert forged != entries[7]
rewritten = {
    bundle: files[bundle].replace(entries[7], forged),
    tile: files[tile].replace(leaf_hash(entries[7]), leaf_hash(forged)),
}
every = [entry for index in range(-(-new.size // FULL))
         for entry in parse_entry_bundle(files[entry_bundle_path(index, tile_width_at(new.size, 0, index))])]
every[7 + FULL] = forged
edge = tile_path(0, 3, new.size % FULL)
tampered = {
    "an entry with a flipped byte": {bundle: flipped(files[bundle], 100)},
    "a tile with a flipped byte": {tile: flipped(files[tile], 100)},
    "a tile above with a flipped byte": {parent: flipped(files[parent], 40)},
    "the last tile with a flipped byte": {edge: flipped(files[edge], 100)},
    "a bundle that is gone": {bundle: None},
    "a tile that is gone": {tile: None},
    "an entry rewritten with its hash": rewritten,
    "the whole log rewritten with all hashes": TileWriter(every).materialise(),
    "the log of an older checkpoint": {path: None for path in files if path not in old_files},
}
for name, changes in tampered.items():
    copy = {path: data for path, data in {**files, **changes}.items() if data is not None}
    try:
        audit_tiles(MemoryTileReader(copy), new.size, new.root)
    except (TileMissingError, TileVerificationError) as error:
        print(f"rejected: {name} ({error})")
    else:
        sys.exit(f"accepted, although tampered with: {name}")

lines = text.split("\n")
other = old_text.split("\n")
for name, note in {
    "a checkpoint of another size": [lines[0], "1001", *lines[2:]],
    "a checkpoint of another root": [*lines[:2], other[2], *lines[3:]],
    "a checkpoint of another chain": [ORIGIN + "s", *lines[1:]],
    "a checkpoint with the signature of an older one": [*lines[:4], *other[4:]],
}.items():
    verdict = verify_checkpoint(parse_note("\n".join(note)), key, expected_origin=ORIGIN)
    assert not verdict.ok, f"accepted, although tampered with: {name}"
    print(f"rejected: {name} ({verdict.error})")

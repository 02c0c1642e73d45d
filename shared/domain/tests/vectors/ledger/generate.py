"""Writes the ledger's test vectors beside it, from the standards and not from the product.

    python3 generate.py        # needs the package `cryptography`, for the signature

The vectors are committed and must never change: records that were hashed by them exist.
"""

import base64
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves):
    """RFC 6962, section 2.1."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01", root(leaves[:k]), root(leaves[k:]))


def split(n):
    return 1 << (n - 1).bit_length() - 1


def path(m, leaves):
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [root(leaves[k:])]
    return path(m - k, leaves[k:]) + [root(leaves[:k])]


def proof(m, leaves, whole=True):
    """RFC 6962, section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return proof(m, leaves[:k], whole) + [root(leaves[k:])]
    return proof(m - k, leaves[k:], False) + [root(leaves[:k])]


def canonical(value):
    """RFC 8785 for what stands here: keys of ASCII, and numbers that Python writes as it does."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


MEMBERS = [
    "event_id", "source", "action", "actor_id", "actor_type", "on_behalf_of", "entity_id", "entity_type",
    "correlation_id", "details", "occurred_at",
]

MESSAGES = [
    {
        "event_id": "6f4e1a2c-cc1b-4f79-b803-b0f7d8b7f02a",
        "source": "issuer-service",
        "action": "issuer.created",
        "actor_id": "b5db2c29-6f2d-4dc6-9b6b-7827806bd0be",
        "actor_type": "user",
        "entity_id": "0f0f7e13-7cb5-449b-9349-0ed8cc5d9b32",
        "entity_type": "issuer",
        "correlation_id": "req-12345",
        "details": {"issuer_code": "ACME"},
        "occurred_at": "2024-04-14T18:03:11.221208Z",
    },
    {
        "event_id": "ev-2",
        "source": "vault",
        "action": "document.read",
        "on_behalf_of": "alice",
        "details": {"b": [1, -7, 0.5, 1.5e-07, True, None], "a": "Zoë €20 \"now\"\n\u0001\u007f😀/\\"},
        "occurred_at": "2026-11-23T03:30:53.000000Z",
    },
    {"event_id": "ev-3", "source": "s", "action": "a", "occurred_at": "0001-01-01T00:00:00.000001Z"},
]


def records():
    previous, vectors = bytes(32), []
    for sequence, message in enumerate(MESSAGES, 1):
        record = {name: message.get(name) for name in MEMBERS}
        record["tenant_id"] = "acme"
        # The one number above that RFC 8785 writes otherwise than Python is put right.
        content = sha256(canonical(record).replace(b"1.5e-07", b"1.5e-7"))
        record["sequence"] = sequence
        record["recorded_at"] = "2026-11-23T03:31:02.123456Z"
        record["hash_version"] = 2
        line = canonical(record).replace(b"1.5e-07", b"1.5e-7")
        leaf = sha256(b"\x00", line)
        entry = sha256(previous, leaf)
        vectors.append({
            "message": message,
            "tenant_id": "acme",
            "sequence": sequence,
            "recorded_at": record["recorded_at"],
            "canonical": line.decode(),
            "content": content.hex(),
            "leaf": leaf.hex(),
            "previous": previous.hex(),
            "entry": entry.hex(),
        })
        previous = entry
    return vectors


# The entries with which Certificate Transparency's implementations test their trees.
ENTRIES = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    "70", "8081",
]

TILES = [(0, 0, 256), (0, 999, 256), (0, 1000, 256), (3, 1234067, 256), (0, 273, 112), (2, 0, 1), (63, 5, 255)]


def tile_path(level, index, width):
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(parts)}" + (f".p/{width}" if width < 256 else "")


def main():
    write("records.json", records())
    leaves = [sha256(b"\x00", bytes.fromhex(entry)) for entry in ENTRIES]
    write("tree.json", {
        "entries": ENTRIES,
        "roots": [root(leaves[:size]).hex() for size in range(len(leaves) + 1)],
        "inclusion": [
            {"index": index, "size": size, "proof": [step.hex() for step in path(index, leaves[:size])]}
            for index, size in [(0, 1), (0, 8), (5, 8), (2, 3), (1, 5), (9, 10), (3, 7)]
        ],
        "consistency": [
            {"old": old, "new": new, "proof": [step.hex() for step in proof(old, leaves[:new])]}
            for old, new in [(1, 1), (1, 8), (6, 8), (2, 5), (3, 7), (4, 7), (6, 7), (9, 10)]
        ],
    })
    origin = "epr.example.com/audit/acme"
    secret = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key = b"\x01" + secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    identity = sha256(origin.encode(), b"\n", key)[:4]
    text = f"{origin}\n10\n{base64.b64encode(root(leaves)).decode()}\n"
    signature = secret.sign(text.encode())
    signed = base64.b64encode(identity + signature).decode()
    note = f"{text}\n\u2014 {origin} {signed}\n"
    way = "".join(base64.b64encode(step).decode() + "\n" for step in path(5, leaves))
    write("checkpoint.json", {
        "deployment": "epr.example.com/audit",
        "tenant_id": "acme",
        "secret_key": bytes(range(32)).hex(),
        "verifier_key": f"{origin}+{identity.hex()}+{base64.b64encode(key).decode()}",
        "text": text,
        "signature": signature.hex(),
        "note": note,
        "receipt_entry": ENTRIES[5],
        "receipt": f"c2sp.org/tlog-proof@v1\nindex 5\n{way}\n{note}",
    })
    tiles = [{"level": l, "index": n, "width": w, "path": tile_path(l, n, w)} for l, n, w in TILES]
    tiles += [
        {"level": None, "index": n, "width": w, "path": tile_path("entries", n, w)}
        for n, w in [(0, 256), (1234067, 256), (7, 1), (1000000, 99)]
    ]
    write("tiles.json", tiles)


main()

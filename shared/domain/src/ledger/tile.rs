//! Tiles (C2SP tlog-tiles): the tree and its entries as files that never change, for anyone to verify.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ledger::hash::{HASH_BYTES, Hash};
use crate::ledger::proof::{Node, Plan};
use crate::refusal::Refusal;

/// Levels of the tree that one tile spans.
pub const TILE_LEVELS: u8 = 8;

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_HASHES_MAX: u16 = 1 << TILE_LEVELS;

/// Levels of tiles that a path can name.
const TILE_LEVEL_MAX: u8 = 63;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Hashes, each the root of `256^level` leaves.
    Hashes {
        /// The level, of at most 63: 0 for the leaves.
        level: u8,
    },
    /// The entries themselves.
    Entries,
}

/// One file of the log: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    kind: Kind,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile of a kind and index as a tree of `size` leaves has it; `None` where it has none.
    pub fn of(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let level = match kind {
            Kind::Hashes { level } => level,
            Kind::Entries => 0,
        };
        let hashes = size.checked_shr(u32::from(level) * u32::from(TILE_LEVELS)).unwrap_or(0);
        let before = index.checked_mul(u64::from(TILE_HASHES_MAX))?;
        let width = hashes.saturating_sub(before).min(u64::from(TILE_HASHES_MAX));
        let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
        Some(Self { kind, index, width })
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Which one of its level, from 0 at the left.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds: 256 when it is full, and never 0.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// The first leaf it speaks of, and the leaf after its last. Leaves are counted from 0.
    pub fn leaves(&self) -> (u64, u64) {
        let level = match self.kind {
            Kind::Hashes { level } => level,
            Kind::Entries => 0,
        };
        let per_hash = 1_u64.checked_shl(u32::from(level) * u32::from(TILE_LEVELS)).unwrap_or(0);
        let start = self.index.saturating_mul(u64::from(TILE_HASHES_MAX)).saturating_mul(per_hash);
        (start, start.saturating_add(u64::from(self.width).saturating_mul(per_hash)))
    }

    /// Every tile of a tree of `size` leaves that one of `old` leaves lacks, level by level.
    pub fn grown(old: u64, size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..TILE_LEVELS).map(|level| Kind::Hashes { level });
        levels.chain([Kind::Entries]).flat_map(move |kind| {
            let level = if let Kind::Hashes { level } = kind { u32::from(level) } else { 0 };
            let (from, to) = (old >> (8 * level), size >> (8 * level));
            let indexes = if from == to { 0..0 } else { from >> 8..to.div_ceil(256) };
            indexes.filter_map(move |index| Self::of(kind, index, size))
        })
    }

    /// Reads a path, such as `tile/0/x001/x234/067.p/12`. Every tile has exactly one path.
    pub fn parse(path: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new("must be a path of a tile, as C2SP tlog-tiles writes it");
        let rest = path.strip_prefix("tile/").ok_or_else(refused)?;
        let (level, rest) = rest.split_once('/').ok_or_else(refused)?;
        let number =
            |text: &str| text.parse::<u64>().ok().filter(|number| number.to_string() == text);
        let kind = match level {
            "entries" => Kind::Entries,
            _ => {
                let level = number(level).and_then(|level| u8::try_from(level).ok());
                let level = level.filter(|level| *level <= TILE_LEVEL_MAX).ok_or_else(refused)?;
                Kind::Hashes { level }
            }
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_HASHES_MAX),
            Some((index, width)) => {
                let width = number(width).and_then(|width| u16::try_from(width).ok());
                let partial = |width: &u16| (1..TILE_HASHES_MAX).contains(width);
                (index, width.filter(partial).ok_or_else(refused)?)
            }
        };
        let mut value = 0_u64;
        for part in index.split('/') {
            let digits = part.strip_prefix('x').unwrap_or(part);
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refused());
            }
            let three = digits.parse::<u64>().map_err(|_| refused())?;
            value =
                value.checked_mul(1000).and_then(|v| v.checked_add(three)).ok_or_else(refused)?;
        }
        let tile = Self { kind, index: value, width };
        // What writes differently than it reads has a part without its `x`, or zeros before the number.
        if tile.to_string() == path { Ok(tile) } else { Err(refused()) }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes { level } => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let mut place = 1_u64;
        while self.index / place >= 1000 {
            place *= 1000;
        }
        while place > 1 {
            write!(f, "x{:03}/", self.index / place % 1000)?;
            place /= 1000;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.width < TILE_HASHES_MAX {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// The contents of a tile of hashes.
pub fn to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// Reads the contents of a tile of hashes; refused unless there are as many as the tile is wide.
pub fn from_bytes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, Refusal> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() != usize::from(tile.width) {
        return Err(Refusal::new(format!("must have {} hashes", tile.width)));
    }
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// The root of a full subtree from its nodes of one level, whose count is a power of two.
pub fn root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(Hash::of_node(left, right)),
                [last] => Some(*last),
                _ => None,
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(Hash::of_nothing)
}

/// The tile that a node is computed from, and which of its hashes.
fn place(node: Node, size: u64) -> Option<(Tile, std::ops::Range<usize>)> {
    let (level, above) = (node.level / TILE_LEVELS, node.level % TILE_LEVELS);
    let first = node.index << above;
    let tile = Tile::of(Kind::Hashes { level }, first >> TILE_LEVELS, size)?;
    let start = usize::from(u8::try_from(first & 0xff).ok()?);
    Some((tile, start..start + (1 << above)))
}

impl Plan {
    /// The tiles of a tree of `size` leaves that hold what the proof needs.
    pub fn tiles(&self, size: u64) -> BTreeSet<Tile> {
        self.nodes().filter_map(|node| place(node, size)).map(|(tile, _)| tile).collect()
    }
}

/// Tiles of hashes that were fetched for a [`Plan`].
#[derive(Clone, Debug, Default)]
pub struct Tiles {
    size: u64,
    hashes: BTreeMap<Tile, Vec<Hash>>,
}

impl Tiles {
    /// No tiles yet, of a tree of `size` leaves.
    pub fn new(size: u64) -> Self {
        Self { size, hashes: BTreeMap::new() }
    }

    /// Adds a tile by its contents.
    pub fn add(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Refusal> {
        self.hashes.insert(tile, from_bytes(&tile, bytes)?);
        Ok(())
    }

    /// The hash of a node; refused where its tile was not added.
    pub fn node(&self, node: Node) -> Result<Hash, Refusal> {
        let found = place(node, self.size)
            .and_then(|(tile, range)| self.hashes.get(&tile)?.get(range))
            .map(root);
        found.ok_or_else(|| Refusal::new(format!("lacks the tile of {node:?}")))
    }
}

/// The contents of a bundle of entries: each with its length before it, in two bytes, big-endian.
///
/// Refused where an entry is longer than two bytes can say.
pub fn bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| {
            Refusal::new(format!("an entry has {} bytes, of at most 65535", entry.len()))
        })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle, at most 256; refused where its lengths do not add up.
pub fn unbundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        if entries.len() == usize::from(TILE_HASHES_MAX) {
            return Err(Refusal::new(format!("has more than {TILE_HASHES_MAX} entries")));
        }
        let cut = bytes.split_first_chunk::<2>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        let (entry, rest) = cut.ok_or_else(|| Refusal::new("ends within an entry"))?;
        entries.push(entry);
        bytes = rest;
    }
    Ok(entries)
}

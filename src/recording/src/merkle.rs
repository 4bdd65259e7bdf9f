//! Merkle trees as RFC 9162 section 2.1 hashes them: SHA-256, `0x00` before a leaf, `0x01` before a node, split at the
//! largest power of two below the size.
//!
//! | item | does |
//! |---|---|
//! | [`LeafHasher`] | hashes a leaf that arrives in pieces |
//! | [`Tree`] | grows leaf by leaf, answers with roots and paths of any size it has had |
//! | [`verify_inclusion`], [`verify_consistency`] | check a path with nothing but hashes (sections 2.1.3.2 and 2.1.4.2) |
//! | [`root_of_range`] | the root from consecutive leaves and a path: an inclusion proof of many leaves at once |

use core::fmt;

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// SHA-256's 32 bytes; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// SHA-256 of bytes, without a prefix.
    pub fn of(bytes: &[u8]) -> Self {
        Hash(Sha256::digest(bytes).into())
    }

    /// From 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        crate::document::bytes_from_hex(text).map(Hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Hashes a leaf whose bytes come in pieces.
#[derive(Clone)]
pub struct LeafHasher(Sha256);

impl LeafHasher {
    /// A leaf without bytes yet.
    pub fn new() -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        LeafHasher(hasher)
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The leaf's hash.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

impl Default for LeafHasher {
    fn default() -> Self {
        LeafHasher::new()
    }
}

/// The hash of a whole leaf.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let mut hasher = LeafHasher::new();
    hasher.update(bytes);
    hasher.finish()
}

/// The hash of a node over two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left.0);
    hasher.update(right.0);
    Hash(hasher.finalize().into())
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    Hash::of(b"")
}

/// Where a tree of two leaves or more splits: the largest power of two below its size.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// A tree that only grows. Keeps every perfect subtree's hash (64 bytes a leaf), so that roots and paths take steps by the
/// logarithm of the size.
#[derive(Clone, Default, Debug)]
pub struct Tree {
    /// `levels[l][i]` covers the leaves from `i << l` to `(i + 1) << l`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Tree::default()
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The leaves' hashes, in order.
    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => hash = node_hash(left, right),
                _ => return,
            }
        }
    }

    /// The root now.
    pub fn root(&self) -> Hash {
        self.cover(0, self.size())
    }

    /// The root when the tree had `size` leaves; `None` if it never had.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        (size <= self.size()).then(|| self.cover(0, size))
    }

    /// The path from a leaf to the root of the first `size` leaves, from the leaf upwards (RFC 9162 section 2.1.3.1).
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let mut path = Vec::new();
        let (mut first, mut end) = (0, size);
        while end - first > 1 {
            let middle = first + split(end - first);
            if index < middle {
                path.push(self.cover(middle, end));
                end = middle;
            } else {
                path.push(self.cover(first, middle));
                first = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// What shows that the first `old` leaves are the beginning of the first `new` (RFC 9162 section 2.1.4.1).
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        if old > new || new > self.size() {
            return None;
        }
        let mut path = Vec::new();
        if old == 0 || old == new {
            return Some(path);
        }
        let (mut first, mut end) = (0, new);
        while end != old {
            let middle = first + split(end - first);
            if old <= middle {
                path.push(self.cover(middle, end));
                end = middle;
            } else {
                path.push(self.cover(first, middle));
                first = middle;
            }
        }
        // The verifier knows the old root already; a part of it has to be told.
        if first > 0 {
            path.push(self.cover(first, end));
        }
        path.reverse();
        Some(path)
    }

    /// What [`root_of_range`] needs beside the leaves from `first` to `end`: the largest subtrees outside, left to right.
    pub fn range(&self, first: u64, end: u64) -> Option<Vec<Hash>> {
        if first >= end || end > self.size() {
            return None;
        }
        let mut path = Vec::new();
        self.outside(0, self.size(), first, end, &mut path);
        Some(path)
    }

    fn outside(&self, from: u64, to: u64, first: u64, end: u64, path: &mut Vec<Hash>) {
        if to <= first || end <= from {
            path.push(self.cover(from, to));
        } else if from < first || end < to {
            let middle = from + split(to - from);
            self.outside(from, middle, first, end, path);
            self.outside(middle, to, first, end, path);
        }
    }

    /// The hash over the leaves from `first` to `end`, which are a subtree of some size of this tree.
    fn cover(&self, first: u64, end: u64) -> Hash {
        let size = end - first;
        if size == 0 {
            return empty_root();
        }
        if size.is_power_of_two() {
            let level = size.ilog2();
            let known = self.levels.get(level as usize).and_then(|row| row.get((first >> level) as usize));
            if let Some(hash) = known {
                return *hash;
            }
        }
        let middle = first + split(size);
        node_hash(&self.cover(first, middle), &self.cover(middle, end))
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Tree::new();
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        tree
    }
}

/// Whether the path leads from the leaf at `index` to the root of `size` leaves (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for step in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the path shows that the tree of `old` leaves with its root is the beginning of the tree of `new` leaves with its
/// (RFC 9162 section 2.1.4.2). Every tree begins with the empty one.
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    if old == new {
        return path.is_empty() && old_root == new_root;
    }
    // A whole subtree's hash is the old root itself, and is not told again.
    let (begin, steps) = match path {
        path if old.is_power_of_two() => (*old_root, path),
        [begin, steps @ ..] => (*begin, steps),
        [] => return false,
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut of_old, mut of_new) = (begin, begin);
    for step in steps {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            of_old = node_hash(step, &of_old);
            of_new = node_hash(step, &of_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            of_new = node_hash(&of_new, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == *old_root && of_new == *new_root
}

/// The root of a tree of `size` leaves, from its leaves from `first` on and what [`Tree::range`] told; `None` if the path is
/// too short, too long, or the leaves lie outside. All leaves and no path is the plain root. A path fits trees of more than
/// one size: the size is part of what is proven and comes, like the root, from what was signed.
pub fn root_of_range(leaves: &[Hash], first: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let end = first.checked_add(leaves.len() as u64).filter(|end| *end <= size)?;
    if leaves.is_empty() {
        return (size == 0 && path.is_empty()).then(empty_root);
    }
    let mut path = path.iter();
    let root = fold(0, size, first, end, leaves, &mut path)?;
    path.next().is_none().then_some(root)
}

fn fold(
    from: u64,
    to: u64,
    first: u64,
    end: u64,
    leaves: &[Hash],
    path: &mut core::slice::Iter<'_, Hash>,
) -> Option<Hash> {
    if to <= first || end <= from {
        return path.next().copied();
    }
    if to - from == 1 {
        return leaves.get(usize::try_from(from - first).ok()?).copied();
    }
    let middle = from + split(to - from);
    let left = fold(from, middle, first, end, leaves, path)?;
    let right = fold(middle, to, first, end, leaves, path)?;
    Some(node_hash(&left, &right))
}

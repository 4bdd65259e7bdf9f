use super::*;

/// RFC 9162 section 2.1.1, word for word: the slow way, to set the tree beside.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            node_hash(&defined_root(left), &defined_root(right))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_le_bytes())).collect()
}

#[test]
fn known_roots_are_met() {
    // The vectors that Certificate Transparency's implementations share: leaves of 0, 1, 1, 2, 2, 4, 8 and 16 bytes.
    let inputs: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let tree: Tree = inputs.iter().map(|input| leaf_hash(input)).collect();
    let at = |size| tree.root_at(size).unwrap().to_string();
    assert_eq!(at(0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(at(1), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_eq!(at(2), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    assert_eq!(at(7), "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c");
    assert_eq!(at(8), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

#[test]
fn every_tree_up_to_seventy_leaves_has_the_defined_root_and_proves_each_leaf() {
    let leaves = leaves(70);
    let tree: Tree = leaves.iter().copied().collect();
    for size in 0..=70_u64 {
        let root = tree.root_at(size).unwrap();
        assert_eq!(root, defined_root(&leaves[..size as usize]));
        for index in 0..size {
            let path = tree.inclusion(index, size).unwrap();
            let leaf = &leaves[index as usize];
            assert!(verify_inclusion(leaf, index, size, &path, &root), "{index} of {size}");
            assert!(!verify_inclusion(&empty_root(), index, size, &path, &root));
            assert!(!verify_inclusion(leaf, index + 1, size, &path, &root));
            let longer: Vec<Hash> = path.iter().copied().chain([root]).collect();
            assert!(!verify_inclusion(leaf, index, size, &longer, &root));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!verify_inclusion(leaf, index, size, shorter, &root));
            }
        }
    }
    assert!(
        tree.inclusion(70, 70).is_none() && tree.inclusion(0, 71).is_none() && tree.root_at(71).is_none()
    );
}

#[test]
fn every_tree_is_the_beginning_of_every_larger_one_and_of_no_other() {
    let leaves = leaves(40);
    let tree: Tree = leaves.iter().copied().collect();
    for new in 0..=40_u64 {
        let new_root = tree.root_at(new).unwrap();
        for old in 0..=new {
            let old_root = tree.root_at(old).unwrap();
            let path = tree.consistency(old, new).unwrap();
            assert!(verify_consistency(old, &old_root, new, &new_root, &path), "{old} of {new}");
            if old > 0 {
                let other = leaf_hash(b"another");
                assert!(!verify_consistency(old, &other, new, &new_root, &path), "{old} of {new}");
                assert!(!verify_consistency(old, &old_root, new, &other, &path), "{old} of {new}");
            }
            let longer: Vec<Hash> = path.iter().copied().chain([new_root]).collect();
            assert!(!verify_consistency(old, &old_root, new, &new_root, &longer));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!verify_consistency(old, &old_root, new, &new_root, shorter));
            }
        }
    }
    assert!(tree.consistency(3, 2).is_none() && tree.consistency(1, 41).is_none());
}

#[test]
fn every_range_of_leaves_leads_to_the_root() {
    let leaves = leaves(33);
    for size in 1..=33_u64 {
        let tree: Tree = leaves[..size as usize].iter().copied().collect();
        for first in 0..size {
            for end in first + 1..=size {
                let mut some = leaves[first as usize..end as usize].to_vec();
                let path = tree.range(first, end).unwrap();
                assert_eq!(root_of_range(&some, first, size, &path), Some(tree.root()));
                let longer: Vec<Hash> = path.iter().copied().chain([tree.root()]).collect();
                assert_eq!(root_of_range(&some, first, size, &longer), None);
                some[0] = empty_root();
                assert_ne!(root_of_range(&some, first, size, &path), Some(tree.root()));
            }
        }
    }
    assert_eq!(root_of_range(&[], 0, 0, &[]), Some(empty_root()));
    assert_eq!(root_of_range(&[], 0, 5, &[]), None);
    assert_eq!(root_of_range(&leaves, u64::MAX, u64::MAX, &[]), None);
}

#[test]
fn a_leaf_may_come_in_pieces() {
    let mut hasher = LeafHasher::default();
    hasher.update(b"one sec");
    hasher.update(b"ond");
    assert_eq!(hasher.finish(), leaf_hash(b"one second"));
}

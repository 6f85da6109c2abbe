//! The tree against a plain model, and its size.

use super::{Key, NONE, ROOT, Tree};
use crate::util::rand::Rand;
use std::collections::BTreeMap;

fn planted() -> Tree<Key> {
    let mut tree = Tree::new();
    tree.plant(|| ROOT);
    tree
}

fn add(tree: &mut Tree<Key>, parent: Key) -> Key {
    tree.add(parent, |key| key).expect("the parent was not cancelled")
}

/// What every node says about its neighbours is true.
fn check(tree: &Tree<Key>) {
    for (&key, node) in &tree.nodes {
        let mut children = 0;
        let (mut prev, mut child) = (NONE, node.first_child);
        while child != NONE {
            let found = &tree.nodes[&child];
            assert_eq!((found.parent, found.prev), (key, prev));
            (prev, child, children) = (child, found.next, children + 1);
        }
        assert!(node.token.is_some() || children > 1, "node {key} is of no use");
        match tree.nodes.get(&node.parent) {
            Some(_) => {}
            None => assert_eq!((node.parent, node.prev, node.next), (NONE, NONE, NONE)),
        }
    }
}

/// Each token with its ancestors, whether those have tokens or not.
#[derive(Default)]
struct Model {
    parents: BTreeMap<Key, Key>,
    live: Vec<Key>,
}

impl Model {
    fn is_below(&self, mut key: Key, ancestor: Key) -> bool {
        while key != ancestor {
            match self.parents.get(&key) {
                Some(&parent) => key = parent,
                None => return false,
            }
        }
        true
    }
}

#[test]
fn random_trees_agree_with_a_model() {
    for seed in 1..=200 {
        let rand = Rand::new(seed);
        let mut tree = planted();
        let mut model = Model { live: vec![ROOT], ..Model::default() };
        for _ in 0..300 {
            if model.live.is_empty() {
                break;
            }
            let index = rand.below(model.live.len() as u32) as usize;
            let key = model.live[index];
            match rand.below(20) {
                0 => {
                    let mut cancelled = tree.cancel(key);
                    cancelled.sort_unstable();
                    let below = |&&other: &&Key| model.is_below(other, key);
                    let mut expected: Vec<Key> = model.live.iter().filter(below).copied().collect();
                    expected.sort_unstable();
                    assert_eq!(cancelled, expected);
                    model.live.retain(|live| !expected.contains(live));
                    assert_eq!(tree.cancel(key), []);
                    assert_eq!(tree.add(key, |key| key), None);
                    tree.release(key);
                }
                1..=9 => {
                    tree.release(key);
                    model.live.swap_remove(index);
                }
                _ => {
                    let child = add(&mut tree, key);
                    model.parents.insert(child, key);
                    model.live.push(child);
                }
            }
            check(&tree);
            assert!(tree.nodes.len() <= 2 * model.live.len(), "nodes without tokens are the fewer");
        }
    }
}

/// A chain whose tokens go as the next one is made stays short.
#[test]
fn a_chain_of_which_only_the_end_is_kept_is_one_node_long() {
    let mut tree = planted();
    let mut end = ROOT;
    for _ in 0..10_000 {
        let next = add(&mut tree, end);
        tree.release(end);
        end = next;
        assert_eq!(tree.nodes.len(), 1);
    }
    assert_eq!(tree.cancel(end), [end]);
    assert!(tree.nodes.is_empty());
}

#[test]
fn the_table_shrinks_again() {
    let mut tree = planted();
    let children: Vec<Key> = (0..100_000).map(|_| add(&mut tree, ROOT)).collect();
    assert!(tree.nodes.capacity() >= 100_000);
    children.iter().for_each(|&child| tree.release(child));
    assert_eq!(tree.nodes.len(), 1);
    assert!(tree.nodes.capacity() < 200, "{}", tree.nodes.capacity());
}

#[test]
fn a_root_that_was_cancelled_before_it_was_planted_has_no_children() {
    let mut tree = Tree::new();
    assert_eq!(tree.cancel(ROOT), []);
    tree.plant(|| ROOT);
    assert_eq!(tree.add(ROOT, |key| key), None);
}

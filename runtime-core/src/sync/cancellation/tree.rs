//! Which token is whose child: pure data, behind one lock for all tokens of a tree.
//!
//! A node stands for a token (and its clones). When the last clone goes, the node has to stay only as long as
//! it has several children that must still hear of their ancestors' cancellation:
//!
//! | children of a node without a token | what becomes of it |
//! |---|---|
//! | none | it goes, and its parent is looked at in turn |
//! | one | the child takes its place |
//! | more | it stays |
//!
//! So nodes without a token are fewer than those with one, however deep and however wide the tree is. Each
//! operation costs a constant number of steps, amortized, but for a cancellation, which costs one per
//! descendant; nothing recurses. Cancelled nodes leave the tree: that a node is not here means that it was
//! cancelled.
//!
//! Nodes name each other by numbers that are never used again, so no reference counts circle, and the memory of
//! nodes that are gone is given back.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A node's number, from 1.
pub(super) type Key = u64;

/// No node.
const NONE: Key = 0;
/// The node with which a tree begins.
pub(super) const ROOT: Key = 1;
/// Fewer nodes than these are never moved to a smaller table.
const SHRINK_MIN: usize = 64;

/// The numbers are all different, and nobody outside chooses them: spreading their bits is enough.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 << 8 | u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing: 2^64 divided by the golden ratio.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// The tree. `S` is how a node's token is reached.
pub(super) struct Tree<S> {
    /// Empty until the root has its first child: most tokens never have one.
    nodes: HashMap<Key, Node<S>, BuildHasherDefault<Spread>>,
    last: Key,
    /// Whether the root was put into `nodes`, or was cancelled before.
    is_planted: bool,
}

struct Node<S> {
    /// `None`: no token is left.
    token: Option<S>,
    parent: Key,
    first_child: Key,
    prev: Key,
    next: Key,
}

impl<S> Tree<S> {
    /// A root without children.
    pub(super) fn new() -> Self {
        Tree { nodes: HashMap::default(), last: ROOT, is_planted: false }
    }

    /// A root that was cancelled.
    pub(super) fn cancelled() -> Self {
        Tree { is_planted: true, ..Self::new() }
    }

    /// Puts the root in, if that was not done and it was not cancelled.
    pub(super) fn plant(&mut self, token: impl FnOnce() -> S) {
        if !self.is_planted {
            self.is_planted = true;
            let token = Some(token());
            self.nodes.insert(ROOT, Node { token, parent: NONE, first_child: NONE, prev: NONE, next: NONE });
        }
    }

    /// A child of `parent`; `None` if that was cancelled.
    pub(super) fn add(&mut self, parent: Key, token: impl FnOnce(Key) -> S) -> Option<Key> {
        let next = self.nodes.get(&parent)?.first_child;
        self.last += 1;
        let key = self.last;
        let token = Some(token(key));
        self.nodes.insert(key, Node { token, parent, first_child: NONE, prev: NONE, next });
        self.set_first_child(parent, key);
        self.set_prev(next, key);
        Some(key)
    }

    /// The last clone of the node's token has gone.
    pub(super) fn release(&mut self, key: Key) {
        if let Some(node) = self.nodes.get_mut(&key) {
            node.token = None;
            self.settle(key);
            self.shrink();
        }
    }

    /// Takes the node and all below it out: their tokens, the node's own first. Empty if it was cancelled.
    pub(super) fn cancel(&mut self, key: Key) -> Vec<S> {
        self.is_planted = true;
        let mut tokens = Vec::new();
        let Some(node) = self.nodes.get(&key) else { return tokens };
        let parent = node.parent;
        self.unlink(key);
        let mut keys = vec![key];
        while let Some(key) = keys.pop() {
            let Some(node) = self.nodes.remove(&key) else { continue };
            tokens.extend(node.token);
            let mut child = node.first_child;
            while let Some(node) = self.nodes.get(&child) {
                keys.push(child);
                child = node.next;
            }
        }
        self.settle(parent);
        self.shrink();
        tokens
    }

    /// Removes the node if it is of no use any more; see the table above.
    fn settle(&mut self, mut key: Key) {
        while let Some(node) = self.nodes.get(&key) {
            let Node { parent, first_child, prev, next, .. } = *node;
            let has_several = self.nodes.get(&first_child).is_some_and(|child| child.next != NONE);
            if self.nodes[&key].token.is_some() || has_several {
                return;
            }
            if first_child == NONE {
                self.unlink(key);
                self.nodes.remove(&key);
                key = parent;
                continue;
            }
            self.nodes.remove(&key);
            if let Some(child) = self.nodes.get_mut(&first_child) {
                (child.parent, child.prev, child.next) = (parent, prev, next);
            }
            self.set_next(prev, parent, first_child);
            self.set_prev(next, first_child);
            return;
        }
    }

    /// Takes the node out of its parent's children.
    fn unlink(&mut self, key: Key) {
        let Node { parent, prev, next, .. } = self.nodes[&key];
        self.set_next(prev, parent, next);
        self.set_prev(next, prev);
    }

    /// What follows `prev`, or comes first below `parent` if there is no `prev`.
    fn set_next(&mut self, prev: Key, parent: Key, next: Key) {
        match self.nodes.get_mut(&prev) {
            Some(prev) => prev.next = next,
            None => self.set_first_child(parent, next),
        }
    }

    fn set_prev(&mut self, key: Key, prev: Key) {
        if let Some(node) = self.nodes.get_mut(&key) {
            node.prev = prev;
        }
    }

    fn set_first_child(&mut self, key: Key, child: Key) {
        if let Some(node) = self.nodes.get_mut(&key) {
            node.first_child = child;
        }
    }

    fn shrink(&mut self) {
        if self.nodes.capacity() > SHRINK_MIN && self.nodes.len() * 4 < self.nodes.capacity() {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests;

//! An intrusive doubly linked list: the node's links live inside the node, so linking allocates nothing.
//!
//! # Invariants
//! - I1: a node is in at most one list, and its memory stays valid and unmoved while it is.
//! - I2: the links of a node in a list are touched only through that list, and whoever calls a method
//!   has exclusive access to the list (every list of ours lives under a mutex).
//! - I3: a node is unlinked if and only if both its links are `None` and it is not the list's head.

use crate::primitive::UnsafeCell;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A type with links inside.
///
/// # Safety
/// `links` returns the place of the same `Links` for the same node every time, inside the node.
pub unsafe trait Node {
    /// Where the links of `node` are.
    ///
    /// # Safety
    /// `node` points to a live node.
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>>;
}

/// The links inside a node. Pinned: other nodes point here.
#[derive(Debug)]
pub struct Links<T: ?Sized> {
    ends: UnsafeCell<Ends<T>>,
    _pin: std::marker::PhantomPinned,
}

// SAFETY: I2: the ends are reached only through the list, by whoever owns the list exclusively.
unsafe impl<T: ?Sized> Send for Links<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized> Sync for Links<T> {}

#[derive(Debug)]
struct Ends<T: ?Sized> {
    prev: Option<NonNull<T>>,
    next: Option<NonNull<T>>,
}

impl<T: ?Sized> Clone for Ends<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Ends<T> {}

impl<T: ?Sized> Links<T> {
    /// Links of a node that is in no list.
    #[inline]
    pub fn new() -> Self {
        let ends = UnsafeCell::new(Ends { prev: None, next: None });
        Links { ends, _pin: std::marker::PhantomPinned }
    }
}

impl<T: ?Sized> Default for Links<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The list. It owns no node.
#[derive(Debug)]
pub struct LinkedList<T> {
    head: Option<NonNull<T>>,
    tail: Option<NonNull<T>>,
    _nodes: PhantomData<*const T>,
}

// SAFETY: I2: a list only reaches its nodes' links, and only for whoever owns the list exclusively.
unsafe impl<T: Send> Send for LinkedList<T> {}

impl<T> Default for LinkedList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> LinkedList<T> {
    /// An empty list.
    pub const fn new() -> Self {
        LinkedList { head: None, tail: None, _nodes: PhantomData }
    }

    /// Whether nothing is linked.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The first node.
    pub fn front(&self) -> Option<NonNull<T>> {
        self.head
    }

    /// The last node.
    pub fn back(&self) -> Option<NonNull<T>> {
        self.tail
    }
}

impl<T: Node> LinkedList<T> {
    fn ends(&self, node: NonNull<T>) -> Ends<T> {
        // SAFETY: I1: nodes that reach this point are live.
        let links = unsafe { T::links(node) };
        // SAFETY: I1, and I2 makes the access exclusive.
        unsafe { links.as_ref() }.ends.with(|ends| {
            // SAFETY: as above.
            unsafe { *ends }
        })
    }

    fn set_ends(&mut self, node: NonNull<T>, new: Ends<T>) {
        // SAFETY: I1: nodes that reach this point are live.
        let links = unsafe { T::links(node) };
        // SAFETY: I1, and I2 makes the access exclusive.
        unsafe { links.as_ref() }.ends.with_mut(|ends| {
            // SAFETY: as above.
            unsafe { *ends = new }
        });
    }

    /// Links `node` at the end.
    ///
    /// # Safety
    /// `node` is in no list, and stays valid and unmoved until it is unlinked (I1).
    pub unsafe fn push_back(&mut self, node: NonNull<T>) {
        debug_assert!(self.head != Some(node), "a node is linked once");
        self.set_ends(node, Ends { prev: self.tail, next: None });
        match self.tail {
            Some(tail) => {
                let ends = self.ends(tail);
                self.set_ends(tail, Ends { next: Some(node), ..ends });
            }
            None => self.head = Some(node),
        }
        self.tail = Some(node);
    }

    /// Links `node` at the front.
    ///
    /// # Safety
    /// As for [`push_back`](Self::push_back).
    pub unsafe fn push_front(&mut self, node: NonNull<T>) {
        debug_assert!(self.head != Some(node), "a node is linked once");
        self.set_ends(node, Ends { prev: None, next: self.head });
        match self.head {
            Some(head) => {
                let ends = self.ends(head);
                self.set_ends(head, Ends { prev: Some(node), ..ends });
            }
            None => self.tail = Some(node),
        }
        self.head = Some(node);
    }

    /// Unlinks the first node.
    pub fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.head?;
        // SAFETY: the head is in this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Unlinks `node`; `false` if it was in no list.
    ///
    /// # Safety
    /// `node` is live, and in this list or in none.
    pub unsafe fn remove(&mut self, node: NonNull<T>) -> bool {
        let Ends { prev, next } = self.ends(node);
        if prev.is_none() && self.head != Some(node) {
            return false;
        }
        match prev {
            Some(prev) => {
                let ends = self.ends(prev);
                self.set_ends(prev, Ends { next, ..ends });
            }
            None => self.head = next,
        }
        match next {
            Some(next) => {
                let ends = self.ends(next);
                self.set_ends(next, Ends { prev, ..ends });
            }
            None => self.tail = prev,
        }
        self.set_ends(node, Ends { prev: None, next: None });
        true
    }

    /// Whether `node` is linked.
    ///
    /// # Safety
    /// `node` is live, and in this list or in none.
    pub unsafe fn contains(&self, node: NonNull<T>) -> bool {
        self.head == Some(node) || self.ends(node).prev.is_some()
    }

    /// Visits every node, front to back.
    pub fn for_each(&self, mut visit: impl FnMut(NonNull<T>)) {
        self.for_each_while(|node| {
            visit(node);
            true
        });
    }

    /// Visits nodes, front to back, until `visit` says `false`.
    pub fn for_each_while(&self, mut visit: impl FnMut(NonNull<T>) -> bool) {
        let mut next = self.head;
        while let Some(node) = next {
            next = self.ends(node).next;
            if !visit(node) {
                return;
            }
        }
    }
}

//! The word by which a task is treated: it names the vtable, or the extras of the task, which name the vtable.
//!
//! Most tasks never need extras, so they have no field of their own: bit 0 of the word, which a pointer to
//! either leaves free, says which of the two it is.
//!
//! # Invariants
//! - E1: with bit 0 clear the word is a `&'static V`; with it set, a `Box<Full<V>>` that the head owns.
//! - E2: the word changes once at most, from the former to the latter, and the extras live until the head goes.

use super::extras::{Extras, Given};
use crate::primitive::atomic::{AtomicPtr, Ordering};
use crate::util::fault::{Fault, planted};
use std::marker::PhantomData;
use std::ptr;

/// Set in a word that points to extras.
const EXTRAS: usize = 1;

/// The word. `V` is the type of vtables.
pub(crate) struct Head<V: 'static> {
    word: AtomicPtr<()>,
    _vtable: PhantomData<&'static V>,
}

/// What the word points to once there are extras.
struct Full<V: 'static> {
    vtable: &'static V,
    extras: Extras,
}

impl<V> Head<V> {
    /// The task has extras from the beginning if it was given anything.
    #[inline]
    pub(crate) fn new(vtable: &'static V, given: Given) -> Self {
        let word = if given.is_empty() {
            ptr::from_ref(vtable).cast_mut().cast()
        } else {
            tagged(Box::into_raw(Box::new(Full { vtable, extras: Extras::new(given) })))
        };
        Head { word: AtomicPtr::new(word), _vtable: PhantomData }
    }

    #[inline]
    pub(crate) fn vtable(&self) -> &'static V {
        let word = self.load();
        match self.full(word) {
            // SAFETY: E1.
            None => unsafe { &*word.cast::<V>() },
            Some(full) => full.vtable,
        }
    }

    #[inline]
    pub(crate) fn extras(&self) -> Option<&Extras> {
        self.full(self.load()).map(|full| &full.extras)
    }

    /// The extras, made now if there are none.
    pub(crate) fn extras_or_new(&self) -> &Extras {
        let word = self.load();
        if let Some(full) = self.full(word) {
            return &full.extras;
        }
        // The word that was looked at, no later one: by now somebody else may have stored extras (E2).
        let word = if planted(Fault::ExtrasReplaced) { self.load() } else { word };
        let new =
            Box::into_raw(Box::new(Full { vtable: self.vtable(), extras: Extras::new(Given::nothing()) }));
        // ORDER: Release publishes the extras; Acquire sees those of whoever came first.
        if self.word.compare_exchange(word, tagged(new), Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: made above, and known to nobody else.
            drop(unsafe { Box::from_raw(new) });
        }
        self.extras().expect("somebody has just stored them")
    }

    fn load(&self) -> *mut () {
        // ORDER: Acquire pairs with the Release in `extras_or_new`.
        self.word.load(Ordering::Acquire)
    }

    /// What `word`, which was loaded from here, points to if there are extras.
    fn full(&self, word: *mut ()) -> Option<&Full<V>> {
        // SAFETY: E1 and E2: the extras live as long as `self`.
        full(word).map(|full| unsafe { &*full.cast::<Full<V>>() })
    }
}

fn tagged<V>(full: *mut Full<V>) -> *mut () {
    full.cast::<()>().map_addr(|addr| addr | EXTRAS)
}

/// Where `word` points to if there are extras: a `Full`.
fn full(word: *mut ()) -> Option<*mut ()> {
    (word.addr() & EXTRAS != 0).then(|| word.map_addr(|addr| addr & !EXTRAS))
}

impl<V> Drop for Head<V> {
    fn drop(&mut self) {
        if let Some(full) = full(self.load()) {
            // SAFETY: E1: the box is ours, and nobody else reaches the head any more.
            drop(unsafe { Box::from_raw(full.cast::<Full<V>>()) });
        }
    }
}

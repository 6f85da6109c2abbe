//! Which sources there are: a slab, whose keys carry a generation.
//!
//! The kernel may report an event of a descriptor that was closed a moment ago, when its place (and
//! its number) already belong to another. The key in the event then has an old generation, and the
//! event is dropped.
#![forbid(unsafe_code)]
#![allow(unreachable_pub)] // for the loom models, as in `readiness`

use crate::readiness::Initial;
use crate::source::Source;
use runtime_core::primitive::Arc;
use slab::Slab;

/// Generations have 31 bits: the keys with the top bit set belong to the selector.
const GENERATION_MAX: u32 = u32::MAX >> 1;

/// The sources of one driver.
#[derive(Debug, Default)]
pub struct Registry {
    slab: Slab<Arc<Source>>,
    generation: u32,
}

impl Registry {
    /// A new source with a key that no other one had (in the last 2^31 of them).
    pub fn insert(&mut self, initial: Initial) -> Arc<Source> {
        let place = self.slab.vacant_entry();
        debug_assert!(u32::try_from(place.key()).is_ok(), "a process has fewer descriptors");
        let key = u64::from(self.generation) << 32 | place.key() as u64;
        self.generation = if self.generation == GENERATION_MAX { 0 } else { self.generation + 1 };
        Arc::clone(place.insert(Arc::new(Source::new(key, initial))))
    }

    /// The source with this very key.
    pub fn get(&self, key: u64) -> Option<&Arc<Source>> {
        self.slab.get(key as u32 as usize).filter(|source| source.key() == key)
    }

    /// Takes the source with this very key out.
    pub fn remove(&mut self, key: u64) -> Option<Arc<Source>> {
        self.get(key)?;
        Some(self.slab.remove(key as u32 as usize))
    }

    /// Every source.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.slab.iter().map(|(_, source)| source)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.slab.len()
    }
}

//! Synchronization.

//! The futures of time.

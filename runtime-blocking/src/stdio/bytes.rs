//! Bytes that come in at one end and go out at the other.

/// A queue of bytes that is mostly filled at once and emptied before it is filled again.
#[derive(Debug)]
pub(super) struct Bytes {
    bytes: Vec<u8>,
    /// Of these, gone.
    start: usize,
}

impl Bytes {
    pub(super) const fn new() -> Self {
        Bytes { bytes: Vec::new(), start: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Moves as much as there is and as `to` has room for.
    pub(super) fn take(&mut self, to: &mut [u8]) -> usize {
        let len = to.len().min(self.bytes.len() - self.start);
        to[..len].copy_from_slice(&self.bytes[self.start..self.start + len]);
        self.start += len;
        len
    }
}

//! The bytes that travel between a [`File`](super::file::File) and the thread that reads and writes for it.

use runtime_core::util::page_bytes::PageBytes;
use std::io::{IoSlice, IoSliceMut};

/// Bytes, of which those in the middle are meant. Its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Buf {
    bytes: PageBytes,
    start: usize,
    end: usize,
}

impl Buf {
    /// Those that are meant.
    pub(super) fn content(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets its content. Says how much it was.
    pub(super) fn discard(&mut self) -> usize {
        let len = self.end - self.start;
        (self.start, self.end) = (0, 0);
        len
    }

    /// Room for `len` bytes; what was there is gone. What is put in is meant once [`put`](Self::put) says so.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        self.discard();
        if self.bytes.len() < len {
            // Not grown: the old bytes are of no use, and fresh ones come cleared from the system.
            self.bytes = PageBytes::zeroed(len);
        }
        &mut self.bytes[..len]
    }

    /// So many bytes were put into the room.
    pub(super) fn put(&mut self, len: usize) {
        debug_assert!(self.is_empty() && len <= self.bytes.len());
        self.end = len;
    }

    /// Adds as much of `from` as there may be, so that the content is at most `max`. Says how much that is.
    pub(super) fn append(&mut self, from: &[u8], max: usize) -> usize {
        let from = &from[..from.len().min(max.saturating_sub(self.content().len()))];
        let end = self.end + from.len();
        if end > self.bytes.len() {
            let len =
                if self.bytes.is_empty() { end } else { end.max(2 * self.bytes.len()).min(max.max(end)) };
            let mut bytes = PageBytes::zeroed(len);
            bytes[self.start..self.end].copy_from_slice(self.content());
            self.bytes = bytes;
        }
        self.bytes[self.end..end].copy_from_slice(from);
        self.end = end;
        from.len()
    }

    /// [`append`](Self::append) of several pieces.
    pub(super) fn gather(&mut self, from: &[IoSlice<'_>], max: usize) -> usize {
        from.iter().map(|piece| self.append(piece, max)).sum()
    }

    /// Moves as much as there is and as `to` has room for. Says how much that is.
    pub(super) fn take(&mut self, to: &mut [u8]) -> usize {
        let len = to.len().min(self.end - self.start);
        to[..len].copy_from_slice(&self.bytes[self.start..self.start + len]);
        self.start += len;
        if self.is_empty() {
            self.discard();
        }
        len
    }

    /// [`take`](Self::take) into several pieces.
    pub(super) fn scatter(&mut self, to: &mut [IoSliceMut<'_>]) -> usize {
        to.iter_mut().map(|piece| self.take(piece)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_piece_by_piece() {
        let mut buf = Buf::default();
        assert_eq!(buf.append(b"hello world", 5), 5);
        assert_eq!(buf.append(b"more", 5), 0);
        assert_eq!(buf.content(), b"hello");
        let mut first = [0; 3];
        assert_eq!(buf.take(&mut first), 3);
        assert_eq!((&first, buf.content()), (b"hel", &b"lo"[..]));
        assert_eq!(buf.discard(), 2);
        let pieces = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdef")];
        assert_eq!(buf.gather(&pieces, 5), 5);
        let (mut one, mut two) = ([0; 1], [0; 8]);
        let read = buf.scatter(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]);
        assert_eq!((read, &one, &two[..4]), (5, b"a", &b"bcde"[..]));
        assert!(buf.is_empty());
        buf.room(4)[..2].copy_from_slice(b"xy");
        buf.put(2);
        assert_eq!(buf.content(), b"xy");
        assert!(buf.discard() == 2 && buf.is_empty());
    }
}

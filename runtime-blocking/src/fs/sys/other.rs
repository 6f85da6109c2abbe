//! Systems that cannot be asked whether they would wait.

use super::Missed;
use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;

/// See the Linux one.
pub(in super::super) fn read_whole(
    _path: &Path,
    _len_max: usize,
    _is_quick: impl FnOnce(u64) -> bool,
) -> Result<Vec<u8>, Missed> {
    Err(Missed::Anywhere)
}

/// See the Linux one.
pub(in super::super) fn quick_device(_file: &File) -> Option<u64> {
    None
}

/// See the Linux one.
pub(in super::super) fn read_some(_file: &File, _bufs: &mut [IoSliceMut<'_>]) -> Result<usize, Missed> {
    Err(Missed::Anywhere)
}

//! Systems that cannot be asked whether they would wait.

use super::Missed;
use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;

/// See the Linux one.
pub(in super::super) fn read_whole(_path: &Path, _len_max: usize, _refused: u64) -> Result<Vec<u8>, Missed> {
    Err(Missed::Anywhere)
}

/// See the Linux one.
pub(in super::super) fn read_some(_file: &File, _bufs: &mut [IoSliceMut<'_>]) -> Result<usize, Missed> {
    Err(Missed::Anywhere)
}

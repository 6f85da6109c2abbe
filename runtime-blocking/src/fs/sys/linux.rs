//! Linux: paths that are resolved from what is cached (`openat2` with `RESOLVE_CACHED`, since 5.12), and reads that give
//! what is in the page cache (`preadv2` with `RWF_NOWAIT`, since 4.14).

use super::Missed;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// The file's own position: read from there, and move it.
const AT_POSITION: u64 = u64::MAX;

impl From<Errno> for Missed {
    fn from(errno: Errno) -> Missed {
        match errno {
            // A filter of system calls says EPERM; reading never does, nor does looking a path up.
            Errno::NOSYS | Errno::PERM => Missed::Anywhere,
            _ => Missed::Now,
        }
    }
}

/// A regular file of at most `len_max` bytes, if path, inode and data are cached. The file system `refused` need not be
/// asked.
///
/// The path is looked up without opening what is there (`O_PATH`): merely to open a FIFO would release those who wait at
/// its other end, and a device may do anything. What was found is then opened by its descriptor, so it cannot become
/// something else in between. (`O_NONBLOCK` has no meaning for reading a regular file, but at the opening: there it means
/// not to wait until a lease is given back.)
pub(in super::super) fn read_whole(path: &Path, len_max: usize, refused: u64) -> Result<Vec<u8>, Missed> {
    let found = openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED)?;
    let stat = fstat(&found)?;
    let len = usize::try_from(stat.st_size).map_err(|_| Missed::Now)?;
    let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !is_regular || len > len_max || stat.st_dev == refused {
        return Err(Missed::Now);
    }
    let by_descriptor = format!("/proc/self/fd/{}", found.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    // A refusal may be of this file: it says nothing of the system.
    let file = open(by_descriptor, flags, Mode::empty()).map_err(|_| Missed::Now)?;
    // One byte more than there is, so that a file that has grown shows.
    let mut bytes = vec![0; len + 1];
    let read = match preadv2(&file, &mut [IoSliceMut::new(&mut bytes)], 0, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP) => return Err(Missed::Here(stat.st_dev)),
        read => read?,
    };
    if read != len {
        // Partly cached, or changed meanwhile.
        return Err(Missed::Now);
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// What is cached from the file's position on, at most as much as `bufs` have room for. 0 is the end of the file.
pub(in super::super) fn read_some(file: &File, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, Missed> {
    match preadv2(file.as_fd(), bufs, AT_POSITION, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP) => Err(Missed::Here(0)),
        read => Ok(read?),
    }
}

//! Linux: paths that are resolved from what is cached (`openat2` with `RESOLVE_CACHED`, since 5.12), and reads that give
//! what is in the page cache (`preadv2` with `RWF_NOWAIT`, since 4.14).

use super::Missed;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat2, statx};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, OwnedFd};
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

/// A regular file of at most `len_max` bytes, if path, inode and data are cached, on a file system that `is_quick`: of any
/// other, even the opening may have to ask a server.
///
/// The path is looked up first without opening what is there (`O_PATH`): merely to open a FIFO would release those who wait
/// at its other end, and a device may do anything. Only then it is opened; if it has become something else in the microsecond
/// between, reading from an offset fails or gives another length, and a thread begins anew. (To open what was found by
/// its descriptor, through `/proc`, would be without that gap, and takes as long as all the rest.) `O_NONBLOCK` has no meaning for
/// reading a regular file, but at the opening: there it means not to wait until a lease is given back.
pub(in super::super) fn read_whole(
    path: &Path,
    len_max: usize,
    is_quick: impl FnOnce(u64) -> bool,
) -> Result<Vec<u8>, Missed> {
    let found = stat(open_cached(path, OFlags::PATH)?)?;
    let len = usize::try_from(found.stx_size).map_err(|_| Missed::Now)?;
    if !is_regular(&found) || len > len_max || !is_quick(device(&found)) {
        return Err(Missed::Now);
    }
    let file = open_cached(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    // One byte more than there is, so that a file that has grown shows.
    let mut bytes = vec![0; len + 1];
    if preadv2(&file, &mut [IoSliceMut::new(&mut bytes)], 0, ReadWriteFlags::NOWAIT)? != len {
        // Partly cached, or changed meanwhile.
        return Err(Missed::Now);
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// The file system of a regular file that can be read without waiting: on a thread that may wait. The system's own ones can;
/// those that ask a server do not take the flag.
pub(in super::super) fn quick_device(file: &File) -> Option<u64> {
    let found = stat(file).ok().filter(is_regular)?;
    preadv2(file, &mut [IoSliceMut::new(&mut [0])], 0, ReadWriteFlags::NOWAIT).ok()?;
    Some(device(&found))
}

/// What is known here, without asking a server.
fn stat(file: impl AsFd) -> Result<Statx, Missed> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    Ok(statx(file, c"", flags, StatxFlags::TYPE | StatxFlags::SIZE)?)
}

fn is_regular(found: &Statx) -> bool {
    FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile
}

fn device(found: &Statx) -> u64 {
    rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor)
}

fn open_cached(path: &Path, flags: OFlags) -> Result<OwnedFd, Missed> {
    Ok(openat2(CWD, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED)?)
}

/// What is cached from the file's position on, at most as much as `bufs` have room for. The end of the file is left to a thread.
pub(in super::super) fn read_some(file: &File, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, Missed> {
    match preadv2(file, bufs, AT_POSITION, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP) => Err(Missed::Here),
        // Linux 5.9 and 5.10 may say so where the file has not ended: see BUGS in readv(2). A thread finds out.
        Ok(0) => Err(Missed::Now),
        read => Ok(read?),
    }
}

//! Children that nobody waits for any more, and the thread that reaps them.
//!
//! A thread, because an orphan may outlive every runtime of the process, and a driver that nobody drives reaps nobody. It is
//! there only while there are orphans, and sleeps in one `poll` over the descriptors of all of them and a pipe that
//! tells of more. Where an orphan has no descriptor, or there is no pipe, it looks once in [`LOOK_MAX`].
//!
//! *No orphan is forgotten.* One is put into the inbox, and then the thread told, both under the lock; the thread ends only if it
//! finds the inbox empty, under the lock. If the system refuses a thread, the inbox is looked through, and a thread asked
//! for again, whenever the next child is spawned or becomes an orphan.
#![forbid(unsafe_code)]

use super::unreaped::Unreaped;
use crate::sys::{self, PidFd};
use runtime_core::primitive::{Mutex, thread};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

/// How long a zombie may wait where nothing tells of its end, in nanoseconds.
const LOOK_MAX: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

static ORPHANS: OnceLock<Mutex<Orphans>> = OnceLock::new();

/// A child without a [`Child`](super::Child).
#[derive(Debug)]
struct Orphan {
    pid: Pid,
    fd: Option<PidFd>,
}

impl Orphan {
    /// Whether there is nothing left to reap.
    fn is_gone(&self) -> bool {
        !matches!(Unreaped { pid: self.pid, fd: self.fd.as_ref() }.try_reap(), Ok(None))
    }
}

#[derive(Debug, Default)]
struct Orphans {
    inbox: Vec<Orphan>,
    has_thread: bool,
    /// Tells the thread, if it has such a pipe.
    bell: Option<OwnedFd>,
}

/// Somebody else waits for the child from here on.
pub(super) fn adopt(pid: Pid, fd: Option<PidFd>) {
    look_after(Some(Orphan { pid, fd }));
}

/// Looks after the orphans that no thread could be had for.
pub(super) fn look() {
    if ORPHANS.get().is_some() {
        look_after(None);
    }
}

fn look_after(newcomer: Option<Orphan>) {
    let mut orphans = ORPHANS.get_or_init(Mutex::default).lock();
    let is_new = newcomer.is_some();
    orphans.inbox.extend(newcomer);
    if orphans.has_thread {
        if let Some(bell) = orphans.bell.as_ref().filter(|_| is_new) {
            // A full pipe tells as well.
            let _ = rustix::io::write(bell, &[1]);
        }
        return;
    }
    orphans.inbox.retain(|orphan| !orphan.is_gone());
    if orphans.inbox.is_empty() {
        return;
    }
    let (heard, bell) = sys::pipe().map_or((None, None), |(heard, bell)| (Some(heard), Some(bell)));
    // It begins with the lock.
    let thread =
        thread::Builder::new().name("runtime-reaper".to_owned()).spawn(move || reap_all(heard.as_ref()));
    if thread.is_ok() {
        orphans.has_thread = true;
        orphans.bell = bell;
    }
}

/// The thread.
fn reap_all(heard: Option<&OwnedFd>) {
    let mut mine: Vec<Orphan> = Vec::new();
    loop {
        mine.retain(|orphan| !orphan.is_gone());
        {
            let mut orphans = ORPHANS.get_or_init(Mutex::default).lock();
            if mine.is_empty() && orphans.inbox.is_empty() {
                orphans.has_thread = false;
                orphans.bell = None;
                return;
            }
            mine.append(&mut orphans.inbox);
        }
        wait(&mine, heard);
        if let Some(heard) = heard {
            let _ = rustix::io::read(heard, &mut [0; 64]);
        }
    }
}

/// Until one of them has ended, or there are more.
fn wait(orphans: &[Orphan], heard: Option<&OwnedFd>) {
    let fds = orphans.iter().filter_map(|orphan| orphan.fd.as_ref()).map(AsFd::as_fd);
    let mut fds: Vec<PollFd<'_>> =
        fds.chain(heard.map(AsFd::as_fd)).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let is_told = heard.is_some() && fds.len() == orphans.len() + 1;
    let timeout = if is_told { None } else { Some(&LOOK_MAX) };
    if poll(&mut fds, timeout).is_err_and(|error| error != rustix::io::Errno::INTR) {
        // Memory is short, or the limit of descriptors has been lowered below what is open.
        let _ = poll(&mut [], Some(&LOOK_MAX));
    }
}

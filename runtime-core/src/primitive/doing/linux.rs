//! Linux: `/proc/self/task/TID/syscall` (proc(5)), or `stat` where that may not be read.

use super::Doing;
use std::fs;

/// The system's number of the calling thread; 0 where `/proc` is not there.
pub(crate) fn thread_number() -> u32 {
    let link = fs::read_link("/proc/thread-self").ok();
    let number = link.as_ref().and_then(|link| link.file_name()?.to_str()?.parse().ok());
    number.unwrap_or(0)
}

/// What the thread of this process with that number is doing.
pub(crate) fn doing(thread: u32) -> Doing {
    let read = |file| fs::read_to_string(format!("/proc/self/task/{thread}/{file}")).ok();
    if thread == 0 {
        return Doing::Unknown;
    }
    read("syscall")
        .and_then(|text| from_syscall(&text))
        .or_else(|| read("stat").and_then(|text| from_stat(&text)))
        .unwrap_or(Doing::Unknown)
}

/// `running`, or the number of the system call and its arguments; the number is -1 if the thread sleeps outside of one.
fn from_syscall(text: &str) -> Option<Doing> {
    match text.split_whitespace().next()? {
        "running" => Some(Doing::Computing),
        first => {
            let number: libc::c_long = first.parse().ok()?;
            Some(Doing::Waiting((number >= 0).then(|| name(number))))
        }
    }
}

/// The state stands behind the name, which may hold anything, also `)`.
fn from_stat(text: &str) -> Option<Doing> {
    match text.rsplit_once(')')?.1.trim_start().chars().next()? {
        'R' => Some(Doing::Computing),
        'S' | 'D' => Some(Doing::Waiting(None)),
        _ => None,
    }
}

fn name(number: libc::c_long) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// Those that may take long, on every architecture.
const NAMES: &[(libc::c_long, &str)] = &[
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_copy_file_range, "copy_file_range"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_futex, "futex"),
    (libc::SYS_getdents64, "getdents64"),
    (libc::SYS_getrandom, "getrandom"),
    (libc::SYS_io_uring_enter, "io_uring_enter"),
    (libc::SYS_ioctl, "ioctl"),
    (libc::SYS_msgrcv, "msgrcv"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pread64, "pread64"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_read, "read"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_semtimedop, "semtimedop"),
    (libc::SYS_sendfile, "sendfile"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_splice, "splice"),
    (libc::SYS_statx, "statx"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let waiting = |syscall: &str| Some(Doing::Waiting(Some(syscall.to_owned())));
        assert_eq!(from_syscall("running\n"), Some(Doing::Computing));
        assert_eq!(from_syscall(&format!("{} 0x7f 0x80 0x0\n", libc::SYS_futex)), waiting("futex"));
        assert_eq!(from_syscall("99999 0x0\n"), waiting("99999"));
        assert_eq!(from_syscall("-1 0x7ffd 0x7f\n"), Some(Doing::Waiting(None)));
        assert_eq!(from_syscall("0 \n"), waiting(&name(0)));
        assert_eq!(from_syscall("\n"), None);
        assert_eq!(from_stat("12 (a) R b) R 1 2"), Some(Doing::Computing));
        assert_eq!(from_stat("12 (worker) D 1 2"), Some(Doing::Waiting(None)));
        assert_eq!(from_stat("12"), None);
    }

    #[test]
    fn who_computes_is_told_from_who_waits() {
        assert_eq!(doing(0), Doing::Unknown);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(thread_number()).unwrap();
            std::thread::park();
            tell.send(0).unwrap();
            // Until the other end is gone.
            while tell.send(0).is_ok() {}
        });
        let number = told.recv().unwrap();
        let becomes = |what: Doing| {
            // It is about to.
            while doing(number) != what {
                std::thread::yield_now();
            }
        };
        becomes(Doing::Waiting(Some("futex".to_owned())));
        thread.thread().unpark();
        told.recv().unwrap();
        becomes(Doing::Computing);
        drop(told);
        thread.join().unwrap();
    }
}

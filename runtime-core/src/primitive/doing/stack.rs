//! The calls that a waiting thread of this process is in, seen from outside.
//!
//! proc(5) says, in `syscall`, where its stack ends and at which instruction it waits, and the kernel copies the stack for us,
//! out of `/proc/self/mem`. That is sound whatever the thread does meanwhile, also if it goes on or ends. No signal is sent:
//! one would make its system call fail with EINTR.
//!
//! A word on the stack that points behind a call instruction is taken for a return address. Some may be left from calls that
//! are over, in a frame that has not written over them.

use std::env::consts::ARCH;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// How much of a stack is looked at: the poll of a task is seldom deeper.
const STACK_BYTES_MAX: usize = 64 * 1024;
/// More calls would not be read by anybody.
const CALLS_MAX: usize = 64;
/// The bytes before a return address that are looked at.
const CODE_BYTES: usize = 8;

const WORD_BYTES: usize = size_of::<usize>();

/// Where that thread is, as addresses of code, innermost first. Empty if it computes, or nothing is known.
pub(crate) fn stack(thread: u32) -> Vec<usize> {
    try_stack(thread).unwrap_or_default()
}

fn try_stack(thread: u32) -> Option<Vec<usize>> {
    let (top, at) = pointers(&fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?)?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let end = mappings(&maps).find(|(range, _)| range.contains(&top))?.0.end;
    let code: Vec<_> = mappings(&maps).filter(|(_, is_code)| *is_code).map(|(range, _)| range).collect();
    let memory = File::open("/proc/self/mem").ok()?;
    let mut bytes = vec![0; STACK_BYTES_MAX.min(end - top)];
    let count = memory.read_at(&mut bytes, top as u64).ok()?;
    let words = bytes[..count].chunks_exact(WORD_BYTES);
    let words = words.map(|word| usize::from_ne_bytes(word.try_into().expect("a whole word")));
    let is_return_address = |word: &usize| {
        let mut before = [0; CODE_BYTES];
        let start = word.wrapping_sub(CODE_BYTES);
        code.iter().any(|range| range.contains(word) && range.contains(&start))
            && memory.read_exact_at(&mut before, start as u64).is_ok()
            && ends_in_call(&before)
    };
    Some(std::iter::once(at).chain(words.filter(is_return_address)).take(CALLS_MAX).collect())
}

/// The stack pointer and the program counter, which stand last. `running` has neither.
fn pointers(text: &str) -> Option<(usize, usize)> {
    let mut last = text.split_whitespace().rev().map(|word| word.strip_prefix("0x").map(hex));
    let (at, top) = (last.next()???, last.next()???);
    Some((top, at))
}

fn hex(text: &str) -> Option<usize> {
    usize::from_str_radix(text, 16).ok()
}

/// Each mapping of this process, and whether it holds code.
fn mappings(maps: &str) -> impl Iterator<Item = (Range<usize>, bool)> {
    maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        Some((hex(start)?..hex(end)?, rest.starts_with("r-x")))
    })
}

/// Whether the code before a return address is a call. Where we do not know what calls look like, everything is one.
fn ends_in_call(code: &[u8; CODE_BYTES]) -> bool {
    match ARCH {
        "x86_64" => {
            // `call rel32`, or `call` (FF /2) through a register or memory, whose ModRM byte gives the length.
            let through = |length: usize| {
                let at = CODE_BYTES - length;
                code[at] == 0xff && (code[at + 1] >> 3) & 7 == 2
            };
            code[CODE_BYTES - 5] == 0xe8 || [2, 3, 4, 6, 7].into_iter().any(through)
        }
        "aarch64" => {
            let instruction = u32::from_le_bytes([code[4], code[5], code[6], code[7]]);
            // `bl`, `blr`.
            instruction >> 26 == 0b10_0101 || instruction & 0xffff_fc1f == 0xd63f_0000
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitive::doing::{Doing, doing, thread_number};

    #[test]
    fn lines_are_understood() {
        assert_eq!(pointers("35 0x0 0x1 0x2 0x3 0x4 0x5 0x7ffd10 0x55aa\n"), Some((0x7f_fd10, 0x55aa)));
        assert_eq!(pointers("-1 0x7ffd10 0x55aa\n"), Some((0x7f_fd10, 0x55aa)));
        for text in ["running\n", "", "35", "35 a b"] {
            assert_eq!(pointers(text), None, "{text:?}");
        }
        let maps = "1000-2000 r-xp 0 0:0 1 /bin/x\n3000-3800 rw-p 0 0:0 1\n?\n";
        assert_eq!(mappings(maps).collect::<Vec<_>>(), [(0x1000..0x2000, true), (0x3000..0x3800, false)]);
    }

    #[test]
    fn a_waiting_thread_shows_its_calls() {
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(thread_number()).unwrap();
            std::thread::park();
        });
        let number = told.recv().unwrap();
        while doing(number) != Doing::Waiting(Some("futex".to_owned())) {
            std::thread::yield_now();
        }
        let calls = stack(number);
        thread.thread().unpark();
        thread.join().unwrap();
        assert!(calls.len() > 3, "{calls:x?}");
        assert!(stack(number).is_empty(), "it has ended");
        assert!(stack(0).is_empty(), "there is none");
    }
}

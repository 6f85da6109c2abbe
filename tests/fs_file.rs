//! `fs::File`, and whole files: what is read and written, in which order, and what becomes of what was dropped.
#![cfg(unix)]

mod busy;
mod files;

use busy::keep_busy;
use files::{Scratch, both_ways};
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use futures::poll;
use runtime::fs::{self, File, OpenOptions};
use runtime_core::util::rand::Rand;
use std::fs::File as StdFile;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(60);

/// Runs `future` on both kinds of runtime, with reads from the cache and without.
fn everywhere<F: Future>(future: impl Fn(Scratch) -> F) {
    both_ways(|| {
        runtime::run(future(Scratch::new()));
        let current = runtime::Builder::new_current_thread().build().unwrap();
        current.block_on(future(Scratch::new()));
    });
}

#[test]
fn whole_files() {
    everywhere(async |scratch| {
        for len in [0, 1, 4095, 4096, 64 * 1024, 64 * 1024 + 1, 3 << 20] {
            let bytes: Vec<u8> = (0..len).map(|i: usize| (i * 7 + i / 251) as u8).collect();
            let path = scratch.path(&len.to_string());
            fs::write(&path, &bytes).await.unwrap();
            assert!(fs::read(&path).await.unwrap() == bytes, "{len}");
            assert!(std::fs::read(&path).unwrap() == bytes, "{len}");
        }
        let text = scratch.path("text");
        fs::write(&text, "grüße").await.unwrap();
        assert_eq!(fs::read_to_string(&text).await.unwrap(), "grüße");
        fs::write(&text, b"\xff").await.unwrap();
        assert_eq!(fs::read_to_string(&text).await.unwrap_err().kind(), ErrorKind::InvalidData);
        let missing = fs::read(scratch.path("missing")).await.unwrap_err();
        assert_eq!((missing.kind(), missing.raw_os_error()), (ErrorKind::NotFound, Some(2)));
        assert_eq!(fs::read(scratch.folder()).await.unwrap_err().raw_os_error(), Some(21));
        // What says that it has no length and has one.
        let status = fs::read_to_string("/proc/self/status").await;
        assert!(status.is_err() || status.unwrap().contains("Name:"));
        let copy = scratch.path("copy");
        assert_eq!(fs::copy(scratch.path("4096"), &copy).await.unwrap(), 4096);
        assert!(fs::read(copy).await.unwrap() == std::fs::read(scratch.path("4096")).unwrap());
    });
}

/// A writer of a FIFO waits for a reader. Looking what is there must not look like one.
#[test]
fn a_fifo_is_opened_once() {
    everywhere(async |scratch| {
        let path = scratch.path("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let (tell, told) = mpsc::channel();
        let fifo = path.clone();
        let writer = std::thread::spawn(move || {
            let mut end = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            tell.send(()).unwrap();
            end.write_all(b"through").unwrap();
        });
        let read = runtime::time::timeout(LONG, fs::read(&fifo)).await;
        assert_eq!(read.expect("waits for ever").unwrap(), b"through");
        told.recv_timeout(LONG).unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn reading_writing_and_seeking() {
    everywhere(async |scratch| {
        let path = scratch.path("file");
        let mut file = File::create_new(&path).await.unwrap();
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        file.write_all(b"hello world").await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(-5)).await.unwrap(), 6);
        let mut word = String::new();
        file.read_to_string(&mut word).await.unwrap();
        assert_eq!(word, "world");
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(file.seek(SeekFrom::Current(-100)).await.is_err());
        assert_eq!(file.stream_position().await.unwrap(), 11);
        assert_eq!(file.seek(SeekFrom::End(-11)).await.unwrap(), 0);
        file.set_len(5).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 5);
        let (mut one, mut two) = ([0; 2], [0; 9]);
        let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        assert_eq!(file.read_vectored(&mut bufs).await.unwrap(), 5);
        assert_eq!((&one, &two[..3]), (b"he", &b"llo"[..]));
        let pieces = [IoSlice::new(b" "), IoSlice::new(b"there")];
        assert_eq!(file.write_vectored(&pieces).await.unwrap(), 6);
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"hello there");
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
        file.close().await.unwrap();
        drop(file);

        let mut file = OpenOptions::new().append(true).mode(0o640).open(&path).await.unwrap();
        file.write_all(b"!").await.unwrap();
        file.flush().await.unwrap();
        assert!(file.read(&mut [0; 1]).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"hello there!");
        let mut permissions = file.metadata().await.unwrap().permissions();
        permissions.set_mode(0o600);
        file.set_permissions(permissions).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let then = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        file.set_modified(then).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().modified().unwrap(), then);
        let truncated = File::create(&path).await.unwrap();
        assert_eq!(truncated.metadata().await.unwrap().len(), 0);
    });
}

#[test]
fn clones_share_the_position_and_std_takes_it_over() {
    everywhere(async |scratch| {
        let path = scratch.path("file");
        fs::write(&path, "0123456789").await.unwrap();
        let mut file = File::open(&path).await.unwrap();
        let mut byte = [0; 1];
        file.read_exact(&mut byte).await.unwrap();
        let mut clone = file.try_clone().await.unwrap();
        clone.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"1");
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"2");
        drop(clone);
        let mut std = file.into_std().await;
        std.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"3");
        let mut file = File::from_std(std);
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"4");
        assert_eq!(file.try_into_std().unwrap().stream_position().unwrap(), 5);
    });
}

/// The error of a write that was reported as done is told by whatever comes next.
#[test]
fn a_write_that_fails_later_is_told() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    everywhere(async |_scratch| {
        let full = || async {
            let mut file = OpenOptions::new().write(true).open("/dev/full").await.unwrap();
            // A buffer of the system's own would hide it.
            file.write_all(b"lost").await.unwrap();
            file
        };
        let no_space = |result: std::io::Result<()>, who: &str| {
            assert_eq!(result.expect_err(who).raw_os_error(), Some(28), "{who}");
        };
        no_space(full().await.flush().await, "flush");
        no_space(full().await.close().await, "close");
        no_space(full().await.sync_all().await, "sync_all");
        no_space(full().await.sync_data().await, "sync_data");
        no_space(full().await.set_len(1).await, "set_len");
        no_space(full().await.seek(SeekFrom::Start(0)).await.map(drop), "seek");
        // What comes before it has failed is taken, and lost with it: not for ever.
        let mut file = full().await;
        let result = loop {
            match file.write(b"more").await {
                Ok(len) => assert!(len > 0),
                Err(error) => break Err(error),
            }
        };
        no_space(result, "write");
        let mut file = full().await;
        no_space(file.flush().await, "flush");
        file.flush().await.expect("an error is told once");
    });
}

/// Each way to use a file that takes a trip, dropped before its end: the only thread is at something else.
#[test]
fn whatever_is_dropped_in_the_middle_leaves_the_file_in_order() {
    both_ways(|| {
        for mut builder in [runtime::Builder::new_multi_thread(), runtime::Builder::new_current_thread()] {
            let runtime = builder.max_blocking_threads(1).build().unwrap();
            runtime.block_on(drop_each_in_the_middle(Scratch::new()));
        }
    });
}

async fn drop_each_in_the_middle(scratch: Scratch) {
    let path = scratch.path("file");
    for which in 0..9 {
        std::fs::write(&path, "0123456789").unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        let mut buf = [0; 4];
        let (release, gate) = mpsc::channel::<()>();
        let busy = runtime::spawn_blocking(move || gate.recv());
        // In flight until the thread is free, so that what follows has to wait.
        assert_eq!(file.write(b"ab").await.unwrap(), 2);
        let mut accepted = 2;
        let pending = match which {
            0 => poll!(pin!(file.read(&mut buf))).is_pending(),
            // A write is added to what waits, until that is enough.
            1 => loop {
                match poll!(pin!(file.write(&[b'x'; 1 << 16]))) {
                    Poll::Ready(len) => accepted += len.unwrap(),
                    Poll::Pending => break true,
                }
            },
            2 => poll!(pin!(file.seek(SeekFrom::Start(6)))).is_pending(),
            3 => poll!(pin!(file.flush())).is_pending(),
            4 => poll!(pin!(file.sync_all())).is_pending(),
            5 => poll!(pin!(file.set_len(10))).is_pending(),
            6 => poll!(pin!(file.metadata())).is_pending(),
            7 => poll!(pin!(file.try_clone())).is_pending(),
            _ => poll!(pin!(file.close())).is_pending(),
        };
        assert!(pending, "{which}");
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        assert_eq!(file.stream_position().await.unwrap(), accepted as u64, "{which}");
        file.flush().await.unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, *"0123456789".get(accepted..).unwrap_or(""), "{which}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), accepted.max(10) as u64, "{which}");
    }
}

/// What a dropped read has brought is for the next one, however small its buffer.
#[test]
fn a_dropped_read_loses_nothing() {
    both_ways(|| {
        runtime::run(async {
            let scratch = Scratch::new();
            let path = scratch.path("file");
            let text: String = (0..2000).map(|i| format!("{i} ")).collect();
            std::fs::write(&path, &text).unwrap();
            let mut file = File::open(&path).await.unwrap();
            let mut read = Vec::new();
            for round in 0.. {
                let mut buf = vec![0; 1 + round * 7 % 50];
                if round % 3 == 0 {
                    let mut dropped = vec![0; 100];
                    let result = poll!(pin!(file.read(&mut dropped)));
                    if let Poll::Ready(len) = result {
                        read.extend_from_slice(&dropped[..len.unwrap()]);
                    }
                }
                if round % 5 == 0 {
                    assert_eq!(file.stream_position().await.unwrap(), read.len() as u64);
                }
                match file.read(&mut buf).await.unwrap() {
                    0 => break,
                    len => read.extend_from_slice(&buf[..len]),
                }
            }
            assert_eq!(String::from_utf8(read).unwrap(), text);
        });
    });
}

/// A FIFO has no position to move back to: what a dropped read has brought stays where it is.
#[test]
fn what_does_not_move_the_position_keeps_what_was_read() {
    everywhere(async |_scratch| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut file = File::from(std::os::fd::OwnedFd::from(reader));
        let mut dropped = [0; 10];
        assert!(poll!(pin!(file.read(&mut dropped))).is_pending());
        writer.write_all(b"hello").unwrap();
        file.metadata().await.unwrap();
        file.set_permissions(file.metadata().await.unwrap().permissions()).await.unwrap();
        drop(writer);
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
    });
}

/// As above, where no job is run any more: their runtime has ended.
#[test]
fn a_job_that_is_not_run_loses_nothing_that_was_read() {
    both_ways(|| {
        let scratch = Scratch::new();
        std::fs::write(scratch.path("file"), "hello").unwrap();
        let refused = |file: &mut File| {
            let ended = runtime::Runtime::new().unwrap().handle().clone();
            let _entered = ended.enter();
            futures::executor::block_on(async {
                file.metadata().await.unwrap_err();
                file.sync_all().await.unwrap_err();
                file.set_len(5).await.unwrap_err();
                file.seek(SeekFrom::Current(1)).await.unwrap_err();
                file.try_clone().await.unwrap_err();
            });
        };
        // The only thread is at something else, so that the read is dropped in the middle, unless it is from the cache.
        let read_ahead = async |file: &mut File| {
            let (release, gate) = mpsc::channel::<()>();
            let busy = runtime::spawn_blocking(move || gate.recv());
            let is_dropped = poll!(pin!(file.read(&mut [0; 4]))).is_pending();
            release.send(()).unwrap();
            busy.await.unwrap().unwrap();
            file.metadata().await.unwrap();
            is_dropped
        };
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"hello").unwrap();
        drop(writer);
        let mut options = StdFile::options();
        let of_path = options.read(true).write(true).open(scratch.path("file")).unwrap();
        let of_pipe = StdFile::from(std::os::fd::OwnedFd::from(reader));
        for (std, has_position) in [(of_path, true), (of_pipe, false)] {
            let mut file = File::from_std(std);
            if !runtime.block_on(read_ahead(&mut file)) {
                continue;
            }
            refused(&mut file);
            runtime.block_on(async {
                let position = file.stream_position().await;
                assert_eq!(position.ok(), has_position.then_some(0));
                let mut text = String::new();
                file.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "hello");
            });
        }
    });
}

/// Accepted is written: by a file that is dropped at once, and by a runtime that is.
#[test]
fn what_was_accepted_is_written_whatever_ends() {
    let scratch = Scratch::new();
    for round in 0..50 {
        let path = scratch.path(&format!("dropped-{round}"));
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut file = File::create(&path).await.unwrap();
            file.write_all(b"accepted").await.unwrap();
        });
        drop(runtime);
        assert_eq!(std::fs::read(&path).unwrap(), b"accepted", "{round}");
    }
}

/// The only thread is at something else, so the write is queued when the runtime ends.
#[test]
fn a_write_that_is_queued_at_the_end_is_written() {
    let scratch = Scratch::new();
    for current in [false, true] {
        let path = scratch.path(if current { "current" } else { "multi" });
        let mut builder = match current {
            true => runtime::Builder::new_current_thread(),
            false => runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let mut file = runtime.block_on(File::create(&path)).unwrap();
        let release = keep_busy(&runtime);
        runtime.block_on(async { file.write_all(b"queued").await.unwrap() });
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        runtime.shutdown_timeout(Duration::ZERO);
        assert_eq!(std::fs::read(&path).unwrap(), b"queued");
        // The result is there, although the job was not run, and the file can be closed in order.
        futures::executor::block_on(file.flush()).unwrap();
        drop(release);
    }
}

/// As above, but to where nobody reads: the end of the runtime has its bound.
#[test]
fn a_write_that_is_queued_at_the_end_and_hangs_is_left_behind() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let runtime = runtime::Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
    let release = keep_busy(&runtime);
    // More than a pipe holds.
    let bytes = vec![7; 1 << 20];
    let mut file = File::from_std(StdFile::from(std::os::fd::OwnedFd::from(writer)));
    runtime.block_on(async { file.write_all(&bytes).await.unwrap() });
    let (ended, has_ended) = mpsc::channel();
    let end = std::thread::spawn(move || {
        runtime.shutdown_timeout(Duration::ZERO);
        ended.send(()).unwrap();
    });
    has_ended.recv_timeout(LONG).expect("it waits for the reader");
    futures::executor::block_on(file.flush()).expect_err("nobody knows whether it is written");
    drop(file);
    // Nothing is lost for that.
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == bytes, "{} bytes", read.len());
    end.join().unwrap();
    drop(release);
}

#[test]
fn after_the_end_of_its_runtime_a_file_says_so() {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    std::fs::write(&path, "x").unwrap();
    let runtime = runtime::Runtime::new().unwrap();
    let file = runtime.block_on(File::open(&path)).unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let error = futures::executor::block_on(file.metadata()).unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
    let error = futures::executor::block_on(fs::write(&path, "y")).unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
}

#[test]
fn outside_of_a_runtime_it_panics_with_a_clear_text() {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    std::fs::write(&path, "x").unwrap();
    let told = |f: &dyn Fn()| {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_err();
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.unwrap_or_else(|| payload.downcast_ref::<&str>().unwrap().to_string());
        assert!(text.contains("runtime"), "{text}");
    };
    told(&|| drop(futures::executor::block_on(fs::read(&path))));
    told(&|| drop(futures::executor::block_on(fs::metadata(&path))));
    let file = || File::from_std(StdFile::open(&path).unwrap());
    told(&|| drop(futures::executor::block_on(file().read(&mut [0; 1]))));
    told(&|| drop(futures::executor::block_on(file().seek(SeekFrom::Start(0)))));
}

/// A loop over what is in the cache does not keep its worker for itself.
#[test]
fn reads_from_the_cache_use_up_the_budget() {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    std::fs::write(&path, "x").unwrap();
    let current = runtime::Builder::new_current_thread().build().unwrap();
    let reads = current.block_on(async {
        let other = runtime::spawn(async {});
        let mut reads = 0_u32;
        while !other.is_finished() {
            assert_eq!(fs::read(&path).await.unwrap(), b"x");
            reads += 1;
        }
        reads
    });
    assert!(reads <= 256, "{reads} reads before the other task had its turn");
}

/// What is written while a job is busy goes with its next round: in order, and without jobs of their own.
#[test]
fn small_writes_go_together() {
    const WRITES: u32 = 20_000;
    let scratch = Scratch::new();
    let path = scratch.path("file");
    runtime::run(async {
        let mut file = File::create(&path).await.unwrap();
        for number in 0..WRITES {
            assert_eq!(file.write(&number.to_le_bytes()).await.unwrap(), 4);
        }
        file.flush().await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), u64::from(4 * WRITES));
    });
    let right = (0..WRITES).flat_map(u32::to_le_bytes);
    assert!(std::fs::read(&path).unwrap().into_iter().eq(right));
}

#[test]
fn one_job_reads_and_writes_as_much_as_it_may() {
    both_ways(|| {
        runtime::run(async {
            let scratch = Scratch::new();
            let path = scratch.path("file");
            let mut file = File::options().read(true).write(true).create(true).open(&path).await.unwrap();
            assert_eq!(file.max_buf_size(), 2 << 20);
            file.set_max_buf_size(3);
            assert_eq!(file.write(b"hello").await.unwrap(), 3);
            assert_eq!(file.write_vectored(&[IoSlice::new(b"lo"), IoSlice::new(b"th")]).await.unwrap(), 3);
            file.set_max_buf_size(0);
            assert_eq!((file.max_buf_size(), file.write(b"ere").await.unwrap()), (1, 1));
            file.flush().await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"hellote");
        });
    });
}

/// Random operations on ours and on std's, byte for byte.
#[test]
fn as_stds_file_does() {
    both_ways(|| {
        runtime::run(async {
            for seed in 0..60 {
                play(seed).await;
            }
        });
    });
}

async fn play(seed: u64) {
    const MOVES: usize = 80;
    let rand = Rand::new(seed);
    let below = |n: u32| rand.below(n) as usize;
    let scratch = Scratch::new();
    let (path, std_path) = (scratch.path("ours"), scratch.path("std"));
    let mut options = StdFile::options();
    options.read(true).write(true).create(true);
    let mut std = options.open(&std_path).unwrap();
    let mut ours = OpenOptions::from(options).open(&path).await.unwrap();
    ours.set_max_buf_size(1 + below(5000));
    for step in 0..MOVES {
        let at = format!("seed {seed}, step {step}");
        match below(8) {
            0 | 1 => {
                let bytes: Vec<u8> = (0..below(9000)).map(|_| below(256) as u8).collect();
                ours.write_all(&bytes).await.unwrap();
                std.write_all(&bytes).unwrap();
            }
            2 | 3 => {
                let (mut one, mut two) = (vec![0; below(9000)], Vec::new());
                let mut read = 0;
                while read < one.len() {
                    match ours.read(&mut one[read..]).await.unwrap() {
                        0 => break,
                        len => read += len,
                    }
                }
                (&std).take(one.len() as u64).read_to_end(&mut two).unwrap();
                assert!(one[..read] == two, "{at}: read");
            }
            4 => {
                let offset = below(30_000) as i64;
                let to = match below(3) {
                    0 => SeekFrom::Start(offset as u64),
                    1 => SeekFrom::Current(offset - 15_000),
                    _ => SeekFrom::End(offset - 25_000),
                };
                let (one, two) = (ours.seek(to).await, std.seek(to));
                assert_eq!(one.map_err(|e| e.raw_os_error()), two.map_err(|e| e.raw_os_error()), "{at}");
            }
            5 => {
                let len = below(40_000) as u64;
                ours.set_len(len).await.unwrap();
                std.set_len(len).unwrap();
            }
            6 => {
                ours.flush().await.unwrap();
                assert!(std::fs::read(&path).unwrap() == std::fs::read(&std_path).unwrap(), "{at}: flush");
            }
            _ => {
                // A read that is dropped in the middle, or is ready, changes nothing in the end.
                let before = ours.stream_position().await.unwrap();
                let mut buf = vec![0; 1 + below(3000)];
                if let Poll::Ready(len) = poll!(pin!(ours.read(&mut buf))) {
                    ours.seek(SeekFrom::Current(-(len.unwrap() as i64))).await.unwrap();
                }
                assert_eq!(ours.stream_position().await.unwrap(), before, "{at}");
            }
        }
        let position = ours.stream_position().await.unwrap();
        assert_eq!(position, std.stream_position().unwrap(), "{at}");
    }
    ours.flush().await.unwrap();
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&std_path).unwrap(), "seed {seed}");
}

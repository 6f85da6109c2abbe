//! Folders, links, and what is known of files.
#![cfg(unix)]

#[allow(dead_code)]
mod files;

use files::Scratch;
use futures::io::AsyncReadExt;
use futures::poll;
use runtime::fs::{self, DirBuilder, File};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::pin::pin;
use std::time::Duration;

#[runtime::test]
async fn folders() {
    let scratch = Scratch::new();
    let (one, deep) = (scratch.path("one"), scratch.path("a/b/c"));
    fs::create_dir(&one).await.unwrap();
    assert_eq!(fs::create_dir(&one).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::NotFound);
    fs::create_dir_all(&deep).await.unwrap();
    fs::create_dir_all(&deep).await.unwrap();
    fs::write(deep.join("file"), "x").await.unwrap();
    assert!(fs::remove_dir(&deep).await.is_err());
    fs::remove_dir_all(scratch.path("a")).await.unwrap();
    fs::remove_dir(&one).await.unwrap();
    assert!(!fs::try_exists(&one).await.unwrap());

    let built = scratch.path("built");
    assert!(DirBuilder::new().create(built.join("inner")).await.is_err());
    DirBuilder::new().recursive(true).mode(0o700).create(built.join("inner")).await.unwrap();
    assert_eq!(std::fs::metadata(built.join("inner")).unwrap().mode() & 0o777, 0o700);
}

#[runtime::test]
async fn files_and_links() {
    let scratch = Scratch::new();
    let [file, hard, soft, moved] = ["file", "hard", "soft", "moved"].map(|name| scratch.path(name));
    fs::write(&file, "text").await.unwrap();
    fs::hard_link(&file, &hard).await.unwrap();
    fs::symlink(&file, &soft).await.unwrap();
    assert_eq!(fs::read_link(&soft).await.unwrap(), file);
    assert!(fs::metadata(&soft).await.unwrap().is_file());
    assert!(fs::symlink_metadata(&soft).await.unwrap().is_symlink());
    assert_eq!(fs::metadata(&hard).await.unwrap().ino(), fs::metadata(&file).await.unwrap().ino());
    assert_eq!(fs::read_to_string(&soft).await.unwrap(), "text");
    let canonical = fs::canonicalize(&soft).await.unwrap();
    assert_eq!(canonical, std::fs::canonicalize(&file).unwrap());
    fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).await.unwrap();
    assert_eq!(fs::metadata(&file).await.unwrap().mode() & 0o777, 0o640);
    fs::rename(&hard, &moved).await.unwrap();
    assert_eq!(fs::read(&moved).await.unwrap(), b"text");
    fs::remove_file(&file).await.unwrap();
    assert_eq!(fs::remove_file(&file).await.unwrap_err().kind(), ErrorKind::NotFound);
    // The link leads nowhere now, and is there.
    assert!(!fs::try_exists(&soft).await.unwrap());
    assert_eq!(fs::read(&soft).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(fs::symlink_metadata(&soft).await.is_ok());
    let inside = fs::try_exists(moved.join("not a folder")).await;
    assert!(inside.is_err() || !inside.unwrap());
}

/// A link that leads to itself, and one to what was replaced: by std's calls, whatever is cached.
#[runtime::test]
async fn links_that_change() {
    let scratch = Scratch::new();
    let [one, two, link, ring] = ["one", "two", "link", "ring"].map(|name| scratch.path(name));
    std::fs::write(&one, "1").unwrap();
    std::fs::write(&two, "2").unwrap();
    for round in 0..100 {
        let (to, text) = if round % 2 == 0 { (&one, "1") } else { (&two, "2") };
        fs::symlink(to, scratch.path("new")).await.unwrap();
        fs::rename(scratch.path("new"), &link).await.unwrap();
        assert_eq!(fs::read_to_string(&link).await.unwrap(), text);
    }
    fs::symlink(&ring, &ring).await.unwrap();
    assert_eq!(fs::read(&ring).await.unwrap_err().raw_os_error(), Some(40));
}

#[runtime::test]
async fn ten_thousand_entries() {
    let scratch = Scratch::new();
    let names: BTreeSet<String> = (0..10_000).map(|i| format!("file-{i}")).collect();
    for name in &names {
        std::fs::write(scratch.path(name), "").unwrap();
    }
    std::fs::create_dir(scratch.path("folder")).unwrap();
    let mut entries = fs::read_dir(scratch.folder()).await.unwrap();
    let mut seen = BTreeSet::new();
    loop {
        // Dropped in the middle now and then.
        let dropped = match futures::poll!(pin!(entries.next_entry())) {
            std::task::Poll::Ready(entry) => Some(entry.unwrap()),
            std::task::Poll::Pending => None,
        };
        let entry = match dropped {
            Some(entry) => entry,
            None => entries.next_entry().await.unwrap(),
        };
        let Some(entry) = entry else { break };
        let name = entry.file_name().into_string().unwrap();
        let is_dir = entry.file_type().await.unwrap().is_dir();
        assert_eq!(is_dir, name == "folder");
        if seen.len() % 1000 == 0 {
            assert_eq!(entry.path(), scratch.path(&name));
            assert_eq!(entry.metadata().await.unwrap().ino(), entry.ino());
        }
        assert!(seen.insert(name), "an entry came twice");
    }
    assert!(entries.next_entry().await.unwrap().is_none());
    assert!(seen.remove("folder"));
    assert_eq!(seen, names);
    let missing = fs::read_dir(scratch.path("missing")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let no_folder = fs::read_dir(scratch.path("file-1")).await.unwrap_err();
    assert_eq!(no_folder.raw_os_error(), Some(20));
}

/// An error in the middle is not the end.
#[test]
fn entries_go_on_after_a_job_that_was_not_run() {
    const FILES: usize = 1000;
    let scratch = Scratch::new();
    for i in 0..FILES {
        std::fs::write(scratch.path(&i.to_string()), "").unwrap();
    }
    let ended = runtime::Runtime::new().unwrap().handle().clone();
    let runtime = runtime::Runtime::new().unwrap();
    let mut entries = runtime.block_on(fs::read_dir(scratch.folder())).unwrap();
    let mut seen = 0;
    let error = loop {
        let _entered = ended.enter();
        match futures::executor::block_on(entries.next_entry()) {
            Ok(entry) => seen += usize::from(entry.is_some()),
            Err(error) => break error,
        }
        assert!(seen < FILES, "all without a job");
    };
    assert!(error.to_string().contains("cancelled"), "{error}");
    while runtime.block_on(entries.next_entry()).unwrap().is_some() {
        seen += 1;
    }
    assert_eq!(seen, FILES);
}

/// Entries go one trip for many: a folder of ten thousand is not ten thousand jobs.
#[test]
fn entries_come_in_batches() {
    let scratch = Scratch::new();
    for i in 0..3000 {
        std::fs::write(scratch.path(&i.to_string()), "").unwrap();
    }
    let current = runtime::Builder::new_current_thread().build().unwrap();
    let pending = current.block_on(async {
        let mut entries = fs::read_dir(scratch.folder()).await.unwrap();
        let (mut pending, mut count) = (0, 0);
        loop {
            let polled = futures::poll!(pin!(entries.next_entry()));
            let entry = match polled {
                std::task::Poll::Ready(entry) => entry,
                std::task::Poll::Pending => {
                    pending += 1;
                    entries.next_entry().await
                }
            };
            if entry.unwrap().is_none() {
                break;
            }
            count += 1;
        }
        assert_eq!(count, 3000);
        pending
    });
    // The budget makes it wait now and then, too: once in 128 trips.
    assert!(pending <= 10, "{pending} trips");
}

/// What hangs at the end is named by the line of the program that has asked for it: of an open file's jobs, where it was opened.
#[test]
fn p49_a_call_that_hangs_is_named_by_the_line_that_made_it() {
    let scratch = Scratch::new();
    let fifo = scratch.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (reader, writer) = std::io::pipe().unwrap();
    let runtime = runtime::Runtime::new().unwrap();
    let lines = runtime.block_on(async {
        // Nobody writes into either, nor has the other one open.
        let mut file = File::from(OwnedFd::from(reader));
        let calls = [
            (line!() - 2, poll!(pin!(file.read(&mut [0; 1]))).is_pending()),
            (line!(), poll!(pin!(File::open(&fifo))).is_pending()),
            (line!(), poll!(pin!(fs::copy(&fifo, scratch.path("copy")))).is_pending()),
        ];
        calls.map(|(line, is_pending)| {
            assert!(is_pending, "{line}");
            line
        })
    });
    // A thread has each of them.
    while runtime.metrics().blocking_queue_depth() > 0 {
        std::thread::yield_now();
    }
    // It may not have begun the call yet.
    let short = Duration::from_millis(500);
    let report = runtime.shutdown(runtime::ShutdownOptions::default().grace(short).blocking(short));
    let sites = report.survivors().iter().map(|survivor| survivor.spawn_site());
    let mut named: Vec<_> = sites.map(|site| (site.file(), site.line())).collect();
    named.sort_unstable();
    assert_eq!(named, lines.map(|line| (file!(), line)), "{report}");
    // They come to their ends.
    drop(writer);
    drop(std::fs::OpenOptions::new().write(true).open(&fifo).unwrap());
}

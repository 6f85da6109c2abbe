//! What is in a folder.

use super::job::{call, run};
use runtime_core::context::spawn_blocking_at;
use runtime_core::primitive::Mutex;
use runtime_core::task::JoinHandle;
use runtime_core::task::unpolled::must_await;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// So many entries come with the first trip: few folders have more, and the first entry should not take long.
const FIRST_BATCH: usize = 64;
/// So many with the largest one: the trip is nothing beside them, and they take some 100 KiB.
const BATCH_MAX: usize = 1024;

/// The entries of a folder, in no order, without `.` and `..`.
///
/// # Cancel safety
/// Once begun, it goes on to its end.
///
/// # Errors
/// Those of [`std::fs::read_dir`].
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let mut entries = runtime::fs::read_dir(".").await.unwrap();
///     let mut names = Vec::new();
///     while let Some(entry) = entries.next_entry().await.unwrap() {
///         names.push(entry.file_name());
///     }
///     assert!(names.contains(&"Cargo.toml".into()));
/// });
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> {
    let path = path.as_ref().to_owned();
    let batch = run("fs::read_dir", move || {
        let mut batch =
            Batch { entries: VecDeque::new(), more: Some(std::fs::read_dir(path)?), len: FIRST_BATCH };
        batch.fill();
        Ok(batch)
    });
    let site = Location::caller();
    async move { Ok(ReadDir { state: State::Idle(batch.await?), site }) }
}

/// The entries of a folder: see [`read_dir`].
#[derive(Debug)]
#[must_use = "entries are read when they are asked for"]
pub struct ReadDir {
    state: State,
    /// Where it was made: what is said of its jobs.
    site: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    Idle(Batch),
    /// The job has the lock while it runs. One that is not run leaves all as it was.
    Busy(JoinHandle<()>, Arc<Mutex<Batch>>),
}

#[derive(Debug, Default)]
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    /// `None`: that was all.
    more: Option<std::fs::ReadDir>,
    /// How many come with the next trip.
    len: usize,
}

impl Batch {
    fn fill(&mut self) {
        let Some(mut more) = self.more.take() else { return };
        let len = self.len;
        self.len = (2 * len).min(BATCH_MAX);
        for _ in 0..len {
            match more.next() {
                None => return,
                Some(Ok(entry)) => self.entries.push_back(Ok(DirEntry::new(entry))),
                Some(Err(error)) => {
                    self.entries.push_back(Err(error));
                    break;
                }
            }
        }
        self.more = Some(more);
    }
}

impl ReadDir {
    /// The next entry; `None` when there are no more.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// The system's, if it fails to go on. Then one may ask again.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn next_entry(&mut self) -> impl Future<Output = io::Result<Option<DirEntry>>> {
        must_await("ReadDir::next_entry", async move { poll_fn(|cx| self.poll_next_entry(cx)).await })
    }

    /// Polls for the next entry. The last caller is woken.
    ///
    /// # Errors
    /// As [`next_entry`](Self::next_entry).
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            match &mut self.state {
                State::Idle(batch) => {
                    if let Some(entry) = batch.entries.pop_front() {
                        return Poll::Ready(entry.map(Some));
                    }
                    if batch.more.is_none() {
                        return Poll::Ready(Ok(None));
                    }
                    let batch = Arc::new(Mutex::new(std::mem::take(batch)));
                    let filled = batch.clone();
                    let job = spawn_blocking_at(move || filled.lock().fill(), self.site);
                    self.state = State::Busy(job, batch);
                }
                State::Busy(job, batch) => {
                    let result = ready!(Pin::new(job).poll(cx));
                    let batch = std::mem::take(&mut *batch.lock());
                    self.state = State::Idle(batch);
                    if let Err(error) = result {
                        return Poll::Ready(Err(io::Error::other(error)));
                    }
                }
            }
        }
    }
}

/// One entry of a folder.
#[derive(Debug)]
pub struct DirEntry {
    /// Most systems say it with the name.
    file_type: Option<FileType>,
    std: Arc<std::fs::DirEntry>,
}

impl DirEntry {
    fn new(std: std::fs::DirEntry) -> Self {
        DirEntry { file_type: std.file_type().ok(), std: Arc::new(std) }
    }

    /// The folder's path as it was given, and the name.
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// The name.
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// The number of its inode.
    pub fn ino(&self) -> u64 {
        self.std.ino()
    }

    /// What is known of it. A link is not followed.
    ///
    /// # Cancel safety
    /// Nothing happens but looking.
    ///
    /// # Errors
    /// Those of `std::fs::DirEntry::metadata`.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        let std = self.std.clone();
        run("DirEntry::metadata", move || std.metadata())
    }

    /// What it is. A link is not followed. Mostly this is known already.
    ///
    /// # Cancel safety
    /// Nothing happens but looking.
    ///
    /// # Errors
    /// Those of `std::fs::DirEntry::file_type`.
    ///
    /// # Panics
    /// Outside of a runtime, if it is not known already.
    #[track_caller]
    pub fn file_type(&self) -> impl Future<Output = io::Result<FileType>> {
        let site = Location::caller();
        must_await("DirEntry::file_type", async move {
            if let Some(file_type) = self.file_type {
                return Ok(file_type);
            }
            let std = self.std.clone();
            call(site, move || std.file_type()).await
        })
    }
}

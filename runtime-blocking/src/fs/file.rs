//! `File`: opening one, and what is neither reading nor writing.

use super::job::run;
use super::open_options::OpenOptions;
use super::state::State;
use super::transfer::{Done, Op};
use runtime_core::sync::Mutex;
use runtime_core::task::unpolled::must_await;
use std::fmt;
use std::fs::{File as StdFile, FileTimes, Metadata, OpenOptions as StdOpenOptions, Permissions};
use std::future::poll_fn;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// What is read by one job, or waits to be written by it, at most, unless it is set otherwise.
const BUF_SIZE_MAX: usize = 2 * 1024 * 1024;

/// An open file. It implements `AsyncRead`, `AsyncWrite` and `AsyncSeek` of `futures::io`.
///
/// One thing is done at a time, in the order of the calls, by a thread of the blocking pool, with one trip for each buffer; on
/// Linux what the system has in its cache is read without.
///
/// A write is ready when its bytes were copied, and written afterwards, with what comes while an earlier one is being written. If
/// that fails, the next flush, seek, close, `sync_all`, `sync_data` or `set_len` says so, or a write that comes after the failure;
/// nothing is written any more before that. A `File` that is dropped writes all the same what it has accepted, also if the
/// runtime ends meanwhile; if that fails, and no operation has told it, a line on standard error says so. What takes longer than
/// 50 ms after the runtime's end goes on beside the program, and is lost if that ends first: flush what must be there.
///
/// # Cancel safety
/// A future of a `File` that is dropped in the middle leaves the file in order: what was in flight comes to its end, and the next
/// operation waits for that. A read that is dropped loses nothing, its bytes are for the next read. A write that was
/// dropped before it was ready has written nothing, one seek may or may not have happened.
///
/// # Examples
/// ```
/// use runtime::fs::{self, File};
/// use runtime::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
///
/// # fn main() -> std::io::Result<()> {
/// runtime::run(async {
///     let path = std::env::temp_dir().join(format!("runtime-file-{}", std::process::id()));
///     let mut file = File::options().read(true).write(true).create_new(true).open(&path).await?;
///     file.write_all(b"hello world").await?;
///     file.flush().await?;
///     file.seek(SeekFrom::Start(6)).await?;
///     let mut rest = String::new();
///     file.read_to_string(&mut rest).await?;
///     assert_eq!(rest, "world");
///     fs::remove_file(&path).await
/// })
/// # }
/// ```
pub struct File {
    pub(super) std: Arc<StdFile>,
    pub(super) state: Mutex<State>,
    pub(super) max_buf_size: usize,
}

impl OpenOptions {
    /// Opens the file at `path`.
    ///
    /// # Cancel safety
    /// Once begun, it goes on to its end: the file may be made, and is closed then.
    ///
    /// # Errors
    /// Those of [`std::fs::OpenOptions::open`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        let (options, path) = (self.0.clone(), path.as_ref().to_owned());
        opened("OpenOptions::open", move || options.open(path))
    }
}

/// The future of `what`, which `open` opens.
#[track_caller]
fn opened(
    what: &'static str,
    open: impl FnOnce() -> io::Result<StdFile> + Send + 'static,
) -> impl Future<Output = io::Result<File>> {
    let (site, std) = (Location::caller(), run(what, open));
    async move { Ok(File::new(Arc::new(std.await?), State::new(site))) }
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Cancel safety
    /// As [`OpenOptions::open`].
    ///
    /// # Errors
    /// Those of [`std::fs::File::open`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        let path = path.as_ref().to_owned();
        opened("File::open", || StdFile::open(path))
    }

    /// Opens a file for writing, which is made or emptied first.
    ///
    /// # Cancel safety
    /// As [`OpenOptions::open`].
    ///
    /// # Errors
    /// Those of [`std::fs::File::create`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        let path = path.as_ref().to_owned();
        opened("File::create", || StdFile::create(path))
    }

    /// Makes a file, and opens it for reading and writing.
    ///
    /// # Cancel safety
    /// As [`OpenOptions::open`].
    ///
    /// # Errors
    /// Those of [`std::fs::File::create_new`]: of kind `AlreadyExists`, if there is anything.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        let path = path.as_ref().to_owned();
        let open = || StdOpenOptions::new().read(true).write(true).create_new(true).open(path);
        opened("File::create_new", open)
    }

    /// Options to open a file with.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// From std's. If others share its position and read at the same time, a read may wait for them on the calling thread.
    #[track_caller]
    pub fn from_std(std: StdFile) -> File {
        File::new(Arc::new(std), State::new(Location::caller()))
    }

    fn new(std: Arc<StdFile>, state: State) -> File {
        File { std, state: Mutex::new(state), max_buf_size: BUF_SIZE_MAX }
    }

    /// As std's, when what is in flight was done. The error of a write that was not told yet is said on standard error: flush first.
    ///
    /// # Cancel safety
    /// The file is closed if this is dropped in the middle.
    ///
    /// # Panics
    /// Outside of a runtime, if something is in flight.
    #[track_caller]
    pub fn into_std(mut self) -> impl Future<Output = StdFile> {
        must_await("File::into_std", async move {
            loop {
                self.rewind().await;
                match self.try_into_std() {
                    Ok(std) => return std,
                    Err(file) => self = file,
                }
            }
        })
    }

    /// As std's, if nothing is in flight.
    ///
    /// # Errors
    /// Gives the file back, if something is.
    #[allow(clippy::result_large_err)] // tokio's signature
    pub fn try_into_std(mut self) -> Result<StdFile, File> {
        let state = self.state.get_mut();
        if !state.is_idle() {
            return Err(self);
        }
        let unread = state.buf().content().len() as i64;
        // What nobody can move back to was read for nobody.
        if unread > 0 && (&*self.std).seek(SeekFrom::Current(-unread)).is_ok() {
            state.buf().discard();
        }
        let File { std, state, max_buf_size } = self;
        Arc::try_unwrap(std).map_err(|std| File { std, state, max_buf_size })
    }

    /// Waits until nothing is in flight, and moves the position back to where the user is.
    async fn rewind(&mut self) {
        let File { std, state, .. } = self;
        let state = state.get_mut();
        poll_fn(|cx| state.poll_settled(cx)).await;
        if !state.buf().is_empty() {
            state.start(std, Op::Seek(SeekFrom::Current(0)));
            poll_fn(|cx| state.poll_settled(cx)).await;
        }
    }

    /// Waits until data and metadata have reached the disk.
    ///
    /// # Cancel safety
    /// Once begun, it goes on to its end, and the next operation waits for it. This holds for all methods below.
    ///
    /// # Errors
    /// That of an earlier write, else those of [`std::fs::File::sync_all`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> {
        must_await("File::sync_all", self.call(Op::Sync { only_data: false }))
    }

    /// As [`sync_all`](Self::sync_all), without metadata that is not needed to read the data.
    ///
    /// # Errors
    /// That of an earlier write, else those of [`std::fs::File::sync_data`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> {
        must_await("File::sync_data", self.call(Op::Sync { only_data: true }))
    }

    /// Cuts the file, or makes it longer with zeros. The position stays.
    ///
    /// # Errors
    /// That of an earlier write, else those of [`std::fs::File::set_len`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn set_len(&self, size: u64) -> impl Future<Output = io::Result<()>> {
        must_await("File::set_len", self.call(Op::SetLen(size)))
    }

    /// What is known of the file, with what was written so far.
    ///
    /// # Errors
    /// Those of [`std::fs::File::metadata`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        must_await("File::metadata", async move {
            match self.trip(Op::Metadata, false).await? {
                Some(Done::Metadata(result)) => result,
                other => Err(unexpected(other)),
            }
        })
    }

    /// Changes who may do what with the file.
    ///
    /// # Errors
    /// That of an earlier write, else those of [`std::fs::File::set_permissions`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn set_permissions(&self, permissions: Permissions) -> impl Future<Output = io::Result<()>> {
        must_await("File::set_permissions", self.call(Op::SetPermissions(permissions)))
    }

    /// Changes when the file was read and changed last.
    ///
    /// # Errors
    /// That of an earlier write, else those of [`std::fs::File::set_times`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn set_times(&self, times: FileTimes) -> impl Future<Output = io::Result<()>> {
        must_await("File::set_times", self.call(Op::SetTimes(times)))
    }

    /// Changes when the file was changed last.
    ///
    /// # Errors
    /// As [`set_times`](Self::set_times).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn set_modified(&self, time: SystemTime) -> impl Future<Output = io::Result<()>> {
        must_await("File::set_modified", self.call(Op::SetTimes(FileTimes::new().set_modified(time))))
    }

    /// The same open file once more: both have one position.
    ///
    /// # Errors
    /// Those of [`std::fs::File::try_clone`]; and if there is no thread to move the position back to the user's.
    ///
    /// # Panics
    /// Outside of a runtime, if something is in flight.
    #[track_caller]
    pub fn try_clone(&self) -> impl Future<Output = io::Result<File>> {
        must_await("File::try_clone", async move {
            let mut state = self.state.lock().await;
            poll_fn(|cx| state.poll_settled(cx)).await;
            if !state.buf().is_empty() {
                state.start(&self.std, Op::Seek(SeekFrom::Current(0)));
                if let Some(Done::Unrun(error)) = poll_fn(|cx| state.poll_settled(cx)).await {
                    return Err(error);
                }
            }
            let std = self.std.try_clone()?;
            // One may hold the lock of the position for long.
            state.may_ask = false;
            let mut other = State::new(state.site);
            other.may_ask = false;
            Ok(File { max_buf_size: self.max_buf_size, ..File::new(Arc::new(std), other) })
        })
    }

    /// Sets what is read by one job, or waits to be written by it, at most, in bytes: 2 MiB, unless this says otherwise. 0
    /// counts as 1.
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        self.max_buf_size = max_buf_size.max(1);
    }

    /// What is read by one job, or waits to be written by it, at most, in bytes.
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// After what is in flight, and unless a write has failed.
    async fn call(&self, op: Op) -> io::Result<()> {
        match self.trip(op, true).await? {
            Some(Done::Other(result)) => result,
            other => Err(unexpected(other)),
        }
    }

    async fn trip(&self, op: Op, tell: bool) -> io::Result<Option<Done>> {
        let mut state = self.state.lock().await;
        poll_fn(|cx| state.poll_settled(cx)).await;
        if tell {
            state.tell()?;
        }
        state.start(&self.std, op);
        Ok(poll_fn(|cx| state.poll_settled(cx)).await)
    }
}

/// The lock is held from the start to the end of a trip: only a job that was not run has no answer.
fn unexpected(done: Option<Done>) -> io::Error {
    match done {
        Some(Done::Unrun(error)) => error,
        done => io::Error::other(format!("a job for a file has done something else: {done:?}")),
    }
}

impl From<StdFile> for File {
    #[track_caller]
    fn from(std: StdFile) -> File {
        File::from_std(std)
    }
}

impl From<OwnedFd> for File {
    #[track_caller]
    fn from(fd: OwnedFd) -> File {
        File::from_std(fd.into())
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("std", &self.std).finish_non_exhaustive()
    }
}

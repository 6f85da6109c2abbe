//! Files and folders: std's functions, on threads that may wait.
//!
//! Everything here is the call of std's of the same name, made by a thread of the runtime's blocking pool, and named as in
//! tokio's `fs`. Errors are those of std's call; besides, an error says if the runtime ends before the call is made. Outside of
//! a runtime everything here panics.
//!
//! A call goes to the pool and back once: whole files are read and written in one trip, a [`File`] makes one for each buffer,
//! [`ReadDir`] one for hundreds of entries. On Linux, reads of what the system has in its cache ([`read`](read()),
//! [`read_to_string`], and those of a [`File`]) make none, up to 64 KiB at a time.
//!
//! # Cancel safety
//! Dropping a future does not stop the call that it waits for, if it has begun: a file may be removed although nobody waits
//! for it any more. A [`File`] keeps what is in flight, and stays in order: see there.
//!
//! # Examples
//! ```
//! use runtime::fs;
//!
//! # fn main() -> std::io::Result<()> {
//! runtime::run(async {
//!     let path = std::env::temp_dir().join(format!("runtime-fs-{}", std::process::id()));
//!     fs::write(&path, "hello\nworld\n").await?;
//!     assert_eq!(fs::read_to_string(&path).await?.lines().count(), 2);
//!     assert_eq!(fs::metadata(&path).await?.len(), 12);
//!     fs::remove_file(&path).await
//! })
//! # }
//! ```

mod buf;
mod cached;
mod dir_builder;
mod file;
mod file_io;
mod job;
mod open_options;
mod read_dir;
mod state;
mod sys;
mod transfer;
mod tree;
mod whole;

#[doc(hidden)]
pub use cached::read_from_cache;
pub use dir_builder::DirBuilder;
pub use file::File;
pub use open_options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir, read_dir};
#[doc(no_inline)]
pub use std::fs::FileTimes;
pub use tree::{
    canonicalize, create_dir, create_dir_all, hard_link, metadata, read_link, remove_dir, remove_dir_all,
    remove_file, rename, set_permissions, symlink, symlink_metadata, try_exists,
};
pub use whole::{copy, read, read_to_string, write};

//! What files and folders are called, and what is known of them.

use super::job::run;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// A function that is std's with a path, made by a thread.
macro_rules! of_one_path {
    ($($(#[$doc:meta])* $name:ident -> $result:ty, $std:path;)+) => {$(
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// Once begun, it goes on to its end.
        ///
        /// # Errors
        #[doc = concat!("Those of `", stringify!($std), "`.")]
        ///
        /// # Panics
        /// Outside of a runtime.
        #[track_caller]
        pub fn $name(path: impl AsRef<Path>) -> impl Future<Output = io::Result<$result>> {
            let path = path.as_ref().to_owned();
            run(concat!("fs::", stringify!($name)), || $std(path))
        }
    )+};
}

/// The same with two paths.
macro_rules! of_two_paths {
    ($($(#[$doc:meta])* $name:ident($from:ident, $to:ident), $std:path;)+) => {$(
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// Once begun, it goes on to its end.
        ///
        /// # Errors
        #[doc = concat!("Those of `", stringify!($std), "`.")]
        ///
        /// # Panics
        /// Outside of a runtime.
        #[track_caller]
        pub fn $name(
            $from: impl AsRef<Path>,
            $to: impl AsRef<Path>,
        ) -> impl Future<Output = io::Result<()>> {
            let ($from, $to) = ($from.as_ref().to_owned(), $to.as_ref().to_owned());
            run(concat!("fs::", stringify!($name)), || $std($from, $to))
        }
    )+};
}

of_one_path! {
    /// The absolute path of what is there, without links in it.
    canonicalize -> PathBuf, fs::canonicalize;
    /// Makes a folder. The one above it must be there.
    create_dir -> (), fs::create_dir;
    /// Makes a folder, and those above it that are missing.
    create_dir_all -> (), fs::create_dir_all;
    /// What is known of the file behind a path. Links are followed.
    metadata -> Metadata, fs::metadata;
    /// Where a symbolic link leads.
    read_link -> PathBuf, fs::read_link;
    /// Removes an empty folder.
    remove_dir -> (), fs::remove_dir;
    /// Removes a folder and all that is in it. Links are removed, not followed.
    remove_dir_all -> (), fs::remove_dir_all;
    /// Removes a file.
    remove_file -> (), fs::remove_file;
    /// What is known of what a path names, be it a link.
    symlink_metadata -> Metadata, fs::symlink_metadata;
    /// Whether there is anything. Unlike [`Path::exists`] this tells what stood in the way of finding out.
    try_exists -> bool, fs::exists;
}

of_two_paths! {
    /// Gives a file another name.
    hard_link(original, link), fs::hard_link;
    /// Moves a file or folder within a file system; a file that was there before is replaced.
    rename(from, to), fs::rename;
    /// Makes a symbolic link.
    symlink(original, link), std::os::unix::fs::symlink;
}

/// Changes who may do what with a file.
///
/// # Cancel safety
/// Once begun, it goes on to its end.
///
/// # Errors
/// Those of `std::fs::set_permissions`.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn set_permissions(
    path: impl AsRef<Path>,
    permissions: Permissions,
) -> impl Future<Output = io::Result<()>> {
    let path = path.as_ref().to_owned();
    run("fs::set_permissions", || fs::set_permissions(path, permissions))
}

//! `DirBuilder`.

use super::job::run;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes folders with options.
///
/// # Examples
/// ```
/// use runtime::fs::{self, DirBuilder};
///
/// runtime::run(async {
///     let path = std::env::temp_dir().join(format!("runtime-dir-builder-{}", std::process::id()));
///     DirBuilder::new().recursive(true).mode(0o700).create(path.join("inner")).await.unwrap();
///     fs::remove_dir_all(path).await.unwrap();
/// });
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// Makes one folder, with what the process lets everybody do.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether folders above it are made that are missing; then it is no error if all are there.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Who may do what with the new folders, less what the process's mask takes away. Without it: 0o777.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the folder.
    ///
    /// # Cancel safety
    /// Once begun, it goes on to its end.
    ///
    /// # Errors
    /// Those of `std::fs::DirBuilder::create`.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn create(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
        let path = path.as_ref().to_owned();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        if let Some(mode) = self.mode {
            builder.mode(mode);
        }
        run("DirBuilder::create", move || builder.create(path))
    }
}

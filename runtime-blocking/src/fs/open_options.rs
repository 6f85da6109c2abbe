//! `OpenOptions`. (What opens stands beside [`File`](super::file::File).)

use std::fs::OpenOptions as StdOpenOptions;
use std::os::unix::fs::OpenOptionsExt;

/// How a file is opened: the options of [`std::fs::OpenOptions`].
///
/// # Examples
/// ```
/// use runtime::fs::{self, OpenOptions};
/// use runtime::io::AsyncWriteExt;
///
/// runtime::run(async {
///     let path = std::env::temp_dir().join(format!("runtime-open-options-{}", std::process::id()));
///     for line in ["one\n", "two\n"] {
///         let mut log = OpenOptions::new().append(true).create(true).open(&path).await.unwrap();
///         log.write_all(line.as_bytes()).await.unwrap();
///         log.flush().await.unwrap();
///     }
///     assert_eq!(fs::read_to_string(&path).await.unwrap(), "one\ntwo\n");
///     fs::remove_file(path).await.unwrap();
/// });
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions(pub(super) StdOpenOptions);

impl OpenOptions {
    /// Nothing is allowed yet.
    pub fn new() -> Self {
        OpenOptions(StdOpenOptions::new())
    }

    /// Whether it can be read.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// Whether it can be written. What is there is overwritten, and not cut.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// Whether each write goes to the end, wherever that is then.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// Whether it is emptied. It must be open for writing.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// Whether it is made if it is missing. It must be open for writing or appending.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// Whether it is made, and it is an error if it is there. `create` and `truncate` have no meaning then.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// Who may do what with a new file, less what the process's mask takes away. Without it: 0o666.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }

    /// Flags of the system's `open` besides. What concerns access is taken out.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.0.custom_flags(flags);
        self
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<StdOpenOptions> for OpenOptions {
    fn from(options: StdOpenOptions) -> Self {
        OpenOptions(options)
    }
}

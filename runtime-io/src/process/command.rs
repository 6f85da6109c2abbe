//! How a child process is started: std's `Command`, with children that are awaited.
//!
//! # Invariants
//! - I1: what the closure of `pre_exec` does is the caller's to answer for: `pre_exec` is unsafe as std's is, and hands it on.

use super::child::Child;
use crate::reactor::Reactor;
use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child as StdChild, Command as StdCommand, ExitStatus, Output, Stdio};

/// A process to start: program, arguments, environment, standard streams.
///
/// The methods without explanation are those of [`std::process::Command`]. [`output`](Self::output), [`status`](Self::status) and
/// [`spawn`](Self::spawn) start a process, and each can be called several times. Starting one takes about a millisecond of the
/// calling thread, as `fork` and `exec` do.
///
/// A child has none of this process' descriptors but those that it is given as standard streams, and those that foreign
/// code has opened without `O_CLOEXEC`.
///
/// # Examples
/// ```
/// # use runtime_io::process::Command;
/// # use std::io;
/// async fn kernel() -> io::Result<String> {
///     let output = Command::new("uname").arg("-r").output().await?;
///     Ok(String::from_utf8_lossy(&output.stdout).into_owned())
/// }
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    kill_on_drop: bool,
}

impl Command {
    /// Will run `program`, with this process' environment, working directory and, for [`spawn`](Self::spawn) and
    /// [`status`](Self::status), its standard streams.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        Command::from(StdCommand::new(program))
    }

    /// As std's command.
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// As std's command, to be changed: for what has no method here.
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// As std's command. What is not std's ([`kill_on_drop`](Self::kill_on_drop)) is lost.
    pub fn into_std(self) -> StdCommand {
        self.std
    }

    /// One argument more.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(&mut self, key: K, val: V) -> &mut Command {
        self.std.env(key, val);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// An empty environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Another working directory.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Where the child's standard input comes from.
    pub fn stdin<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.std.stdin(stdio);
        self
    }

    /// Where the child's standard output goes.
    pub fn stdout<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.std.stdout(stdio);
        self
    }

    /// Where the child's standard error goes.
    pub fn stderr<T: Into<Stdio>>(&mut self, stdio: T) -> &mut Command {
        self.std.stderr(stdio);
        self
    }

    /// Whether the child is killed, with SIGKILL, if its [`Child`] is dropped before it was waited for; and so if the
    /// futures of [`status`](Self::status), [`output`](Self::output) and [`Child::wait_with_output`] are dropped. The child
    /// alone: not those that it has started. Off by default. It is reaped either way.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// What [`kill_on_drop`](Self::kill_on_drop) was set to.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// The child's user.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// The child's group of users.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// What the program is told that it is called.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// The child's process group: 0 makes one of its own, with its number; another number puts it into that one. Ctrl-C in
    /// the terminal goes to this process' group alone; [`Child::kill_group`] to the child's.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        self.std.process_group(pgroup);
        self
    }

    /// Runs `f` in the child between `fork` and `exec`. An error of it is the error of the spawn.
    ///
    /// # Safety
    /// As std's [`pre_exec`](CommandExt::pre_exec): in the child there is only the thread that forked, and whatever lock
    /// another one held stays locked for ever. Nothing but async-signal-safe calls is sound, and no allocation; nothing of
    /// this crate.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: I1.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Starts the process.
    ///
    /// # Errors
    /// As std's: the program does not exist, is none, or may not be run; there are too many processes (kind `WouldBlock`) or
    /// descriptors. And when the driver cannot watch the child: it is killed and reaped then.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(StdCommand::spawn)
    }

    /// Starts the process with a function of the caller's, for systems and sandboxes with their own ways.
    ///
    /// # Errors
    /// What `with` says, and as [`spawn`](Self::spawn).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut StdCommand) -> io::Result<StdChild>,
    ) -> io::Result<Child> {
        // First: without a runtime there shall be no child either.
        let reactor = Reactor::current()?;
        let child = with(&mut self.std)?;
        Child::new_in(&reactor, child, self.kill_on_drop)
    }

    /// Starts the process, at once, and waits for its end. Standard streams that are pipes are closed at once.
    ///
    /// On cancel, and if the future is never polled, the child goes on, unless [`kill_on_drop`](Self::kill_on_drop) is set.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async move {
            let mut child = child?;
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the process, at once, and collects all that it says: [`Child::wait_with_output`]. Its standard output and error
    /// become pipes, whatever they were; its standard input is this process' unless set.
    ///
    /// On cancel, and if the future is never polled, the child goes on, unless [`kill_on_drop`](Self::kill_on_drop) is set.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        let child = self.spawn();
        async move { child?.wait_with_output().await }
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Command {
        Command { std, kill_on_drop: false }
    }
}

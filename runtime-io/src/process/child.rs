//! A child process that is awaited.
#![forbid(unsafe_code)]

use super::exit::Process;
use super::orphans;
use super::pipes::{ChildStderr, ChildStdin, ChildStdout, Collected, More};
use crate::reactor::Reactor;
use crate::signal::unix::SignalKind;
use runtime_core::task::unpolled::must_await;
use rustix::process::Pid;
use std::future::poll_fn;
use std::io;
use std::process::{Child as StdChild, ExitStatus, Output};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A child process, made by [`Command::spawn`](super::Command::spawn).
///
/// A child goes on when its `Child` is dropped, as with std, unless [`kill_on_drop`](super::Command::kill_on_drop) is set;
/// it is reaped either way when it has ended.
///
/// It belongs to the runtime in which it was spawned. When that has ended, [`wait`](Self::wait) is an error at once, and
/// [`try_wait`](Self::try_wait) works.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// The writing end of its standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The reading end of its standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The reading end of its standard error, if that is a pipe.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    /// Takes over a child that nobody has waited for.
    ///
    /// # Errors
    /// When the driver cannot watch what there is to watch. The child is killed then, and reaped.
    pub(super) fn new_in(
        reactor: &Arc<Reactor>,
        mut child: StdChild,
        kill_on_drop: bool,
    ) -> io::Result<Child> {
        orphans::look();
        let reactor = || Arc::clone(reactor);
        let mut process = Process::new(reactor(), Pid::from_child(&child))?;
        let stdin = child.stdin.take().map(|pipe| ChildStdin::new_in(reactor(), pipe.into())).transpose()?;
        let stdout =
            child.stdout.take().map(|pipe| ChildStdout::new_in(reactor(), pipe.into())).transpose()?;
        let stderr =
            child.stderr.take().map(|pipe| ChildStderr::new_in(reactor(), pipe.into())).transpose()?;
        process.set_kill_on_drop(kill_on_drop);
        Ok(Child { process, stdin, stdout, stderr })
    }

    /// The number of the process, as long as it is its own: `None` once it has been waited for.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the child has ended, and gives its status; the same one each time that it is called.
    ///
    /// First it drops [`stdin`](Self::stdin), if that was not taken out: a child that reads to the end and a parent that waits
    /// for it would wait for each other. Its output is not read: a child that fills a pipe does not end until somebody
    /// reads it, see [`wait_with_output`](Self::wait_with_output).
    ///
    /// On cancel nothing is lost; `stdin` stays dropped.
    ///
    /// # Errors
    /// When the runtime in which it was spawned has ended; and if the status is lost: the process ignores SIGCHLD, or
    /// something else in it has waited for all children.
    #[track_caller]
    pub fn wait(&mut self) -> impl Future<Output = io::Result<ExitStatus>> {
        must_await("Child::wait", async move {
            drop(self.stdin.take());
            poll_fn(|cx| self.process.poll_wait(cx)).await
        })
    }

    /// The status of the child if it has ended. It does not wait, and leaves `stdin` alone.
    ///
    /// # Errors
    /// If the status is lost, as in [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Sends SIGKILL to the child, and does not wait for its end. Does nothing if it has been waited for: its number may be
    /// another's by then.
    ///
    /// # Errors
    /// As the system says.
    pub fn start_kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Sends SIGKILL to the child, and waits for its end.
    ///
    /// On cancel it is killed all the same.
    ///
    /// # Errors
    /// As [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    #[track_caller]
    pub fn kill(&mut self) -> impl Future<Output = io::Result<()>> {
        must_await("Child::kill", async move {
            self.start_kill()?;
            self.wait().await.map(drop)
        })
    }

    /// Sends a signal to the child: `SignalKind::terminate()` asks it for its end.
    ///
    /// # Errors
    /// Kind `InvalidInput` if the child has been waited for: its number may be another's by then; and for a signal without a
    /// name. Otherwise as the system says.
    ///
    /// # Examples
    /// ```
    /// # use runtime_io::process::Child;
    /// # use runtime_io::signal::unix::SignalKind;
    /// # use std::io;
    /// async fn ask_for_its_end(child: &mut Child) -> io::Result<()> {
    ///     child.send_signal(SignalKind::terminate())?;
    ///     child.wait().await.map(drop)
    /// }
    /// ```
    pub fn send_signal(&mut self, kind: SignalKind) -> io::Result<()> {
        self.process.send_signal(kind)
    }

    /// Sends SIGKILL to every process of the group that the child leads: to the child, to whom it has started, and to whom
    /// [`process_group`](super::Command::process_group) put there. Does not wait for anybody's end.
    ///
    /// The group has the child's number as long as the child is not waited for, whether it has ended or not. So a group that
    /// may have to be killed is waited for with its leader last.
    ///
    /// # Errors
    /// Kind `InvalidInput` if the child leads no group (it was not spawned with `process_group(0)`), or has been waited for.
    /// Otherwise as the system says.
    ///
    /// # Examples
    /// ```
    /// # use runtime_io::process::Command;
    /// # use std::io;
    /// async fn stop_a_shell_and_its_children() -> io::Result<()> {
    ///     let mut shell = Command::new("sh").arg("-c").arg("sleep 60 & sleep 60").process_group(0).spawn()?;
    ///     shell.kill_group().await
    /// }
    /// ```
    pub fn start_kill_group(&mut self) -> io::Result<()> {
        self.process.kill_group()
    }

    /// [`start_kill_group`](Self::start_kill_group), and waits for the end of the child itself.
    ///
    /// On cancel the group is killed all the same.
    ///
    /// # Errors
    /// As [`start_kill_group`](Self::start_kill_group) and [`wait`](Self::wait).
    #[track_caller]
    pub fn kill_group(&mut self) -> impl Future<Output = io::Result<()>> {
        must_await("Child::kill_group", async move {
            self.start_kill_group()?;
            self.wait().await.map(drop)
        })
    }

    /// Waits until the child has ended and its standard output and error too, as far as they are pipes, and gives all that came
    /// out of them.
    ///
    /// `stdin` is dropped first, as in [`wait`](Self::wait). Both pipes are read at the same time: however much comes out of
    /// them, nobody waits for each other. A grandchild that inherited a pipe and goes on keeps it open, and this waits.
    ///
    /// On cancel what was read is lost, and the child is dropped.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and when reading fails.
    #[track_caller]
    pub fn wait_with_output(mut self) -> impl Future<Output = io::Result<Output>> {
        must_await("Child::wait_with_output", async move {
            drop(self.stdin.take());
            let mut stdout = self.stdout.take().map(Collected::from).unwrap_or_default();
            let mut stderr = self.stderr.take().map(Collected::from).unwrap_or_default();
            let status = poll_fn(|cx| {
                let pipes = poll_pipes(cx, [&mut stdout, &mut stderr])?;
                let status = self.process.poll_wait(cx)?;
                match (pipes, status) {
                    (Poll::Ready(()), Poll::Ready(status)) => Poll::Ready(io::Result::Ok(status)),
                    _ => Poll::Pending,
                }
            })
            .await?;
            Ok(Output { status, stdout: stdout.into_bytes(), stderr: stderr.into_bytes() })
        })
    }
}

/// Reads from the pipes in turn. Ready when all have ended.
fn poll_pipes(cx: &mut Context<'_>, mut pipes: [&mut Collected; 2]) -> Poll<io::Result<()>> {
    loop {
        let (mut is_pending, mut has_more) = (false, false);
        for pipe in &mut pipes {
            match pipe.poll_more(cx)? {
                Poll::Pending => is_pending = true,
                Poll::Ready(More::Perhaps) => has_more = true,
                Poll::Ready(More::Nothing) => {}
            }
        }
        // The budget of the poll ends this where a pipe never does.
        if !has_more {
            return if is_pending { Poll::Pending } else { Poll::Ready(Ok(())) };
        }
    }
}

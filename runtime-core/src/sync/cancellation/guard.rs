//! Cancelling at the end of a scope.

#![forbid(unsafe_code)]

use super::CancellationToken;

const ARMED: &str = "a guard has its token until it is disarmed, which consumes it";

/// Cancels a token when it is dropped; from [`CancellationToken::drop_guard`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuard {
    token: Option<CancellationToken>,
}

impl DropGuard {
    pub(super) fn new(token: CancellationToken) -> Self {
        DropGuard { token: Some(token) }
    }

    /// The token.
    pub fn token(&self) -> &CancellationToken {
        self.token.as_ref().expect(ARMED)
    }

    /// Gives the token back; this guard will not cancel it.
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect(ARMED)
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

/// Cancels a token when it is dropped; from [`CancellationToken::drop_guard_ref`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuardRef<'a> {
    token: Option<&'a CancellationToken>,
}

impl<'a> DropGuardRef<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        DropGuardRef { token: Some(token) }
    }

    /// The token.
    pub fn token(&self) -> &CancellationToken {
        self.token.expect(ARMED)
    }

    /// Gives the token back; this guard will not cancel it.
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.token.take().expect(ARMED)
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            token.cancel();
        }
    }
}

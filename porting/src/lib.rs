//! Nothing but tests: the programs of `tests/porting`, which the tests of the facade compile as `runtime`'s,
//! are compiled here with real tokio, word for word. What passes in both is honest tokio code.

//! The workloads, each written once. They answer with [`Figures`](crate::measure::Figures); what a
//! figure means stands in [`table`](crate::table).

pub mod channels;
pub mod cost;
pub mod echo;
pub mod files;
pub mod growth;
pub mod http;
pub mod latency;
pub mod limit;
pub mod locks;
pub mod process;
pub mod sockets;
pub mod spawn;
pub mod switch;
pub mod timers;

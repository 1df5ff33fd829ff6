//! Stratoscope's engine: kernel traces of a host and its guests in, states and their causes out.

pub mod bytes;
pub mod ctf;
pub mod export;
pub mod flow;
pub mod index;
pub mod kernel;
pub mod links;
pub mod pass;
pub mod query;
pub mod session;
pub mod stats;
pub mod store;
pub mod sync;
pub mod trace;
pub mod vcpu;
pub mod vm;
pub mod vocab;

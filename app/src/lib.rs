//! The program `stratoscope` as a library, so that its window and its sub-commands can be tested and benched.

pub mod headless;
pub mod raster;
pub mod window;

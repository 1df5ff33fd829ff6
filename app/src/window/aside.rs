//! What is freed beside the frames.
//!
//! Whoever lets go last of the rows of ten thousand threads frees some hundred thousand pieces of memory. That takes
//! longer than a frame may, and who is the last is a matter of chance: so the value itself sees to it.

use std::ops::{Deref, DerefMut};

/// A value that the pool frees, whoever drops it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aside<T: Default + Send + 'static>(T);

impl<T: Default + Send + 'static> From<T> for Aside<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Default + Send + 'static> Deref for Aside<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Default + Send + 'static> DerefMut for Aside<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Default + Send + 'static> Drop for Aside<T> {
    fn drop(&mut self) {
        free(std::mem::take(&mut self.0));
    }
}

/// Lets the pool free a value.
pub(crate) fn free<T: Send + 'static>(value: T) {
    rayon::spawn(move || drop(value));
}

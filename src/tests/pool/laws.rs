//! Laws of the pool under random operations.

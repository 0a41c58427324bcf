//! The Worker: bindings in, bindings out. Thin on purpose.

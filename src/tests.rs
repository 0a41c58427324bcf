//! Tests of the whole core, natively.

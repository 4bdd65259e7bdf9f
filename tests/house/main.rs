//! The rules of the house, kept by tests: who may use whom, where `unsafe` may be, what a file may hold.

mod doors;
mod sources;
mod text;

//! Whole calls through `replay`: what was keyed, what left, what was reported.

mod bad_wire;
mod corpora;
mod merged;
mod timing;
mod topology;
mod transports;
mod ways;

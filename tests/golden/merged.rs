//! Presses of several transports, merged.

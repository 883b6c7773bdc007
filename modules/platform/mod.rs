//! What differs between platforms, as tables. Nowhere else is a distribution named.

pub mod docker;

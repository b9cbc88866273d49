//! The two boundaries to the machine: Disk and Store, and the clock.

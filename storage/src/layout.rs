//! Every path of the data folder and every key of the store.

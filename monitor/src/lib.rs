//! TCP in, validate, double buffer, log, acknowledge; the uploader.

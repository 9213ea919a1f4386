//! The API's corners, one by one.
